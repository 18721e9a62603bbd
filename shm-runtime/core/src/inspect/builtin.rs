//! This crate's own types in a segment, read by their protocols.

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::fs;

use super::{Attached, Location, Process, Scalar, Type, View};
use crate::memory::span::Span;
use crate::sync::{ReadError, peek};

/// One of this crate's own types: what [`Attached::builtin`] finds.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Builtin<'a> {
    /// A [`sync::Mutex`](crate::sync::Mutex).
    Mutex(Mutex<'a>),
    /// A [`sync::SeqLock`](crate::sync::SeqLock).
    SeqLock(SeqLock<'a>),
    /// A [`sync::Latest`](crate::sync::Latest): a sequence lock of `written` and `value`.
    Latest(SeqLock<'a>),
    /// A [`sync::SpscQueue`](crate::sync::SpscQueue) or a [`SpscHead`](crate::sync::SpscHead).
    #[non_exhaustive]
    SpscQueue {
        /// How many values were sent, ...
        sent: u64,
        /// ... and received, as it says.
        received: u64,
        /// The process that has the sender's end; `None` if none has.
        sender: Option<Process>,
        /// The process that has the receiver's end.
        receiver: Option<Process>,
        /// The values: the n-th that was sent, counted from 0, is element n modulo their number. `None` of a head, whose values are
        /// elsewhere.
        slots: Option<View<'a>>,
    },
    /// A [`sync::Ring`](crate::sync::Ring) or a [`RingHead`](crate::sync::RingHead).
    #[non_exhaustive]
    Ring {
        /// How many values were written.
        written: u64,
        /// The process that has the writer's role; `None` if none has.
        writer: Option<Process>,
        /// The values: the n-th that was written, counted from 0, is element n modulo their number. `None` of a head.
        slots: Option<View<'a>>,
    },
    /// A [`sync::Queue`](crate::sync::Queue) or a [`QueueHead`](crate::sync::QueueHead).
    #[non_exhaustive]
    Queue {
        /// Its lock.
        lock: Mutex<'a>,
        /// How many values were accepted, ...
        accepted: u64,
        /// ... and how many of them were given to a receiver.
        given: u64,
        /// Structs of `state`, `marks` and `value`: the n-th that was accepted, counted from 0, is element n modulo their number.
        /// `None` of a head.
        slots: Option<View<'a>>,
    },
    /// A [`sync::ByteRing`](crate::sync::ByteRing) or a [`ByteRingHead`](crate::sync::ByteRingHead).
    #[non_exhaustive]
    ByteRing {
        /// How many messages were written.
        written: u64,
        /// The process that has the writer's role; `None` if none has.
        writer: Option<Process>,
        /// The bytes of the messages, in a circle. `None` of a head.
        bytes: Option<View<'a>>,
    },
    /// A [`sync::ByteQueue`](crate::sync::ByteQueue) or a [`ByteQueueHead`](crate::sync::ByteQueueHead).
    #[non_exhaustive]
    ByteQueue {
        /// How many bytes were sent, ...
        sent: u64,
        /// ... and received, as it says: with the 4 of each message's length.
        received: u64,
        /// The process that has the sender's end; `None` if none has.
        sender: Option<Process>,
        /// The process that has the receiver's end.
        receiver: Option<Process>,
        /// The bytes of the messages: the n-th that was sent, counted from 0, is element n modulo their number. `None` of a head.
        bytes: Option<View<'a>>,
    },
    /// A [`sync::Event`](crate::sync::Event).
    #[non_exhaustive]
    Event {
        /// How many announcements there were, modulo 2^32.
        count: u32,
    },
}

/// A [`sync::Mutex`](crate::sync::Mutex) whose type is not known.
#[derive(Clone, Copy, Debug)]
pub struct Mutex<'a> {
    word: &'a AtomicU32,
    abandoned: &'a AtomicU32,
    value: View<'a>,
    /// Whether thread ids in it are this process's.
    here: bool,
}

/// The thread that holds a mutex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// Its id, as the lock's word has it.
    pub tid: u32,
    /// Its process, if there is such a thread.
    pub pid: Option<u32>,
    /// Whether it lives; `None` where that cannot be told, as of one in another pid namespace. A new thread that was given the
    /// id of a dead holder looks like it.
    pub alive: Option<bool>,
}

/// A [`sync::SeqLock`](crate::sync::SeqLock) whose type is not known.
#[derive(Clone, Copy, Debug)]
pub struct SeqLock<'a> {
    sequence: &'a AtomicU64,
    slots: [View<'a>; 2],
    /// `writer`, `process`, `namespace`, `writing`.
    role: [&'a AtomicU64; 4],
}

/// A private copy of one whole value of a [`SeqLock`].
#[derive(Debug)]
pub struct Snapshot<'a> {
    memory: Vec<AtomicU64>,
    ty: Type<'a>,
}

impl Attached {
    /// What the view is of this crate's own types; `None` if it is another type.
    ///
    /// It is known by the schema, where such a type is not written as a struct of the same name is, and by its fields, which
    /// have to be those that this version of the crate has.
    ///
    /// ```
    /// use shm_runtime::inspect::{Builtin, Segment, Value};
    /// use shm_runtime::{SharedSegment, sync};
    ///
    /// #[derive(SharedSegment)]
    /// #[repr(C)]
    /// #[shm(private)]
    /// struct Station { total: sync::Mutex<u64>, celsius: sync::SeqLock<f64> }
    ///
    /// let segment = Station::create()?.remove_on_drop();
    /// let station = segment.attach()?;
    /// let guard = station.total.lock();
    /// station.celsius.writer()?.write(&21.5)?;
    ///
    /// let tool = Segment::from_id(segment.id())?.attach_read_only()?;
    /// let Some(Builtin::Mutex(total)) = tool.builtin(tool.resolve("total")?) else { panic!() };
    /// let holder = total.holder().expect("it is locked");
    /// assert_eq!((holder.pid, holder.alive), (Some(std::process::id()), Some(true)));
    /// let Some(Builtin::SeqLock(celsius)) = tool.builtin(tool.resolve("celsius")?) else { panic!() };
    /// assert_eq!(celsius.read()?.view().get(), Value::F64(21.5));
    /// assert_eq!(celsius.writer(), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builtin<'a>(&'a self, view: View<'a>) -> Option<Builtin<'a>> {
        let Type::Struct(of) = view.ty() else { return None };
        match of.name() {
            _ if !of.is_builtin() => None,
            "Mutex" => {
                let [(_, word), (_, abandoned), (_, value)] = fields(view)?;
                let (word, abandoned) = (word_32(word)?, word_32(abandoned)?);
                Some(Builtin::Mutex(Mutex { word, abandoned, value, here: self.shares_pid_namespace() }))
            }
            "SeqLock" => SeqLock::of(view).map(Builtin::SeqLock),
            "Latest" => {
                let [(_, lock), (_, bell)] = fields(view)?;
                word_32(bell)?;
                match self.builtin(lock)? {
                    Builtin::SeqLock(lock) => Some(Builtin::Latest(lock)),
                    _ => None,
                }
            }
            "SpscQueue" | "SpscHead" => {
                let ([sent, received], [sender, receiver], slots) = ends(view)?;
                Some(Builtin::SpscQueue { sent, received, sender, receiver, slots })
            }
            "Ring" | "RingHead" => {
                let ([head], slots) = with_slots(view)?;
                let [(_, count), (_, bell), (_, role)] = fields(head)?;
                word_32(bell)?;
                let count = word_64(count)?;
                let writer = process_of_role(count, role)?;
                Some(Builtin::Ring { written: count.load(Relaxed), writer, slots })
            }
            "Queue" | "QueueHead" => {
                let ([lock, bells], slots) = with_slots(view)?;
                let Builtin::Mutex(lock) = self.builtin(lock)? else { return None };
                let [(_, _), (_, next), (_, tail)] = fields(lock.value)?;
                let [_, _] = fields::<2>(bells)?;
                let (given, accepted) = (word_64(next)?.load(Relaxed), word_64(tail)?.load(Relaxed));
                Some(Builtin::Queue { lock, accepted, given, slots })
            }
            "ByteRing" | "ByteRingHead" => {
                let ([head], bytes) = with_slots(view)?;
                let [(_, count), (_, tail), (_, bell), (_, role), _] = fields(head)?;
                let (count, _, _) = (word_64(count)?, word_64(tail)?, word_32(bell)?);
                let writer = process_of_role(count, role)?;
                Some(Builtin::ByteRing { written: count.load(Relaxed), writer, bytes })
            }
            "ByteQueue" | "ByteQueueHead" => {
                let ([sent, received], [sender, receiver], bytes) = ends(view)?;
                Some(Builtin::ByteQueue { sent, received, sender, receiver, bytes })
            }
            "Event" => {
                let [(_, count)] = fields(view)?;
                Some(Builtin::Event { count: word_32(count)?.load(Relaxed) })
            }
            _ => None,
        }
    }
}

/// Its fields, if there are so many.
fn fields<const N: usize>(view: View<'_>) -> Option<[(&str, View<'_>); N]> {
    // Another process's schema may have millions.
    view.fields().take(N + 1).collect::<Vec<_>>().try_into().ok()
}

/// What a ring or a queue has beside its slots, and these, if it is not a head.
fn with_slots<const N: usize>(view: View<'_>) -> Option<([View<'_>; N], Option<View<'_>>)> {
    let mut fields = view.fields().map(|(_, field)| field);
    let beside = fields.by_ref().take(N).collect::<Vec<_>>().try_into().ok()?;
    let (slots, None) = (fields.next(), fields.next()) else { return None };
    if let Some(slots) = slots {
        slots.elements().next()?;
    }
    Some((beside, slots))
}

/// The two counts of a queue with one sender and one receiver, the processes that have its ends, and what is in it.
type Ends<'a> = ([u64; 2], [Option<Process>; 2], Option<View<'a>>);

fn ends(view: View<'_>) -> Option<Ends<'_>> {
    let ([ends], slots) = with_slots(view)?;
    let [(_, sender), (_, receiver), (_, bells)] = fields(ends)?;
    let (sender, receiver, [_, _]) = (side(sender)?, side(receiver)?, fields::<2>(bells)?);
    Some(([sender.0.load(Relaxed), receiver.0.load(Relaxed)], [sender.1, receiver.1], slots))
}

/// The count of one end of a queue, and the process that has it.
fn side(view: View<'_>) -> Option<(&AtomicU64, Option<Process>)> {
    let [(_, count), (_, role)] = fields(view)?;
    let count = word_64(count)?;
    Some((count, process_of_role(count, role)?))
}

/// The process that has the role in these words, if they are ones.
fn process_of_role(count: &AtomicU64, role: View<'_>) -> Option<Option<Process>> {
    let [(_, writer), (_, process), (_, namespace), (_, writing)] = fields(role)?;
    let words = [count, word_64(writer)?, word_64(process)?, word_64(namespace)?, word_64(writing)?];
    Some(peek::seqlock_writer(words).map(Process::from))
}

fn word_32(view: View<'_>) -> Option<&AtomicU32> {
    matches!(view.ty(), Type::Atomic(Scalar::U32)).then(|| view.memory().word_32(view.location().offset()))?
}

fn word_64(view: View<'_>) -> Option<&AtomicU64> {
    matches!(view.ty(), Type::Atomic(Scalar::U64)).then(|| view.memory().word_64(view.location().offset()))?
}

impl<'a> Mutex<'a> {
    /// The value as it is now: perhaps half-changed, if there is a holder. It cannot be written without the lock.
    pub fn value(&self) -> View<'a> {
        self.value
    }

    /// The thread that holds it, or that died holding it; `None` if it is free.
    pub fn holder(&self) -> Option<Holder> {
        let tid = peek::mutex_holder(self.word)?;
        let alive = if self.here { peek::thread_lives(tid) } else { None };
        let pid = if alive == Some(true) { process_of(tid) } else { None };
        Some(Holder { tid, pid, alive })
    }

    /// Whether an earlier holder died or panicked, and no thread has repaired the value since.
    pub fn is_abandoned(&self) -> bool {
        self.abandoned.load(Relaxed) & 1 != 0
    }
}

/// The process of the thread with this id here.
fn process_of(tid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

impl<'a> SeqLock<'a> {
    /// Its fields have to be those that this version of the crate has.
    fn of(view: View<'a>) -> Option<Self> {
        let [(_, sequence), (_, slots), role @ ..] = fields::<6>(view)?;
        let mut elements = slots.elements();
        let (Some(first), Some(second), None) = (elements.next(), elements.next(), elements.next()) else {
            return None;
        };
        let [(_, writer), (_, process), (_, namespace), (_, writing)] = role;
        let role = [word_64(writer)?, word_64(process)?, word_64(namespace)?, word_64(writing)?];
        Some(Self { sequence: word_64(sequence)?, slots: [first, second], role })
    }

    /// How many values have been published.
    pub fn version(&self) -> u64 {
        self.sequence.load(Relaxed)
    }

    /// The type of the value.
    pub fn ty(&self) -> Type<'a> {
        self.slots[0].ty()
    }

    /// The last complete value, copied scalar by scalar: it takes as much memory as the value.
    ///
    /// # Errors
    ///
    /// [`ReadError::Overtaken`] if the writer publishes all the time, faster than a read takes.
    pub fn read(&self) -> Result<Snapshot<'a>, ReadError> {
        let ty = self.slots[0].ty();
        let memory: Vec<AtomicU64> = (0..ty.size().div_ceil(8)).map(|_| AtomicU64::new(0)).collect();
        let to = Span::of_private(&memory);
        peek::seqlock_read(self.sequence, |slot| self.slots[slot].copy_to(to))?;
        Ok(Snapshot { memory, ty })
    }

    /// The process that has the writer's role; `None` if none has.
    pub fn writer(&self) -> Option<Process> {
        let [writer, process, namespace, writing] = self.role;
        peek::seqlock_writer([self.sequence, writer, process, namespace, writing]).map(Process::from)
    }
}

impl Snapshot<'_> {
    /// The value, whose offsets are from its own start. It is a copy, and not to be written.
    ///
    /// # Panics
    ///
    /// Never: the copy is as large as the value.
    pub fn view(&self) -> View<'_> {
        let location = Location::root(self.ty);
        let memory = Span::of_private(&self.memory).read_only();
        View::new(memory, location).expect("the copy is as large as the value")
    }
}
