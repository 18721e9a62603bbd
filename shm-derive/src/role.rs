//! What the type is to be: a whole segment, or a part of one.

/// Which derive it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// `SharedSegment`.
    Segment,
    /// `Shareable`.
    Part,
}
