//! Text in `[u8; N]`, ended by a NUL as C has it.

use shm_runtime::{SharedSegment, TextError};
use shm_tests::key::Own;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Label {
    before: u8,
    text: [u8; 8],
    after: u8,
    one: [u8; 1],
}

#[test]
fn text_that_fits_is_written_with_its_nul_and_zeros_behind_it() {
    let segment = Own::<Label>::create();
    let label = segment.attach().unwrap();
    label.before.set(0xff);
    label.after.set(0xff);
    for (text, bytes) in [
        ("Zürich", b"Z\xc3\xbcrich\0"),
        ("", b"\0\0\0\0\0\0\0\0"),
        ("1234567", b"1234567\0"),
        ("ab", b"ab\0\0\0\0\0\0"),
    ] {
        label.text.set([0xee; 8]);
        label.text.set_str(text).unwrap();
        assert_eq!(label.text.get(), *bytes);
        assert_eq!(label.text.to_string_lossy(), text);
    }
    label.one.set_str("").unwrap();
    assert_eq!((label.before.get(), label.after.get()), (0xff, 0xff));
}

#[test]
fn text_that_does_not_fit_or_contains_a_nul_is_refused_and_nothing_is_written() {
    let segment = Own::<Label>::create();
    let label = segment.attach().unwrap();
    label.text.set_str("before").unwrap();
    let too_long = |text: &str| match label.text.set_str(text) {
        Err(TextError::TooLong { len, capacity, .. }) => assert_eq!((len, capacity), (text.len(), 8)),
        other => panic!("{text:?}: {other:?}"),
    };
    too_long("12345678");
    too_long("Salzburger Land");
    too_long("ääää");
    for (text, position) in [("\0", 0), ("ab\0cd", 2), ("abcdef\0", 6), ("123456789\0", 9)] {
        match label.text.set_str(text) {
            Err(TextError::InteriorNul { at, .. }) => assert_eq!(at, position),
            other => panic!("{text:?}: {other:?}"),
        }
    }
    assert_eq!(label.text.to_string_lossy(), "before");
    assert!(label.one.set_str("a").is_err());
}

#[test]
fn the_errors_say_both_numbers_and_that_nothing_was_written() {
    let segment = Own::<Label>::create();
    let label = segment.attach().unwrap();
    let error = label.text.set_str("Salzburg").unwrap_err().to_string();
    assert!(error.contains("8 bytes and its NUL") && error.contains("nothing was written"), "{error}");
    let error = label.text.set_str("a\0").unwrap_err().to_string();
    assert!(error.contains("NUL at byte 1") && error.contains("nothing was written"), "{error}");
}

#[test]
fn text_ends_at_the_first_nul_or_at_the_arrays_end() {
    let segment = Own::<Label>::create();
    let label = segment.attach().unwrap();
    label.after.set(b'!');
    for (bytes, text) in [(b"ab\0cd\0ef", "ab"), (b"\0bcdefgh", ""), (b"abcdefgh", "abcdefgh")] {
        label.text.set(*bytes);
        assert_eq!(label.text.to_string_lossy(), text);
    }
}

#[test]
fn bytes_that_are_not_utf_8_become_replacement_characters() {
    let segment = Own::<Label>::create();
    let label = segment.attach().unwrap();
    for (bytes, text) in [
        (b"ab\xffcd\0\0\0", "ab\u{fffd}cd"),
        (b"abcdefg\xc3", "abcdefg\u{fffd}"),
        (b"\xed\xa0\x80x\0\0\0\0", "\u{fffd}\u{fffd}\u{fffd}x"),
    ] {
        label.text.set(*bytes);
        assert_eq!(label.text.to_string_lossy(), text);
    }
}
