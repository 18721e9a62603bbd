//! Every way to write a key, with literals and with constant expressions.

#![forbid(unsafe_code)]
#![deny(warnings)]

use shm_runtime::{Key, SharedSegment};

const NAME: &str = "org.example.weather";
// The names that a careless derive would give to constants of its own.
const KEY: &str = concat!("org.", "example");
const VALUE: i32 = -3;
const MODE: u32 = 0o600 | GROUP;
const GROUP: u32 = 0o060;
const PROJECT: u8 = b'W';
const PATH: &str = "/etc/hostname";

macro_rules! keys {
    ($($type:ident, [$($setting:tt)*] => $key:expr;)*) => {
        $(
            #[derive(SharedSegment)]
            #[repr(C)]
            #[shm($($setting)*)]
            struct $type {
                field: u8,
            }
        )*

        fn main() {
            $(assert_eq!($type::key(), $key, "{}", stringify!($($setting)*));)*
        }
    };
}

keys! {
    Private, [private] => Key::private();
    Fixed, [key = 0x5748_0001] => Key::fixed(0x5748_0001);
    Negative, [key = -5] => Key::fixed((-5_i32).cast_unsigned());
    Least, [key = -0x8000_0000] => Key::fixed(0x8000_0000);
    High, [key = 0x8000_0000] => Key::fixed(0x8000_0000);
    Highest, [key = 0xffff_ffff] => Key::fixed(0xffff_ffff);
    Suffixed, [key = 7u32] => Key::fixed(7);
    Constant, [key = VALUE] => Key::fixed((-3_i32).cast_unsigned());
    Expression, [key = VALUE * 2] => Key::fixed((-6_i32).cast_unsigned());
    Bytes, [key = i32::from_be_bytes(*b"WTHR")] => Key::fixed(0x5754_4852);
    Name, [name = "org.example.weather"] => Key::name("org.example.weather");
    NamedConstant, [name = NAME] => Key::name("org.example.weather");
    NamedKey, [name = KEY] => Key::name("org.example");
    Concatenated, [name = concat!("org.", "example", ".weather")] => Key::name("org.example.weather");
    Environment, [name = env!("CARGO_PKG_NAME")] => Key::name(env!("CARGO_PKG_NAME"));
    Ftok, [ftok(path = "/etc/hostname", project = 'W')] => Key::ftok("/etc/hostname", 0x57);
    Reordered, [ftok(project = 1, path = "/etc/hostname",),] => Key::ftok("/etc/hostname", 1);
    Byte, [ftok(path = "/etc/hostname", project = b'W')] => Key::ftok("/etc/hostname", 0x57);
    Last, [ftok(path = "/etc/hostname", project = 0xff)] => Key::ftok("/etc/hostname", 255);
    LatinOne, [ftok(path = "/etc/hostname", project = 'ÿ')] => Key::ftok("/etc/hostname", 255);
    PathConstant, [ftok(path = PATH, project = PROJECT)] => Key::ftok("/etc/hostname", 0x57);
    PathConcatenated, [ftok(path = concat!("/etc", "/hostname"), project = 'W')] => Key::ftok("/etc/hostname", 0x57);
    PathEnvironment, [ftok(path = env!("CARGO_MANIFEST_DIR"), project = 1)] => Key::ftok(env!("CARGO_MANIFEST_DIR"), 1);
    PathFormatted, [ftok(path = format!("/etc/{}", "hostname"), project = PROJECT + 1)] => Key::ftok("/etc/hostname", 0x58);
    PathBuf, [ftok(path = std::env::temp_dir().join("a"), project = 1)] => Key::ftok(std::env::temp_dir().join("a"), 1);
    Mode, [private, mode = 0o777] => Key::private();
    NoMode, [private, mode = 0] => Key::private();
    BinaryMode, [private, mode = 0b110_100_000] => Key::private();
    ModeConstant, [private, mode = MODE] => Key::private();
    ModeExpression, [private, mode = 0o600 | GROUP] => Key::private();
    Everything, [bare, mode = 0o640, crate = ::shm_runtime, size = 1, align = 1, private] => Key::private();
}
