//! Keys: what C programs and `ipcs` know a segment by.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use shm_runtime::{ErrorKind, Key, SharedSegment};
use shm_tests::c::Program;
use shm_tests::key::{Own, OwnKey};
use shm_tests::oracle;
use shm_tests::temp::TempDir;

/// Prints ftok(path, project) as a signed decimal.
const FTOK: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
int main(int argc, char **argv) {
    for (int i = 1; i + 1 < argc; i += 2) printf("%d\n", ftok(argv[i], atoi(argv[i + 1])));
    return 0;
}
"#;

fn reason(key: &Key) -> &'static str {
    match key.value().unwrap_err().kind() {
        ErrorKind::InvalidInput { reason, .. } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_ftok_key_is_that_of_c_for_files_directories_links_and_all_projects() {
    let dir = TempDir::new();
    let file = dir.file("file", "");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let accents = dir.file("with an ä", "");
    let paths = [file.as_path(), &link, &accents, Path::new("/"), dir.path(), Path::new("/dev/null")];
    let mut args = Vec::new();
    let mut ours = Vec::new();
    for path in paths {
        for project in [1, b'W', 127, 128, 255] {
            args.extend([path.to_str().unwrap().to_owned(), project.to_string()]);
            ours.push(Key::ftok(path, project).value().unwrap());
        }
    }
    let theirs: Vec<i32> =
        Program::compile(FTOK).run(&args).lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(theirs, ours);
    assert!(!theirs.contains(&-1), "{theirs:?}");
    // A link's key is that of its file, and projects from 128 on give negative ones.
    assert_eq!(ours[..5], ours[5..10]);
    assert!(ours[3] < 0);
}

#[test]
fn an_ftok_key_changes_with_the_project_and_stays_when_the_file_is_written() {
    let dir = TempDir::new();
    let file = dir.file("file", "old");
    let before = Key::ftok(&file, b'a').value().unwrap();
    assert_ne!(before, Key::ftok(&file, b'b').value().unwrap());
    std::fs::write(&file, "new and longer").unwrap();
    assert_eq!(before, Key::ftok(&file, b'a').value().unwrap());
}

#[test]
fn a_path_that_is_not_utf_8_has_a_key_too() {
    let dir = TempDir::new();
    let path = dir.path().join(OsString::from_vec(vec![b'x', 0xff]));
    std::fs::write(&path, "").unwrap();
    let same = dir.path().join("link");
    std::os::unix::fs::symlink(&path, &same).unwrap();
    assert_eq!(Key::ftok(&path, 7).value().unwrap(), Key::ftok(&same, 7).value().unwrap());
}

#[test]
fn project_0_and_key_0_are_refused_with_what_to_use() {
    assert!(reason(&Key::ftok("/", 0)).contains("1 to 255"));
    assert!(reason(&Key::fixed(0)).contains("Key::private()"));
    let text = Key::fixed(0).value().unwrap_err().to_string();
    assert!(text.starts_with("cannot derive the key "), "{text}");
}

#[test]
fn a_name_has_the_same_key_in_every_version() {
    for (name, key) in [("org.example.weather", 0xaf69_85af_u32), ("", fold("")), ("a", fold("a"))] {
        assert_eq!(Key::name(name).value().unwrap().cast_unsigned(), key, "{name:?}");
    }
    assert_eq!(Key::name(String::from("a")).value().unwrap(), Key::name("a").value().unwrap());
}

/// FNV-1a, written from its definition.
fn fold(name: &str) -> u32 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let [low, high] = [hash & 0xffff_ffff, hash >> 32];
    u32::try_from(low ^ high).unwrap()
}

#[test]
fn two_names_have_two_keys() {
    let mut keys: Vec<i32> =
        (0..1000).map(|i| Key::name(format!("org.example.{i}")).value().unwrap()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 1000);
    assert!(!keys.contains(&0));
}

#[test]
fn a_key_says_how_it_is_derived() {
    assert_eq!(Key::ftok("/var/lib/weather", b'W').to_string(), "ftok(\"/var/lib/weather\", 'W')");
    assert_eq!(Key::ftok("/", 200).to_string(), "ftok(\"/\", 200)");
    assert_eq!(Key::name("org.example").to_string(), "name \"org.example\"");
    assert_eq!(Key::fixed(5).to_string(), "key 0x00000005");
    assert_eq!(Key::private().to_string(), "private");
    assert_eq!(format!("{:?}", Key::fixed(0xdead_beef)), "key 0xdeadbeef", "and for its author to see");
    assert_eq!(Key::private().value().unwrap(), 0);
    assert_eq!(Key::fixed((-5_i32).cast_unsigned()).value().unwrap(), -5);
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(ftok(path = "/", project = 'W'))]
struct OfFile {
    value: u64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 0xf000_0001)]
struct OfKey {
    value: u64,
}

const NAME: &str = "org.example.of-name";

#[derive(SharedSegment)]
#[repr(C)]
#[shm(name = NAME)]
struct OfName {
    value: u64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct OfNobody {
    value: u64,
}

#[test]
fn the_attribute_and_the_functions_make_the_same_keys() {
    assert_eq!(OfFile::key(), Key::ftok("/", b'W'));
    assert_eq!(OfKey::key(), Key::fixed((-0x0fff_ffff_i32).cast_unsigned()));
    assert_eq!(OfName::key(), Key::name("org.example.of-name"));
    assert_eq!(OfNobody::key(), Key::private());
}

#[test]
fn the_kernel_has_the_key_that_was_asked_for() {
    let own = OwnKey::new();
    let negative = Key::fixed((-own.value()).cast_unsigned());
    let first = OfFile::options().key(own.key()).create().unwrap().remove_on_drop();
    let second = OfFile::options().key(negative).create().unwrap().remove_on_drop();
    assert_eq!(oracle::by_id(first.id()).unwrap().key, own.value());
    assert_eq!(first.key(), own.value());
    assert_eq!(oracle::by_id(second.id()).unwrap().key, -own.value());
    assert_eq!(second.key(), -own.value());
    let private = Own::<OfNobody>::create();
    assert_eq!(oracle::by_id(private.id()).unwrap().key, 0);
    assert_eq!(private.key(), 0);
}
