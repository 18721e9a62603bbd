//! Time until the others go on after a process was killed that had what they wait for.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use shm_runtime::sync::{self, LockError, QueueError, WriterError};
use shm_runtime::{Attached, Segment, SharedSegment};

use super::robust::{Mutex, Words};
use super::{check, value};
use crate::child::{self, Peer};
use crate::link::Message;
use crate::measure::Effort;
use crate::report::{Delays, Report};
use crate::{Result, sys};

/// What a process is killed over.
#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
struct Place {
    jobs: sync::Queue<Message, 64>,
    values: sync::SpscQueue<Message, 64>,
    lock: sync::Mutex<Message>,
    robust: Words,
}

/// The bit of a priority-inheritance futex that says that a thread waits for it in the kernel, and those that say which one
/// has it.
const WAITERS: u32 = libc::FUTEX_WAITERS;
const HOLDER: u32 = (1 << 22) - 1;

/// What one process has when it is killed, and another waits for.
trait Scene {
    const NAME: &'static str;

    /// How it reads in the table.
    const TEXT: &'static str;

    /// In the process that is killed: takes it, calls `held`, and keeps it.
    fn take(place: &Attached<Place>, held: impl FnOnce() -> Result<()>) -> Result<()>;

    /// In the other process: waits for it. What this returns was got after the kill, or it is an error.
    fn wait(place: &Attached<Place>) -> Result<()>;

    /// When the first process is dead to all: checks, and puts things in order for the next.
    fn restore(_: &Attached<Place>) -> Result<()> {
        Ok(())
    }

    /// Stops the first process, so that it has the thing, and returns when it is sure of that.
    fn catch(_: &Attached<Place>, _: &Peer) -> Result<()> {
        Ok(())
    }

    /// Whether the other one is asleep; `None` if that cannot be seen.
    fn is_waited_for(_: &Attached<Place>) -> Option<bool> {
        None
    }
}

fn robust(place: &Attached<Place>) -> Mutex {
    // SAFETY: attached as long as it is used; `measure` initialises it before the other processes start, and otherwise only
    // these methods write there.
    unsafe { Mutex::at(place.robust.as_mut_ptr()) }
}

/// Until it is killed.
fn keep() -> Result<()> {
    loop {
        thread::park();
    }
}

/// A process that sends and receives, stopped while it has the lock of a `Queue`.
struct QueueLock;

impl QueueLock {
    fn word(place: &Attached<Place>) -> &AtomicU32 {
        let queue: *const _ = &place.jobs;
        // SAFETY: the queue begins with its lock, and that with its word, as their documentation says; it is attached as long as
        // `place`; an atomic is valid with any bytes.
        unsafe { &*queue.cast::<AtomicU32>() }
    }
}

impl Scene for QueueLock {
    const NAME: &'static str = "queue-lock";
    const TEXT: &'static str = "`Queue`: while it holds the lock; another one sends";

    fn take(place: &Attached<Place>, held: impl FnOnce() -> Result<()>) -> Result<()> {
        held()?;
        loop {
            place.jobs.send(&value(7))?;
            place.jobs.receive()?.done()?;
        }
    }

    fn wait(place: &Attached<Place>) -> Result<()> {
        Ok(place.jobs.send(&value(7))?)
    }

    fn restore(place: &Attached<Place>) -> Result<()> {
        loop {
            match place.jobs.try_receive() {
                Ok(received) => {
                    check(&received, 7)?;
                    received.done()?;
                }
                Err(QueueError::Empty) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn catch(place: &Attached<Place>, victim: &Peer) -> Result<()> {
        loop {
            sys::stop(victim.pid())?;
            if Self::word(place).load(Relaxed) & HOLDER == victim.pid() {
                return Ok(());
            }
            sys::go_on(victim.pid())?;
            thread::yield_now();
        }
    }

    fn is_waited_for(place: &Attached<Place>) -> Option<bool> {
        Some(Self::word(place).load(Relaxed) & WAITERS != 0)
    }
}

/// A receiver that has a value of a `Queue`, and has not said that it is done.
struct QueueValue;

impl Scene for QueueValue {
    const NAME: &'static str = "queue-value";
    const TEXT: &'static str = "`Queue`: with a value that is not done; another one receives";

    fn take(place: &Attached<Place>, held: impl FnOnce() -> Result<()>) -> Result<()> {
        place.jobs.send(&value(8))?;
        let received = place.jobs.receive()?;
        if received.is_redelivered() {
            return Err("a value of before".into());
        }
        held()?;
        keep()
    }

    fn wait(place: &Attached<Place>) -> Result<()> {
        let received = place.jobs.receive()?;
        check(&received, 8)?;
        if !received.is_redelivered() {
            return Err("the value has no mark".into());
        }
        Ok(received.done()?)
    }
}

/// The sender of a `SpscQueue`.
struct Sender;

impl Scene for Sender {
    const NAME: &'static str = "sender";
    const TEXT: &'static str = "`SpscQueue`: with the sender's end; another one claims it, again and again";

    fn take(place: &Attached<Place>, held: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut sender = place.values.sender()?;
        sender.send(&value(9))?;
        held()?;
        keep()
    }

    fn wait(place: &Attached<Place>) -> Result<()> {
        loop {
            match place.values.sender() {
                Ok(mut sender) => return Ok(sender.send(&value(10))?),
                Err(WriterError::Held { .. }) => thread::yield_now(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn restore(place: &Attached<Place>) -> Result<()> {
        let mut receiver = place.values.receiver()?;
        for number in [9, 10] {
            check(&receiver.try_receive()?, number)?;
        }
        Ok(())
    }
}

/// The holder of a `Mutex`.
struct Holder;

impl Scene for Holder {
    const NAME: &'static str = "holder";
    const TEXT: &'static str = "`Mutex`: while it holds it; another one locks";

    fn take(place: &Attached<Place>, held: impl FnOnce() -> Result<()>) -> Result<()> {
        let guard = place.lock.lock().map_err(|error| error.to_string())?;
        guard.set(value(11));
        held()?;
        keep()
    }

    fn wait(place: &Attached<Place>) -> Result<()> {
        match place.lock.lock() {
            Ok(_) => Err("nothing is said of the death".into()),
            Err(LockError::OwnerDied(died)) => {
                let guard = died.into_guard();
                check(&guard.get(), 11)
            }
            Err(error) => Err(error.to_string().into()),
        }
    }

    fn is_waited_for(place: &Attached<Place>) -> Option<bool> {
        let mutex: *const _ = &place.lock;
        // SAFETY: as in `QueueLock::word`.
        let word = unsafe { &*mutex.cast::<AtomicU32>() };
        Some(word.load(Relaxed) & WAITERS != 0)
    }
}

/// The same with the C library's.
struct RobustHolder;

impl Scene for RobustHolder {
    const NAME: &'static str = "robust-holder";
    const TEXT: &'static str = "beside it: a robust pthread mutex; another one locks";

    fn take(place: &Attached<Place>, held: impl FnOnce() -> Result<()>) -> Result<()> {
        if robust(place).lock()? {
            return Err("a holder of before".into());
        }
        held()?;
        keep()
    }

    fn wait(place: &Attached<Place>) -> Result<()> {
        match robust(place).lock()? {
            true => Ok(robust(place).unlock()?),
            false => Err("nothing is said of the death".into()),
        }
    }
}

/// The process that is killed.
fn victim<S: Scene>(place: &Attached<Place>) -> Result<()> {
    S::take(place, || child::say("held"))
}

/// The process that waits.
fn heir<S: Scene>(place: &Attached<Place>) -> Result<()> {
    child::say("ready")?;
    child::obey(|_| {
        child::say("waiting")?;
        S::wait(place)?;
        let when = sys::monotonic();
        child::say(when.as_nanos())
    })
}

/// Kills as many, and says how many nanoseconds each time took.
fn kill<S: Scene>(place: &Attached<Place>, id: &str, kills: u32) -> Result<Vec<f64>> {
    let arguments = |role: &str| [id.to_owned(), role.to_owned()];
    let mut heir = Peer::start("kill", S::NAME, &arguments("heir"))?;
    heir.answer()?;
    let mut times = Vec::new();
    for number in 0..kills {
        let mut victim = Peer::start("kill", S::NAME, &arguments("victim"))?;
        victim.answer()?;
        S::catch(place, &victim)?;
        heir.tell("go")?;
        heir.answer()?;
        // Any time after it has begun to wait: spread over its longest sleep.
        thread::sleep(Duration::from_micros(2_000 + u64::from(number) * 7_919 % 20_000));
        while S::is_waited_for(place) == Some(false) {
            thread::yield_now();
        }
        let killed = sys::monotonic().as_nanos();
        victim.kill()?;
        let went_on: u128 = heir.answer()?.parse()?;
        let took = went_on.checked_sub(killed).ok_or("it went on before the kill")?;
        times.push(took as f64);
        victim.wait()?;
        S::restore(place)?;
    }
    Ok(times)
}

/// What the kernel takes itself: until waitpid(2) returns.
fn waitpid(id: &str, kills: u32) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for _ in 0..kills {
        let mut victim = Peer::start("kill", RobustHolder::NAME, &[id.to_owned(), "idle".to_owned()])?;
        victim.answer()?;
        thread::sleep(Duration::from_millis(2));
        let killed = sys::monotonic();
        victim.kill()?;
        victim.wait()?;
        times.push((sys::monotonic() - killed).as_nanos() as f64);
    }
    Ok(times)
}

/// The other processes.
pub fn second(name: &str, arguments: &[String]) -> Result<()> {
    let [id, role] = arguments else { return Err("an argument is missing".into()) };
    let place: Attached<Place> = Segment::from_id(id.parse()?)?.attach()?;
    fn play<S: Scene>(place: &Attached<Place>, role: &str) -> Result<()> {
        match role {
            "victim" => victim::<S>(place),
            "heir" => heir::<S>(place),
            _ => {
                child::say("idle")?;
                keep()
            }
        }
    }
    match name {
        QueueLock::NAME => play::<QueueLock>(&place, role),
        QueueValue::NAME => play::<QueueValue>(&place, role),
        Sender::NAME => play::<Sender>(&place, role),
        Holder::NAME => play::<Holder>(&place, role),
        RobustHolder::NAME => play::<RobustHolder>(&place, role),
        name => Err(format!("nothing called {name} is killed").into()),
    }
}

pub fn measure(effort: Effort, report: &mut Report) -> Result<()> {
    let segment = Place::create()?.remove_on_drop();
    let place = segment.attach()?;
    robust(&place).init()?;
    let (id, kills) = (segment.id().to_string(), if effort.quick { 20 } else { 300 });
    let mut lines = Vec::new();
    let mut add = |text: &str, times: Vec<f64>| lines.push((text.to_owned(), times));
    add(QueueLock::TEXT, kill::<QueueLock>(&place, &id, kills)?);
    add(QueueValue::TEXT, kill::<QueueValue>(&place, &id, kills)?);
    add(Sender::TEXT, kill::<Sender>(&place, &id, kills)?);
    add(Holder::TEXT, kill::<Holder>(&place, &id, kills)?);
    add(RobustHolder::TEXT, kill::<RobustHolder>(&place, &id, kills)?);
    add("beside it: nothing; the parent waits for its end by waitpid(2)", waitpid(&id, kills)?);
    report.delays.push(Delays {
        title: "Time until the others go on after a kill",
        explanation: "From the call of kill(2) with SIGKILL until the other process has what it waits for. The kills \
                      are spread over 20 ms after it began to wait, which is its longest sleep.",
        what: "what is killed, and what the other one does",
        lines,
    });
    Ok(())
}
