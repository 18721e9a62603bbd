//! Does with semaphores and queues what it is told.

use std::time::{Duration, Instant};

use shm_runtime::msg::{Message, Queue, Select};
use shm_runtime::sem::{Op, Permit, Semaphore, SemaphoreSet};
use shm_runtime::{Key, Permissions, Segment};
use shm_tests::oracle::Table;
use shm_tests::structs::ipc::{Counter, Job};

use crate::clock::{Timer, until};
use crate::{Answer, Domain, number};

/// More bytes than a message may have by default.
type Large = [u64; 1025];

#[derive(Default)]
pub(crate) struct Peer {
    semaphore: Option<&'static Semaphore>,
    permits: Vec<Permit<'static>>,
    pairs: Vec<Permit<'static, 2>>,
    queue: Option<Queue<Job>>,
}

fn key(word: &str) -> Key {
    match number(word) {
        0 => Key::private(),
        value => Key::fixed(value.try_into().expect("a key of tests is not negative")),
    }
}

impl Peer {
    fn semaphore(&self) -> &'static Semaphore {
        self.semaphore.expect("one was opened")
    }

    fn queue(&self) -> &Queue<Job> {
        self.queue.as_ref().expect("one was opened")
    }

    fn use_semaphore(&mut self, semaphore: Semaphore) -> String {
        let id = semaphore.id();
        self.semaphore = Some(Box::leak(Box::new(semaphore)));
        id.to_string()
    }

    fn hold(&mut self, permit: Option<Permit<'static>>) -> String {
        let held = permit.is_some();
        self.permits.extend(permit);
        held.to_string()
    }
}

impl Domain for Peer {
    fn follow(&mut self, words: &[&str]) -> Answer {
        Ok(match *words {
            ["create", at, units] => self.use_semaphore(Semaphore::create(key(at), number(units))?),
            ["open", at] => self.use_semaphore(Semaphore::open(key(at))?),
            ["open_patiently", at] => {
                let open = Semaphore::options(key(at)).wait(Duration::from_secs(50)).open();
                self.use_semaphore(open?)
            }
            ["open_without_undo", at] => self.use_semaphore(Semaphore::options(key(at)).undo(false).open()?),
            ["open_or_create", at, units] => {
                let semaphore = Semaphore::open_or_create(key(at), number(units))?;
                let value = semaphore.value()?;
                format!("{} {value}", self.use_semaphore(semaphore))
            }
            ["open_or_create_within", at, units, ms] => {
                let mut options = Semaphore::options(key(at));
                let opened = options.wait(Duration::from_millis(number(ms))).open_or_create(number(units));
                self.use_semaphore(opened?)
            }
            // All start at the same time, and perhaps die soon after.
            ["race", at, units, start, kill] => {
                let start = Duration::from_nanos(number(start));
                let timer = Timer::kill_at(start, Duration::from_nanos(number(kill)));
                until(start);
                let mut options = Semaphore::options(key(at));
                let semaphore = options.wait(Duration::from_millis(5)).open_or_create(number(units))?;
                let value = semaphore.value()?;
                drop(timer);
                format!("{} {value}", self.use_semaphore(semaphore))
            }
            ["open_unused", at] => {
                let opened = Semaphore::options(key(at)).allow_unused(true).undo(false).open();
                self.use_semaphore(opened?)
            }
            ["acquire"] => {
                let permit = self.semaphore().acquire()?;
                self.hold(Some(permit))
            }
            ["try_acquire"] => {
                let permit = self.semaphore().try_acquire()?;
                self.hold(permit)
            }
            ["acquire_timeout", ms] => {
                let start = Instant::now();
                let timeout = Duration::from_millis(number(ms));
                let permit = self.semaphore().acquire_timeout(timeout)?;
                format!("{} {}", self.hold(permit), start.elapsed().as_millis())
            }
            ["acquire_in_a_thread"] => {
                let semaphore = self.semaphore();
                let thread = std::thread::spawn(move || semaphore.acquire().map(Permit::forget));
                thread.join().expect("the thread ends")?;
                String::new()
            }
            ["count", segment, times] => {
                let counter = Segment::<Counter>::from_id(number(segment))?.attach()?;
                for _ in 0..number(times) {
                    let _permit = self.semaphore().acquire()?;
                    let count = counter.count.get();
                    // So that another process would come in between, if it could.
                    std::thread::yield_now();
                    counter.count.set(count + 1);
                }
                String::new()
            }
            ["wait_for_zero"] => {
                self.semaphore().perform(&[Op::WaitForZero { index: 0 }])?;
                String::new()
            }
            ["drop"] => {
                drop(self.permits.pop().expect("one is held"));
                String::new()
            }
            ["release"] => {
                self.semaphore().release()?;
                String::new()
            }
            ["value"] => self.semaphore().value()?.to_string(),
            ["remove"] => {
                self.semaphore().remove()?;
                String::new()
            }
            ["drop_in_a_forked_child"] => {
                let permit = self.permits.pop().expect("one is held");
                self.permits.push(in_child(permit));
                String::new()
            }
            ["pair", at, first, second] => {
                let set = SemaphoreSet::<2>::open(key(at))?;
                let set: &'static SemaphoreSet<2> = Box::leak(Box::new(set));
                self.pairs.push(set.acquire_units([number(first), number(second)])?);
                String::new()
            }
            ["create_set_of_4", at] => {
                let set = SemaphoreSet::<4>::options(key(at)).create_set([1; 4])?;
                set.id().to_string()
            }
            ["say_signals"] => {
                say_signals(0);
                String::new()
            }
            // As signal(3) and the crate signal-hook do.
            ["say_signals_and_restart"] => {
                say_signals(libc::SA_RESTART);
                String::new()
            }
            ["interruptible_semaphore"] => {
                let semaphore = self.semaphore().interruptible();
                self.use_semaphore(semaphore)
            }
            ["interruptible_queue"] => {
                self.queue = Some(self.queue().interruptible());
                String::new()
            }
            ["set_value", value] => {
                self.semaphore().set_value(number(value))?;
                String::new()
            }
            ["set_mode", mode] => {
                let (queue, mode) = (self.queue(), u32::from_str_radix(mode, 8)?);
                let permissions = Permissions { mode, ..queue_permissions(queue.id()) };
                queue.set_permissions(permissions)?;
                String::new()
            }
            ["give_queue", uid] => {
                let queue = self.queue();
                queue.set_permissions(Permissions { uid: number(uid), ..queue.stat()?.permissions })?;
                String::new()
            }
            // Another user, without capabilities.
            ["become", uid] => {
                // SAFETY: takes a number only.
                let failed = unsafe { libc::setuid(number(uid)) };
                assert_eq!(failed, 0, "setuid");
                String::new()
            }
            ["mode_and_limit"] => {
                let stat = self.queue().stat()?;
                format!("{:o} {}", stat.mode, stat.limit.expect("it was read"))
            }
            ["peek_raw"] => {
                let queue = Queue::<[u8]>::from_id(self.queue().id())?;
                queue.peek(0)?.map_or("none".to_owned(), |message| message.value.len().to_string())
            }
            ["peek"] => self.queue().peek(0)?.map_or("none".to_owned(), show),
            ["create_queue", at] => {
                let queue = Queue::create(key(at))?;
                let id = queue.id();
                self.queue = Some(queue);
                id.to_string()
            }
            ["open_queue", at] => {
                self.queue = Some(Queue::open(key(at))?);
                String::new()
            }
            ["open_queue_of_anybody", at] => {
                self.queue = Some(Queue::options(key(at)).trust_anybody().open()?);
                String::new()
            }
            ["queue_from_id", id] => {
                self.queue = Some(Queue::from_id(number(id))?);
                String::new()
            }
            ["send", mtype, pages] => {
                self.queue().send(number(mtype), &job(number(pages)))?;
                String::new()
            }
            ["try_send", mtype, pages] => {
                let sent = self.queue().try_send(number(mtype), &job(number(pages)))?;
                sent.to_string()
            }
            ["send_large"] => {
                let queue = Queue::<Large>::from_id(self.queue().id())?;
                queue.send(1, &[0; 1025])?;
                String::new()
            }
            ["receive"] => show(self.queue().receive(Select::Any)?),
            ["try_receive"] => self.queue().try_receive(Select::Any)?.map_or("none".to_owned(), show),
            ["receive_raw"] => match self.queue().try_receive_raw(Select::Any)? {
                Some(message) => format!("{} {}", message.mtype, message.bytes.len()),
                None => "none".to_owned(),
            },
            // For a peer in a namespace of its own.
            ["sysctl", name, value] => {
                std::fs::write(format!("/proc/sys/kernel/{name}"), value).expect("a sysctl");
                String::new()
            }
            ["set_limit", bytes] => {
                self.queue().set_limit(number(bytes))?;
                String::new()
            }
            ["remove_queue"] => {
                self.queue().remove()?;
                String::new()
            }
            _ => return Err("no such command".into()),
        })
    }
}

fn job(pages: u16) -> Job {
    Job { pages, cost: 0.5, urgent: true }
}

fn show(message: Message<Job>) -> String {
    format!("{} {}", message.mtype, message.value.pages)
}

/// Drops a copy of the permit in a child of fork(2), and returns it in this process.
fn in_child(permit: Permit<'static>) -> Permit<'static> {
    // SAFETY: this process has one thread; the child drops the permit and ends.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no child");
    if child == 0 {
        drop(permit);
        // SAFETY: ends the child, without what would be done at the parent's exit.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: the child of this process, and room for its status.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0));
    permit
}

/// The owner's, as they are, and mode 0: for a queue that this process may not read too.
fn queue_permissions(id: i32) -> Permissions {
    let row = Table::Queues.by_id(id).expect("it is there");
    Permissions { uid: row.uid, gid: row.gid, mode: 0 }
}

/// Says `signal` at each SIGUSR1, which interrupts what the process waits for.
fn say_signals(flags: libc::c_int) {
    extern "C" fn say(_: libc::c_int) {
        // SAFETY: write(2) is safe in a handler; the bytes are a constant.
        unsafe { libc::write(1, c"signal\n".as_ptr().cast(), 7) };
    }
    let handler: extern "C" fn(libc::c_int) = say;
    // SAFETY: zeros are a `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    action.sa_flags = flags;
    // SAFETY: the handler does nothing that a handler may not do.
    let failed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(failed, 0, "no handler");
}
