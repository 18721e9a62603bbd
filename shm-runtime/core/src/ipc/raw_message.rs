//! A message that is not of the type that was expected: an error has it in it.

/// A message as its bytes, whatever they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawMessage {
    /// The type of message, 1 or more (`mtype`).
    pub mtype: i64,
    /// The bytes after the type (`mtext`).
    pub bytes: Vec<u8>,
}
