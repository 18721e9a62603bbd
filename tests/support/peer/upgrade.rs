//! Is an old or a new program of one that is upgraded.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::sync::QueueError;
use shm_runtime::{Attached, ErrorKind, Key, Segment, TailedSegment};
use shm_tests::HANGS;
use shm_tests::structs::rings::{Item, Office, WIRE_LONGEST, message};
use shm_tests::structs::upgrade::{
    ADDED, New, NewPassed, Old, OldPassed, OldStreams, Pair, Series, fill, init, is_whole,
};
use shm_tests::upgrade::options;

use crate::clock::{Timer, now, until};
use crate::{Answer, Domain, number, say};

/// What is attached until another is.
#[derive(Default)]
pub(crate) struct Peer {
    old: Option<Attached<Old>>,
    new: Option<Attached<New>>,
}

impl Domain for Peer {
    fn follow(&mut self, words: &[&str]) -> Answer {
        match *words {
            ["create", name, count] => {
                let old = options::<Old>(name).create_with(|old| fill(old, number(count)))?.attach()?;
                let id = old.segment().id().to_string();
                self.old = Some(old);
                Ok(id)
            }
            // At this time, which may be past, and says `ID INITS WHOLE`.
            ["upgrade", way, name, start] => {
                until(Duration::from_nanos(number(start)));
                let mut options = options::<New>(name);
                options.upgrade(init);
                let segment = match way {
                    "open" => options.open()?,
                    _ => options.open_or_create()?,
                };
                let new = segment.attach()?;
                let whole = is_whole(new.count.load(Relaxed), &new.pattern)
                    && (0..new.added.len()).all(|i| new.added[i].get() == ADDED);
                let answer = format!("{} {} {whole}", segment.id(), new.inits.load(Relaxed));
                self.new = Some(new);
                Ok(answer)
            }
            // The same and nothing more: no answer.
            ["upgrade-only", name] => {
                drop(options::<New>(name).upgrade(init).open()?);
                Ok(String::new())
            }
            // The same, of values that are passed on.
            ["upgrade-passed", name] => {
                drop(options::<NewPassed>(name).upgrade(|_| {}).open()?);
                Ok(String::new())
            }
            // The same, killed so many nanoseconds after it began, if it is not done before.
            ["upgrade-passed", name, nanos] => {
                let timer = Timer::kill_at(now(), Duration::from_nanos(number(nanos)));
                let upgraded = options::<NewPassed>(name).upgrade(|_| {}).open();
                drop(timer);
                drop(upgraded?);
                Ok(String::new())
            }
            // Until they are killed.
            ["send-jobs", name, account] => send_jobs(name, &Segment::from_id(number(account))?),
            ["do-jobs", name, account] => do_jobs(name, &Segment::from_id(number(account))?),
            ["send-stream", name] => send_stream(&options::<OldStreams>(name).open()?.attach()?),
            ["receive-stream", name] => receive_stream(&options::<OldStreams>(name).open()?.attach()?),
            // Nothing more: no answer.
            ["resize-only", name, len] => {
                let mut options = Series::options();
                options.key(Key::name((*name).to_owned())).wait(Duration::from_secs(20));
                drop(options.successor(number(len))?);
                Ok(String::new())
            }
            ["open", name] => {
                let old = options::<Old>(name).open_compatible()?.attach()?;
                let answer = format!("{} {}", old.segment().id(), old.count.load(Relaxed));
                self.old = Some(old);
                Ok(answer)
            }
            ["current"] => {
                let old = self.old.as_ref().map(Attached::is_current).transpose()?;
                Ok(old.map_or_else(|| "nothing".to_owned(), |current| current.to_string()))
            }
            // Until it is killed.
            ["hold-lock"] => {
                let old = self.old.as_ref().ok_or("nothing is attached")?;
                let Ok(guard) = old.total.lock() else { return Err("the lock is not free".into()) };
                guard.low.set(1);
                std::mem::forget(guard);
                Ok(String::new())
            }
            // Opens the key again and again, as an old reader that asks which segment is current, until there was another one
            // for a hundred times; says `reading` when the first one was there, and how many there were.
            ["read", name] => {
                let (mut ids, mut since, end) = (Vec::new(), 0, Instant::now() + HANGS);
                while since < 100 && Instant::now() < end {
                    let opened = options::<Old>(name).open_compatible();
                    let old = match opened.and_then(|segment| segment.attach_read_only()) {
                        Ok(old) => old,
                        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => {
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    };
                    let (id, count) = (old.segment().id(), old.count.load(Relaxed));
                    if count == 0 || !is_whole(count, &old.pattern) {
                        return Err(format!("half of the values, in {id}").into());
                    }
                    if ids.last() != Some(&id) {
                        ids.push(id);
                        if ids.len() == 1 {
                            say("reading");
                        }
                    }
                    since += usize::from(ids.len() > 1);
                }
                Ok(ids.len().to_string())
            }
            _ => Err("no such command".into()),
        }
    }
}

/// The queue that has the name now, which an upgrade can be about to replace.
fn jobs(name: &str) -> Attached<OldPassed> {
    loop {
        match options::<OldPassed>(name).open_compatible().and_then(|segment| segment.attach()) {
            Ok(attached) => return attached,
            // Not there yet; or half-made, by one that died.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::Removed | ErrorKind::Abandoned { .. }
                ) =>
            {
                thread::sleep(Duration::from_micros(200));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Sends jobs as far as the limit, to the queue that has the name, and accounts for those that were accepted.
fn send_jobs(name: &str, account: &Segment<Office>) -> ! {
    let account = account.attach().expect("ready");
    let mut passed = jobs(name);
    loop {
        if account.issued.load(SeqCst) >= account.limit.load(SeqCst) {
            thread::sleep(Duration::from_micros(50));
            continue;
        }
        let low = account.issued.fetch_add(1, SeqCst);
        while let Err(error) = passed.jobs.send(&Pair { low, high: !low }) {
            assert!(matches!(error, QueueError::Upgraded), "{error}");
            passed = jobs(name);
        }
        account.accepted[index(low)].store(1, SeqCst);
    }
}

/// Receives them, and accounts for them; gives one back now and then.
fn do_jobs(name: &str, account: &Segment<Office>) -> ! {
    let account = account.attach().expect("ready");
    loop {
        let passed = jobs(name);
        let error = loop {
            let job = match passed.jobs.receive() {
                Ok(job) => job,
                Err(error) => break error,
            };
            // One that received it before the upgrade may count after one that receives it again.
            let bit = if job.is_redelivered() { 1 } else { 2 };
            let before = account.counts[index(job.low)].fetch_or(bit, SeqCst);
            account.wrong.fetch_add(u64::from(job.high != !job.low || before & bit & 2 != 0), SeqCst);
            account.again.fetch_add(u64::from(job.is_redelivered()), SeqCst);
            if account.received.fetch_add(1, SeqCst) % 101 != 100 {
                job.done().expect("ours");
            }
        };
        assert!(matches!(error, QueueError::Upgraded), "{error}");
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("64 bits")
}

/// Sends numbered values and messages, and asks for no upgrade.
fn send_stream(streams: &Attached<OldStreams>) -> ! {
    let (mut wire, mut lines) = (streams.wire.sender().expect("free"), streams.lines.sender().expect("free"));
    let mut number = 0;
    loop {
        number += 1;
        wire.send(&Item::new(number)).expect("ours");
        lines.send(&message(number, WIRE_LONGEST)).expect("ours");
        streams.sent.store(number, SeqCst);
    }
}

/// Receives them: each is the one whose turn it is.
fn receive_stream(streams: &Attached<OldStreams>) -> ! {
    let (mut wire, mut lines) =
        (streams.wire.receiver().expect("free"), streams.lines.receiver().expect("free"));
    let (mut number, mut line) = (0, Vec::new());
    loop {
        number += 1;
        assert_eq!(wire.receive().expect("ours"), Item::new(number));
        lines.receive_into(&mut line).expect("ours");
        assert_eq!(line, message(number, WIRE_LONGEST), "number {number}");
        streams.used.store(number, SeqCst);
    }
}
