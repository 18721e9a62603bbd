//! A message there and back between two processes, over anything that can carry one.

use std::time::{Duration, Instant};

use crate::child::{self, Peer};
use crate::measure::{self, Effort, Outcome};
use crate::{Result, Scratch};

/// What is carried: a cache line. Its first word is one higher each time it is sent.
pub type Message = [u64; 8];

pub fn to_bytes(message: &Message) -> [u8; size_of::<Message>()] {
    let mut bytes = [0; size_of::<Message>()];
    for (to, word) in bytes.chunks_exact_mut(8).zip(message) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

pub fn from_bytes(bytes: &[u8; size_of::<Message>()]) -> Message {
    let mut message = [0; 8];
    for (to, word) in message.iter_mut().zip(bytes.as_chunks().0) {
        *to = u64::from_ne_bytes(*word);
    }
    message
}

/// Something that carries messages both ways.
pub trait Link: Sized {
    /// The argument by which the child knows which one it is.
    const NAME: &'static str;

    /// This process's end, and the arguments with which the child opens its own.
    fn new(scratch: &Scratch) -> Result<(Self, Vec<String>)>;

    /// The child's end.
    fn open(arguments: &[String]) -> Result<Self>;

    /// Called when the child has been started, where an end needs the other one to be complete.
    fn connect(&mut self) -> Result<()> {
        Ok(())
    }

    fn send(&mut self, message: &Message) -> Result<()>;

    fn receive(&mut self) -> Result<Message>;
}

/// Both ends, ready.
pub struct Pair<L> {
    // Before the link: the child ends before its means go.
    child: Peer,
    link: L,
    /// The last that came back.
    message: Message,
}

impl<L: Link> Pair<L> {
    pub fn start(scratch: &Scratch) -> Result<Self> {
        let (link, arguments) = L::new(scratch)?;
        let child = Peer::start("echo", L::NAME, &arguments)?;
        let mut pair = Self { child, link, message: [0; 8] };
        pair.link.connect()?;
        pair.rounds(1)?;
        Ok(pair)
    }

    /// The time of so many round trips. The child sleeps before and after.
    pub fn rounds(&mut self, count: u32) -> Result<Duration> {
        let warm_up = count / 8 + 1;
        self.child.tell(count + warm_up)?;
        self.child.answer()?;
        let mut message = self.message;
        let mut start = Instant::now();
        for round in 0..count + warm_up {
            if round == warm_up {
                start = Instant::now();
            }
            message[0] += 1;
            let sent = message[0];
            self.link.send(&message)?;
            message = self.link.receive()?;
            if message[0] != sent + 1 {
                return Err(format!("{}: sent {sent}, got {} back", L::NAME, message[0]).into());
            }
        }
        let took = start.elapsed();
        self.message = message;
        Ok(took)
    }
}

/// The child's side.
pub fn echo<L: Link>(arguments: &[String]) -> Result<()> {
    let mut link = L::open(arguments)?;
    child::obey(|line| {
        let count: u32 = line.parse()?;
        child::say("go")?;
        for _ in 0..count {
            let mut message = link.receive()?;
            message[0] += 1;
            link.send(&message)?;
        }
        Ok(())
    })
}

/// Round trips over one beside round trips over the other.
pub fn compare<Ours: Link, Theirs: Link>(scratch: &Scratch, effort: Effort) -> Result<Outcome> {
    let (mut ours, mut peer) = (Pair::<Ours>::start(scratch)?, Pair::<Theirs>::start(scratch)?);
    let our_count = measure::calibrate(effort.sample, |count| ours.rounds(count))?;
    let peer_count = measure::calibrate(effort.sample, |count| peer.rounds(count))?;
    measure::pairs(
        effort.pairs,
        || Ok(measure::each(ours.rounds(our_count)?, our_count)),
        || Ok(measure::each(peer.rounds(peer_count)?, peer_count)),
    )
}
