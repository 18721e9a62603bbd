//! What the tests of commands share: running the tool, and the struct whose segments it shows.

#![allow(dead_code, reason = "no test uses all of it")]

use std::process::{Command, Output};
use std::sync::atomic::AtomicU64;

use serde_json::Value;
use shm_runtime::{Shareable, SharedSegment, sync};

pub(crate) const SHM: &str = env!("CARGO_BIN_EXE_shm");

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
pub(crate) enum Mode {
    Off = 0,
    Auto = 1,
    Manual = 7,
}

#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
pub(crate) struct Wind {
    pub(crate) speed: f32,
    pub(crate) degrees: u16,
}

#[derive(Clone, Copy, Debug, Shareable)]
#[repr(C)]
pub(crate) struct Cell {
    pub(crate) mode: Mode,
    pub(crate) grid: [[i16; 2]; 2],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub(crate) struct Station {
    pub(crate) readings: AtomicU64,
    pub(crate) celsius: f64,
    pub(crate) wind: Wind,
    pub(crate) series: [f64; 4096],
    pub(crate) name: [u8; 32],
    pub(crate) letter: char,
    pub(crate) mode: Mode,
    pub(crate) on: bool,
    pub(crate) small: i8,
    pub(crate) cells: [Cell; 6],
    pub(crate) total: sync::Mutex<u64>,
    pub(crate) last: sync::SeqLock<Wind>,
    pub(crate) changed: sync::Event,
}

/// Runs the tool.
pub(crate) fn shm(arguments: &[&str]) -> Output {
    Command::new(SHM).args(arguments).output().expect("run shm")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// What it prints if all is well.
#[track_caller]
pub(crate) fn printed(arguments: &[&str]) -> String {
    let output = shm(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// The same, as JSON.
#[track_caller]
pub(crate) fn json(arguments: &[&str]) -> Value {
    let printed = printed(arguments);
    serde_json::from_str(&printed).expect(&printed)
}

/// What it says on stderr when it ends with this status.
#[track_caller]
pub(crate) fn refused(arguments: &[&str], status: i32) -> String {
    let output = shm(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(!said.contains("panicked") && !said.is_empty(), "{arguments:?}: {said}");
    said
}

/// That it ended as it may with any input: by itself, with a status of its own, and a word if it is not 0.
#[track_caller]
pub(crate) fn ended_well(output: &Output) {
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(matches!(output.status.code(), Some(0..=2)), "{}: {said}", output.status);
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(output.status.success(), output.status.code() == Some(0));
    assert!(output.status.success() || !said.is_empty());
    for text in [&out, &said] {
        let control = text.chars().find(|char| char.is_control() && *char != '\n');
        assert_eq!(control, None, "{text:?}");
    }
}

/// How an object with this id is named.
pub(crate) fn id(id: i32) -> String {
    format!("id:{id}")
}

/// Numbers that look random and are the same in each run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).expect("64 bits")).expect("below `end`")
    }

    pub(crate) fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).expect("a byte")
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}
