//! Keys, from the bytes that a terminal sends for them.
//!
//! The reader of crossterm waits for the rest of a sequence as long as it takes, and looks for input for ever once the terminal
//! is gone: here, waiting is done in one place, for signals too.

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    /// Ctrl-C, which sends no signal in raw mode.
    Interrupt,
}

/// What has come in.
#[derive(Default)]
pub(crate) struct Keys {
    bytes: Vec<u8>,
}

/// Bytes of a sequence. What is longer is not one, and dropped.
const LONGEST: usize = 32;

impl Keys {
    /// The keys that are complete with these bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.bytes.extend_from_slice(bytes);
        let mut keys = Vec::new();
        let mut rest = &self.bytes[..];
        while let Some((key, len)) = first(rest) {
            keys.extend(key);
            rest = &rest[len..];
        }
        self.bytes = if rest.len() > LONGEST { Vec::new() } else { rest.to_vec() };
        keys
    }

    /// Nothing came for a while: an escape that nothing followed was that key.
    pub(crate) fn idle(&mut self) -> Option<Key> {
        (std::mem::take(&mut self.bytes) == [0x1b]).then_some(Key::Escape)
    }
}

/// The first key, if it is known, and how many bytes it is; `None` if it is not complete.
fn first(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    match *bytes {
        [] => None,
        [0x1b, b'[', ref sequence @ ..] => {
            // Parameters, and one letter or `~`.
            let end = sequence.iter().position(|byte| (0x40..=0x7e).contains(byte))?;
            Some((sequence_key(&sequence[..=end]), end + 3))
        }
        // So they begin while a program has asked for the keypad.
        [0x1b, b'O', letter, ..] => Some((sequence_key(&[letter]), 3)),
        [0x1b] | [0x1b, b'O'] => None,
        [0x1b, ..] => Some((Some(Key::Escape), 1)),
        [0x03, ..] => Some((Some(Key::Interrupt), 1)),
        [b'\r' | b'\n', ..] => Some((Some(Key::Enter), 1)),
        [0x08 | 0x7f, ..] => Some((Some(Key::Backspace), 1)),
        [..0x20, ..] => Some((None, 1)),
        [first, ..] => {
            let len = match first {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            let char = std::str::from_utf8(bytes.get(..len)?).ok().and_then(|text| text.chars().next());
            Some((char.map(Key::Char), len))
        }
    }
}

fn sequence_key(sequence: &[u8]) -> Option<Key> {
    Some(match sequence {
        b"A" => Key::Up,
        b"B" => Key::Down,
        b"H" | b"1~" | b"7~" => Key::Home,
        b"F" | b"4~" | b"8~" => Key::End,
        b"5~" => Key::PageUp,
        b"6~" => Key::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_same_however_their_bytes_come_in() {
        let bytes = "q\x1b[A\x1b[6~\x1bOH/wä\r\x7f\x1b[1;5C\x03\x1b".as_bytes();
        let expected = [
            Key::Char('q'),
            Key::Up,
            Key::PageDown,
            Key::Home,
            Key::Char('/'),
            Key::Char('w'),
            Key::Char('ä'),
            Key::Enter,
            Key::Backspace,
            // Ctrl and an arrow mean nothing.
            Key::Interrupt,
        ];
        for size in 1..=bytes.len() {
            let mut keys = Keys::default();
            let pressed: Vec<Key> = bytes.chunks(size).flat_map(|chunk| keys.feed(chunk)).collect();
            assert_eq!(pressed, expected, "{size} at a time");
            assert_eq!(keys.idle(), Some(Key::Escape));
            assert_eq!(keys.idle(), None);
        }
    }

    #[test]
    fn any_bytes_are_read_without_end_or_panic() {
        let mut keys = Keys::default();
        for byte in 0..=u8::MAX {
            for next in 0..=u8::MAX {
                keys.feed(&[byte, next, 0x1b, byte, next]);
                assert!(keys.bytes.len() <= LONGEST);
            }
        }
    }
}
