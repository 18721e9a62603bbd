//! The sequence lock: whole values, one writer, and what its death leaves.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Relaxed, SeqCst},
};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use shm_runtime::sync::{ReadError, SeqLock, SeqWriter, WriterError};
use shm_runtime::{Attached, Part, Shareable, SharedSegment};

use shm_tests::child::Child;
use shm_tests::process::without_system_calls;
use shm_tests::structs::sync::{Board, Frame, arrive, board, raw};
use shm_tests::{HANGS, eventually, oracle, peer, skip};

/// How long readers and writer run against each other.
const RUN: Duration = Duration::from_secs(2);

#[test]
fn a_read_is_never_torn() {
    let segment = board();
    let board = segment.attach().unwrap();
    let readers = [(); 3].map(|()| peer!().sync(&segment, "read", 0));
    arrive(&board, 3);
    let mut writer = board.frame.writer().unwrap();
    let start = Instant::now();
    let mut number = 0;
    // Many thousands; a few hundred where a busy machine emulates another processor.
    while start.elapsed() < RUN || number < 100 || board.done.load(SeqCst) < 100 {
        assert!(start.elapsed() < HANGS, "only {number} writes and {} reads", board.done.load(SeqCst));
        number += 1;
        writer.write(&Frame::new(number)).unwrap();
    }
    board.go.store(1, SeqCst);
    readers.into_iter().for_each(Child::ends);
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

/// What a time is rounded to, and what a clock that is being adjusted may be off.
const ROUNDED: Duration = Duration::from_millis(500);

#[test]
fn a_reader_is_told_which_process_writes_since_when_and_whether_it_lives() {
    let segment = board();
    let (board, display) = (segment.attach().unwrap(), segment.attach_read_only().unwrap());
    assert_eq!(display.frame.writer_info(), None);
    let before = SystemTime::now();
    for unreaped in [false, true] {
        let mut peer = peer!().sync(&segment, "write", 0);
        arrive(&board, 1);
        board.arrived.store(0, SeqCst);
        let info = display.frame.writer_info().unwrap();
        assert_eq!((info.pid, info.alive, info.pid_namespace), (peer.pid(), Some(true), None));
        let started = info.started.unwrap();
        assert!(started + ROUNDED > before && started < SystemTime::now() + ROUNDED, "{started:?}");
        if unreaped {
            peer.kill_unreaped()
        } else {
            peer.kill()
        }
        eventually(|| display.frame.writer_info().unwrap().alive == Some(false));
        assert_eq!(display.frame.writer_info().unwrap().pid, peer.pid());
    }
    let writer = board.frame.writer().unwrap();
    let info = display.frame.writer_info().unwrap();
    assert_eq!((info.pid, info.alive), (std::process::id(), Some(true)));
    drop(writer);
    assert_eq!(display.frame.writer_info(), None);
}

#[test]
fn a_later_process_with_the_writers_pid_is_not_said_to_be_the_writer() {
    let segment = board();
    let (board, raw) = (segment.attach().unwrap(), raw(&segment));
    let _writer = board.frame.writer().unwrap();
    raw.process.fetch_sub(2 << 22, SeqCst);
    let info = board.frame.writer_info().unwrap();
    assert_eq!((info.pid, info.alive), (std::process::id(), Some(false)));
    // Of another claim's process nothing is known.
    raw.process.fetch_add(1, SeqCst);
    let info = board.frame.writer_info().unwrap();
    assert_eq!((info.pid, info.alive, info.started), (std::process::id(), None, None));
}

/// What a program has of a board: the whole, and the role of its writer.
struct Camera {
    board: Arc<Attached<Board>>,
    frame: SeqWriter<'static, Frame>,
}

/// Waits until the segment has so many attachments: a child that another test of this process forked has its own, for a
/// moment.
fn attached_eventually(id: i32, count: u64) {
    eventually(|| oracle::attached(id) == count);
}

#[test]
fn a_writer_in_a_struct_beside_its_attachment_keeps_it_attached_and_gives_the_role_back() {
    let segment = board();
    let other = segment.attach().unwrap();
    let camera = |board: Attached<Board>| {
        let board = Arc::new(board);
        Camera { frame: board.part(|board| &board.frame).into_writer().unwrap(), board }
    };
    let mut camera = camera(segment.attach().unwrap());
    assert!(matches!(other.frame.writer(), Err(WriterError::Held { .. })));
    camera.board.round.store(7, SeqCst);
    camera.frame.write(&Frame::new(1)).unwrap();
    attached_eventually(segment.id(), 2);
    let Camera { board, mut frame } = camera;
    drop(board);
    let written = thread::spawn(move || {
        frame.write(&Frame::new(2)).unwrap();
        frame
    });
    let frame = written.join().unwrap();
    assert_eq!(other.frame.read().unwrap().number, 2);
    attached_eventually(segment.id(), 2);
    drop(frame);
    attached_eventually(segment.id(), 1);
    drop(other.frame.writer().unwrap());
    // One that is refused the role keeps nothing.
    let _writer = other.frame.writer().unwrap();
    let board = Arc::new(segment.attach().unwrap());
    let part = board.part(|board| &board.frame);
    drop(board);
    assert!(matches!(part.into_writer(), Err(WriterError::Held { .. })));
    attached_eventually(segment.id(), 1);
}

#[test]
fn an_owned_writer_ends_its_role_in_its_own_process_only_and_loses_it_when_that_is_killed() {
    let segment = board();
    let board = Arc::new(segment.attach().unwrap());
    let part = board.part(|board| &board.frame);
    let mut writer = part.clone().into_writer().unwrap();
    writer.write(&Frame::new(1)).unwrap();
    // SAFETY: the child uses the attachment, and leaves by _exit.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let lost = matches!(writer.write(&Frame::new(2)), Err(WriterError::Lost { .. }));
        drop(writer);
        // SAFETY: ends the process without running anything that belongs to the parent.
        unsafe { libc::_exit(i32::from(!lost)) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the child could write");
    writer.write(&Frame::new(3)).unwrap();
    drop(writer);

    let mut peer = peer!().sync(&segment, "write-owned", 0);
    arrive(&board, 1);
    assert!(matches!(part.clone().into_writer(), Err(WriterError::Held { pid, .. }) if pid == peer.pid()));
    peer.kill();
    let mut writer = part.into_writer().unwrap();
    writer.write(&Frame::new(4)).unwrap();
    assert_eq!(board.frame.read().unwrap().number, 4);
}

#[test]
fn the_parts_of_an_attachment_are_its_own_memory_and_keep_it() {
    let segment = board();
    let (board, raw) = (Arc::new(segment.attach().unwrap()), raw(&segment));
    let round: Part<AtomicU64> = board.part(|board| &board.round);
    let frame = board.part(|board| &board.frame);
    let display = Arc::new(segment.attach_read_only().unwrap());
    let shown = display.part(|board| &board.frame);
    drop((board, display));
    attached_eventually(segment.id(), 3);
    round.store(7, SeqCst);
    assert_eq!(raw.rest[0].get(), 7);
    frame.writer().unwrap().write(&Frame::new(5)).unwrap();
    assert_eq!((raw.sequence.load(SeqCst), shown.read().unwrap().number), (1, 5));
    drop((round.clone(), round));
    attached_eventually(segment.id(), 3);
    drop(frame);
    attached_eventually(segment.id(), 2);
    drop(shown);
    attached_eventually(segment.id(), 1);
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
    assert!(error.to_string().contains("another writer of this process"), "{error}");
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
    let readers = [(); 2].map(|()| peer!().sync(&segment, "read", 0));
    arrive(board, 2);
    let start = Instant::now();
    // Each writes until its role is taken away; the next one has it before the last one has noticed.
    let (number, mut resets) = (AtomicU64::new(0), 0);
    thread::scope(|scope| {
        // No panic in here: the threads end when the role is taken away from the last one.
        let hangs = || start.elapsed() > HANGS;
        while (start.elapsed() < RUN || resets < 20) && !hangs() {
            board.frame.reset_writer();
            resets += 1;
            let (mut writer, number) = (board.frame.writer().unwrap(), &number);
            let before = board.frame.version();
            scope.spawn(move || while writer.write(&Frame::new(number.fetch_add(1, Relaxed))).is_ok() {});
            while board.frame.version() <= before + 3 && !hangs() {
                thread::sleep(Duration::from_micros(200));
            }
        }
        board.frame.reset_writer();
    });
    board.go.store(1, SeqCst);
    readers.into_iter().for_each(Child::ends);
    assert!(resets >= 20, "the role was taken away {resets} times only");
    assert!(board.frame.read().unwrap().is_whole());
}

#[test]
fn a_process_that_may_not_ask_for_barriers_in_other_threads_takes_the_role_from_a_living_writer_all_the_same()
{
    let mut taker = peer!().start_with("sync");
    if taker.ask(format!("refuse membarrier {}", libc::EPERM)) == "false" {
        skip("a filter for system calls is forbidden here");
        return;
    }
    let segment = board();
    let board = &segment.attach().unwrap();
    let readers = [(); 2].map(|()| peer!().sync(&segment, "read", 0));
    arrive(board, 2);
    for _ in 0..5 {
        let (start, before) = (Instant::now(), board.frame.version());
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut writer = board.frame.writer().unwrap();
                // Until the role is taken away.
                while writer.write(&Frame::new(board.frame.version() + 1)).is_ok() {
                    assert!(start.elapsed() < HANGS, "the role was not taken away");
                }
            });
            eventually(|| board.frame.version() > before + 3);
            taker.ask(format!("take {} 50", segment.id()));
        });
        // Each value that was written is counted, once.
        let (last, version) = (board.frame.read().unwrap(), board.frame.version());
        assert!(last.is_whole() && last.number == version && version > before + 53);
    }
    board.go.store(1, SeqCst);
    readers.into_iter().for_each(Child::ends);
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
    many: SeqLock<[Mode; 1000]>,
}

/// The same, to a program that respects no type.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare, size = size_of::<Modes>())]
struct RawModes {
    mode: SeqLock<u8>,
    flags: [SeqLock<[u8; 3]>; 2],
    many: SeqLock<[u8; 1000]>,
}

#[test]
fn what_was_never_written_is_said_to_be_so_and_not_to_be_another_processs() {
    let segment = Modes::create().unwrap().remove_on_drop();
    let modes = segment.attach_read_only().unwrap();
    // 0 is not a mode.
    assert_eq!(modes.mode.read(), Err(ReadError::NeverWritten));
    assert_eq!(modes.many.read_into_uninit(&mut Box::new_uninit()), Err(ReadError::NeverWritten));
    let text = ReadError::NeverWritten.to_string();
    assert!(text.contains("nothing was written yet") && text.contains("`create_with`"), "{text}");
    // It is false: a reader that has to know asks for the version.
    assert_eq!((modes.flags[0].read(), modes.flags[0].version()), (Ok([false; 3]), 0));
    let writing = segment.attach().unwrap();
    writing.mode.writer().unwrap().write(&Mode::On).unwrap();
    writing.flags[0].writer().unwrap().write(&[false; 3]).unwrap();
    assert_eq!((modes.mode.read(), modes.mode.version()), (Ok(Mode::On), 1));
    assert_eq!((modes.flags[0].read(), modes.flags[0].version()), (Ok([false; 3]), 1));
}

#[test]
fn bytes_that_are_not_a_value_are_an_error_wherever_they_are_read_to() {
    let segment = Modes::create().unwrap().remove_on_drop();
    let modes = segment.attach_read_only().unwrap();
    let raw = shm_runtime::Segment::<RawModes>::from_id(segment.id()).unwrap().attach().unwrap();
    let mut place = Box::new_uninit();
    let mut bytes = [1; 1000];
    for wrong in [0, 3, 255] {
        raw.mode.writer().unwrap().write(&wrong).unwrap();
        assert!(
            matches!(modes.mode.read(), Err(ReadError::Invalid(invalid)) if invalid.found() == wrong.into())
        );
        for at in [0, 999] {
            bytes[at] = wrong;
            raw.many.writer().unwrap().write(&bytes).unwrap();
            let Err(ReadError::Invalid(invalid)) = modes.many.read_into_uninit(&mut place) else {
                panic!("{wrong} at {at} was read")
            };
            assert_eq!((invalid.found(), invalid.path()), (wrong.into(), &*format!("[{at}]")));
            bytes[at] = 2;
        }
    }
    raw.many.writer().unwrap().write(&bytes).unwrap();
    let many = modes.many.read_into_uninit(&mut place).unwrap();
    assert!(many[0] == Mode::On && many[1] == Mode::Off && many[999] == Mode::On);
    many[0] = Mode::Off;
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
