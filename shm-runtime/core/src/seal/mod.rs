//! The seal of a segment, and whether a program may use a segment that has one.

pub(crate) mod admission;
pub(crate) mod footer;
