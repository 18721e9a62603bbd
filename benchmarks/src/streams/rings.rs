//! One writer, and readers that each see every value: rings beside publish-subscribe. Each value that is read is checked.

use std::hint::spin_loop;
use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};
use std::thread;
use std::time::{Duration, Instant};

use iceoryx2::port::{publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::ipc;
use ringfire::blob::{BlobConsumer, BlobProducer, BlobProducerBuilder};
use ringfire::{CleanupMode, FlowControl, RingConsumer, RingProducer, RingProducerBuilder};
use shm_runtime::sync::{self, RingError};
use shm_runtime::{Attached, ReadOnly, RemoveOnDrop, Segment, SharedSegment};

use super::{ROOM, check, iceoryx, value};
use crate::child::{self, Peer};
use crate::link::{Message, from_bytes, to_bytes};
use crate::measure::{self, Effort, Outcome};
use crate::report::{Goal, Report};
use crate::{Result, Scratch};

/// The most readers of one writer.
const READERS: usize = 4;

/// After so many values the writer waits for all readers, where none may miss any.
const BURST: u64 = 256;

/// One end of a broadcast, in which the value with the number n, counted from 0, is the n-th.
trait Broadcast: Sized {
    const NAME: &'static str;

    fn writer(scratch: &Scratch, readers: usize) -> Result<(Self, Vec<String>)>;

    fn reader(arguments: &[String]) -> Result<Self>;

    fn write(&mut self, value: &Message) -> Result<()>;

    /// The next one there is, whichever were missed before it.
    fn read(&mut self) -> Result<Option<Message>>;
}

/// How a writer may hurry.
#[derive(Clone, Copy, PartialEq)]
pub enum Pace {
    /// It waits for no reader: those miss what they are too slow for.
    Flood,
    /// It waits after each burst until all readers have had it: none misses any.
    Bursts,
}

/// How far the readers are, each on a cache line of its own.
#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
struct Progress {
    seen: [[AtomicU64; 8]; READERS],
}

/// Reads up to the number that it is told, and says how many values it had and how many it missed.
fn listen<B: Broadcast>(arguments: &[String]) -> Result<()> {
    let [progress, index, readers, rest @ ..] = arguments else {
        return Err("an argument is missing".into());
    };
    let progress: Attached<Progress> = Segment::from_id(progress.parse()?)?.attach()?;
    let seen = &progress.seen[index.parse::<usize>()?][0];
    // Those that share a processor let one another run.
    let shares = readers.parse::<usize>()? > 1;
    let mut end = B::reader(rest)?;
    let mut number = 0;
    child::say("ready")?;
    child::obey(|line| {
        let last: u64 = line.parse()?;
        let (mut received, mut missed) = (0_u64, 0_u64);
        child::say("go")?;
        while number < last {
            let Some(found) = end.read()? else {
                if shares {
                    thread::yield_now()
                } else {
                    spin_loop()
                }
                continue;
            };
            check(&found, found[0])?;
            missed += found[0].checked_sub(number).ok_or("a value came twice")?;
            received += 1;
            number = found[0] + 1;
            if number % BURST == 0 {
                seen.store(number, Release);
            }
        }
        child::say(format_args!("{received} {missed}"))
    })
}

/// A writer and its readers.
struct Station<B> {
    // Before what they use: they end first.
    readers: Vec<Peer>,
    end: B,
    progress: Attached<Progress>,
    _segment: RemoveOnDrop<Segment<Progress>>,
    pace: Pace,
    number: u64,
    received: u64,
    missed: u64,
}

impl<B: Broadcast> Station<B> {
    fn start(scratch: &Scratch, readers: usize, pace: Pace) -> Result<Self> {
        let segment = Progress::create()?.remove_on_drop();
        let progress = segment.attach()?;
        let (end, arguments) = B::writer(scratch, readers)?;
        let mut peers = Vec::new();
        for index in 0..readers {
            let mut all = vec![segment.id().to_string(), index.to_string(), readers.to_string()];
            all.extend(arguments.clone());
            let mut peer = Peer::start("broadcast", B::NAME, &all)?;
            peer.answer()?;
            peers.push(peer);
        }
        Ok(Self { readers: peers, end, progress, _segment: segment, pace, number: 0, received: 0, missed: 0 })
    }

    /// The writer's time for so many values; with bursts, until all readers have had them.
    fn run(&mut self, count: u32) -> Result<Duration> {
        let last = self.number + u64::from(count).next_multiple_of(BURST);
        for reader in &mut self.readers {
            reader.tell(last)?;
        }
        for reader in &mut self.readers {
            reader.answer()?;
        }
        let start = Instant::now();
        while self.number < last {
            for number in self.number..self.number + BURST {
                self.end.write(&value(number))?;
            }
            self.number += BURST;
            if self.pace == Pace::Bursts {
                for seen in &self.progress.seen[..self.readers.len()] {
                    while seen[0].load(Acquire) < self.number {
                        spin_loop();
                    }
                }
            }
        }
        let took = start.elapsed();
        for reader in &mut self.readers {
            let answer = reader.answer()?;
            let (received, missed) = answer.split_once(' ').ok_or("not two numbers")?;
            self.received += received.parse::<u64>()?;
            self.missed += missed.parse::<u64>()?;
        }
        if self.received + self.missed != self.number * self.readers.len() as u64 {
            return Err(format!("{}: values are neither received nor missed", B::NAME).into());
        }
        if self.pace == Pace::Bursts && self.missed > 0 {
            return Err(format!("{}: {} values are missed", B::NAME, self.missed).into());
        }
        Ok(took)
    }

    /// The percentage of values that arrived.
    fn arrived(&self) -> f64 {
        self.received as f64 * 100.0 / (self.received + self.missed).max(1) as f64
    }
}

/// What both took, and the percentages that arrived.
struct Compared {
    outcome: Outcome,
    arrived: [f64; 2],
}

fn compare<O: Broadcast, P: Broadcast>(
    scratch: &Scratch,
    effort: Effort,
    readers: usize,
    pace: Pace,
) -> Result<Compared> {
    let mut ours = Station::<O>::start(scratch, readers, pace)?;
    let mut peer = Station::<P>::start(scratch, readers, pace)?;
    // Long beside a time slice of the readers'.
    let sample = effort.sample * 8;
    let whole = |count: u32| count.next_multiple_of(BURST as u32);
    let our_count = whole(measure::calibrate(sample, |count| ours.run(whole(count)))?);
    let peer_count = whole(measure::calibrate(sample, |count| peer.run(whole(count)))?);
    let outcome = measure::pairs(
        effort.pairs / 5,
        || Ok(measure::each(ours.run(our_count)?, our_count)),
        || Ok(measure::each(peer.run(peer_count)?, peer_count)),
    )?;
    Ok(Compared { outcome, arrived: [ours.arrived(), peer.arrived()] })
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Tower {
    values: sync::Ring<Message, ROOM>,
}

/// `Ring`, read through a read-only attachment.
enum Ours {
    Writer(
        sync::RingWriter<'static, Message>,
        #[expect(dead_code, reason = "removes it")] Removed<Tower>,
    ),
    Reader(sync::RingReader<'static, Message, ReadOnly>),
}

type Removed<T> = RemoveOnDrop<Segment<T>>;

impl Broadcast for Ours {
    const NAME: &'static str = "ring";

    fn writer(_: &Scratch, _: usize) -> Result<(Self, Vec<String>)> {
        let segment = Tower::create()?.remove_on_drop();
        let tower: &'static Attached<Tower> = Box::leak(Box::new(segment.attach()?));
        let id = segment.id().to_string();
        Ok((Self::Writer(tower.values.writer()?, segment), vec![id]))
    }

    fn reader(arguments: &[String]) -> Result<Self> {
        let id = arguments.first().ok_or("no shmid")?.parse()?;
        let tower: &'static Attached<Tower, ReadOnly> =
            Box::leak(Box::new(Segment::from_id(id)?.attach_read_only()?));
        Ok(Self::Reader(tower.values.reader()))
    }

    #[inline]
    fn write(&mut self, value: &Message) -> Result<()> {
        let Self::Writer(writer, _) = self else { return Err("not a writer".into()) };
        Ok(writer.write(value)?)
    }

    #[inline]
    fn read(&mut self) -> Result<Option<Message>> {
        let Self::Reader(reader) = self else { return Err("not a reader".into()) };
        loop {
            let position = reader.position();
            match reader.try_read() {
                Ok(found) if found[0] != position => {
                    return Err(format!("value {} is at {position}", found[0]).into());
                }
                Ok(found) => return Ok(Some(found)),
                Err(RingError::NothingNew) => return Ok(None),
                Err(RingError::Missed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Band {
    /// Of as many bytes as `ROOM` messages take.
    messages: sync::ByteRing<{ ROOM * (8 + size_of::<Message>()) }>,
}

/// `ByteRing`, with messages of 64 bytes.
enum OurBytes {
    Writer(sync::ByteRingWriter<'static>, #[expect(dead_code, reason = "removes it")] Removed<Band>),
    Reader(sync::ByteRingReader<'static, ReadOnly>, Vec<u8>),
}

impl Broadcast for OurBytes {
    const NAME: &'static str = "byte-ring";

    fn writer(_: &Scratch, _: usize) -> Result<(Self, Vec<String>)> {
        let segment = Band::create()?.remove_on_drop();
        let band: &'static Attached<Band> = Box::leak(Box::new(segment.attach()?));
        let id = segment.id().to_string();
        Ok((Self::Writer(band.messages.writer()?, segment), vec![id]))
    }

    fn reader(arguments: &[String]) -> Result<Self> {
        let id = arguments.first().ok_or("no shmid")?.parse()?;
        let band: &'static Attached<Band, ReadOnly> =
            Box::leak(Box::new(Segment::from_id(id)?.attach_read_only()?));
        Ok(Self::Reader(band.messages.reader(), Vec::new()))
    }

    #[inline]
    fn write(&mut self, value: &Message) -> Result<()> {
        let Self::Writer(writer, _) = self else { return Err("not a writer".into()) };
        Ok(writer.write(&to_bytes(value))?)
    }

    #[inline]
    fn read(&mut self) -> Result<Option<Message>> {
        let Self::Reader(reader, bytes) = self else { return Err("not a reader".into()) };
        loop {
            match reader.try_read_into(bytes) {
                Ok(()) => return Ok(Some(from_bytes(bytes.as_slice().try_into()?))),
                Err(RingError::NothingNew) => return Ok(None),
                Err(RingError::Missed(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What a ring is made of.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Plain {
    count: [AtomicU64; 16],
    slots: [Message; ROOM],
}

/// The same with raw pointers, by hand: no roles, no bell, and it trusts the count.
struct ByHand {
    count: *const AtomicU64,
    slots: *mut Message,
    cursor: u64,
    _segment: Option<Removed<Plain>>,
}

impl ByHand {
    fn of(plain: Attached<Plain>, segment: Option<Removed<Plain>>) -> Self {
        let plain: &'static Attached<Plain> = Box::leak(Box::new(plain));
        Self {
            count: plain.count[0].as_ptr(),
            slots: plain.slots.as_mut_ptr().cast(),
            cursor: 0,
            _segment: segment,
        }
    }

    #[inline]
    fn count(&self) -> &AtomicU64 {
        // SAFETY: a field of a segment that stays attached until the process ends; an atomic is valid with any bytes.
        unsafe { &*self.count }
    }

    #[inline]
    fn slot(&self, number: u64) -> *mut Message {
        self.slots.wrapping_add(number as usize % ROOM)
    }
}

impl Broadcast for ByHand {
    const NAME: &'static str = "by-hand";

    fn writer(_: &Scratch, _: usize) -> Result<(Self, Vec<String>)> {
        let segment = Plain::create()?.remove_on_drop();
        let id = segment.id().to_string();
        Ok((Self::of(segment.attach()?, Some(segment)), vec![id]))
    }

    fn reader(arguments: &[String]) -> Result<Self> {
        let id = arguments.first().ok_or("no shmid")?.parse()?;
        Ok(Self::of(Segment::from_id(id)?.attach()?, None))
    }

    #[inline]
    fn write(&mut self, value: &Message) -> Result<()> {
        // A reader that sees any of the value sees the count of before it, at the least.
        fence(Release);
        // SAFETY: one of the slots, in memory that stays attached, written by this process only.
        unsafe { self.slot(self.cursor).write_volatile(*value) };
        self.cursor += 1;
        self.count().store(self.cursor, Release);
        Ok(())
    }

    #[inline]
    fn read(&mut self) -> Result<Option<Message>> {
        let room = ROOM as u64;
        loop {
            let count = self.count().load(Acquire);
            if count == self.cursor {
                return Ok(None);
            }
            if count - self.cursor < room {
                // SAFETY: one of the slots, in memory that stays attached; what is torn is not used.
                let found = unsafe { self.slot(self.cursor).read_volatile() };
                fence(Acquire);
                if self.count().load(Relaxed) - self.cursor < room {
                    self.cursor += 1;
                    return Ok(Some(found));
                }
            }
            self.cursor = self.count().load(Acquire) - room / 2;
        }
    }
}

/// The crate iceoryx2: publish-subscribe with safe overflow: a subscriber's oldest sample makes room for the newest.
enum Iceoryx {
    Publisher(Publisher<ipc::Service, Message, ()>),
    Subscriber(Subscriber<ipc::Service, Message, ()>),
}

impl Iceoryx {
    fn service(
        arguments: &[String],
    ) -> Result<iceoryx2::service::port_factory::publish_subscribe::PortFactory<ipc::Service, Message, ()>>
    {
        let [root, prefix, name] = arguments else { return Err("an argument is missing".into()) };
        let service = iceoryx(root, prefix)?
            .service_builder(&name.as_str().try_into()?)
            .publish_subscribe::<Message>()
            .enable_safe_overflow(true)
            .subscriber_max_buffer_size(ROOM)
            .max_subscribers(READERS)
            .open_or_create()?;
        Ok(service)
    }
}

impl Broadcast for Iceoryx {
    const NAME: &'static str = "iceoryx2";

    fn writer(scratch: &Scratch, readers: usize) -> Result<(Self, Vec<String>)> {
        let name = format!("broadcast{readers}");
        let arguments = vec![scratch.path().display().to_string(), scratch.prefix(), name];
        Ok((Self::Publisher(Self::service(&arguments)?.publisher_builder().create()?), arguments))
    }

    fn reader(arguments: &[String]) -> Result<Self> {
        let service = Self::service(arguments)?;
        Ok(Self::Subscriber(service.subscriber_builder().buffer_size(ROOM).create()?))
    }

    fn write(&mut self, value: &Message) -> Result<()> {
        let Self::Publisher(publisher) = self else { return Err("not a publisher".into()) };
        publisher.loan_uninit()?.write_payload(*value).send()?;
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Message>> {
        let Self::Subscriber(subscriber) = self else { return Err("not a subscriber".into()) };
        Ok(subscriber.receive()?.map(|sample| *sample))
    }
}

/// The crate ringfire: its ring, with the writer that waits for nobody.
enum Ringfire {
    Producer(RingProducer<Message>),
    Consumer(RingConsumer<Message>),
}

impl Broadcast for Ringfire {
    const NAME: &'static str = "ringfire";

    fn writer(scratch: &Scratch, readers: usize) -> Result<(Self, Vec<String>)> {
        let path = scratch.memory_file(&format!("broadcast{readers}"));
        let producer = RingProducerBuilder::new(ROOM as u64)
            .cleanup_mode(CleanupMode::UnlinkOnDrop)
            .flow_control(FlowControl::LossyLatestWins)
            .build(&path)?;
        Ok((Self::Producer(producer), vec![path]))
    }

    fn reader(arguments: &[String]) -> Result<Self> {
        Ok(Self::Consumer(
            RingConsumer::builder().start_from_oldest().attach(arguments.first().ok_or("no path")?)?,
        ))
    }

    fn write(&mut self, value: &Message) -> Result<()> {
        let Self::Producer(producer) = self else { return Err("not a producer".into()) };
        producer.push(value);
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Message>> {
        let Self::Consumer(consumer) = self else { return Err("not a consumer".into()) };
        Ok(consumer.try_recv())
    }
}

/// The crate ringfire: its ring of blobs.
enum Blobs {
    Producer(BlobProducer<()>),
    Consumer(BlobConsumer<()>),
}

impl Broadcast for Blobs {
    const NAME: &'static str = "ringfire-blobs";

    fn writer(scratch: &Scratch, readers: usize) -> Result<(Self, Vec<String>)> {
        let path = scratch.memory_file(&format!("blobs{readers}"));
        let producer = BlobProducerBuilder::new(ROOM as u64, ROOM * 2 * size_of::<Message>())
            .cleanup_mode(CleanupMode::UnlinkOnDrop)
            .build(&path)?;
        Ok((Self::Producer(producer), vec![path]))
    }

    fn reader(arguments: &[String]) -> Result<Self> {
        Ok(Self::Consumer(BlobConsumer::attach(arguments.first().ok_or("no path")?)?))
    }

    fn write(&mut self, value: &Message) -> Result<()> {
        let Self::Producer(producer) = self else { return Err("not a producer".into()) };
        producer.push_payload(&to_bytes(value))?;
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Message>> {
        let Self::Consumer(consumer) = self else { return Err("not a consumer".into()) };
        let mut bytes = [0; size_of::<Message>()];
        match consumer.recv_payload(&mut bytes)? {
            Some(len) if len != bytes.len() => Err(format!("a message of {len} bytes").into()),
            there => Ok(there.map(|_| from_bytes(&bytes))),
        }
    }
}

/// A reader's process.
pub fn second(name: &str, arguments: &[String]) -> Result<()> {
    match name {
        Ours::NAME => listen::<Ours>(arguments),
        OurBytes::NAME => listen::<OurBytes>(arguments),
        ByHand::NAME => listen::<ByHand>(arguments),
        Iceoryx::NAME => listen::<Iceoryx>(arguments),
        Ringfire::NAME => listen::<Ringfire>(arguments),
        Blobs::NAME => listen::<Blobs>(arguments),
        name => Err(format!("no broadcast is called {name}").into()),
    }
}

fn row<O: Broadcast, P: Broadcast>(
    scratch: &Scratch,
    effort: Effort,
    report: &mut Report,
    (group, what, peer): (&'static str, &str, &'static str),
    (readers, pace): (usize, Pace),
    goal: Goal,
) -> Result<()> {
    let Compared { outcome, arrived: [ours, theirs] } = compare::<O, P>(scratch, effort, readers, pace)?;
    let what = match (readers, pace) {
        (0, _) => format!("{what}no reader"),
        (1, Pace::Bursts) => format!("{what}1 reader"),
        (_, Pace::Bursts) => format!("{what}{readers} readers"),
        (1, Pace::Flood) => format!("{what}1 reader ({ours:.0} %, {theirs:.0} %)"),
        (_, Pace::Flood) => format!("{what}{readers} readers ({ours:.0} %, {theirs:.0} %)"),
    };
    report.add(group, what, peer, outcome, goal);
    Ok(())
}

pub fn measure(s: &Scratch, e: Effort, report: &mut Report) -> Result<()> {
    const WRITE: &str = "`Ring` of 64 bytes, the writer's time for a value; it waits for no reader (what arrived: ours, theirs)";
    const BURSTS: &str =
        "`Ring` of 64 bytes, the time of a value until all readers have it, in bursts of 256";
    const BYTES: &str = "`ByteRing` of messages of 64 bytes, one to one (what arrived: ours, theirs)";
    let none = Goal::None;
    for readers in [0, 1, 2, 4] {
        let by_hand = (WRITE, "", "the same by raw pointers");
        row::<Ours, ByHand>(s, e, report, by_hand, (readers, Pace::Flood), none)?;
    }
    for readers in [1, 2, 4] {
        let iceoryx = (WRITE, "", "iceoryx2, safe overflow");
        row::<Ours, Iceoryx>(s, e, report, iceoryx, (readers, Pace::Flood), Goal::Speed(2.0))?;
    }
    let ringfire = (WRITE, "", "ringfire, lossy");
    row::<Ours, Ringfire>(s, e, report, ringfire, (1, Pace::Flood), none)?;
    for readers in [1, 2, 4] {
        let by_hand = (BURSTS, "", "the same by raw pointers");
        row::<Ours, ByHand>(s, e, report, by_hand, (readers, Pace::Bursts), none)?;
    }
    for readers in [1, 2, 4] {
        let iceoryx = (BURSTS, "", "iceoryx2, safe overflow");
        row::<Ours, Iceoryx>(s, e, report, iceoryx, (readers, Pace::Bursts), Goal::Speed(2.0))?;
    }
    let ringfire = (BURSTS, "", "ringfire, lossy");
    row::<Ours, Ringfire>(s, e, report, ringfire, (1, Pace::Bursts), none)?;
    for (what, pace) in [("the writer's time, ", Pace::Flood), ("a value, bursts of 256, ", Pace::Bursts)] {
        row::<OurBytes, Ours>(s, e, report, (BYTES, what, "`Ring`"), (1, pace), none)?;
        row::<OurBytes, Blobs>(s, e, report, (BYTES, what, "ringfire, blobs"), (1, pace), none)?;
    }
    Ok(())
}
