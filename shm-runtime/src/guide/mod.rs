//! The guide: what the items of this crate have in common, page by page.
//!
//! - [`errors`]: what compiles, and what the errors say, at compile time and at run time.
//! - [`seal`]: what a segment knows of itself, and what is checked before it is used.
//! - [`run_time_length`]: structs that end in a slice, whose length is chosen when a segment is created.
//! - [`working_together`]: locks, snapshots and announcements in a segment; semaphores and message queues.
//! - [`inspect`]: segments without their Rust type, for tools: shown, changed, saved and restored.
//! - [`guarantees`]: what is guaranteed, what is not, and the limits.
//! - [`platforms`]: where it runs: musl, older kernels, containers, and what other systems would need.
//! - [`soundness`]: why there is no undefined behaviour, whatever another process writes.
//! - [`costs`]: what it costs, and where that was measured.
//! - [`from_c`]: each C call, and what it is here; how to share a segment with a C program.

#[doc = include_str!("costs.md")]
pub mod costs {}

#[doc = include_str!("errors.md")]
pub mod errors {}

#[doc = include_str!("from-c.md")]
pub mod from_c {}

#[doc = include_str!("guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("inspect.md")]
pub mod inspect {}

#[doc = include_str!("platforms.md")]
pub mod platforms {}

#[doc = include_str!("run-time-length.md")]
pub mod run_time_length {}

#[doc = include_str!("seal.md")]
pub mod seal {}

#[doc = include_str!("soundness.md")]
pub mod soundness {}

#[doc = include_str!("working-together.md")]
pub mod working_together {}
