//! Which process this is: told from those that it was forked from, and from those that are forked from it.
//!
//! A pid does not tell them apart: in a new pid namespace a child can have the pid of its parent, and pids are used
//! again. Nor does a handler of pthread_atfork(3): it is called for the fork(2) of the C library only. So a number is kept
//! in a page that the kernel gives to no child (MADV_WIPEONFORK, Linux 4.14): a child finds 0 there, however it was
//! made, and writes a number that none of its ancestors has.

use core::ffi::c_void;
use core::ptr::{self, NonNull, null_mut};
use core::sync::atomic::{
    AtomicI32, AtomicPtr, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use std::io;

use super::{checked, futex, mapped, pid};

/// What a process knows of itself. Zeros until it asks.
struct Words {
    generation: AtomicU64,
    pid: AtomicI32,
}

impl Words {
    const fn new() -> Self {
        Self { generation: AtomicU64::new(0), pid: AtomicI32::new(0) }
    }
}

/// Nothing is ever written here.
static UNKNOWN: Words = Words::new();

/// For a kernel that wipes no pages, an emulator that says it does, or if memory is short. A handler of pthread_atfork(3) wipes it.
static UNWIPED: Words = Words::new();

/// Where there is not even memory for the handler. Nothing is ever written here: a fork would not be noticed.
static UNKEPT: Words = Words::new();

/// Where the words are: one of the three above, or a page.
static WORDS: AtomicPtr<Words> = AtomicPtr::new((&raw const UNKNOWN).cast_mut());

/// How many numbers this process and its ancestors have taken. A child begins with a copy.
static TAKEN: AtomicU64 = AtomicU64::new(0);

#[inline]
fn words() -> &'static Words {
    // SAFETY: a static, or a page that is never unmapped, aligned, and zero-filled before its address is published.
    unsafe { &*WORDS.load(Acquire) }
}

/// The number of this process, not 0: another one than each of its ancestors has, and than each of its descendants will
/// have. Two processes that are neither to one another may have the same.
///
/// A process that shares this one's memory (vfork(2), CLONE_VM) has its number too.
#[inline]
pub(crate) fn generation() -> u64 {
    match known_generation() {
        0 => ask().0,
        generation => generation,
    }
}

/// The same, but 0 in a process that has not asked for it: one load after another, and nothing else.
#[inline]
pub(crate) fn known_generation() -> u64 {
    words().generation.load(Acquire)
}

/// getpid(2), asked once in each process. (A child that was made without memory of its own gets its parent's.)
#[inline]
pub(crate) fn id() -> i32 {
    match words().pid.load(Relaxed) {
        0 => ask().1,
        pid => pid,
    }
}

/// Number and pid, in a process that has not asked yet.
#[cold]
fn ask() -> (u64, i32) {
    let pid = pid();
    let Some(words) = place() else {
        // The pid has to do, asked for each time.
        return (1 << 32 | u64::from(pid.unsigned_abs()), pid);
    };
    words.pid.store(pid, Relaxed);
    // In a child the count is at least what it was when an ancestor wrote its number, which had taken that first.
    let next = TAKEN.fetch_add(1, Relaxed) + 1;
    // If another thread was faster, its number is the process's.
    let generation = match words.generation.compare_exchange(0, next, Release, Acquire) {
        Ok(_) => next,
        Err(there) => there,
    };
    (generation, pid)
}

/// Where this process keeps its words from now on, if anywhere.
fn place() -> Option<&'static Words> {
    let (unknown, unkept) = ((&raw const UNKNOWN).cast_mut(), (&raw const UNKEPT).cast_mut());
    if ptr::eq(words(), unknown) {
        let page = wiped_page();
        let ours = match &page {
            Ok(page) => page.as_ptr().cast(),
            // Threads that race here register twice, which does no harm.
            Err(_) => match futex::on_fork_in_child(forked) {
                Ok(()) => (&raw const UNWIPED).cast_mut(),
                Err(_) => unkept,
            },
        };
        let faster = WORDS.compare_exchange(unknown, ours, AcqRel, Relaxed).is_err();
        if let (true, Ok(page)) = (faster, page) {
            // SAFETY: mapped above, and its address was given to no other code.
            unsafe { libc::munmap(page.as_ptr(), SIZE) };
        }
    }
    Some(words()).filter(|&words| !ptr::eq(words, unkept))
}

const SIZE: usize = size_of::<Words>();

/// madvise(2) knows no advice with this number, and fails.
const NO_ADVICE: libc::c_int = -1;

/// A page of zeros, which is one of zeros again in every child.
fn wiped_page() -> io::Result<NonNull<c_void>> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: without an address, the kernel maps where nothing else is; it rounds the size up to pages.
    let page = mapped(unsafe { libc::mmap(null_mut(), SIZE, access, kind, -1, 0) })?;
    // SAFETY: mapped above, and nothing is in it.
    let advise = |advice| checked(unsafe { libc::madvise(page.as_ptr(), SIZE, advice) });
    let heeded = match advise(libc::MADV_WIPEONFORK) {
        // What takes a number that is no advice heeds none: qemu-user, which runs programs for another processor.
        Ok(_) if advise(NO_ADVICE).is_ok() => Err(io::ErrorKind::Unsupported.into()),
        outcome => outcome,
    };
    if let Err(error) = heeded {
        // SAFETY: mapped above, and its address was given to no other code.
        unsafe { libc::munmap(page.as_ptr(), SIZE) };
        return Err(error);
    }
    Ok(page)
}

/// In a child of fork(2).
extern "C" fn forked() {
    UNWIPED.generation.store(0, Relaxed);
    UNWIPED.pid.store(0, Relaxed);
}

/// The process that made a guard, and so the one that ends what the guard stands for.
///
/// A child has a copy of the guard, and is not the maker. (One that shares the maker's memory has the guard itself.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    generation: u64,
    pid: i32,
}

impl Maker {
    /// This process.
    pub(crate) fn this() -> Self {
        let generation = generation();
        // Without the kernel's help, a child that was not made by fork(2) looks like its parent but for its pid.
        let pid = if ptr::eq(words(), &raw const UNWIPED) { pid() } else { id() };
        Self { generation, pid }
    }

    /// Whether this process is the maker.
    pub(crate) fn is_this_process(self) -> bool {
        self == Self::this()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    /// What `say` says in a child that `make` makes.
    fn in_child(make: impl FnOnce() -> libc::pid_t, say: impl FnOnce() -> u8) -> u8 {
        let child = make();
        assert!(child >= 0, "no child: {}", io::Error::last_os_error());
        if child == 0 {
            let said = say();
            // SAFETY: ends the child, without what would be done at the parent's exit.
            unsafe { libc::_exit(said.into()) };
        }
        let mut status = 0;
        // SAFETY: the child of this process, and room for its status.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert!(libc::WIFEXITED(status), "the child ended by {status:#x}");
        u8::try_from(libc::WEXITSTATUS(status)).unwrap()
    }

    fn fork() -> libc::pid_t {
        // SAFETY: the child does nothing but to compare numbers, and ends.
        unsafe { libc::fork() }
    }

    /// Of this, the C library knows nothing.
    fn raw_fork() -> libc::pid_t {
        let flags = libc::SIGCHLD;
        // SAFETY: as for `fork`; without CLONE_VM or a stack of its own, the child has copies of everything.
        let child = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
        libc::pid_t::try_from(child).unwrap()
    }

    /// The ways to fork that are noticed: where the kernel wipes no pages, that of the C library only.
    fn ways() -> &'static [fn() -> libc::pid_t] {
        generation();
        if ptr::eq(words(), &raw const UNWIPED) { &[fork] } else { &[fork, raw_fork] }
    }

    #[test]
    fn a_child_of_any_fork_is_another_process_than_each_of_its_ancestors() {
        for &make in ways() {
            let ours = generation();
            let said = in_child(make, || {
                let child = generation();
                if child == ours || child == 0 || child != generation() {
                    return 1;
                }
                let grandchild = in_child(make, || u8::from([ours, child, 0].contains(&generation())));
                2 * grandchild
            });
            assert_eq!(said, 0);
            assert_eq!(generation(), ours, "the parent stays who it is");
        }
    }

    #[test]
    fn a_child_that_was_not_asked_hands_nothing_on() {
        let ours = generation();
        let &make = ways().last().expect("a way");
        let said = in_child(make, || in_child(make, || u8::from(generation() == ours)));
        assert_eq!(said, 0);
    }

    #[test]
    fn the_pid_is_that_of_the_process_that_asks() {
        assert_eq!(id(), pid());
        for &make in ways() {
            assert_eq!(in_child(make, || u8::from(id() != pid())), 0);
        }
    }

    #[test]
    fn a_maker_is_itself_in_all_threads_and_not_in_a_child() {
        let (start, maker) = (Barrier::new(8), Maker::this());
        let is_maker = || {
            start.wait();
            maker.is_this_process() && generation() == maker.generation
        };
        let all: Vec<bool> = thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(is_maker)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all, [true; 8]);
        for &make in ways() {
            assert_eq!(in_child(make, || u8::from(maker.is_this_process())), 0);
        }
    }
}
