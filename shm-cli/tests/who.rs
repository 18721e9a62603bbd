//! `shm who` shows the processes that the kernel has attached, which locks they hold, and what it could not look at.

mod tool;

use std::fs;
use std::process::Command;

use serde_json::Value;
use shm_runtime::msg::{Queue, Select};
use shm_runtime::sem::Semaphore;
use shm_runtime::{Key, SharedSegment, sync};
use shm_tests::child::Child;
use shm_tests::key::OwnKey;
use shm_tests::oracle::{self, Table};
use shm_tests::temp::TempDir;
use shm_tests::{have, skip};

use self::tool::{SHM, alone, as_nobody, checked, json, printed};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "BankOfWho")]
struct Bank {
    total: sync::Mutex<u64>,
    accounts: [sync::Mutex<u64>; 3],
    wind: sync::SeqLock<f64>,
}

/// Of more locks than one would look at.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "ManyOfWho")]
struct Many {
    locks: [sync::Mutex<u8>; 1 << 17],
    last: sync::Mutex<u8>,
}

/// Not a test: the other process of those below, if its variables are set.
#[test]
fn another_process() {
    let Ok(role) = std::env::var("SHM_TEST_ROLE") else { return };
    let key = std::env::var("SHM_TEST_KEY").unwrap().parse().unwrap();
    let bank = Bank::options().key(Key::fixed(key)).open().unwrap();
    let wait = || {
        println!("ready");
        std::io::stdin().read_line(&mut String::new()).unwrap();
    };
    match role.as_str() {
        "read" => {
            let _twice = (bank.attach_read_only().unwrap(), bank.attach_read_only().unwrap());
            wait();
        }
        "hold" => {
            let bank = bank.attach().unwrap();
            let _locked = (bank.total.lock(), bank.accounts[2].lock());
            wait();
        }
        "write" => {
            let bank = bank.attach().unwrap();
            let _writer = bank.wind.writer().unwrap();
            wait();
        }
        _ => panic!("{role}"),
    }
}

fn start(role: &str, key: &OwnKey) -> Child {
    start_by(Command::new(std::env::current_exe().unwrap()), role, key)
}

fn start_by(mut program: Command, role: &str, key: &OwnKey) -> Child {
    program.args(["--exact", "another_process", "--nocapture"]);
    program.env("SHM_TEST_ROLE", role).env("SHM_TEST_KEY", key.value().to_string());
    let mut child = Child::start(&mut program);
    while !child.line().ends_with("ready") {}
    child
}

fn process(who: &Value, pid: u32) -> &Value {
    let processes = who["processes"].as_array().expect("a list");
    processes.iter().find(|process| process["pid"] == pid).unwrap_or_else(|| panic!("{pid} is not in {who}"))
}

/// How many mappings of a segment a process has, and whether one is writable: another reading of its maps. In them are those
/// of other tests, too, whose segments, in another namespace, have the same id and another key.
fn mapped(pid: u32, key: i32, id: i32) -> (usize, bool) {
    let name = format!("/SYSV{key:08x}");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let columns = maps.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours: Vec<_> = columns
        .filter(|columns| columns.get(5) == Some(&name.as_str()) && columns[4] == id.to_string())
        .collect();
    (ours.len(), ours.iter().any(|columns| columns[1].contains('w')))
}

#[test]
fn every_process_that_has_it_attached_is_shown_with_its_access_and_what_it_holds() {
    if !alone() {
        return;
    }
    let own = OwnKey::new();
    let bank = Bank::options().key(own.key()).create().unwrap().attach().unwrap();
    let id = bank.segment().id();
    let children = ["read", "hold", "write"].map(|role| start(role, &own));
    let name = format!("id:{id}");
    let who = json(&["who", "-m", &name], 0);
    assert_eq!(who["attachments"], oracle::attached(id));
    assert_eq!((who["attachments"].as_u64(), who["seen"].as_u64()), (Some(5), Some(5)));
    assert_eq!((who["others"].as_array().unwrap().len(), who["partial"].as_bool()), (0, Some(false)));
    assert_eq!(who["processes"].as_array().unwrap().len(), 4);
    for pid in children.iter().map(Child::pid).chain([std::process::id()]) {
        let (count, writes) = mapped(pid, own.value(), id);
        let shown = process(&who, pid);
        assert_eq!(shown["attachments"], count);
        assert_eq!(shown["access"], if writes { "rw" } else { "r" });
        assert_eq!(shown["program"], fs::read_to_string(format!("/proc/{pid}/comm")).unwrap().trim_end());
        assert_eq!((&shown["uid"], &shown["user"]), (&0.into(), &"root".into()));
        assert_eq!(shown["created"], pid == std::process::id());
    }
    let [reader, holder, writer] = children;
    let none: [&str; 0] = [];
    for (pid, holds, writes) in [
        (reader.pid(), Value::from(none.to_vec()), Value::from(none.to_vec())),
        (holder.pid(), vec!["total", "accounts[2]"].into(), none.to_vec().into()),
        (writer.pid(), none.to_vec().into(), vec!["wind"].into()),
    ] {
        assert_eq!((&process(&who, pid)["holds"], &process(&who, pid)["writes"]), (&holds, &writes));
    }
    let said = printed(&["who", "-m", &name], 0);
    let line = said.lines().find(|line| line.trim_start().starts_with(&holder.pid().to_string()));
    assert!(line.is_some_and(|line| line.ends_with("holds total, holds accounts[2]")), "{said}");
    assert!(said.contains("5 of 5 attachments seen"), "{said}");
}

#[test]
fn a_lock_whose_holder_is_dead_is_named_with_its_thread() {
    if !alone() {
        return;
    }
    let own = OwnKey::new();
    let bank = Bank::options().key(own.key()).create().unwrap();
    let mut holder = start("hold", &own);
    let mut writer = start("write", &own);
    holder.kill();
    writer.kill();
    let who = json(&["who", "-m", &format!("id:{}", bank.id())], 0);
    let others = who["others"].as_array().unwrap();
    let paths: Vec<_> = others.iter().map(|other| (other["path"].as_str(), other["role"].as_str())).collect();
    assert_eq!(
        paths,
        [
            (Some("total"), Some("holds")),
            (Some("accounts[2]"), Some("holds")),
            (Some("wind"), Some("writes"))
        ]
    );
    assert!(others.iter().all(|other| other["alive"] == false), "{who}");
    assert_eq!(others[2]["pid"], writer.pid());
    let said = printed(&["who", "-m", &format!("id:{}", bank.id())], 0);
    assert!(said.contains("total is held by thread") && said.contains("which is dead"), "{said}");
}

/// A Python program that makes the segment with this key, attaches it to read and write, says its id, and waits for a line.
fn attacher(before: &[&str], key: i32) -> Child {
    let script = "import ctypes, sys; c = ctypes.CDLL(None); c.shmat.restype = ctypes.c_void_p\n\
        c.prctl(15, b'\\x1b[2J\\xc2\\x9b\\nx')\n\
        id = c.shmget(int(sys.argv[1]), 312, 0o1666); c.shmat(id, None, 0); print(id, flush=True); sys.stdin.read()";
    let words = [before, &["python3", "-c", script]].concat();
    Child::start(Command::new(words[0]).args(&words[1..]).arg(key.to_string()))
}

#[test]
fn a_segment_of_another_namespace_with_the_same_id_key_and_size_is_not_taken_for_it() {
    if !alone() || !have("python3") {
        return;
    }
    let own = OwnKey::new();
    let mut here = attacher(&[], own.value());
    let mut elsewhere = attacher(&["unshare", "--ipc"], own.value());
    let id = here.line();
    assert_eq!(id, elsewhere.line(), "the first one of a namespace has the first id");
    let id: i32 = id.parse().unwrap();
    let [ours, theirs] = [&here, &elsewhere].map(|child| mapped(child.pid(), own.value(), id));
    assert_eq!(ours, theirs, "their maps look alike");
    let who = json(&["who", "-m", &format!("id:{id}")], 0);
    process(&who, here.pid());
    assert_eq!((who["seen"].as_u64(), who["processes"].as_array().unwrap().len()), (Some(1), 1), "{who}");
    // The name, which is hostile, was escaped.
    assert!(process(&who, here.pid())["program"].as_str().unwrap().contains("[2J"));
    assert!(printed(&["who", "-m", &format!("id:{id}")], 0).contains("[2J"));
}

#[test]
fn what_another_user_may_not_look_at_is_counted() {
    if !alone() || !have("setpriv") {
        return;
    }
    let own = OwnKey::new();
    let bank = Bank::options().key(own.key()).mode(0o666).create().unwrap().attach().unwrap();
    let (id, directories) = (bank.segment().id(), [TempDir::new(), TempDir::new()]);
    let program = directories[0].program(std::env::current_exe().unwrap());
    let tool = directories[1].program(SHM);
    let other = start_by(as_nobody(&program), "read", &own);
    for mode in ["666", "600"] {
        printed(&["chmod", "-m", mode, &format!("id:{id}")], 0);
        let output = as_nobody(&tool).args(["who", "-m", "--json", &format!("id:{id}")]).output().unwrap();
        let who: Value = serde_json::from_str(&checked(&output, 0)).unwrap();
        assert_eq!((who["attachments"].as_u64(), who["seen"].as_u64()), (Some(3), Some(2)), "{who}");
        assert!(who["hidden_processes"].as_u64().is_some_and(|hidden| hidden > 0), "{who}");
        let shown = process(&who, other.pid());
        assert_eq!((&shown["uid"], &shown["access"]), (&65534.into(), &"r".into()));
        let output = as_nobody(&tool).args(["who", "-m", &format!("id:{id}")]).output().unwrap();
        let said = checked(&output, 0);
        assert!(
            said.contains("2 of 3 attachments seen") && said.contains("could not be looked at"),
            "{said}"
        );
    }
}

#[test]
fn processes_that_end_meanwhile_and_a_missing_proc_are_no_failure_without_words() {
    if !alone() || !have("python3") {
        return;
    }
    let own = OwnKey::new();
    let mut here = attacher(&[], own.value());
    let name = format!("id:{}", here.line());
    let mut short = Command::new("bash");
    short.args(["-c", "echo ready; while /bin/true; do :; done"]);
    let mut short = Child::start(&mut short);
    assert_eq!(short.line(), "ready");
    for _ in 0..50 {
        assert_eq!(json(&["who", "-m", &name], 0)["seen"], 1);
    }
    drop(short);

    let script = "umount -l /proc && exec \"$0\" who -m \"$1\"";
    let output = Command::new("unshare").args(["--mount", "sh", "-c", script, SHM, &name]).output().unwrap();
    if String::from_utf8_lossy(&output.stderr).contains("umount") {
        return skip("/proc cannot be unmounted here");
    }
    assert!(checked(&output, 1).contains("mount -t proc proc /proc"));
}

#[test]
fn of_queues_and_sets_the_last_processes_are_those_that_the_kernel_has() {
    if !alone() {
        return;
    }
    let own = OwnKey::new();
    let queue = Queue::<u64>::create(own.key()).unwrap();
    let set = Semaphore::create(own.key(), 2).unwrap();
    let name = format!("{:#x}", own.value());
    assert_eq!(json(&["who", "-q", &name], 0)["sender"], Value::Null);
    queue.send(1, &7).unwrap();
    queue.receive(Select::Any).unwrap();
    set.acquire().unwrap().forget();
    let row = Table::Queues.by_id(queue.id()).unwrap();
    let who = json(&["who", "-q", &name], 0);
    assert_eq!((&who["sender"]["pid"], &who["receiver"]["pid"]), (&row.lspid.into(), &row.lrpid.into()));
    assert_eq!(who["sender"]["pid"], std::process::id());
    let who = json(&["who", "-s", &name], 0);
    let [semaphore] = &who["semaphores"].as_array().unwrap()[..] else { panic!("{who}") };
    let ipcs = Command::new("ipcs").args(["-s", "-i", &set.id().to_string()]).output().unwrap();
    let ipcs = tool::text(&ipcs.stdout);
    // semnum, value, ncount, zcount, pid
    let theirs = ipcs.lines().find(|line| line.starts_with("0 ")).unwrap_or_else(|| panic!("{ipcs}"));
    let theirs: Vec<u64> = theirs.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let ours =
        [&semaphore["index"], &semaphore["value"], &semaphore["waiting"], &semaphore["waiting_for_zero"]];
    let ours: Vec<_> =
        ours.into_iter().chain([&semaphore["last"]["pid"]]).filter_map(Value::as_u64).collect();
    assert_eq!(ours, theirs);
    assert!(printed(&["who", "-s", &name], 0).contains(&std::process::id().to_string()));
}

#[test]
fn of_very_many_locks_the_first_are_looked_at_and_it_is_said_that_there_are_more() {
    if !alone() {
        return;
    }
    let own = OwnKey::new();
    let many = Many::options().key(own.key()).create().unwrap().attach().unwrap();
    let _held = [many.locks[100_000].lock(), many.last.lock()];
    let who = json(&["who", "-m", &format!("id:{}", many.segment().id())], 0);
    assert_eq!(
        (&who["partial"], &process(&who, std::process::id())["holds"]),
        (&true.into(), &vec!["locks[100000]"].into())
    );
}
