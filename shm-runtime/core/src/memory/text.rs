//! Text in a segment, NUL-terminated as C has it.

use core::fmt;
use std::borrow::Cow;

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
        TextError::check(text, self.len())?;
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

/// Text, NUL-terminated as C has it, in a plain `[u8; N]`: of a value that was read from a segment, or is to be written there.
///
/// In a segment, an array has the same methods without this trait.
///
/// ```
/// use shm_runtime::{CText, SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station { name: sync::SeqLock<[u8; 16]> }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let segment = Station::create()?.remove_on_drop();
/// # let station = segment.attach()?;
/// let mut name = [0; 16];
/// name.set_str("Zürich")?;
/// station.name.writer()?.write(&name)?;
/// assert_eq!(station.name.read()?.to_string_lossy(), "Zürich");
/// # Ok(())
/// # }
/// ```
pub trait CText: private::Sealed {
    /// Writes `text`, and NUL bytes after it to the array's end.
    ///
    /// # Errors
    ///
    /// If `text` with a NUL does not fit, or contains a NUL itself. Nothing is written then.
    fn set_str(&mut self, text: &str) -> Result<(), TextError>;

    /// The text up to the first NUL, or to the array's end if there is none. Bytes that are not UTF-8 become U+FFFD, as in
    /// [`String::from_utf8_lossy`].
    fn to_string_lossy(&self) -> Cow<'_, str>;
}

impl<const N: usize> CText for [u8; N] {
    fn set_str(&mut self, text: &str) -> Result<(), TextError> {
        TextError::check(text, N)?;
        let (start, rest) = self.split_at_mut(text.len());
        start.copy_from_slice(text.as_bytes());
        rest.fill(0);
        Ok(())
    }

    fn to_string_lossy(&self) -> Cow<'_, str> {
        let end = self.iter().position(|&byte| byte == 0).unwrap_or(N);
        String::from_utf8_lossy(&self[..end])
    }
}

mod private {
    pub trait Sealed {}
    impl<const N: usize> Sealed for [u8; N] {}
}

/// Why a text was not written by [`Shared::set_str`] or [`CText::set_str`].
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

impl TextError {
    /// Whether an array of `capacity` bytes can have this text.
    pub(crate) fn check(text: &str, capacity: usize) -> Result<(), Self> {
        match text.bytes().position(|byte| byte == 0) {
            Some(at) => Err(Self::InteriorNul { at }),
            None if text.len() >= capacity => Err(Self::TooLong { len: text.len(), capacity }),
            None => Ok(()),
        }
    }
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
