//! Bytes that another process wrote without knowing the types: a wrong value or a clear error at worst.

use std::mem::offset_of;
use std::sync::atomic::Ordering::{Acquire, Relaxed, SeqCst};

use shm_runtime::Attached;
use shm_tests::child::Child;
use shm_tests::key::Own;
use shm_tests::peer;
use shm_tests::structs::{Board, Flags, Part, Reading, State};

/// A segment, and a process that writes any bytes into it.
struct Poked {
    board: Attached<Board>,
    peer: Child,
    segment: Own<Board>,
}

impl Poked {
    fn new() -> Self {
        let segment = Own::<Board>::create();
        let mut peer = peer!().start();
        peer.number(format!("from_id {}", segment.id()));
        peer.ask("attach");
        let board = segment.attach().unwrap();
        Self { board, peer, segment }
    }

    fn poke(&mut self, offset: usize, bytes: &[u8]) {
        let bytes: Vec<String> = bytes.iter().map(u8::to_string).collect();
        self.peer.ask(format!("poke {offset} {}", bytes.join(",")));
    }
}

#[test]
fn a_bool_of_any_byte_but_0_is_true() {
    let mut poked = Poked::new();
    let at = offset_of!(Part, flags);
    for byte in 2..=255 {
        poked.poke(at, &[byte; 4]);
        let flags = &poked.board.part.flags;
        let whole = flags.get();
        let mut more = [false; 3];
        flags.more.copy_to(&mut more);
        // By number, as a bool that were not 0 or 1 could be both `true` and unequal to it.
        for flag in [flags.one.get(), flags.one.try_get().unwrap(), whole.one, whole.more[2], more[0]] {
            assert_eq!(u8::from(std::hint::black_box(flag)), 1, "{byte}");
        }
        assert_eq!(format!("{:?}", flags.one), "true");
    }
    poked.poke(at, &[0; 4]);
    let off = Flags { one: false, more: [false; 3] };
    assert_eq!(poked.board.part.flags.get(), off);
}

#[test]
fn an_atomic_bool_of_any_byte_but_0_is_true_and_can_be_exchanged() {
    let mut poked = Poked::new();
    let at = offset_of!(Part, atomic_flag);
    let reader = poked.segment.attach_read_only().unwrap();
    for byte in [1, 2, 3, 128, 255] {
        poked.poke(at, &[byte]);
        let flag = &poked.board.part.atomic_flag;
        assert!(flag.load(Acquire) && reader.part.atomic_flag.load(Acquire));
        assert_eq!(flag.compare_exchange(false, true, SeqCst, Relaxed), Err(true));
        assert_eq!(flag.compare_exchange(true, false, SeqCst, Relaxed), Ok(true));
        assert!(!flag.load(Acquire));
        assert_eq!(flag.compare_exchange(true, false, SeqCst, Relaxed), Err(false));

        poked.poke(at, &[byte]);
        let flag = &poked.board.part.atomic_flag;
        assert!(flag.fetch_and(true, SeqCst));
        assert!(flag.fetch_or(false, SeqCst));
        assert!(flag.fetch_or(true, SeqCst));
        assert!(flag.fetch_and(false, SeqCst));
        assert!(!flag.load(Relaxed));

        poked.poke(at, &[byte]);
        assert!(poked.board.part.atomic_flag.swap(false, SeqCst));
        assert!(!reader.part.atomic_flag.load(SeqCst));
    }
}

#[test]
fn bytes_that_are_not_a_char_are_an_error_that_names_the_place() {
    let mut poked = Poked::new();
    let at = offset_of!(Part, readings) + size_of::<Reading>() + offset_of!(Reading, letter);
    for code in [0xd800_u32, 0xdfff, 0x11_0000, u32::MAX] {
        poked.poke(at, &code.to_ne_bytes());
        let readings = &poked.board.part.readings;
        let error = readings[1].letter.try_get().unwrap_err();
        assert_eq!((error.path(), error.found(), error.type_name()), ("", code.into(), "char"));
        assert_eq!(readings[1].try_get().unwrap_err().path(), "letter");
        let error = readings.try_get().unwrap_err();
        assert_eq!((error.path(), error.found()), ("[1].letter", code.into()));
        let text = error.to_string();
        assert!(text.contains("`[1].letter`") && text.contains(&code.to_string()), "{text}");
        assert!(format!("{readings:?}").contains(&format!("<{code:#x} is not a char>")));
        assert!(readings[0].try_get().is_ok());
    }
    poked.poke(at, &0x7a_u32.to_ne_bytes());
    assert_eq!(poked.board.part.readings[1].letter.try_get(), Ok('z'));
}

#[test]
fn bytes_that_are_not_a_variant_are_an_error_that_names_the_place_and_the_variants() {
    let mut poked = Poked::new();
    let at = offset_of!(Part, readings) + offset_of!(Reading, states) + 2;
    let valid = [(0, State::Off), (1, State::On), (200, State::Broken)];
    for byte in 0..=255 {
        poked.poke(at, &[byte]);
        let readings = &poked.board.part.readings;
        match valid.iter().find(|&&(value, _)| value == byte) {
            Some(&(_, state)) => {
                assert_eq!(readings[0].states[2].try_get(), Ok(state));
                assert_eq!(readings.try_get().unwrap()[0].states, [State::Off, State::Off, state]);
            }
            None => {
                let error = readings[0].states[2].try_get().unwrap_err();
                assert_eq!((error.path(), error.found(), error.type_name()), ("", byte.into(), "State"));
                assert_eq!(readings[0].try_get().unwrap_err().path(), "states[2]");
                let error = readings.try_get().unwrap_err();
                assert_eq!(error.path(), "[0].states[2]");
                let text = error.to_string();
                assert!(
                    text.contains(&format!("wrote {byte}, which is not a `State`"))
                        && text.contains("(Off = 0, On = 1, Broken = 200)"),
                    "{text}"
                );
                assert!(format!("{readings:?}").contains(&format!("<{byte} is not a State>")));
            }
        }
    }
}

#[test]
fn any_bytes_in_every_field_are_read_without_a_panic() {
    let mut poked = Poked::new();
    for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
        poked.poke(0, &[byte; size_of::<Part>()]);
        let part = &poked.board.part;
        assert!(format!("{:?}", poked.board).starts_with("Board { part: Part { counter: "));
        assert_eq!(part.value.get(), u64::from_ne_bytes([byte; 8]));
        assert_eq!(part.flicker.get().f64.to_bits(), u64::from_ne_bytes([byte; 8]));
        assert_eq!(part.readings.try_get().is_ok(), byte == 0);
        let text = part.text.to_string_lossy();
        assert_eq!(text.is_empty(), byte == 0, "{text:?}");
    }
}
