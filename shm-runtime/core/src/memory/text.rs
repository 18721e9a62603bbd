//! Text in a segment, NUL-terminated as C has it.

use core::fmt;

use crate::memory::access::{Access, Readable, Writable};
use crate::memory::shared::Shared;
use crate::memory::slice::SharedSlice;

/// Text, NUL-terminated as C has it.
impl<A: Access, const N: usize> Shared<[u8; N], A> {
    /// Writes `text`, and NUL bytes after it to the array's end.
    ///
    /// ```
    /// # use shm_runtime::SharedSegment;
    /// # #[derive(SharedSegment)]
    /// # #[repr(C)]
    /// # #[shm(private)]
    /// # struct Station { name: [u8; 8] }
    /// # let segment = Station::create()?.remove_on_drop();
    /// # let station = segment.attach()?;
    /// station.name.set_str("Zürich").unwrap();
    /// assert_eq!(station.name.to_string_lossy(), "Zürich");
    /// assert!(station.name.set_str("Salzburg").is_err()); // no place for the NUL
    /// # Ok::<(), shm_runtime::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `text` with a NUL does not fit, or contains a NUL itself. Nothing is written then.
    pub fn set_str(&self, text: &str) -> Result<(), TextError>
    where
        A: Writable,
    {
        SharedSlice::of(&**self).set_str(text)
    }

    /// Reads the text up to the first NUL, or to the array's end if there is none. Bytes that are not UTF-8
    /// become U+FFFD, as in [`String::from_utf8_lossy`].
    pub fn to_string_lossy(&self) -> String
    where
        A: Readable,
    {
        SharedSlice::of(&**self).to_string_lossy()
    }
}

/// Text, NUL-terminated as C has it.
impl<A: Access> SharedSlice<u8, A> {
    /// As [`Shared::set_str`] of an array.
    ///
    /// # Errors
    ///
    /// If `text` with a NUL does not fit, or contains a NUL itself. Nothing is written then.
    pub fn set_str(&self, text: &str) -> Result<(), TextError>
    where
        A: Writable,
    {
        if let Some(at) = text.bytes().position(|byte| byte == 0) {
            return Err(TextError::InteriorNul { at });
        }
        if text.len() >= self.len() {
            return Err(TextError::TooLong { len: text.len(), capacity: self.len() });
        }
        let (text, rest) = (text.as_bytes(), &self[text.len()..]);
        self.copy_range_from(..text.len(), text);
        for byte in rest {
            byte.set(0);
        }
        Ok(())
    }

    /// As [`Shared::to_string_lossy`] of an array.
    pub fn to_string_lossy(&self) -> String
    where
        A: Readable,
    {
        let text: Vec<u8> = self.iter().map(Shared::get).take_while(|&byte| byte != 0).collect();
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Why a text was not written by [`Shared::set_str`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextError {
    /// The text and the NUL after it are longer than the array.
    TooLong {
        /// Bytes of the text, without the NUL.
        len: usize,
        /// Bytes of the array.
        capacity: usize,
    },
    /// The text contains a NUL, where its readers would take it to end.
    InteriorNul {
        /// The byte's position.
        at: usize,
    },
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooLong { len, capacity } => write!(
                f,
                "a text of {len} bytes and its NUL do not fit into {capacity} bytes; nothing was written"
            ),
            Self::InteriorNul { at } => write!(
                f,
                "the text contains a NUL at byte {at}, where it would end for its readers; nothing was written"
            ),
        }
    }
}

impl core::error::Error for TextError {}
