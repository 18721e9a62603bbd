//! Text in a segment, with its length: UTF-8, where C has bytes up to a NUL.

use core::fmt;
use core::mem::{offset_of, take};
use std::borrow::Cow;

use crate::memory::access::{Access, Readable, Writable};
use crate::memory::fields::{Fields, Member};
use crate::memory::list::{CapacityError, Holds};
use crate::memory::shareable::{AlwaysValid, Shareable};
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

/// UTF-8 text of at most `N` bytes, with its length.
///
/// In a segment it is written by [`set_str`](Shared::set_str) and read by [`to_string_lossy`](Shared::to_string_lossy) or
/// [`read_into`](Shared::read_into). By itself it is a plain value: what [`get`](Shared::get) and
/// [`set`](Shared::set) copy, and what a [`SeqLock`](crate::sync::SeqLock) reads and writes whole.
///
/// ```
/// use shm_runtime::{SharedSegment, Text, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Station {
///     name: Text<16>,
///     headline: sync::SeqLock<Text<60>>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Station::create()?.remove_on_drop();
/// let station = segment.attach()?;
/// assert_eq!(station.name.to_string_lossy(), ""); // bytes that are all zero are the empty text
/// station.name.set_str("Zürich")?;
/// assert_eq!(station.name.to_string(), "Zürich");
///
/// let mut text = String::new(); // kept for later reads
/// station.name.read_into(&mut text);
/// assert_eq!(text, "Zürich");
///
/// station.headline.writer()?.write(&Text::new("Föhn, 21 °C")?)?;
/// assert_eq!(station.headline.read()?, "Föhn, 21 °C");
///
/// let error = station.name.set_str("Zürich Flughafen").unwrap_err();
/// assert_eq!(error.to_string(), "a text of 17 bytes does not fit into 16; nothing was written");
/// # Ok(())
/// # }
/// ```
///
/// Another process may write anything: a length beyond `N` counts as `N`, and bytes that are not UTF-8 are read as
/// U+FFFD. The same can be read while another process writes: the text is not one atomic unit (see
/// [`Shared`](Shared#what-is-atomic)). A text that has to be read whole is better put into a
/// [`SeqLock`](crate::sync::SeqLock).
///
/// # Layout
///
/// `#[repr(C)]`. In C, a `Text<16>` is:
///
/// ```c
/// struct text16 { uint32_t len; char bytes[16]; };  /* UTF-8, `len` bytes of it, no NUL after them */
/// ```
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    len: u32,
    bytes: [u8; N],
}

/// What a `Shared<Text<N>, A>` derefs to: nothing that can be used by itself.
#[doc(hidden)]
#[repr(C)]
pub struct TextParts<const N: usize, A> {
    len: Shared<u32, A>,
    bytes: Shared<[u8; N], A>,
}

// SAFETY: `__LAYOUT` names both fields at their offsets, and `__copy` copies them. `__Parts<A>` has the same fields as `Shared`, which
// is valid with any bytes, has interior mutability, and offers no more than `A` allows. No drop glue and no lifetime.
unsafe impl<const N: usize> Shareable for Text<N> {
    type __Parts<A: Access> = TextParts<N, A>;

    type __Member = Member<Self>;
    const __MEMBERS: Fields =
        Fields::listed::<(<u32 as Shareable>::__Member, <[u8; N] as Shareable>::__Member)>();
    const __NAMES: &'static [&'static str] = &["len", "bytes"];
    const __OFFSETS: &'static [usize] = &[offset_of!(Self, len), offset_of!(Self, bytes)];
    const __LAYOUT: Declared = Declared::builtin::<Self, 2>("Text");
}

// SAFETY: of integers only.
unsafe impl<const N: usize> AlwaysValid for Text<N> {}

impl<const N: usize> Text<N> {
    /// A text to be written into a segment.
    ///
    /// # Errors
    ///
    /// [`CapacityError`] if it has more than `N` bytes.
    pub fn new(text: &str) -> Result<Self, CapacityError> {
        let len = CapacityError::check(Holds::Text, text.len(), N)?;
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { len, bytes })
    }

    /// The text. Bytes that are not UTF-8, which another process wrote, become U+FFFD, as in [`String::from_utf8_lossy`].
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// The bytes of the text, whether they are UTF-8 or not.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..within::<N>(self.len)]
    }
}

/// A length that another process may have written, as one that the text can have.
fn within<const N: usize>(len: u32) -> usize {
    // Of more than a `usize` has, there is none on these targets.
    usize::try_from(len).map_or(N, |len| len.min(N))
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self { len: 0, bytes: [0; N] }
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string_lossy(), f)
    }
}

/// By the bytes of the text: those after it do not count.
impl<const N: usize> PartialEq for Text<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> Eq for Text<N> {}

impl<const N: usize> PartialEq<str> for Text<N> {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl<const N: usize> PartialEq<&str> for Text<N> {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

/// UTF-8 text, with its length.
impl<A: Access, const N: usize> Shared<Text<N>, A> {
    /// Writes `text`: its bytes, and then its length.
    ///
    /// # Errors
    ///
    /// [`CapacityError`] if it has more than `N` bytes. Nothing is written then.
    pub fn set_str(&self, text: &str) -> Result<(), CapacityError>
    where
        A: Writable,
    {
        let len = CapacityError::check(Holds::Text, text.len(), N)?;
        self.bytes.copy_range_from(..text.len(), text.as_bytes());
        self.len.set(len);
        Ok(())
    }

    /// Reads the text. Bytes that are not UTF-8 become U+FFFD, as in [`String::from_utf8_lossy`].
    pub fn to_string_lossy(&self) -> String
    where
        A: Readable,
    {
        let mut text = String::new();
        self.read_into(&mut text);
        text
    }

    /// Reads the text into `text`, in place of what is there: a `String` that is kept is not allocated anew.
    pub fn read_into(&self, text: &mut String)
    where
        A: Readable,
    {
        let len = within::<N>(self.len.get());
        let mut bytes = take(text).into_bytes();
        bytes.resize(len, 0);
        self.bytes.copy_range_to(..len, &mut bytes);
        *text = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    }
}

impl<A: Readable, const N: usize> fmt::Display for Shared<Text<N>, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_string_lossy())
    }
}

/// The text, as that of a `str`.
#[cfg(feature = "serde")]
impl<const N: usize> serde::Serialize for Text<N> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string_lossy())
    }
}

#[cfg(feature = "serde")]
impl<'de, const N: usize> serde::Deserialize<'de> for Text<N> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
