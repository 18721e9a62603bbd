//! System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).
//!
//! A [`Queue`] keeps messages in the kernel, each whole and in the order of sending, until a process receives them. Here
//! each is a value of one type, or any number of them, with a type of message, a number, by which the receiver selects.
//!
//! ```
//! use shm_runtime::msg::{Queue, Select};
//! use shm_runtime::{Key, Shareable};
//!
//! #[derive(Clone, Copy, Shareable)]
//! #[repr(C)]
//! struct Job { number: u32, pages: u16 }
//!
//! let key = Key::name(format!("org.example.jobs.{}", std::process::id()));
//! let jobs = Queue::create(key.clone())?.remove_on_drop();
//! jobs.send(2, &Job { number: 1, pages: 300 })?;
//! jobs.send(1, &Job { number: 2, pages: 1 })?;
//!
//! // Another process takes the small ones first:
//! let queue = Queue::<Job>::open(key)?;
//! let message = queue.receive(Select::UpTo(2))?;
//! assert_eq!((message.mtype, message.value.number), (1, 2));
//! assert!(queue.try_receive(Select::Equal(1))?.is_none());
//! assert_eq!(queue.receive(Select::Any)?.value.number, 1);
//! # Ok::<(), shm_runtime::Error>(())
//! ```
//!
//! # Messages of any length
//!
//! A `Queue<[T]>` sends slices, empty ones too, and receives vectors: texts as bytes, or whatever Perl, PHP or C send.
//!
//! ```
//! use shm_runtime::Key;
//! use shm_runtime::msg::{Queue, Select};
//!
//! let words = Queue::<[u8]>::create(Key::private())?.remove_on_drop();
//! words.send(1, b"short")?;
//! words.send(1, "and a good deal longer".as_bytes())?;
//! assert_eq!(words.receive(Select::Any)?.value, b"short");
//!
//! // The same, without a new vector for each.
//! let mut text = Vec::new();
//! let mtype = words.receive_into(Select::Any, &mut text)?;
//! assert_eq!((mtype, &text[..]), (1, &b"and a good deal longer"[..]));
//! # Ok::<(), shm_runtime::Error>(())
//! ```
//!
//! # Whose it is
//!
//! A queue is opened if its owner and creator are this process's user, root, or a user who was named
//! ([`trust_owner`](Options::trust_owner)), by the rule of segments. The kernel keeps nothing else of it that tells what it
//! is for: the queues of two programs whose keys are the same by accident are not told apart (see
//! [`Key`](crate::Key#collisions)).
//!
//! # In C
//!
//! ```c
//! struct message { long mtype; struct job value; };
//! msgsnd(queue, &message, sizeof message.value, 0);
//! msgrcv(queue, &message, sizeof message.value, mtype, 0);
//! ```
//!
//! The value lies at 8 bytes, right after the type: a value that is aligned to more does not compile.
//!
//! ```compile_fail
//! # use shm_runtime::msg::Queue;
//! # use shm_runtime::{Key, Shareable};
//! #[derive(Clone, Copy, Shareable)]
//! #[repr(C, align(16))]
//! struct Vector { parts: [f32; 4] }
//!
//! Queue::create(Key::private())?.remove_on_drop().send(1, &Vector { parts: [0.0; 4] })?;
//! # Ok::<(), shm_runtime::Error>(())
//! ```

mod diagnose;
mod exchange;
mod message;
mod options;
mod payload;
mod queue;

pub use crate::ipc::raw_message::RawMessage;
pub use crate::ipc::stat::queue::Stat;
pub use message::{Message, Select};
pub use options::Options;
pub use payload::Payload;
pub use queue::Queue;
