//! A queue with two senders and two receivers beside the kernel's, and beside a ring behind a robust mutex. Each value is checked.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::{Attached, RemoveOnDrop, Segment, SharedSegment, sync};

use super::robust::{Condition, Mutex, Words};
use super::{check, value};
use crate::Result;
use crate::child::{self, Peer};
use crate::link::Message;
use crate::measure::{self, Effort, Outcome};
use crate::report::{Goal, Report};
use crate::sys::checked;

/// Values that fit in.
const ROOM: usize = 256;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Office {
    jobs: sync::Queue<Message, ROOM>,
}

/// What two processes send and two receive, of `Message`s.
trait Many: Sized {
    const NAME: &'static str;

    fn create() -> Result<(Self, String)>;

    fn open(id: &str) -> Result<Self>;

    fn send(&self, message: &Message) -> Result<()>;

    fn receive(&self) -> Result<Message>;
}

struct OurQueue(
    Attached<Office>,
    #[expect(dead_code, reason = "removes it")] Option<RemoveOnDrop<Segment<Office>>>,
);

impl Many for OurQueue {
    const NAME: &'static str = "queue";

    fn create() -> Result<(Self, String)> {
        let segment = Office::create()?.remove_on_drop();
        let id = segment.id().to_string();
        Ok((Self(segment.attach()?, Some(segment)), id))
    }

    fn open(id: &str) -> Result<Self> {
        Ok(Self(Segment::from_id(id.parse()?)?.attach()?, None))
    }

    fn send(&self, message: &Message) -> Result<()> {
        Ok(self.0.jobs.send(message)?)
    }

    fn receive(&self) -> Result<Message> {
        let received = self.0.jobs.receive()?;
        let message = *received;
        received.done()?;
        Ok(message)
    }
}

struct SystemV(i32, bool);

#[repr(C)]
struct Letter {
    kind: libc::c_long,
    message: Message,
}

impl Many for SystemV {
    const NAME: &'static str = "msg";

    fn create() -> Result<(Self, String)> {
        // SAFETY: takes numbers only.
        let id = checked(unsafe { libc::msgget(libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600) })?;
        Ok((Self(id, true), id.to_string()))
    }

    fn open(id: &str) -> Result<Self> {
        Ok(Self(id.parse()?, false))
    }

    fn send(&self, message: &Message) -> Result<()> {
        let letter = Letter { kind: 1, message: *message };
        // SAFETY: reads the kind and as many bytes after it.
        checked(unsafe { libc::msgsnd(self.0, (&raw const letter).cast(), size_of::<Message>(), 0) })?;
        Ok(())
    }

    fn receive(&self) -> Result<Message> {
        let mut letter = Letter { kind: 0, message: [0; 8] };
        let to = (&raw mut letter).cast();
        // SAFETY: writes the kind and as many bytes after it at most.
        match unsafe { libc::msgrcv(self.0, to, size_of::<Message>(), 0, 0) } {
            -1 => Err(std::io::Error::last_os_error().into()),
            _ => Ok(letter.message),
        }
    }
}

impl Drop for SystemV {
    fn drop(&mut self) {
        if self.1 {
            // SAFETY: IPC_RMID ignores the pointer.
            unsafe { libc::msgctl(self.0, libc::IPC_RMID, std::ptr::null_mut()) };
        }
    }
}

/// A bounded ring behind a robust mutex, by hand.
#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
struct Counter {
    mutex: Words,
    sent: Words,
    received: Words,
    tail: AtomicU64,
    head: AtomicU64,
    slots: [Message; ROOM],
}

/// Sleeps on condition variables; or, if `BUSY`, looks again and again, and lets others run in between.
struct Robust<const BUSY: bool> {
    counter: Attached<Counter>,
    mutex: Mutex,
    sent: Condition,
    received: Condition,
    _segment: Option<RemoveOnDrop<Segment<Counter>>>,
}

impl<const BUSY: bool> Robust<BUSY> {
    fn of(counter: Attached<Counter>, segment: Option<RemoveOnDrop<Segment<Counter>>>) -> Self {
        // SAFETY: attached for as long as this, initialised by `create` before another process opens it, and otherwise written
        // by these methods only. So are the others.
        let mutex = unsafe { Mutex::at(counter.mutex.as_mut_ptr()) };
        // SAFETY: as above.
        let sent = unsafe { Condition::at(counter.sent.as_mut_ptr()) };
        // SAFETY: as above.
        let received = unsafe { Condition::at(counter.received.as_mut_ptr()) };
        Self { counter, mutex, sent, received, _segment: segment }
    }

    /// When `ready` says so of how many values there are: does `work` with the lock held, and then wakes one that waits for
    /// `other`.
    #[inline]
    fn locked<R>(
        &self,
        ready: impl Fn(u64) -> bool,
        mine: Condition,
        other: Condition,
        work: impl FnOnce(&Attached<Counter>) -> R,
    ) -> Result<R> {
        let counter = &self.counter;
        self.mutex.lock()?;
        while !ready(counter.tail.load(Relaxed) - counter.head.load(Relaxed)) {
            if BUSY {
                self.mutex.unlock()?;
                thread::yield_now();
                self.mutex.lock()?;
            } else {
                mine.wait(self.mutex)?;
            }
        }
        let done = work(counter);
        self.mutex.unlock()?;
        if !BUSY {
            other.signal()?;
        }
        Ok(done)
    }
}

fn slot(number: u64) -> usize {
    number as usize % ROOM
}

impl<const BUSY: bool> Many for Robust<BUSY> {
    const NAME: &'static str = if BUSY { "robust-busy" } else { "robust" };

    fn create() -> Result<(Self, String)> {
        let segment = Counter::create()?.remove_on_drop();
        let id = segment.id().to_string();
        let this = Self::of(segment.attach()?, Some(segment));
        this.mutex.init()?;
        this.sent.init()?;
        this.received.init()?;
        Ok((this, id))
    }

    fn open(id: &str) -> Result<Self> {
        Ok(Self::of(Segment::from_id(id.parse()?)?.attach()?, None))
    }

    fn send(&self, message: &Message) -> Result<()> {
        self.locked(
            |count| count < ROOM as u64,
            self.received,
            self.sent,
            |counter| {
                let tail = counter.tail.load(Relaxed);
                counter.slots[slot(tail)].set(*message);
                counter.tail.store(tail + 1, Relaxed);
            },
        )
    }

    fn receive(&self) -> Result<Message> {
        self.locked(
            |count| count > 0,
            self.sent,
            self.received,
            |counter| {
                let head = counter.head.load(Relaxed);
                let message = counter.slots[slot(head)].get();
                counter.head.store(head + 1, Relaxed);
                message
            },
        )
    }
}

fn many<M: Many>(arguments: &[String]) -> Result<()> {
    let [id, role] = arguments else { return Err("an argument is missing".into()) };
    let queue = M::open(id)?;
    child::say("ready")?;
    child::obey(|line| {
        let mut sum: u64 = 0;
        for number in 0..line.parse::<u64>()? {
            if role == "send" {
                queue.send(&value(number))?;
                sum += number;
            } else {
                let found = queue.receive()?;
                check(&found, found[0])?;
                sum += found[0];
            }
        }
        child::say(sum)
    })
}

struct Crowd<M> {
    /// Two that send, and two that receive. They end before the queue goes.
    peers: Vec<Peer>,
    _queue: M,
}

impl<M: Many> Crowd<M> {
    fn start() -> Result<Self> {
        let (queue, id) = M::create()?;
        let mut peers = Vec::new();
        for role in ["send", "receive", "receive", "send"] {
            let mut peer = Peer::start("many", M::NAME, &[id.clone(), role.to_owned()])?;
            peer.answer()?;
            peers.push(peer);
        }
        Ok(Self { peers, _queue: queue })
    }

    /// As many by each.
    fn run(&mut self, count: u32) -> Result<Duration> {
        let start = Instant::now();
        for peer in &mut self.peers {
            peer.tell(count)?;
        }
        let sums: Vec<u64> =
            self.peers.iter_mut().map(|peer| Ok(peer.answer()?.parse()?)).collect::<Result<_>>()?;
        let took = start.elapsed();
        match sums[..] {
            [a, b, c, d] if a + d == b + c => Ok(took),
            _ => Err(format!("{}: sums are {sums:?}", M::NAME).into()),
        }
    }
}

fn compare<M: Many>(effort: Effort) -> Result<Outcome> {
    let (mut ours, mut peer) = (Crowd::<OurQueue>::start()?, Crowd::<M>::start()?);
    let count = if effort.quick { 500 } else { 2_000 };
    measure::pairs(
        effort.pairs / 5,
        || Ok(measure::each(ours.run(count)?, 2 * count)),
        || Ok(measure::each(peer.run(count)?, 2 * count)),
    )
}

/// The second processes.
pub fn second(name: &str, arguments: &[String]) -> Result<()> {
    match name {
        OurQueue::NAME => many::<OurQueue>(arguments),
        SystemV::NAME => many::<SystemV>(arguments),
        Robust::<false>::NAME => many::<Robust<false>>(arguments),
        Robust::<true>::NAME => many::<Robust<true>>(arguments),
        name => Err(format!("no queue is called {name}").into()),
    }
}

pub fn measure(effort: Effort, report: &mut Report) -> Result<()> {
    const QUEUE: &str = "`Queue` of 64 bytes, two processes send and two receive, a value";
    let what = "send, receive, done";
    report.add(QUEUE, what, "System V message queue", compare::<SystemV>(effort)?, Goal::Speed(3.0));
    let (asleep, busy) = ("ring, robust mutex, conditions", "ring, robust mutex, sched_yield");
    report.add(QUEUE, what, asleep, compare::<Robust<false>>(effort)?, Goal::Speed(1.5));
    report.add(QUEUE, what, busy, compare::<Robust<true>>(effort)?, Goal::Speed(1.5));
    Ok(())
}
