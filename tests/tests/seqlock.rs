//! The sequence lock: whole values, one writer, and what its death leaves.

use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;
use std::time::{Duration, Instant};

use shm_runtime::sync::{ReadError, SeqLock, WriterError};
use shm_runtime::{Shareable, SharedSegment};

use shm_tests::child::Child;
use shm_tests::process::without_system_calls;
use shm_tests::structs::sync::{Frame, arrive, board, raw};
use shm_tests::{HANGS, eventually, peer};

/// How long readers and writer run against each other.
const RUN: Duration = Duration::from_secs(2);

#[test]
fn a_read_is_never_torn() {
    let segment = board();
    let board = segment.attach().unwrap();
    let millis = u64::try_from(RUN.as_millis()).unwrap();
    let readers = [(); 3].map(|()| peer!().sync(&segment, "read", millis));
    arrive(&board, 3);
    let mut writer = board.frame.writer().unwrap();
    let start = Instant::now();
    let mut number = 0;
    while start.elapsed() < RUN {
        number += 1;
        writer.write(&Frame::new(number)).unwrap();
    }
    readers.into_iter().for_each(Child::ends);
    assert!(number > 1_000, "only {number} writes");
    assert!(board.done.load(SeqCst) > 1_000, "only {} reads", board.done.load(SeqCst));
    assert_eq!(board.frame.version(), number);
    assert_eq!(board.frame.read().unwrap().number, number);
}

#[test]
fn a_second_writer_is_refused_by_the_name_of_the_first() {
    let segment = board();
    let board = segment.attach().unwrap();
    let mut peer = peer!().sync(&segment, "write", 0);
    arrive(&board, 1);
    let error = board.frame.writer().unwrap_err();
    assert!(matches!(error, WriterError::Held { pid, .. } if pid == peer.pid()));
    assert!(error.to_string().contains(&format!("process {} (peer)", peer.pid())), "{error}");
    peer.kill();

    let writer = board.frame.writer().unwrap();
    let error = board.frame.writer().unwrap_err();
    assert!(matches!(error, WriterError::Held { pid, .. } if pid == std::process::id()));
    assert!(error.to_string().contains("this process"), "{error}");
    drop(writer);
    drop(board.frame.writer().unwrap());
}

#[test]
fn a_writer_that_is_killed_is_replaced_before_its_parent_has_waited_for_it() {
    let segment = board();
    let board = segment.attach().unwrap();
    let mut peer = peer!().sync(&segment, "write", 0);
    arrive(&board, 1);
    peer.kill_unreaped();
    eventually(|| board.frame.writer().is_ok());
}

/// So large that a writer is in the middle of it almost always.
const LARGE: usize = 1 << 17;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Large {
    value: SeqLock<[u64; LARGE]>,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Large>())]
struct RawLarge {
    sequence: u64,
    slots: [[u64; LARGE]; 2],
    writer: u64,
    process: u64,
    namespace: u64,
    writing: u64,
}

fn filled(number: u64) -> Box<[u64; LARGE]> {
    vec![number; LARGE].into_boxed_slice().try_into().unwrap()
}

#[test]
fn a_writer_killed_in_the_middle_leaves_the_last_value_and_the_next_goes_on() {
    let segment = Large::create().unwrap().remove_on_drop();
    let large = segment.attach().unwrap();
    let raw = shm_runtime::Segment::<RawLarge>::from_id(segment.id()).unwrap().attach().unwrap();
    let (mut torn, mut seen) = (0, filled(0));
    for _ in 0..20 {
        let before = large.value.version();
        // SAFETY: the child writes to the segment from memory it has already, and is killed.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let Ok(mut writer) = large.value.writer() else { std::process::abort() };
            loop {
                seen.fill(large.value.version() + 1);
                if writer.write(&seen).is_err() {
                    std::process::abort();
                }
            }
        }
        eventually(|| large.value.version() > before + 3);
        // Not before it is in the middle, or it would be killed where it has just finished.
        let half = |slot: &shm_runtime::Shared<[u64; LARGE]>| slot[0].get() != slot[LARGE - 1].get();
        eventually(|| raw.slots.iter().any(half));
        // SAFETY: kills the child made above, which was not waited for.
        unsafe { libc::kill(child, libc::SIGKILL) };
        let mut status = 0;
        // SAFETY: waits for that child.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert_eq!(status, libc::SIGKILL, "the child ended otherwise");

        let version = large.value.version();
        large.value.read_into(&mut seen).unwrap();
        assert!(seen.iter().all(|&word| word == version), "not the last complete value");
        torn += usize::from(half(&raw.slots[usize::from(version % 2 == 0)]));

        let mut writer = large.value.writer().unwrap();
        seen.fill(version + 1);
        writer.write(&seen).unwrap();
        seen.fill(0);
        large.value.read_into(&mut seen).unwrap();
        assert!(seen.iter().all(|&word| word == version + 1));
    }
    assert!(torn > 0, "no child was killed in the middle of a write");
}

#[test]
fn a_forked_child_is_not_the_writer() {
    let segment = board();
    let board = segment.attach().unwrap();
    let mut writer = board.frame.writer().unwrap();
    writer.write(&Frame::new(1)).unwrap();
    // SAFETY: the child uses the attachment and /proc, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let lost = matches!(writer.write(&Frame::new(2)), Err(WriterError::Lost { .. }));
        drop(writer);
        let held = matches!(board.frame.writer(), Err(WriterError::Held { .. }));
        // SAFETY: ends the process without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!(lost && held))) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child could write, or claim the role");
    assert_eq!(board.frame.version(), 1);
    writer.write(&Frame::new(3)).unwrap();
}

#[test]
fn a_role_that_was_taken_away_is_lost() {
    let segment = board();
    let board = segment.attach().unwrap();
    let mut writer = board.frame.writer().unwrap();
    board.frame.reset_writer();
    assert!(matches!(writer.write(&Frame::new(1)), Err(WriterError::Lost { pid: 0, .. })));
    let peer = peer!().sync(&segment, "write", 0);
    arrive(&board, 1);
    let error = writer.write(&Frame::new(1)).unwrap_err();
    assert!(matches!(error, WriterError::Lost { pid, .. } if pid == peer.pid()), "{error}");
    // Dropping it does not take the role from the one that has it now.
    drop(writer);
    assert!(matches!(board.frame.writer(), Err(WriterError::Held { pid, .. }) if pid == peer.pid()));
}

#[test]
fn a_role_that_was_taken_away_is_lost_in_the_same_process_too() {
    let segment = board();
    let board = segment.attach().unwrap();
    let mut old = board.frame.writer().unwrap();
    old.write(&Frame::new(1)).unwrap();
    board.frame.reset_writer();
    let mut new = board.frame.writer().unwrap();
    let error = old.write(&Frame::new(2)).unwrap_err();
    assert!(matches!(error, WriterError::Lost { pid, .. } if pid == std::process::id()));
    assert!(error.to_string().contains("another `SeqWriter` of this process"), "{error}");
    new.write(&Frame::new(3)).unwrap();
    // Dropping it does not end the role of the new one.
    drop(old);
    new.write(&Frame::new(4)).unwrap();
    assert!(matches!(board.frame.writer(), Err(WriterError::Held { .. })));
    assert_eq!((board.frame.version(), board.frame.read().unwrap().number), (3, 4));
    drop(new);
    drop(board.frame.writer().unwrap());
}

#[test]
fn no_later_claim_gives_a_lost_role_back() {
    let segment = Modes::create().unwrap().remove_on_drop();
    let modes = segment.attach().unwrap();
    let mut old = modes.mode.writer().unwrap();
    modes.mode.reset_writer();
    for _ in 0..100_000 {
        let new = modes.mode.writer().unwrap();
        assert!(old.write(&Mode::Off).is_err());
        drop(new);
    }
    assert!(old.write(&Mode::Off).is_err());
    assert_eq!(modes.mode.version(), 0);
}

#[test]
fn a_read_is_not_torn_while_the_role_is_taken_away_in_the_middle_of_writes() {
    let segment = board();
    let board = &segment.attach().unwrap();
    let millis = u64::try_from(RUN.as_millis()).unwrap();
    let readers = [(); 2].map(|()| peer!().sync(&segment, "read", millis));
    arrive(board, 2);
    let start = Instant::now();
    // Each writes until its role is taken away; the next one has it before the last one has noticed.
    let (number, resets) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        while start.elapsed() < RUN {
            board.frame.reset_writer();
            resets.fetch_add(1, Relaxed);
            let (mut writer, number) = (board.frame.writer().unwrap(), &number);
            let before = board.frame.version();
            scope.spawn(move || while writer.write(&Frame::new(number.fetch_add(1, Relaxed))).is_ok() {});
            eventually(|| board.frame.version() > before + 3);
        }
        board.frame.reset_writer();
    });
    readers.into_iter().for_each(Child::ends);
    assert!(resets.into_inner() > 20);
    assert!(board.frame.read().unwrap().is_whole());
}

#[test]
fn a_writer_that_is_stopped_in_the_middle_holds_up_the_next_claim_and_no_reader() {
    let segment = Large::create().unwrap().remove_on_drop();
    let large = segment.attach().unwrap();
    let raw = shm_runtime::Segment::<RawLarge>::from_id(segment.id()).unwrap().attach().unwrap();
    let mut seen = filled(0);
    // SAFETY: the child writes to the segment from memory it has already, and is killed.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let Ok(mut writer) = large.value.writer() else { std::process::abort() };
        loop {
            seen.fill(large.value.version() + 1);
            if writer.write(&seen).is_err() {
                std::process::exit(0);
            }
        }
    }
    let child = Stopped(child);
    eventually(|| large.value.version() > 3);
    // In the middle of a write; between two there is not much room.
    loop {
        child.signal(libc::SIGSTOP);
        child.is_stopped();
        if raw.writing.get() != 0 {
            break;
        }
        let before = large.value.version();
        child.signal(libc::SIGCONT);
        eventually(|| large.value.version() > before);
    }
    let version = large.value.version();
    large.value.reset_writer();
    large.value.read_into(&mut seen).unwrap();
    assert!(seen.iter().all(|&word| word == version));
    // It goes on while a claim waits: the write is completed, and is the last.
    let mut next = thread::scope(|scope| {
        scope.spawn(|| {
            eventually(|| raw.writer.get() & 0x3f_ffff == std::process::id().into());
            child.signal(libc::SIGCONT);
        });
        large.value.writer().unwrap()
    });
    assert_eq!(large.value.version(), version + 1);
    large.value.read_into(&mut seen).unwrap();
    assert!(seen.iter().all(|&word| word == version + 1));
    seen.fill(7);
    next.write(&seen).unwrap();
    large.value.read_into(&mut seen).unwrap();
    assert!(seen.iter().all(|&word| word == 7));
    assert_eq!(large.value.version(), version + 2);
}

#[test]
fn a_writer_that_stays_stopped_in_the_middle_holds_a_claim_up_for_a_second_and_publishes_nothing() {
    let segment = board();
    let board = segment.attach().unwrap();
    let raw = raw(&segment);
    let mut writer = board.frame.writer().unwrap();
    // As if it were in the middle of a write.
    raw.writing.store(raw.writer.load(SeqCst), SeqCst);
    board.frame.reset_writer();
    let start = Instant::now();
    let mut next = board.frame.writer().unwrap();
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < HANGS);
    assert!(writer.write(&Frame::new(1)).is_err());
    next.write(&Frame::new(2)).unwrap();
    assert_eq!((board.frame.version(), raw.writing.load(SeqCst)), (1, 0));
}

#[test]
fn a_writers_pid_that_was_reused_is_no_writer() {
    let segment = board();
    let board = segment.attach().unwrap();
    let raw = raw(&segment);
    drop(board.frame.writer().unwrap());
    // This very process, as if it had another number, or had started at another time.
    std::mem::forget(board.frame.writer().unwrap());
    raw.process.fetch_sub(2 << 22, SeqCst);
    drop(board.frame.writer().unwrap());
    assert_eq!(raw.writer.load(SeqCst) & 0x3f_ffff, 0);
}

#[test]
fn no_word_in_the_writers_place_hangs_or_panics() {
    let segment = board();
    let board = segment.attach().unwrap();
    let raw = raw(&segment);
    let random = std::iter::successors(Some(0x2545_f491_4f6c_dd1d_u64), |&x| {
        let x = x ^ x << 13;
        let x = x ^ x >> 7;
        Some(x ^ x << 17)
    });
    for word in [1, u64::MAX, 1 << 22, (1 << 22) - 1].into_iter().chain(random.take(1_000)) {
        raw.writer.store(word, SeqCst);
        raw.process.store(word.rotate_left(22), SeqCst);
        drop(board.frame.writer());
    }
    board.frame.reset_writer();
    let mut writer = board.frame.writer().unwrap();
    for word in [1, u64::MAX, std::process::id().into()] {
        raw.writing.store(word, SeqCst);
        raw.process.store(word, SeqCst);
        writer.write(&Frame::new(1)).unwrap();
        assert_eq!(raw.writing.load(SeqCst), 0);
    }
}

/// A child, killed and waited for at the end.
struct Stopped(libc::pid_t);

impl Stopped {
    fn signal(&self, signal: i32) {
        // SAFETY: takes numbers, the id of a child that was not waited for.
        unsafe { libc::kill(self.0, signal) };
    }

    /// Waits until it is.
    fn is_stopped(&self) {
        let mut status = 0;
        // SAFETY: waits for that child.
        unsafe { libc::waitpid(self.0, &raw mut status, libc::WUNTRACED) };
        assert!(libc::WIFSTOPPED(status), "{status:#x}");
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        self.signal(libc::SIGKILL);
        // SAFETY: waits for that child, without asking for its status.
        unsafe { libc::waitpid(self.0, std::ptr::null_mut(), 0) };
    }
}

#[test]
fn a_sequence_number_that_never_stands_still_hangs_no_reader() {
    let segment = board();
    let board = segment.attach().unwrap();
    let raw = raw(&segment);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                raw.sequence.fetch_add(1, SeqCst);
            }
        });
        let start = Instant::now();
        for _ in 0..10 {
            // Which of the two depends on how the threads are scheduled.
            if let Err(error) = board.frame.read() {
                assert!(matches!(error, ReadError::Overtaken { .. }), "{error}");
                assert!(error.to_string().contains("10000 times"), "{error}");
            }
        }
        stop.store(true, Relaxed);
        assert!(start.elapsed() < HANGS);
    });
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
enum Mode {
    Off = 1,
    On = 2,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Modes {
    mode: SeqLock<Mode>,
    flags: [SeqLock<[bool; 3]>; 2],
}

#[test]
fn bytes_that_are_not_a_value_are_an_error() {
    let segment = Modes::create().unwrap().remove_on_drop();
    let modes = segment.attach().unwrap();
    // Nothing was written, and 0 is not a mode.
    assert!(matches!(modes.mode.read(), Err(ReadError::Invalid(invalid)) if invalid.found() == 0));
    modes.mode.writer().unwrap().write(&Mode::On).unwrap();
    assert_eq!(segment.attach_read_only().unwrap().mode.read(), Ok(Mode::On));
    assert_ne!(Mode::On, Mode::Off);
}

#[test]
fn several_in_an_array_have_a_writer_each() {
    let segment = Modes::create().unwrap().remove_on_drop();
    let modes = segment.attach().unwrap();
    let (mut first, mut second) = (modes.flags[0].writer().unwrap(), modes.flags[1].writer().unwrap());
    first.write(&[true, false, true]).unwrap();
    second.write(&[false, true, false]).unwrap();
    assert_eq!(modes.flags[0].read(), Ok([true, false, true]));
    assert_eq!(modes.flags[1].read(), Ok([false, true, false]));
    assert_eq!(modes.flags[1].version(), 1);
}

#[test]
fn reads_and_writes_take_no_system_call() {
    let segment = board();
    let board = segment.attach().unwrap();
    let mut writer = None;
    without_system_calls(|| {
        let writer = writer.get_or_insert_with(|| board.frame.writer().unwrap());
        writer.write(&Frame::new(7)).unwrap();
        assert!(board.frame.read().unwrap().is_whole());
    });
}
