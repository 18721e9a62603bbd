//! A process is known by more than its pid: in other pid and time namespaces, after its pid was reused, on old kernels, and
//! without /proc. What cannot be known counts as alive.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use shm_runtime::{Options, Segment, SharedSegment};
use shm_tests::child::{Child, Failure, Peer};
use shm_tests::key::OwnKey;
use shm_tests::structs::processes::{Bank, Station};
use shm_tests::{oracle, skip};

/// Longer than anything here takes.
const HANGS: Duration = Duration::from_secs(30);

/// In which nothing is said of pids.
const TIME_NAMESPACE: [&str; 6] = ["unshare", "--time", "--boottime", "100000", "--kill-child", "--"];
const PID_NAMESPACE: [&str; 4] = ["unshare", "--pid", "--kill-child", "--mount-proc"];
const NO_PROC: [&str; 6] = ["unshare", "--mount", "sh", "-c", "umount -l /proc && exec \"$@\"", "sh"];

/// A peer, run by these words; none, and a word about it, if that is forbidden here.
fn peer(words: &[&str], key: &OwnKey) -> Option<Child> {
    let peer = Peer::new(env!("CARGO_BIN_EXE_namespaced-peer")).by(words)?;
    Some(peer.start_with(&key.value().to_string()))
}

/// The same, on a kernel without pidfds if it is to be `old`.
fn peer_on(old: bool, words: &[&str], key: &OwnKey) -> Option<Child> {
    let mut peer = peer(words, key)?;
    if old && peer.ask("old kernel") == "false" {
        skip("a filter for system calls is forbidden here");
        return None;
    }
    Some(peer)
}

/// Whether it becomes the writer now.
fn writes(peer: &mut Child) -> bool {
    peer.send("write");
    peer.answer().is_ok()
}

fn pid_namespace() -> u64 {
    fs::metadata("/proc/self/ns/pid").unwrap().ino()
}

#[test]
fn a_living_writer_and_creator_are_alive_from_another_time_namespace_and_dead_ones_dead() {
    for old in [false, true] {
        for [first, second] in [[&[][..], &TIME_NAMESPACE], [&TIME_NAMESPACE, &[]]] {
            let key = OwnKey::new();
            let Some(mut first) = peer_on(old, first, &key) else { return };
            let Some(mut second) = peer_on(old, second, &key) else { return };
            first.ask("create");
            first.ask("write");
            assert_eq!(second.failure("write").kind, "Held", "old: {old}");
            let seen = second.ask("writer");
            let age = seen.strip_prefix("Some(true) Some(").and_then(|rest| rest.strip_suffix(')'));
            assert!(age.is_some_and(|age| age.parse::<u64>().unwrap() < 60), "old: {old}: {seen}");
            first.kill();
            until(|| second.ask("writer").starts_with("Some(false)"));
            until(|| writes(&mut second));
        }
        for [first, second] in [[&[][..], &TIME_NAMESPACE], [&TIME_NAMESPACE, &[]]] {
            let key = OwnKey::new();
            let Some(mut first) = peer_on(old, first, &key) else { return };
            let Some(mut second) = peer_on(old, second, &key) else { return };
            first.ask("create");
            assert_eq!(second.ask("replace"), "42", "old: {old}");
            first.kill();
            until(|| second.ask("replace") == "0");
        }
    }
}

#[test]
fn without_a_number_on_pidfs_a_process_is_known_by_its_start() {
    let key = OwnKey::new();
    let start = || {
        let mut peer = peer(&[], &key)?;
        let filtered = peer.ask("no pidfs") == "true";
        if !filtered {
            skip("a filter for system calls is forbidden here");
        }
        filtered.then_some(peer)
    };
    let (Some(mut first), Some(mut second)) = (start(), start()) else { return };
    first.ask("create");
    first.ask("write");
    assert_eq!(second.failure("write").kind, "Held");
    assert!(second.ask("writer").starts_with("Some(true) Some("));
    first.kill();
    until(|| second.ask("writer").starts_with("Some(false)"));
    until(|| writes(&mut second));
}

#[test]
fn a_process_whose_first_thread_has_ended_lives() {
    for old in [false, true] {
        let key = OwnKey::new();
        // The words of a shell, so that the program has one more.
        let Some(mut first) = peer_on(old, &["sh", "-c", "exec \"$0\" \"$@\" leaderless"], &key) else {
            return;
        };
        let Some(mut second) = peer_on(old, &[], &key) else { return };
        first.ask("create");
        first.ask("write");
        until(|| {
            let stat = fs::read_to_string(format!("/proc/{}/stat", first.pid())).unwrap();
            stat[stat.rfind(')').unwrap()..].starts_with(") Z")
        });
        assert_eq!(second.failure("write").kind, "Held", "old: {old}");
        first.kill();
        until(|| writes(&mut second));
    }
}

#[test]
fn a_slow_creator_is_waited_for_from_another_time_namespace() {
    for old in [false, true] {
        let key = OwnKey::new();
        let Some(mut creator) = peer_on(old, &[], &key) else { return };
        let Some(mut opener) = peer_on(old, &TIME_NAMESPACE, &key) else { return };
        creator.send("slow");
        assert_eq!(creator.line(), "begun");
        assert_eq!(opener.failure("open").kind, "NotReady", "old: {old}");
        opener.send("wait");
        creator.send("go on");
        assert_eq!(creator.line(), "ok\t");
        assert_eq!(opener.line(), "ok\t42");
    }
}

#[test]
fn a_struct_with_a_mutex_is_not_attached_from_another_pid_namespace_unless_that_is_said() {
    let key = OwnKey::new();
    let Some(mut creator) = peer(&PID_NAMESPACE, &key) else { return };
    let Some(mut other) = peer(&PID_NAMESPACE, &key) else { return };
    creator.ask("bank");
    assert_eq!(creator.ask("use bank"), "0");
    let Failure { kind, text, .. } = other.failure("use bank");
    assert_eq!(kind, "OtherPidNamespace");
    let id = oracle::by_key(key.value()).unwrap().id.to_string();
    for part in ["Mutex", "pid:[", "shareProcessNamespace", "allow_other_pid_namespace()", "shmid", &id] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(text.matches("pid:[").count(), 2, "both: {text}");
    assert_eq!(other.ask("look into bank"), "Some(false)", "nothing can be locked there");
    assert_eq!(other.ask("use bank anyway"), "0");
    // From outside too, where the creator can be seen; and by its id.
    let segment: Segment<Bank> = with_key::<Bank>(&key).open().unwrap();
    let error = segment.attach().unwrap_err().to_string();
    assert!(error.contains(&format!("pid:[{}]", pid_namespace())), "{error}");
    assert!(Segment::<Bank>::from_id(segment.id()).unwrap().attach().is_err());
    assert!(segment.attach_write_only().is_err());
    // Inside a namespace, what was created outside.
    let key = OwnKey::new();
    let Some(mut inside) = peer(&PID_NAMESPACE, &key) else { return };
    let bank = with_key::<Bank>(&key).create().unwrap();
    assert_eq!(bank.attach().unwrap().shares_pid_namespace(), Some(true));
    let text = inside.failure("use bank").text;
    assert!(text.contains(&format!("pid:[{}]", pid_namespace())), "{text}");
}

#[test]
fn a_writer_in_another_pid_namespace_is_never_robbed_and_is_not_said_to_be_gone() {
    for old in [false, true] {
        let key = OwnKey::new();
        let Some(mut first) = peer_on(old, &PID_NAMESPACE, &key) else { return };
        let Some(mut second) = peer_on(old, &PID_NAMESPACE, &key) else { return };
        first.ask("create");
        first.ask("write");
        assert_eq!(second.ask("shares"), "Some(false)");
        // Both have pid 1.
        let Failure { kind, text, .. } = second.failure("write");
        assert_eq!(kind, "HeldElsewhere");
        for part in ["a process of another pid namespace, pid:[", "`reset_writer`"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        // From outside, there is a process 1, and it is another one.
        let segment = with_key::<Station>(&key).open().unwrap();
        let station = segment.attach().unwrap();
        assert!(station.wind.writer().unwrap_err().to_string().contains("another pid namespace"));
        let info = segment.attach_read_only().unwrap().wind.writer_info().unwrap();
        assert_eq!((info.pid, info.alive), (1, None));
        assert!(
            info.pid_namespace.is_some_and(|namespace| u64::from(namespace) != pid_namespace()),
            "{info:?}"
        );
        // Nor is the creator, which only its own pid namespace knows.
        assert_eq!(second.ask("replace"), "42");
        drop(station);
        let text = second.failure("again").text;
        assert!(text.contains("a process that cannot be seen from this pid namespace"), "{text}");
        assert!(!text.contains("pid 0") && !text.contains("gone"), "{text}");
        // From outside, it is seen to die. From beside, never.
        first.kill();
        until(|| second.failure("write").kind == "HeldElsewhere" && second.ask("replace") == "42");
        until(|| with_key::<Station>(&key).reclaim_stale(true).create().is_ok());
    }
}

#[test]
fn a_half_made_segment_of_another_pid_namespace_is_left_and_that_is_said() {
    let key = OwnKey::new();
    let Some(mut creator) = peer(&PID_NAMESPACE, &key) else { return };
    let Some(mut opener) = peer(&PID_NAMESPACE, &key) else { return };
    creator.send("slow");
    assert_eq!(creator.line(), "begun");
    creator.kill();
    let Failure { kind, text, .. } = opener.failure("open");
    assert_eq!(kind, "NotReady");
    for part in ["cannot be seen from this pid namespace", "cannot be told from here", "ipcrm -m"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(opener.failure("replace").kind, "NotReady");
}

#[test]
fn without_proc_a_limit_is_a_limit_and_the_living_are_alive_and_the_dead_dead() {
    let key = OwnKey::new();
    let Some(mut peer) = peer(&NO_PROC, &key) else { return };
    peer.ask("create");
    let expected = [
        ("send", "kernel.msgmax", "Limit"),
        ("many semaphores", "SEMMSL", "Limit"),
        ("attach at 1", "0x1", "Address"),
    ];
    for (command, part, kind) in expected {
        let failure = peer.failure(command);
        assert_eq!(failure.kind, kind, "{command}: {}", failure.text);
        assert!(failure.text.contains(part), "{part} in {}", failure.text);
    }
    let text = peer.failure("again").text;
    assert!(text.contains("created by pid ") && !text.contains("gone"), "{text}");
    assert_eq!(peer.ask("replace"), "42", "its creator is this process");
    // Another one, of which there is a number on pidfs if the kernel has that.
    let Some(mut other) = self::peer(&NO_PROC, &key) else { return };
    assert_eq!(other.ask("replace"), "42");
    assert_eq!(other.ask("write"), "");
    assert_eq!(peer.failure("write").kind, "Held");
    assert!(peer.failure("write").text.contains("is the writer"));
}

/// Set inside the namespace.
const INSIDE: &str = "SHM_PROCESSES_INSIDE";

/// Runs the test of this name again in a pid namespace of its own, where ids can be chosen, with segments of its own.
fn in_a_namespace(name: &str, inside: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return inside();
    }
    let namespace = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--pid", "--ipc", "--kill-child", "--mount-proc", "--"]);
        unshare
    };
    let next_id = "echo 1000 > /proc/sys/kernel/ns_last_pid";
    if !namespace().args(["sh", "-c", next_id]).output().is_ok_and(|output| output.status.success()) {
        skip("a pid namespace in which ids can be chosen is not allowed here");
        return;
    }
    let mut again = namespace();
    again.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = again.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}{err}");
    assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
}

/// A process that has this pid, killed at the end.
struct Reused(std::process::Child);

impl Reused {
    fn new(pid: u32) -> Self {
        // So long after the one before that its start differs by more than a rounding.
        let later = Instant::now() + Duration::from_millis(50);
        while Instant::now() < later {
            std::thread::yield_now();
        }
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
        let this = Self(Command::new("sleep").arg("60").spawn().unwrap());
        assert_eq!(this.0.id(), pid, "the id was not reused");
        this
    }
}

impl Drop for Reused {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_dead_writers_and_creators_pid_that_lives_again_is_another_process() {
    in_a_namespace("a_dead_writers_and_creators_pid_that_lives_again_is_another_process", || {
        for old in [false, true] {
            let key = OwnKey::new();
            let Some(mut first) = peer_on(old, &[], &key) else { return };
            let Some(mut second) = peer_on(old, &[], &key) else { return };
            first.ask("create");
            first.ask("write");
            let pid = first.pid();
            first.kill();
            let reused = Reused::new(pid);
            second.ask("write");
            let Some(mut third) = peer_on(old, &[], &key) else { return };
            assert_eq!(third.failure("write").kind, "Held");
            drop((second, reused));
            let reused = Reused::new(pid);
            assert_eq!(third.ask("replace"), "0", "old: {old}");
            drop(reused);
        }
    });
}

#[test]
fn a_reclaimer_that_is_killed_holds_nobody_up_although_its_pid_lives_again() {
    in_a_namespace("a_reclaimer_that_is_killed_holds_nobody_up_although_its_pid_lives_again", || {
        for old in [false, true] {
            let key = OwnKey::new();
            let Some(mut creator) = peer_on(old, &[], &key) else { return };
            creator.send("abandon");
            creator.finish();
            let id = oracle::by_key(key.value()).unwrap().id;
            let holder = Mapped::new(id);
            // It claims, and waits for the holder to leave.
            let pid = loop {
                let Some(mut reclaimer) = peer_on(old, &[], &key) else { return };
                let pid = reclaimer.pid();
                reclaimer.send("replace");
                let end = Instant::now() + Duration::from_millis(40);
                while holder.state() & 0xf != 4 && Instant::now() < end {}
                reclaimer.kill();
                if holder.state() & 0xf == 4 {
                    break pid;
                }
            };
            drop(holder);
            let _reused = Reused::new(pid);
            let Some(mut next) = peer_on(old, &[], &key) else { return };
            assert_eq!(next.ask("replace"), "0", "old: {old}");
            assert_ne!(oracle::by_key(key.value()).unwrap().id, id);
        }
    });
}

#[test]
fn a_process_that_started_after_a_blank_segment_was_made_did_not_make_it() {
    in_a_namespace("a_process_that_started_after_a_blank_segment_was_made_did_not_make_it", || {
        let key = OwnKey::new();
        let size = Station::create().unwrap().remove_on_drop().size();
        let script = format!("ipcmk -M {size} >/dev/null");
        // As a creator leaves it that is killed between two of its instructions.
        let mut dead = Command::new("sh").args(["-c", &format!("{script}; :")]).spawn().unwrap();
        let _ = dead.wait();
        let Some(row) = shm_rows().into_iter().find(|row| row.size == size) else {
            skip("there is no ipcmk here");
            return;
        };
        let opened = || Station::options().wait(Duration::from_millis(50)).open_id(row.id).unwrap().attach();
        drop(key);
        // Its pid lives again, two seconds later than the kernel noted down that it was made.
        let made = Duration::from_secs(row.ctime);
        let now = || std::time::UNIX_EPOCH.elapsed().unwrap();
        while now() < made + Duration::from_millis(2200) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _reused = Reused::new(row.cpid);
        let error = opened().unwrap_err().to_string();
        assert!(error.contains("never initialised"), "{error}");
    });
}

/// A row of /proc/sysvipc/shm.
struct Row {
    id: i32,
    size: usize,
    cpid: u32,
    ctime: u64,
}

fn shm_rows() -> Vec<Row> {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        Row {
            id: columns[1].parse().unwrap(),
            size: columns[3].parse().unwrap(),
            cpid: columns[4].parse().unwrap(),
            ctime: columns[13].parse().unwrap(),
        }
    };
    table.lines().skip(1).map(row).collect()
}

/// A mapping by a process that knows nothing of seals.
struct Mapped {
    address: *const u8,
    size: usize,
}

impl Mapped {
    fn new(id: i32) -> Self {
        // SAFETY: without an address, the kernel maps where nothing else is.
        let address = unsafe { libc::shmat(id, std::ptr::null(), libc::SHM_RDONLY) };
        assert_ne!(address.addr(), usize::MAX);
        let size = shm_rows().into_iter().find(|row| row.id == id).unwrap().size;
        Self { address: address.cast_const().cast(), size }
    }

    /// The state in the footer, which has 112 bytes.
    fn state(&self) -> u32 {
        // SAFETY: within the mapping, and aligned to 8.
        let word = unsafe { self.address.add(self.size - 112) };
        // SAFETY: mapped until `self` is dropped, and atomics may change at any time.
        unsafe { &*word.cast::<std::sync::atomic::AtomicU32>() }.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: it came from shmat, and nothing was borrowed from it.
        unsafe { libc::shmdt(self.address.cast()) };
    }
}

fn with_key<T: SharedSegment>(key: &OwnKey) -> Options<T> {
    let mut options = T::options();
    options.key(key.key()).wait(Duration::from_millis(50));
    options
}

/// Waits for what happens soon: the end of a process that was killed, say.
#[track_caller]
fn until(mut happened: impl FnMut() -> bool) {
    let end = Instant::now() + HANGS;
    while !happened() {
        assert!(Instant::now() < end, "it does not happen");
        std::thread::sleep(Duration::from_millis(1));
    }
}
