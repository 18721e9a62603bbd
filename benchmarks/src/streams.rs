//! Values from one process to others, as fast as they go: queues beside what others have. Each value is checked.

mod bytes;
mod kills;
mod queues;
mod rings;
mod robust;

use std::hint::{black_box, spin_loop};
use std::sync::atomic::{AtomicU32, Ordering::Release};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use iceoryx2::port::{publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::{
    BackpressureStrategy, Config, FileName, Node, NodeBuilder, Path, SemanticString, ipc,
};
use ringfire::{CleanupMode, FlowControl, RingConsumer, RingProducer, RingProducerBuilder};
use shm_runtime::sync::{self, QueueError};
use shm_runtime::{Attached, RemoveOnDrop, Segment, SharedSegment};

use crate::child::{self, Peer, Places};
use crate::link::{self, Link, Message};
use crate::measure::{self, Effort, Outcome};
use crate::ours::{PingPong, Raw};
use crate::report::{Goal, Report};
use crate::sys;
use crate::{Result, Scratch};

/// Values that fit in, of every queue.
const ROOM: usize = 1024;

/// One end of a stream of `[u64; W]`, of which the first word is one higher each time.
pub trait Stream<const W: usize>: Sized {
    const NAME: &'static str;

    fn sender(scratch: &Scratch) -> Result<(Self, Vec<String>)>;

    fn receiver(arguments: &[String]) -> Result<Self>;

    fn send(&mut self, value: &[u64; W]) -> Result<()>;

    fn receive(&mut self) -> Result<[u64; W]>;
}

fn value<const W: usize>(number: u64) -> [u64; W] {
    let mut value = [!number; W];
    value[0] = number;
    value
}

fn check<const W: usize>(found: &[u64; W], number: u64) -> Result<()> {
    match *found == value(number) {
        true => Ok(()),
        false => Err(format!("value {number} came as {found:?}").into()),
    }
}

/// Receives as many as it is told, and says so.
fn drain<const W: usize, S: Stream<W>>(arguments: &[String]) -> Result<()> {
    let mut stream = S::receiver(arguments)?;
    let mut number = 0;
    child::say("ready")?;
    child::obey(|line| {
        for _ in 0..line.parse::<u64>()? {
            check(&stream.receive()?, number)?;
            number += 1;
        }
        child::say("done")
    })
}

struct Flow<S> {
    child: Peer,
    stream: S,
    number: u64,
}

impl<S> Flow<S> {
    fn start<const W: usize>(scratch: &Scratch) -> Result<Self>
    where
        S: Stream<W>,
    {
        let (stream, arguments) = S::sender(scratch)?;
        let mut child = Peer::start("stream", &format!("{}-{W}", S::NAME), &arguments)?;
        child.answer()?;
        Ok(Self { child, stream, number: 0 })
    }

    fn run<const W: usize>(&mut self, count: u32) -> Result<Duration>
    where
        S: Stream<W>,
    {
        self.child.tell(count)?;
        let start = Instant::now();
        for _ in 0..count {
            self.stream.send(&value(self.number))?;
            self.number += 1;
        }
        self.child.answer()?;
        Ok(start.elapsed())
    }
}

fn compare<const W: usize, O: Stream<W>, S: Stream<W>>(scratch: &Scratch, effort: Effort) -> Result<Outcome> {
    let (mut ours, mut peer) = (Flow::<O>::start(scratch)?, Flow::<S>::start(scratch)?);
    // Long beside the pipe's answer at the end.
    let sample = effort.sample * 8;
    let our_count = measure::calibrate(sample, |count| ours.run(count))?;
    let peer_count = measure::calibrate(sample, |count| peer.run(count))?;
    measure::pairs(
        effort.pairs / 5,
        || Ok(measure::each(ours.run(our_count)?, our_count)),
        || Ok(measure::each(peer.run(peer_count)?, peer_count)),
    )
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Wire<const W: usize> {
    values: sync::SpscQueue<[u64; W], ROOM>,
    back: sync::SpscQueue<[u64; W], ROOM>,
}

enum End<const W: usize> {
    Sender(sync::Sender<'static, [u64; W]>),
    Receiver(sync::Receiver<'static, [u64; W]>),
}

/// `SpscQueue`, looked at busily.
pub struct Ours<const W: usize> {
    end: End<W>,
    _segment: Option<RemoveOnDrop<Segment<Wire<W>>>>,
}

impl<const W: usize> Stream<W> for Ours<W> {
    const NAME: &'static str = "ours";

    fn sender(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let segment = Wire::create()?.remove_on_drop();
        let wire: &'static Attached<Wire<W>> = Box::leak(Box::new(segment.attach()?));
        let id = segment.id().to_string();
        Ok((Self { end: End::Sender(wire.values.sender()?), _segment: Some(segment) }, vec![id]))
    }

    fn receiver(arguments: &[String]) -> Result<Self> {
        let id = arguments.first().ok_or("no shmid")?.parse()?;
        let wire: &'static Attached<Wire<W>> = Box::leak(Box::new(Segment::from_id(id)?.attach()?));
        Ok(Self { end: End::Receiver(wire.values.receiver()?), _segment: None })
    }

    #[inline]
    fn send(&mut self, value: &[u64; W]) -> Result<()> {
        let End::Sender(sender) = &mut self.end else { return Err("not a sender".into()) };
        busy_send(sender, value)
    }

    #[inline]
    fn receive(&mut self) -> Result<[u64; W]> {
        let End::Receiver(receiver) = &mut self.end else { return Err("not a receiver".into()) };
        busy_receive(receiver)
    }
}

#[inline]
fn busy_send<const W: usize>(sender: &mut sync::Sender<'_, [u64; W]>, value: &[u64; W]) -> Result<()> {
    loop {
        match sender.try_send(value) {
            Err(QueueError::Full) => spin_loop(),
            sent => return Ok(sent?),
        }
    }
}

#[inline]
fn busy_receive<const W: usize>(receiver: &mut sync::Receiver<'_, [u64; W]>) -> Result<[u64; W]> {
    loop {
        match receiver.try_receive() {
            Err(QueueError::Empty) => spin_loop(),
            received => return Ok(received?),
        }
    }
}

/// A node of the crate iceoryx2, whose files are those of this run.
fn iceoryx(root: &str, prefix: &str) -> Result<Node<ipc::Service>> {
    let mut config = Config::default();
    config.global.set_root_path(&Path::new(root.as_bytes()).map_err(|_| "not a path")?);
    config.global.prefix = FileName::new(prefix.as_bytes()).map_err(|_| "not a file name")?;
    Ok(NodeBuilder::new().config(&config).create()?)
}

/// The crate iceoryx2: publish-subscribe, in which the publisher waits for the subscriber, as a queue does.
struct Iceoryx<const W: usize> {
    publisher: Option<Publisher<ipc::Service, [u64; W], ()>>,
    subscriber: Option<Subscriber<ipc::Service, [u64; W], ()>>,
}

impl<const W: usize> Iceoryx<W> {
    fn of(arguments: &[String], sends: bool) -> Result<Self> {
        let [root, prefix] = arguments else { return Err("an argument is missing".into()) };
        let name = format!("stream{W}");
        let service = iceoryx(root, prefix)?
            .service_builder(&name.as_str().try_into()?)
            .publish_subscribe::<[u64; W]>()
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(ROOM)
            .open_or_create()?;
        let block = BackpressureStrategy::RetryUntilDelivered;
        Ok(Self {
            publisher: match sends {
                true => Some(service.publisher_builder().backpressure_strategy(block).create()?),
                false => None,
            },
            subscriber: match sends {
                true => None,
                false => Some(service.subscriber_builder().buffer_size(ROOM).create()?),
            },
        })
    }
}

impl<const W: usize> Stream<W> for Iceoryx<W> {
    const NAME: &'static str = "iceoryx2";

    fn sender(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let arguments = vec![scratch.path().display().to_string(), scratch.prefix()];
        Ok((Self::of(&arguments, true)?, arguments))
    }

    fn receiver(arguments: &[String]) -> Result<Self> {
        Self::of(arguments, false)
    }

    fn send(&mut self, value: &[u64; W]) -> Result<()> {
        self.publisher.as_ref().ok_or("not a publisher")?.loan_uninit()?.write_payload(*value).send()?;
        Ok(())
    }

    fn receive(&mut self) -> Result<[u64; W]> {
        let subscriber = self.subscriber.as_ref().ok_or("not a subscriber")?;
        loop {
            if let Some(sample) = subscriber.receive()? {
                return Ok(*sample);
            }
            spin_loop();
        }
    }
}

/// The crate ringfire: its ring, with the writer that waits for registered readers.
enum Ringfire<const W: usize> {
    Producer(RingProducer<[u64; W]>),
    Consumer(RingConsumer<[u64; W]>),
}

impl<const W: usize> Stream<W> for Ringfire<W> {
    const NAME: &'static str = "ringfire";

    fn sender(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let path = scratch.memory_file(&format!("ringfire{W}"));
        let producer = RingProducerBuilder::new(ROOM as u64)
            .cleanup_mode(CleanupMode::UnlinkOnDrop)
            .flow_control(FlowControl::LosslessBackpressure)
            .build(&path)?;
        Ok((Self::Producer(producer), vec![path]))
    }

    fn receiver(arguments: &[String]) -> Result<Self> {
        let path = arguments.first().ok_or("no path")?;
        Ok(Self::Consumer(RingConsumer::builder().start_from_oldest().consumer_name("drain").attach(path)?))
    }

    fn send(&mut self, value: &[u64; W]) -> Result<()> {
        let Self::Producer(producer) = self else { return Err("not a producer".into()) };
        producer.push(value);
        Ok(())
    }

    fn receive(&mut self) -> Result<[u64; W]> {
        let Self::Consumer(consumer) = self else { return Err("not a consumer".into()) };
        loop {
            if let Some(value) = consumer.try_recv() {
                return Ok(value);
            }
            spin_loop();
        }
    }
}

/// The crate rtrb, between two threads of this process on the two processors.
fn beside_rtrb<const W: usize>(scratch: &Scratch, effort: Effort, places: Places) -> Result<Outcome> {
    let (mut producer, mut consumer) = rtrb::RingBuffer::<[u64; W]>::new(ROOM);
    let (tell, told) = mpsc::channel::<u32>();
    let (say, said) = mpsc::channel::<Result<(), String>>();
    thread::spawn(move || {
        let mut drain = |count: u32, number: &mut u64| -> Result<()> {
            for _ in 0..count {
                let value = loop {
                    match consumer.pop() {
                        Ok(value) => break value,
                        Err(_) => spin_loop(),
                    }
                };
                check(&value, *number)?;
                *number += 1;
            }
            Ok(())
        };
        let mut number = 0;
        let pinned = sys::pin(places.child);
        for count in told {
            let drained = drain(count, &mut number).map_err(|error| error.to_string());
            let both = drained.and(pinned.as_ref().copied().map_err(ToString::to_string));
            if say.send(both).is_err() {
                break;
            }
        }
    });
    let mut number = 0;
    let mut theirs = |count: u32| -> Result<Duration> {
        tell.send(count)?;
        let start = Instant::now();
        for _ in 0..count {
            let mut next = value(number);
            while let Err(rtrb::PushError::Full(back)) = producer.push(next) {
                next = back;
                spin_loop();
            }
            number += 1;
        }
        said.recv()??;
        Ok(start.elapsed())
    };
    let mut ours = Flow::<Ours<W>>::start(scratch)?;
    let sample = effort.sample * 8;
    let our_count = measure::calibrate(sample, |count| ours.run(count))?;
    let peer_count = measure::calibrate(sample, &mut theirs)?;
    measure::pairs(
        effort.pairs / 5,
        || Ok(measure::each(ours.run(our_count)?, our_count)),
        || Ok(measure::each(theirs(peer_count)?, peer_count)),
    )
}

/// A queue each way: round trips.
pub struct Trip {
    to: sync::Sender<'static, Message>,
    from: sync::Receiver<'static, Message>,
    _segment: Option<RemoveOnDrop<Segment<Wire<8>>>>,
}

impl Link for Trip {
    const NAME: &'static str = "trip";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let segment = Wire::create()?.remove_on_drop();
        let wire: &'static Attached<Wire<8>> = Box::leak(Box::new(segment.attach()?));
        let id = segment.id().to_string();
        let (to, from) = (wire.values.sender()?, wire.back.receiver()?);
        Ok((Self { to, from, _segment: Some(segment) }, vec![id]))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        let id = arguments.first().ok_or("no shmid")?.parse()?;
        let wire: &'static Attached<Wire<8>> = Box::leak(Box::new(Segment::from_id(id)?.attach()?));
        Ok(Self { to: wire.back.sender()?, from: wire.values.receiver()?, _segment: None })
    }

    #[inline]
    fn send(&mut self, message: &Message) -> Result<()> {
        busy_send(&mut self.to, message)
    }

    #[inline]
    fn receive(&mut self) -> Result<Message> {
        busy_receive(&mut self.from)
    }
}

/// The second processes.
pub fn second(role: &str, name: &str, arguments: &[String]) -> Result<()> {
    match (role, name) {
        ("many", name) => queues::second(name, arguments),
        ("kill", name) => kills::second(name, arguments),
        ("broadcast", name) => rings::second(name, arguments),
        (_, "bytes-8") => drain::<8, bytes::Bytes>(arguments),
        (_, "slices-8") => drain::<8, bytes::Slices>(arguments),
        (_, "ours-1") => drain::<1, Ours<1>>(arguments),
        (_, "ours-8") => drain::<8, Ours<8>>(arguments),
        (_, "ours-32") => drain::<32, Ours<32>>(arguments),
        (_, "iceoryx2-1") => drain::<1, Iceoryx<1>>(arguments),
        (_, "iceoryx2-8") => drain::<8, Iceoryx<8>>(arguments),
        (_, "iceoryx2-32") => drain::<32, Iceoryx<32>>(arguments),
        (_, "ringfire-1") => drain::<1, Ringfire<1>>(arguments),
        (_, "ringfire-8") => drain::<8, Ringfire<8>>(arguments),
        (_, "ringfire-32") => drain::<32, Ringfire<32>>(arguments),
        (_, name) => Err(format!("no stream is called {name}").into()),
    }
}

/// The crate ringfire: a ring each way, with writers that wait for nobody: there is one message at a time.
pub struct RingfireTrip {
    to: RingProducer<Message>,
    /// Attached when the other end has made it.
    from: Option<RingConsumer<Message>>,
    path: String,
}

impl RingfireTrip {
    fn of(to: &str, from: &str) -> Result<Self> {
        let to = RingProducerBuilder::new(ROOM as u64)
            .cleanup_mode(CleanupMode::UnlinkOnDrop)
            .flow_control(FlowControl::LossyLatestWins)
            .build(to)?;
        Ok(Self { to, from: None, path: from.to_owned() })
    }

    fn attach(&mut self) -> Result<()> {
        self.from = Some(RingConsumer::builder().start_from_oldest().attach(&self.path)?);
        Ok(())
    }
}

impl Link for RingfireTrip {
    const NAME: &'static str = "ringfire-trip";

    fn new(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let names = ["trip-there", "trip-back"].map(|way| scratch.memory_file(way));
        Ok((Self::of(&names[0], &names[1])?, names.to_vec()))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        let [there, back] = arguments else { return Err("a path is missing".into()) };
        let mut end = Self::of(back, there)?;
        end.attach()?;
        Ok(end)
    }

    fn connect(&mut self) -> Result<()> {
        while self.attach().is_err() {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    #[inline]
    fn send(&mut self, message: &Message) -> Result<()> {
        self.to.push(message);
        Ok(())
    }

    #[inline]
    fn receive(&mut self) -> Result<Message> {
        let from = self.from.as_mut().ok_or("not connected")?;
        loop {
            if let Some(message) = from.try_recv() {
                return Ok(message);
            }
            spin_loop();
        }
    }
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Values {
    latest: sync::Latest<Message>,
    lock: sync::SeqLock<Message>,
    event: sync::Event,
    futex: AtomicU32,
}

pub fn measure(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    const STREAM: &str = "`SpscQueue`, a value, two processes, both busy";
    const TRIP: &str = "`SpscQueue`, round trip of 64 bytes, two processes, both busy";
    const LATEST: &str = "`Latest` of 64 bytes, undisturbed, one process";
    const NOTIFY: &str = "`Event` that nobody waits for, one process";
    let Some(places) = Places::get() else {
        report.skip(STREAM, "takes two processors");
        return Ok(());
    };
    let (s, e) = (scratch, effort);
    report.add(STREAM, "8 B", "rtrb (in-process)", beside_rtrb::<1>(s, e, places)?, Goal::Speed(1.0));
    report.add(STREAM, "64 B", "rtrb (in-process)", beside_rtrb::<8>(s, e, places)?, Goal::Speed(1.0));
    report.add(STREAM, "256 B", "rtrb (in-process)", beside_rtrb::<32>(s, e, places)?, Goal::Speed(1.0));
    report.add(
        STREAM,
        "8 B",
        "ringfire, lossless",
        compare::<1, Ours<1>, Ringfire<1>>(s, e)?,
        Goal::Speed(2.0),
    );
    report.add(
        STREAM,
        "64 B",
        "ringfire, lossless",
        compare::<8, Ours<8>, Ringfire<8>>(s, e)?,
        Goal::Speed(2.0),
    );
    report.add(
        STREAM,
        "256 B",
        "ringfire, lossless",
        compare::<32, Ours<32>, Ringfire<32>>(s, e)?,
        Goal::Speed(2.0),
    );
    report.add(STREAM, "8 B", "iceoryx2", compare::<1, Ours<1>, Iceoryx<1>>(s, e)?, Goal::Speed(2.0));
    report.add(STREAM, "64 B", "iceoryx2", compare::<8, Ours<8>, Iceoryx<8>>(s, e)?, Goal::Speed(2.0));
    report.add(STREAM, "256 B", "iceoryx2", compare::<32, Ours<32>, Iceoryx<32>>(s, e)?, Goal::Speed(2.0));
    report
        .skip("tachyon-ipc", "its core in C++ needs GCC 14 or Clang 17, which this program does not ask for");

    let raw = link::compare::<Trip, PingPong<Raw>>(s, e)?;
    report.add(TRIP, "there and back", "a cache line by raw pointers", raw, Goal::Time(1.3));
    let iceoryx = link::compare::<Trip, crate::channels::Iceoryx>(s, e)?;
    report.add(TRIP, "there and back", "iceoryx2, busy", iceoryx, Goal::Speed(1.0));
    let ringfire = link::compare::<Trip, RingfireTrip>(s, e)?;
    report.add(TRIP, "there and back", "ringfire, busy", ringfire, Goal::Speed(1.0));

    queues::measure(effort, report)?;
    rings::measure(s, e, report)?;
    bytes::measure(s, e, report)?;
    kills::measure(e, report)?;

    let segment = Values::create()?.remove_on_drop();
    let (writing, reading) = (segment.attach()?, segment.attach_read_only()?);
    let (mut latest, mut lock) = (writing.latest.writer()?, writing.lock.writer()?);
    let message = [7; 8];
    latest.write(&message)?;
    lock.write(&message)?;
    let reads = measure::operations(effort, || Ok(reading.latest.read()?), || Ok(reading.lock.read()?))?;
    report.add(LATEST, "read", "`SeqLock`", reads, Goal::Time(1.1));
    let writes = measure::operations(
        effort,
        || Ok(latest.write(black_box(&message))?),
        || Ok(lock.write(black_box(&message))?),
    )?;
    report.add(LATEST, "write", "`SeqLock`", writes, Goal::Time(1.1));
    let with_time = measure::operations(
        effort,
        || Ok(latest.write(black_box(&message))?),
        || {
            black_box(sys::monotonic());
            Ok(lock.write(black_box(&message))?)
        },
    )?;
    report.add(LATEST, "write", "`SeqLock` and clock_gettime", with_time, Goal::Time(1.1));

    let notify = || {
        writing.event.notify_one();
        Ok(())
    };
    let wake = || {
        sys::futex_wake_one(&writing.futex);
        Ok(())
    };
    let woken = measure::operations(effort, notify, wake)?;
    report.add(NOTIFY, "`notify_one`", "FUTEX_WAKE", woken, Goal::Time(1.1));
    let counted = measure::operations(effort, notify, || {
        writing.futex.fetch_add(1, Release);
        wake()
    })?;
    report.add(NOTIFY, "`notify_one`", "add 1, FUTEX_WAKE", counted, Goal::Time(1.1));
    let op = measure::operations(effort, notify, || {
        sys::futex_add_one_and_wake_one(&writing.futex);
        Ok(())
    })?;
    report.add(NOTIFY, "`notify_one`", "FUTEX_WAKE_OP, which adds 1", op, Goal::Time(1.1));
    Ok(())
}
