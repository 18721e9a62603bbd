//! `shm doctor` finds what was broken on purpose, and what it advises mends it.

mod tool;

use std::fs;
use std::process::Command;

use serde_json::Value;
use shm_runtime::msg::Queue;
use shm_runtime::sem::Semaphore;
use shm_runtime::{Key, SharedSegment, sync};
use shm_tests::child::Child;
use shm_tests::key::OwnKey;
use shm_tests::oracle;
use shm_tests::seal::{Raw, raw_create, unique};
use shm_tests::temp::TempDir;
use shm_tests::{have, skip};

use self::tool::{SHM, alone, as_nobody, checked, json, printed, text};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "StationOfTheDoctor")]
struct Station {
    celsius: f64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "BankOfTheDoctor")]
struct Bank {
    total: sync::Mutex<u64>,
}

/// Not a test: the other process of those below, if its variables are set.
#[test]
fn another_process() {
    let Ok(role) = std::env::var("SHM_TEST_ROLE") else { return };
    let key = Key::fixed(std::env::var("SHM_TEST_KEY").unwrap().parse().unwrap());
    match role.as_str() {
        "make" => drop(Station::options().key(key).create().unwrap()),
        "bank" => drop(Bank::options().key(key).create().unwrap()),
        "abandon" => drop(Station::options().key(key).create_with(|_| std::process::abort())),
        "slow" => {
            let made = Station::options().key(key).create_with(|_| {
                println!("ready");
                std::io::stdin().read_line(&mut String::new()).unwrap();
            });
            drop(made.unwrap());
        }
        _ => panic!("{role}"),
    }
}

fn role(before: &[&str], role: &str, key: &OwnKey) -> Command {
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let words = [before, &[program, "--exact", "another_process", "--nocapture"]].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env("SHM_TEST_ROLE", role).env("SHM_TEST_KEY", key.value().to_string());
    command
}

/// The findings of this name.
fn findings<'a>(report: &'a Value, name: &str) -> Vec<&'a Value> {
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["name"] == name).collect()
}

/// The only finding, which has this name; and the tool says the same to people.
#[track_caller]
fn only(arguments: &[&str], name: &str) -> Value {
    let report = json(arguments, 1);
    let found = report["findings"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["name"], name, "{found:#?}");
    let said = printed(arguments, 1);
    for part in ["found", "means", "mend"] {
        let part = found[0][part].as_str().unwrap();
        assert!(!part.is_empty() && said.contains(part), "{part:?} is not in {said}");
    }
    found[0].clone()
}

/// Does what a finding advises first.
#[track_caller]
fn mend(finding: &Value) {
    let advice = finding["mend"].as_str().unwrap();
    let command = advice.split('`').nth(usize::from(advice.contains('`'))).unwrap();
    let command = command.replacen("shm ", &format!("{SHM} "), usize::from(command.starts_with("shm ")));
    let output = Command::new("bash").args(["-c", &command]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", text(&output.stderr));
}

#[test]
fn limits_and_their_use_are_those_of_ipcs_and_lsipc() {
    if !alone() || !have("lsipc") {
        return;
    }
    for (name, limit) in
        [("shmmni", "77"), ("shmmax", "8000000"), ("shmall", "5000"), ("sem", "30 400 20 50")]
    {
        fs::write(format!("/proc/sys/kernel/{name}"), limit).unwrap();
    }
    for arguments in ["-M 100", "-M 5000", "-Q", "-S 3", "-S 17"] {
        assert!(Command::new("ipcmk").args(arguments.split(' ')).output().unwrap().status.success());
    }
    let report = json(&["doctor"], 0);
    let limits = report["limits"].as_array().unwrap();
    let ours = |name: &str| {
        let limit = limits.iter().find(|limit| limit["name"] == name).unwrap();
        (limit["used"].as_u64(), limit["limit"].as_u64())
    };
    let lsipc = Command::new("lsipc").args(["-J", "-b"]).output().unwrap();
    let lsipc: Value = serde_json::from_slice(&lsipc.stdout).unwrap();
    let mut compared = Vec::new();
    for theirs in lsipc["ipclimits"].as_array().unwrap() {
        let number = |name: &str| theirs[name].as_str().and_then(|text| text.parse::<u64>().ok());
        let name = theirs["resource"].as_str().unwrap();
        let ours = match name {
            "MSGMNI" | "MSGMNB" | "SHMMNI" | "SHMALL" | "SHMMAX" => {
                ours(&format!("kernel.{}", name.to_lowercase()))
            }
            "SEMMNI" | "SEMMNS" | "SEMMSL" => ours(name),
            _ => continue,
        };
        assert_eq!(ours.1, number("limit"), "{name}");
        // Its sums are wrong (2.38): for those, see ipcs.
        if let Some(used) = number("used").filter(|_| !["SHMALL", "SEMMNS"].contains(&name)) {
            assert_eq!(ours.0, Some(used), "{name}");
            compared.push(name);
        }
    }
    assert!(["MSGMNI", "SHMMNI", "SEMMNI"].iter().all(|name| compared.contains(name)), "{compared:?}");
    let ipcs = text(&Command::new("ipcs").arg("-u").output().unwrap().stdout);
    assert!(ipcs.contains("pages allocated 3\n") && ipcs.contains("allocated semaphores = 20\n"), "{ipcs}");
    assert_eq!((ours("kernel.shmall").0, ours("SEMMNS").0, ours("SEMMSL").0), (Some(3), Some(20), Some(17)));
    assert_eq!(ours("kernel.shmmax").0, Some(5000));
}

#[test]
fn a_limit_that_is_nearly_reached_is_found_and_its_command_raises_it() {
    if !alone() {
        return;
    }
    fs::write("/proc/sys/kernel/shmmni", "2").unwrap();
    fs::write("/proc/sys/kernel/sem", "30 32 20 5").unwrap();
    assert!(json(&["doctor"], 0)["findings"].as_array().unwrap().is_empty());
    for arguments in ["-M 100", "-M 100", "-S 29"] {
        assert!(Command::new("ipcmk").args(arguments.split(' ')).output().unwrap().status.success());
    }
    let report = json(&["doctor"], 1);
    let limits = findings(&report, "limit");
    assert_eq!(limits.len(), 2, "{report}");
    let raise = |finding: &Value| {
        let advice = finding["mend"].as_str().unwrap();
        let command = advice.split('`').find(|part| part.starts_with("sysctl")).unwrap();
        assert!(Command::new("bash").args(["-c", command]).output().unwrap().status.success(), "{command}");
    };
    limits.into_iter().for_each(raise);
    json(&["doctor"], 0);
    let semaphores = fs::read_to_string("/proc/sys/kernel/sem").unwrap();
    assert_eq!(semaphores.split_whitespace().collect::<Vec<_>>(), ["30", "64", "20", "5"]);
}

#[test]
fn what_the_kernel_would_remove_and_any_user_may_write_is_found_and_mended() {
    if !alone() {
        return;
    }
    let (own, sets) = (OwnKey::new(), OwnKey::new());
    let _station = Station::options().key(own.key()).mode(0o666).create().unwrap();
    let _queue = Queue::<u64>::options(own.key()).mode(0o622).create().unwrap();
    let _set = Semaphore::options(sets.key()).mode(0o602).create(1).unwrap();
    // Which any user may read is not wrong.
    fs::write("/proc/sys/kernel/shm_rmid_forced", "1").unwrap();
    let report = json(&["doctor"], 1);
    let (writable, forced) = (findings(&report, "world_writable"), findings(&report, "shm_rmid_forced"));
    assert_eq!((writable.len(), forced.len()), (3, 1), "{report}");
    assert_eq!(report["findings"].as_array().unwrap().len(), 4, "{report}");
    writable.into_iter().chain(forced).for_each(mend);
    json(&["doctor"], 0);
    assert_eq!(oracle::by_key(own.value()).unwrap().perms, 0o660);
    assert_eq!(fs::read_to_string("/proc/sys/kernel/shm_rmid_forced").unwrap(), "0\n");
}

#[test]
fn stale_segments_full_queues_and_objects_of_no_user_are_found() {
    if !alone() {
        return;
    }
    let (own, foreign) = (OwnKey::new(), OwnKey::new());
    assert!(role(&[], "make", &own).output().unwrap().status.success());
    let id = oracle::by_key(own.value()).unwrap().id;
    let finding = only(&["doctor"], "stale");
    assert!(finding["found"].as_str().unwrap().contains("StationOfTheDoctor"), "{finding}");
    mend(&finding);
    assert_eq!(oracle::by_id(id), None);

    let queue = Queue::<[u8; 8192]>::create(own.key()).unwrap();
    assert!(queue.try_send(1, &[0; 8192]).unwrap());
    json(&["doctor"], 0);
    assert!(queue.try_send(1, &[0; 8192]).unwrap());
    only(&["doctor"], "queue_full");
    queue.remove().unwrap();

    let _station = Station::options().key(foreign.key()).create().unwrap();
    // A user's objects are only mentioned.
    printed(&["chown", "-m", "1", &format!("{:#x}", foreign.value())], 0);
    let report = json(&["doctor"], 0);
    let fact = report["facts"].as_array().unwrap().iter().find(|fact| fact["name"] == "other_users").unwrap();
    let user = Command::new("id").args(["-nu", "1"]).output().unwrap();
    assert_eq!(fact["value"], text(&user.stdout).trim());
    printed(&["chown", "-m", "4000000", &format!("{:#x}", foreign.value())], 0);
    let finding = only(&["doctor"], "no_such_user");
    mend(&finding);
    assert_eq!(oracle::by_key(foreign.value()), None);
}

#[test]
fn a_name_says_why_open_fails() {
    if !alone() {
        return;
    }
    let own = OwnKey::new();
    let name = format!("{:#x}", own.value());
    let doctor = ["doctor", "-m", &name];
    let finding = only(&doctor, "not_found");
    assert!(finding["found"].as_str().unwrap().contains(&name), "{finding}");

    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    // What is wrong with the system is another question.
    fs::write("/proc/sys/kernel/shm_rmid_forced", "1").unwrap();
    assert!(printed(&doctor, 0).contains("nothing is wrong"));
    fs::write("/proc/sys/kernel/shm_rmid_forced", "0").unwrap();

    printed(&["chown", "-m", "1001", &name], 0);
    let finding = only(&doctor, "untrusted");
    let failed = Station::options().key(own.key()).open().unwrap_err().to_string();
    assert!(failed.contains("1001") && finding["found"].as_str().unwrap().contains("1001"), "{failed}");
    printed(&["chown", "-m", "0", &name], 0);

    // Its last words are overwritten: the state, the version.
    let id = station.segment().id();
    let raw = Raw::attach(id);
    let footer = raw.footer();
    for (at, word, name) in [(0, 99_u32, "bad_seal"), (4, u32::MAX, "other_version")] {
        let before = raw.read(footer + at, 4);
        raw.write(footer + at, &word.to_ne_bytes());
        only(&doctor, name);
        raw.write(footer + at, &before);
    }
    printed(&doctor, 0);
    drop(raw);

    station.segment().remove().unwrap();
    only(&["doctor", "-m", &format!("id:{id}")], "removed");
    only(&doctor, "not_found");
}

#[test]
fn half_made_bare_and_colliding_segments_are_told_apart() {
    if !alone() {
        return;
    }
    let own = OwnKey::new();
    let name = format!("{:#x}", own.value());
    let doctor = ["doctor", "-m", &name];
    let remove = || printed(&["remove", "-M", &name], 0);

    role(&[], "abandon", &own).output().unwrap();
    let finding = only(&doctor, "abandoned");
    assert!(finding["found"].as_str().unwrap().contains("which is dead"), "{finding}");
    mend(&finding);
    assert_eq!(oracle::by_key(own.value()), None);

    let mut slow = Child::start(&mut role(&[], "slow", &own));
    while !slow.line().ends_with("ready") {}
    let finding = only(&doctor, "initialising");
    assert!(finding["found"].as_str().unwrap().contains(&slow.pid().to_string()), "{finding}");
    slow.kill();
    only(&doctor, "abandoned");
    remove();

    raw_create(own.value(), 100);
    only(&doctor, "not_sealed");
    remove();

    // A name whose key was taken by a number.
    let text = unique();
    let named = OwnKey::name(&text);
    let taken = Station::options().key(named.key()).create().unwrap();
    let finding = only(&["doctor", "-m", &text], "key_collision");
    assert!(finding["found"].as_str().unwrap().contains(&text), "{finding}");
    printed(&["doctor", "-m", &format!("id:{}", taken.id())], 0);
    taken.remove().unwrap();
    let _right = Station::options().key(Key::name(text.clone())).create().unwrap();
    printed(&["doctor", "-m", &text], 0);

    let set = Semaphore::create(own.key(), 1).unwrap();
    printed(&["doctor", "-s", &name], 0);
    set.remove().unwrap();
    assert!(Command::new("ipcmk").args(["-S", "2"]).output().unwrap().status.success());
    only(&["doctor", "-s", &format!("id:{}", oracle::Table::Sets.rows()[0].id)], "uninitialised");
}

#[test]
fn a_mutex_of_another_pid_namespace_is_found() {
    if !alone() || !have("unshare") {
        return;
    }
    let own = OwnKey::new();
    let before = ["unshare", "--pid", "--fork", "--mount-proc"];
    for (made, status) in [("make", 0), ("bank", 1)] {
        if !role(&before, made, &own).output().unwrap().status.success() {
            return skip("a pid namespace takes root");
        }
        let report = json(&["doctor", "-m", &format!("{:#x}", own.value())], status);
        assert_eq!(
            findings(&report, "other_pid_namespace").len(),
            usize::try_from(status).unwrap(),
            "{report}"
        );
        printed(&["remove", "-M", &format!("{:#x}", own.value())], 0);
    }
}

#[test]
fn another_user_is_told_which_right_is_missing() {
    if !alone() || !have("setpriv") {
        return;
    }
    let own = OwnKey::new();
    let key = format!("{:#x}", own.value());
    let _station = Station::options().key(own.key()).create().unwrap();
    let _queue = Queue::<u64>::create(own.key()).unwrap();
    let directory = TempDir::new();
    let tool = directory.program(SHM);
    for flag in ["-m", "-q"] {
        for (mode, missing) in [
            ("600", &["permission_to_read", "permission_to_write"][..]),
            ("644", &["permission_to_write"]),
            ("666", &[]),
        ] {
            printed(&["chmod", flag, mode, &key], 0);
            let output = as_nobody(&tool).args(["doctor", flag, &key, "--json"]).output().unwrap();
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            let names: Vec<_> =
                report["findings"].as_array().unwrap().iter().map(|finding| &finding["name"]).collect();
            // What may not be read is not attached to be written.
            let missing = if flag == "-m" { &missing[..missing.len().min(1)] } else { missing };
            assert_eq!(names, missing, "{flag} {mode}");
            checked(&output, i32::from(!missing.is_empty()));
        }
    }
}

#[test]
fn remove_ipc_is_what_the_files_of_logind_say() {
    let own = OwnKey::new();
    let _queue = Queue::<u64>::create(own.key()).unwrap();
    printed(&["chown", "-q", "4000001", &format!("{:#x}", own.value())], 0);
    let is_initial = fs::read_link("/proc/self/ns/ipc").unwrap().as_os_str() == "ipc:[4026531839]";
    for (make, [value, why]) in [
        ("true", ["no", "(systemd-logind does not run here)"]),
        ("mkdir -p systemd/seats", ["yes", "(by default of systemd-logind, which runs here)"]),
        (
            "mkdir -p systemd/seats systemd/logind.conf.d; printf '[Login]\\nRemoveIPC=no\\n' > systemd/logind.conf.d/a.conf",
            ["no", "(/run/systemd/logind.conf.d/a.conf)"],
        ),
        (
            "mkdir -p systemd/seats systemd/logind.conf.d; printf '[Login]\\nRemoveIPC=no\\n' > systemd/logind.conf.d/a.conf; \
             printf '[Login]\\nRemoveIPC=yes\\n' > systemd/logind.conf.d/b.conf",
            ["yes", "(/run/systemd/logind.conf.d/b.conf)"],
        ),
    ] {
        let script = format!(
            "mount -t tmpfs none /etc/systemd 2>/dev/null; mount -t tmpfs none /run && cd /run && {{ {make}; }} && exec \"$0\" doctor -q --json"
        );
        let output = Command::new("unshare").args(["--mount", "sh", "-c", &script, SHM]).output().unwrap();
        let Ok(report) = serde_json::from_slice::<Value>(&output.stdout) else {
            return skip("a mount takes root");
        };
        let fact =
            report["facts"].as_array().unwrap().iter().find(|fact| fact["name"] == "remove_ipc").unwrap();
        assert_eq!(fact["value"], value);
        assert!(fact["means"].as_str().unwrap().ends_with(why), "{fact}");
        let of_ours =
            |finding: &&Value| finding["found"].as_str().unwrap().contains(&format!("{:#010x}", own.value()));
        let found = findings(&report, "remove_ipc").into_iter().filter(of_ours).count();
        assert_eq!(found, usize::from(is_initial && value == "yes"), "{report}");
    }
}

#[test]
fn a_namespace_is_told_from_the_first_one_and_a_missing_proc_is_found() {
    if !alone() {
        return;
    }
    let report = json(&["doctor"], 0);
    let fact =
        |name: &str| report["facts"].as_array().unwrap().iter().find(|fact| fact["name"] == name).cloned();
    let namespace = fact("ipc_namespace").unwrap();
    assert_eq!(namespace["value"], fs::read_link("/proc/thread-self/ns/ipc").unwrap().to_str().unwrap());
    assert!(namespace["means"].as_str().unwrap().starts_with("one of its own"), "{namespace}");

    let script = "umount -l /proc && exec \"$0\" doctor --json";
    let output = Command::new("unshare").args(["--mount", "sh", "-c", script, SHM]).output().unwrap();
    if text(&output.stderr).contains("umount") {
        return skip("/proc cannot be unmounted here");
    }
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(findings(&report, "no_proc").len(), 1, "{report}");
    assert!(report["limits"].as_array().unwrap().iter().all(|limit| limit["limit"].is_null()), "{report}");
    checked(&output, 1);
}

#[test]
fn of_many_findings_of_one_kind_people_see_the_first_and_programs_all() {
    if !alone() {
        return;
    }
    let keys: Vec<OwnKey> = (0..13).map(|_| OwnKey::new()).collect();
    for key in &keys {
        Queue::<u64>::options(key.key()).mode(0o666).create().unwrap();
    }
    assert_eq!(findings(&json(&["doctor"], 1), "world_writable").len(), 13);
    let said = printed(&["doctor"], 1);
    assert_eq!(said.matches("mode 0666").count(), 10, "{said}");
    assert!(said.contains("3 more of world_writable") && said.contains("13 findings"), "{said}");
}

/// A filter of system calls is set as seccomp(2) has it, by numbers of x86-64.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_that_a_filter_refuses_are_found() {
    if !alone() || !have("python3") {
        return;
    }
    // Load the number; refuse shmctl (31) with EPERM; let all others pass.
    let script = "import ctypes, os, struct, sys; c = ctypes.CDLL(None)\n\
        code = b''.join(struct.pack('HBBI', *s) for s in [(0x20,0,0,0), (0x15,0,1,31), (6,0,0,0x50001), (6,0,0,0x7fff0000)])\n\
        code = ctypes.create_string_buffer(code)\n\
        program = ctypes.create_string_buffer(struct.pack('HxxxxxxQ', 4, ctypes.addressof(code)))\n\
        assert c.prctl(38, 1, 0, 0, 0) == 0 and c.prctl(22, 2, program) == 0\n\
        os.execv(sys.argv[1], [sys.argv[1], 'doctor', '--json'])";
    let output = Command::new("python3").args(["-c", script, SHM]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let refused = findings(&report, "refused");
    assert_eq!(refused.len(), 1, "{report}");
    assert!(refused[0]["found"].as_str().unwrap().contains("not permitted"), "{report}");
    let seccomp = report["facts"].as_array().unwrap().iter().find(|fact| fact["name"] == "seccomp").unwrap();
    assert_eq!(seccomp["value"], "2");
    checked(&output, 1);
}
