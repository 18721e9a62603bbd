//! Links over this library: one field, a field and a message, sequence locks, events. And the same by hand.

use std::hint::spin_loop;
use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Release},
};

use shm_runtime::{Attached, Key, RemoveOnDrop, Segment, SharedSegment, sync};

use crate::link::{Link, Message};
use crate::{Result, Scratch, sys};

/// Bounces between two processes. How long a cache line takes depends on its address: so both contenders use the same.
#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
pub struct Ball {
    turn: AtomicU64,
    raw: AtomicU64,
}

/// The same, with something in it.
#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
pub struct Parcel {
    turn: AtomicU64,
    message: Message,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Snapshots {
    there: sync::SeqLock<Message>,
    /// Keeps the two on cache lines of their own.
    apart: [u64; 8],
    back: sync::SeqLock<Message>,
}

#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
pub struct Bells {
    turn: AtomicU64,
    there: sync::Event,
    back: sync::Event,
}

#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
pub struct Words {
    turn: AtomicU64,
    there: AtomicU32,
    back: AtomicU32,
}

/// One end in a segment that the parent made and removes.
pub struct End<T: SharedSegment> {
    /// Mapped until the process ends, so that a sequence lock's writer can be kept beside it.
    memory: &'static Attached<T>,
    /// Removes it. The child has none.
    _segment: Option<RemoveOnDrop<Segment<T>>>,
}

impl<T: SharedSegment> End<T> {
    fn new() -> Result<(Self, Vec<String>)> {
        Self::of(T::create()?)
    }

    fn of(segment: Segment<T>) -> Result<(Self, Vec<String>)> {
        let segment = segment.remove_on_drop();
        let (memory, id) = (Box::leak(Box::new(segment.attach()?)), segment.id());
        Ok((Self { memory, _segment: Some(segment) }, vec![id.to_string()]))
    }

    /// One that all links of this kind have together.
    fn common(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let key = Key::name(format!("{}common", scratch.prefix()));
        Self::of(T::options().key(key).open_or_create()?)
    }

    fn open(arguments: &[String]) -> Result<Self> {
        let id = arguments.first().ok_or("no shmid")?.parse()?;
        Ok(Self { memory: Box::leak(Box::new(Segment::from_id(id)?.attach()?)), _segment: None })
    }
}

/// The word that bounces, as a contender reaches it.
pub trait Word: Sized {
    const NAME: &'static str;

    fn of(ball: &'static Attached<Ball>) -> Result<Self>;

    fn word(&self) -> &AtomicU64;
}

/// A reference to the field, got once.
impl Word for &'static AtomicU64 {
    const NAME: &'static str = "reference";

    fn of(ball: &'static Attached<Ball>) -> Result<Self> {
        Ok(&ball.turn)
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        self
    }
}

/// The field of an attachment, got each time.
impl Word for Attached<Ball> {
    const NAME: &'static str = "attachment";

    fn of(ball: &'static Attached<Ball>) -> Result<Self> {
        Ok(ball.segment().attach()?)
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        &self.turn
    }
}

/// By hand.
pub struct Raw(*const AtomicU64);

impl Word for Raw {
    const NAME: &'static str = "raw";

    fn of(ball: &'static Attached<Ball>) -> Result<Self> {
        Ok(Self(ball.raw.as_ptr()))
    }

    #[inline]
    fn word(&self) -> &AtomicU64 {
        // SAFETY: a field of a segment that stays attached until the process ends; an atomic is valid with any bytes.
        unsafe { &*self.0 }
    }
}

/// One atomic word: the ping-pong. It carries the message's first word alone.
pub struct PingPong<W> {
    word: W,
    /// The last turn that this end saw or took.
    turn: u64,
    _end: End<Ball>,
}

impl<W: Word> PingPong<W> {
    fn of(end: End<Ball>) -> Result<Self> {
        Ok(Self { word: W::of(end.memory)?, turn: 0, _end: end })
    }
}

impl<W: Word> Link for PingPong<W> {
    const NAME: &'static str = W::NAME;

    fn new(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let (end, arguments) = End::common(scratch)?;
        Ok((Self::of(end)?, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        Self::of(End::open(arguments)?)
    }

    #[inline]
    fn send(&mut self, message: &Message) -> Result<()> {
        self.turn = message[0];
        self.word.word().store(self.turn, Release);
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<Message> {
        loop {
            let turn = self.word.word().load(Acquire);
            if turn != self.turn {
                self.turn = turn;
                return Ok([turn; 8]);
            }
            spin_loop();
        }
    }
}

/// The whole message, and a field that says that it is there.
pub struct Mail {
    end: End<Parcel>,
    turn: u64,
}

impl Link for Mail {
    const NAME: &'static str = "mail";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let (end, arguments) = End::new()?;
        Ok((Self { end, turn: 0 }, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        Ok(Self { end: End::open(arguments)?, turn: 0 })
    }

    #[inline]
    fn send(&mut self, message: &Message) -> Result<()> {
        self.turn = message[0];
        self.end.memory.message.set(*message);
        self.end.memory.turn.store(self.turn, Release);
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<Message> {
        while self.end.memory.turn.load(Acquire) == self.turn {
            spin_loop();
        }
        let message = self.end.memory.message.get();
        self.turn = message[0];
        Ok(message)
    }
}

/// Two sequence locks, on which both sides spin.
pub struct Latest {
    writer: sync::SeqWriter<'static, Message>,
    other: &'static sync::SeqLock<Message>,
    seen: u64,
    _end: End<Snapshots>,
}

impl Latest {
    fn of(end: End<Snapshots>, is_parent: bool) -> Result<Self> {
        let memory: &'static Attached<Snapshots> = end.memory;
        let (mine, other): (&'static sync::SeqLock<_>, _) = match is_parent {
            true => (&memory.there, &memory.back),
            false => (&memory.back, &memory.there),
        };
        Ok(Self { writer: mine.writer()?, other, seen: other.version(), _end: end })
    }
}

impl Link for Latest {
    const NAME: &'static str = "latest";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let (end, arguments) = End::new()?;
        Ok((Self::of(end, true)?, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        Self::of(End::open(arguments)?, false)
    }

    #[inline]
    fn send(&mut self, message: &Message) -> Result<()> {
        Ok(self.writer.write(message)?)
    }

    #[inline]
    fn receive(&mut self) -> Result<Message> {
        loop {
            let version = self.other.version();
            if version != self.seen {
                self.seen = version;
                return Ok(self.other.read()?);
            }
            spin_loop();
        }
    }
}

/// Two events, for which both sides sleep, and a field that says whether there is anything to wait for.
pub struct Rung {
    end: End<Bells>,
    is_parent: bool,
    turn: u64,
}

impl Link for Rung {
    const NAME: &'static str = "event";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let (end, arguments) = End::new()?;
        Ok((Self { end, is_parent: true, turn: 0 }, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        Ok(Self { end: End::open(arguments)?, is_parent: false, turn: 0 })
    }

    #[inline]
    fn send(&mut self, message: &Message) -> Result<()> {
        self.turn = message[0];
        let bells = self.end.memory;
        bells.turn.store(self.turn, Release);
        if self.is_parent {
            bells.there.notify_one()
        } else {
            bells.back.notify_one()
        }
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<Message> {
        let bells = self.end.memory;
        loop {
            let listener = if self.is_parent { bells.back.listen() } else { bells.there.listen() };
            let turn = bells.turn.load(Acquire);
            if turn != self.turn {
                self.turn = turn;
                return Ok([turn; 8]);
            }
            listener.wait();
        }
    }
}

/// The same with two futexes by hand: the words count, as those of the events do.
pub struct Futexes {
    end: End<Words>,
    is_parent: bool,
    turn: u64,
}

impl Link for Futexes {
    const NAME: &'static str = "futex";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let (end, arguments) = End::new()?;
        Ok((Self { end, is_parent: true, turn: 0 }, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        Ok(Self { end: End::open(arguments)?, is_parent: false, turn: 0 })
    }

    #[inline]
    fn send(&mut self, message: &Message) -> Result<()> {
        self.turn = message[0];
        let words = self.end.memory;
        words.turn.store(self.turn, Release);
        let word: &AtomicU32 = if self.is_parent { &words.there } else { &words.back };
        word.fetch_add(1, Release);
        sys::futex_wake_one(word);
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<Message> {
        let words = self.end.memory;
        let word: &AtomicU32 = if self.is_parent { &words.back } else { &words.there };
        loop {
            let count = word.load(Acquire);
            let turn = words.turn.load(Acquire);
            if turn != self.turn {
                self.turn = turn;
                return Ok([turn; 8]);
            }
            sys::futex_wait(word, count);
        }
    }
}
