//! Has guards, and forks.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use shm_runtime::msg::Queue;
use shm_runtime::sem::{Permit, Semaphore, SemaphoreSet};
use shm_runtime::{Error, Key, RemoveOnDrop, Segment, SharedSegment, sync};
use shm_tests::structs::Board;

use crate::{Answer, Domain, kind, number, say, told};

/// What has roles of its own.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Locked {
    count: sync::Mutex<u64>,
    last: sync::SeqLock<u64>,
}

#[derive(Default)]
pub(crate) struct Peer {
    guards: Option<Guards>,
    permit: Option<Permit<'static, 2>>,
    /// This process is a child that a command forked.
    is_child: bool,
}

type Guards = (RemoveOnDrop<Segment<Board>>, RemoveOnDrop<Semaphore>, RemoveOnDrop<Queue<u64>>);

/// Ends a child, without what would be done at its parent's exit.
fn end() -> ! {
    // SAFETY: takes a number, and does not return.
    unsafe { libc::_exit(0) }
}

/// Forks in a manner; whether this is the child. `None` if the system forbids it.
fn fork(manner: &str) -> Option<libc::pid_t> {
    let raw = |flags: i32| {
        // SAFETY: without CLONE_VM it is fork(2), of which the C library is not told. There is one thread.
        let child = unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) };
        i32::try_from(child).expect("a pid")
    };
    let child = match manner {
        // SAFETY: there is one thread.
        "fork" => unsafe { libc::fork() },
        "raw" => raw(0),
        "pidns" => raw(libc::CLONE_NEWPID),
        _ => panic!("{manner} is not a manner"),
    };
    (child >= 0).then_some(child)
}

/// Waits until the child has ended by itself.
fn wait(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: a child of this process, and room for its status.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0), "the child ended otherwise");
}

impl Domain for Peer {
    fn follow(&mut self, words: &[&str]) -> Answer {
        let answer = self.try_follow(words);
        if self.is_child {
            end();
        }
        answer
    }
}

impl Peer {
    fn try_follow(&mut self, words: &[&str]) -> Answer {
        Ok(match *words {
            ["make"] => {
                let guards = (
                    Board::create()?.remove_on_drop(),
                    Semaphore::create(Key::private(), 1)?.remove_on_drop(),
                    Queue::create(Key::private())?.remove_on_drop(),
                );
                let ids = format!("{} {} {}", guards.0.id(), guards.1.id(), guards.2.id());
                self.guards = Some(guards);
                ids
            }
            // The rest of the program goes on in a child, whose pid is 1; false if that is forbidden.
            ["become_pid_1"] => match fork("pidns") {
                None => "false".to_owned(),
                Some(0) => std::process::id().to_string(),
                Some(child) => {
                    wait(child);
                    end()
                }
            },
            // And here the parent ends at once.
            ["daemonize"] => match fork("fork") {
                Some(0) => "the child".to_owned(),
                _ => end(),
            },
            ["without_wiped_pages"] => refuse_to_wipe_pages().to_string(),
            ["in_child", manner, what] => match fork(manner).expect("a child") {
                0 => {
                    self.is_child = true;
                    self.end_guards(what)?;
                    String::new()
                }
                child => {
                    wait(child);
                    String::new()
                }
            },
            ["pid_in_child", manner] => match fork(manner).expect("a child") {
                0 => {
                    say(&format!("ok\t{}", std::process::id()));
                    end()
                }
                child => {
                    wait(child);
                    std::process::id().to_string()
                }
            },
            ["guards", what] => {
                self.end_guards(what)?;
                String::new()
            }
            ["create_with", manner, what] => self.create_with(manner, what)?,
            ["acquire", id, undo] => {
                let mut options = SemaphoreSet::<2>::options(Key::private());
                let set = options.undo(undo == "undo").open_id(number(id))?;
                let set: &'static SemaphoreSet<2> = Box::leak(Box::new(set));
                self.permit = Some(set.acquire_units([1, 2])?);
                String::new()
            }
            ["release"] => {
                self.permit.take().expect("one is held").release()?;
                String::new()
            }
            ["drop"] => {
                drop(self.permit.take().expect("one is held"));
                String::new()
            }
            // The child says what it could do with a lock and a role that its parent has, and the parent what it has then.
            ["roles_in_child", manner] => {
                let segment = Locked::create()?.remove_on_drop();
                let locked = segment.attach()?;
                let guard = locked.count.lock().expect("free");
                let mut writer = locked.last.writer().expect("free");
                match fork(manner).expect("a child") {
                    0 => {
                        let relocked = locked.count.try_lock().err();
                        let written = writer.write(&1).err();
                        drop((guard, writer));
                        let after = locked.count.try_lock().err();
                        say(&format!("{relocked:?}\t{written:?}\t{after:?}"));
                        end()
                    }
                    child => wait(child),
                }
                writer.write(&2).expect("the role is kept");
                let relocked = locked.count.try_lock().err();
                drop(guard);
                let freed = locked.count.try_lock().is_ok();
                format!("{relocked:?} {freed}")
            }
            // The child answers, and the parent too.
            ["release_in_child", manner] => match fork(manner).expect("a child") {
                0 => {
                    let answer = self.try_follow(&["release"]);
                    say(&told(words, answer));
                    end()
                }
                child => {
                    wait(child);
                    String::new()
                }
            },
            _ => return Err("no such command".into()),
        })
    }

    fn end_guards(&mut self, what: &str) -> Result<(), Error> {
        let (segment, set, queue) = self.guards.take().expect("they were made");
        match what {
            "drop" => drop((segment, set, queue)),
            "panic" => {
                let unwound = catch_unwind(AssertUnwindSafe(move || {
                    let _guards = (segment, set, queue);
                    resume_unwind(Box::new("as told"));
                }));
                assert!(unwound.is_err());
            }
            "keep" => drop((segment.keep(), set.keep(), queue.keep())),
            "adopt" => drop((
                segment.keep().remove_on_drop(),
                set.keep().remove_on_drop(),
                queue.keep().remove_on_drop(),
            )),
            "remove" => {
                segment.remove()?;
                set.remove()?;
                queue.remove()?;
            }
            // Without dropping anything, as `exit` does.
            "exit" => std::mem::forget((segment, set, queue)),
            _ => panic!("{what} is nothing to do"),
        }
        Ok(())
    }

    /// Creates a segment, and forks a child in its initialiser, which waits until the child has ended. The child says
    /// one line before this process does.
    fn create_with(&mut self, manner: &str, what: &str) -> Result<String, Error> {
        let mut is_child = false;
        let created = catch_unwind(AssertUnwindSafe(|| {
            Board::options().wait(Duration::from_millis(20)).create_with(|board| {
                board.part.value.set(6);
                match (fork(manner).expect("a child"), what) {
                    (0, "return" | "panic") => is_child = true,
                    (0, _) => end(),
                    (child, _) => wait(child),
                }
                if is_child && what == "panic" {
                    resume_unwind(Box::new("as told"));
                }
                board.part.value.set(7);
            })
        }));
        self.is_child = is_child;
        match created {
            Ok(created) if is_child => {
                let attached = created?.attach();
                let found = attached.map(|board| board.part.value.get());
                say(&found.map_or_else(|error| kind(&error), |value| value.to_string()));
                end()
            }
            Ok(created) => created.map(|segment| segment.id().to_string()),
            Err(_) => {
                say("panicked");
                end()
            }
        }
    }
}

/// Has the kernel refuse MADV_WIPEONFORK, as one before 4.14 does; whether it agrees.
fn refuse_to_wipe_pages() -> bool {
    let (load, jump, give) = (0x20, 0x15, 0x06);
    let number = u32::try_from(libc::SYS_madvise).expect("a small number");
    let advice = u32::try_from(libc::MADV_WIPEONFORK).expect("a small number");
    let refuse = libc::SECCOMP_RET_ERRNO | libc::EINVAL.unsigned_abs();
    let statement = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        // The number of the call, and the low half of its third argument (of `seccomp_data`).
        statement(load, 0, 0, 0),
        statement(jump, 0, 3, number),
        statement(load, 0, 0, 16 + 2 * 8 + if cfg!(target_endian = "big") { 4 } else { 0 }),
        statement(jump, 0, 1, advice),
        statement(give, 0, 0, refuse),
        statement(give, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program =
        libc::sock_fprog { len: u16::try_from(filter.len()).expect("six"), filter: filter.as_mut_ptr() };
    // SAFETY: takes numbers only.
    let private = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    // SAFETY: reads the program and its statements, which live until it returns.
    let filtered =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    (private, filtered) == (0, 0)
}
