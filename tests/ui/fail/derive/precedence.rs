//! What is checked of a number is checked of the number that the struct gets.

use shm_runtime::SharedSegment;

macro_rules! mode {
    ($name:ident, $mode:expr, $project:expr, $key:expr) => {
        #[derive(SharedSegment)]
        #[repr(C)]
        #[shm(ftok(path = "/", project = 2 * $project), mode = 2 * $mode)]
        struct $name {
            a: u8,
        }
        mod keyed {
            #[derive(shm_runtime::SharedSegment)]
            #[repr(C)]
            #[shm(key = 2 * $key, size = 2 * $key)]
            struct $name {
                a: [u8; 2],
            }
        }
    };
}
mode!(S, 0o400 + 0o400, 0 + 0, 1 - 1);

fn main() {}
