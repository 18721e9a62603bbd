//! Segments without their Rust type: what a tool needs to show, change and save any program's data.
//!
//! A sealed segment says itself what is in it: its [`Schema`](crate::Schema). [`Segment`] finds it, [`Attached`] maps it, and
//! [`View`] reads and writes its parts, each checked against that schema and against what is mapped. Nothing here waits, and
//! attaching to read changes nothing but what the kernel counts (`nattch`, `atime`, `lpid`).
//!
//! ```
//! use shm_runtime::inspect::{Segment, Value};
//! use shm_runtime::{Shareable, SharedSegment};
//!
//! #[derive(SharedSegment)]
//! #[repr(C)]
//! #[shm(private)]
//! struct Station { celsius: f64, wind: Wind, name: [u8; 16] }
//!
//! #[derive(Clone, Copy, Shareable)]
//! #[repr(C)]
//! struct Wind { speed: f32, degrees: u16 }
//!
//! let segment = Station::create()?.remove_on_drop();
//! let station = segment.attach()?;
//! station.wind.degrees.set(270);
//!
//! // Another program, which was given the id, and knows nothing else.
//! let tool = Segment::from_id(segment.id())?.attach()?;
//! assert_eq!(tool.resolve("wind.degrees")?.get(), Value::Int(270));
//! tool.resolve("celsius")?.set_text("21.5")?;
//! tool.resolve("name")?.set_text("Zugspitze")?;
//! assert_eq!(station.celsius.get(), 21.5);
//!
//! let error = tool.resolve("wind.degrees")?.set(70_000).unwrap_err();
//! assert_eq!(error.to_string(), "70000 does not fit into u16, which has 0 to 65535");
//!
//! for (name, part) in tool.root()?.fields() {
//!     println!("{name} @{} {}: {part:?}", part.location().offset(), part.ty());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abandoned;
mod attached;
#[cfg(not(loom))]
mod builtin;
mod seal;
mod segment;

pub use self::attached::{Attached, ResolveError};
#[cfg(not(loom))]
pub use self::builtin::{Builtin, Holder, Mutex, SeqLock, Snapshot};
pub use self::seal::{Process, Seal, State};
pub use self::segment::{Options, Segment};
pub use crate::memory::layout::Scalar;
pub use crate::schema::WriteError;
pub use crate::schema::location::{Location, PathError};
pub use crate::schema::types::{Array, Enum, Field, Fields, Struct, Type, Variant, Variants};
pub use crate::schema::view::{Value, View};
