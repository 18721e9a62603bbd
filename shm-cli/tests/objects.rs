//! `shm` lists, names, changes and removes the objects that the kernel has, as `ipcs`, `lsipc` and `ipcrm` do.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use shm_runtime::msg::Queue;
use shm_runtime::sem::Semaphore;
use shm_runtime::{Key, SharedSegment};
use shm_tests::key::OwnKey;
use shm_tests::oracle::{self, Table};
use shm_tests::temp::TempDir;
use shm_tests::{have, skip};

const SHM: &str = env!("CARGO_BIN_EXE_shm");

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "StationOfTheCommandLine")]
struct Station {
    celsius: f64,
}

/// Of which one test only makes segments.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "OnlyOfTheCommandLine")]
struct Only {
    celsius: f64,
}

fn shm(arguments: &[&str]) -> Output {
    Command::new(SHM).args(arguments).output().expect("run shm")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Moves this thread, and the processes that it starts, to an IPC namespace of their own, as far as it may: what is listed there
/// is this test's, and attaching to all of it disturbs no other. Returns whether it did.
fn alone() -> bool {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWIPC).is_ok()
}

/// What it prints if all is well.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = shm(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// What it says on stderr when it ends with this status.
#[track_caller]
fn refused(arguments: &[&str], status: i32) -> String {
    let output = shm(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
    assert!(!said.contains("panicked") && !said.is_empty(), "{arguments:?}: {said}");
    // What is advised is this tool, and no function of the library.
    assert!(!said.contains("::") && !said.contains("()"), "{arguments:?}: {said}");
    said
}

/// The output of a script in an IPC namespace of its own, in which `$SHM` is the tool.
fn in_a_namespace(script: &str) -> Option<String> {
    let mut command = Command::new("unshare");
    let output = command.args(["--ipc", "bash", "-c", script]).env("SHM", SHM).output().ok()?;
    let said = text(&output.stderr);
    if !output.status.success() && said.contains("unshare failed") {
        skip("a namespace takes root");
        return None;
    }
    assert!(output.status.success(), "{said}");
    Some(text(&output.stdout))
}

#[test]
fn list_has_the_objects_and_values_that_ipcs_and_lsipc_have() {
    alone();
    if !have("lsipc") {
        return;
    }
    let script = "ipcmk -M 100 -p 640 >&2; ipcmk -M 5000 >&2; ipcmk -Q -p 600 >&2; ipcmk -S 3 -p 660 >&2; \
        $SHM list --json; for kind in m q s; do echo ====; lsipc -$kind -J -b -P; done; echo ====; ipcs -m -q -s; \
        echo ====; $SHM list -q --json";
    let Some(output) = in_a_namespace(script) else { return };
    let parts: Vec<&str> = output.split("====\n").collect();
    let [ours, segments, queues, sets, ipcs, only_queues] = parts[..] else { panic!("{output}") };
    let list = |json: &str| serde_json::from_str::<Vec<Value>>(json).expect(json);
    let ours = list(ours);
    assert_eq!(ours.len(), 4, "{ours:?}");
    assert_eq!(list(only_queues), ours[..1]);

    let mut compared = 0;
    for (kind, json) in [("segment", segments), ("queue", queues), ("semaphores", sets)] {
        let theirs: Value = serde_json::from_str(json).expect(json);
        let rows = theirs.as_object().and_then(|map| map.values().next()?.as_array().cloned()).expect(json);
        for row in rows {
            let id = number(&row["id"]);
            let same = |ours: &&Value| ours["kind"] == kind && number(&ours["id"]) == id;
            let ours = ours.iter().find(same).unwrap_or_else(|| panic!("{kind} {id:?} is missing"));
            for (our, their) in [("key", "key"), ("owner", "owner")] {
                assert_eq!(ours[our], row[their], "{our} of {kind} {id:?}");
            }
            // lsipc 2.38 has none of queues.
            let perms = octal(&row["perms"]).or(octal(&ours["mode"]).filter(|_| kind == "queue"));
            assert_eq!(octal(&ours["mode"]), perms, "mode of {kind} {id:?}");
            let numbers: &[(&str, &str)] = match kind {
                "segment" => &[("bytes", "size"), ("attached", "nattch"), ("creator_pid", "cpid")],
                "queue" => &[("bytes", "usedbytes"), ("messages", "msgs")],
                _ => &[("semaphores", "nsems")],
            };
            for (our, their) in numbers {
                assert_eq!(number(&ours[our]), number(&row[their]), "{our} of {kind} {id:?}");
            }
            compared += 1;
        }
    }
    assert_eq!(compared, 4);

    // Key, id, owner and mode are the first four columns of each of the tables.
    let theirs: Vec<Vec<&str>> = ipcs
        .lines()
        .filter(|line| line.starts_with("0x"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(theirs.len(), 4, "{ipcs}");
    for row in theirs {
        let same = |ours: &&Value| ours["key"] == row[0] && number(&ours["id"]) == row[1].parse().ok();
        let ours = ours.iter().find(same).unwrap_or_else(|| panic!("{row:?} is missing"));
        assert_eq!(ours["owner"], row[2]);
        assert_eq!(octal(&ours["mode"]), u32::from_str_radix(row[3], 8).ok(), "{row:?}");
    }
}

/// lsipc has some of its numbers as texts.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn octal(value: &Value) -> Option<u32> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    u32::from_str_radix(&text, 8).ok()
}

#[test]
fn remove_removes_what_ipcrm_removes_and_has_its_exit_status() {
    alone();
    // A set that is not there, one that is, by id and by key, and one twice.
    let script = r#"for tool in "$SHM remove" ipcrm; do
        make() { ipcmk "$@" | grep -o '[0-9]*$'; }
        m=$(make -M 100) q=$(make -Q) s=$(make -S 1) k=$(make -M 50)
        key=$(ipcs -m | awk -v id="$k" '$2 == id { print $1 }')
        for arguments in "-m $m -q 99999 -q $q" "-M $key" "-s $s -s $s" "-m 99999" "-M 0x7fffabcd" "-Q 0x7fffabcd"; do
            $tool $arguments >/dev/null 2>&1; echo -n "$? "
        done
        ipcs | grep -c ^0x
    done; true"#;
    let Some(output) = in_a_namespace(script) else { return };
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines, ["1 0 1 1 1 1 0"; 2]);
}

#[test]
fn removing_a_segment_says_that_it_is_attached_and_goes_with_the_last_detach() {
    alone();
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap().attach().unwrap();
    let id = station.segment().id();
    let said = printed(&["remove", "-m", &id.to_string()]);
    assert!(said.contains("1 attached, it goes with the last detach"), "{said}");
    assert_eq!(oracle::by_id(id).expect("it is attached").perms & 0o1000, 0o1000);
    let listed = printed(&["list", "-m"]);
    let line = listed.lines().find(|line| line.split_whitespace().nth(2) == Some(&id.to_string()));
    assert!(line.is_some_and(|line| line.contains("removed, goes with the last detach")), "{listed}");
    drop(station);
    assert_eq!(oracle::by_id(id), None);
}

#[test]
fn an_object_is_named_by_key_id_name_or_struct() {
    alone();
    let name = format!("org.example.command-line.{}", std::process::id());
    let own = OwnKey::name(&name);
    let station = Only::options().key(Key::name(name.clone())).create().unwrap();
    let (id, key) = (station.id(), own.value());
    let names = [
        format!("id:{id}"),
        format!("{key:#x}"),
        format!("key:{key}"),
        format!("key:{}", key.cast_unsigned()),
        format!("name:{name}"),
        name.clone(),
        "OnlyOfTheCommandLine".to_owned(),
    ];
    for named in &names {
        let stat: Value = serde_json::from_str(&printed(&["stat", "-m", "--json", named])).unwrap();
        assert_eq!(
            (stat["id"].as_i64(), stat["key"].as_i64()),
            (Some(id.into()), Some(key.into())),
            "{named}"
        );
        assert_eq!(stat["bytes"].as_u64(), u64::try_from(station.size()).ok());
    }
    let listed: Vec<Value> = serde_json::from_str(&printed(&["list", "-m", "--json"])).unwrap();
    let listed = listed.iter().find(|listed| listed["id"] == id).expect("it is listed");
    assert_eq!(listed["struct"], "OnlyOfTheCommandLine");
    assert_eq!(listed["derivation"], format!("name {name:?}"));
    assert_eq!(listed["state"], "ready");

    // A second one of the struct, and the name says no more which.
    let other = OwnKey::new();
    let second = Only::options().key(other.key()).create().unwrap();
    let said = refused(&["stat", "OnlyOfTheCommandLine"], 1);
    for candidate in [id, second.id()] {
        assert!(said.contains(&format!("shmid {candidate}, key")), "{said}");
    }
}

#[test]
fn a_key_that_two_kinds_have_names_neither_until_the_kind_is_said() {
    alone();
    let own = OwnKey::new();
    let queue = Queue::<u64>::create(own.key()).unwrap();
    let set = Semaphore::create(own.key(), 1).unwrap();
    let key = format!("{:#x}", own.value());
    let said = refused(&["remove", &key], 1);
    assert!(said.contains(&format!("msqid {}", queue.id())), "{said}");
    assert!(said.contains(&format!("semid {}", set.id())), "{said}");
    assert!(Table::Queues.by_id(queue.id()).is_some() && Table::Sets.by_id(set.id()).is_some());
    assert!(printed(&["stat", "-q", &key]).contains("messages"));
    assert!(printed(&["remove", "-Q", &key]).contains("message queue"));
    assert!(Table::Queues.by_id(queue.id()).is_none() && Table::Sets.by_id(set.id()).is_some());
}

#[test]
fn mode_and_owner_are_set_as_the_kernel_shows_them_then() {
    alone();
    let own = OwnKey::new();
    let key = format!("{:#x}", own.value());
    let id = Station::options().key(own.key()).create().unwrap().id();
    Queue::<u64>::create(own.key()).unwrap();
    Semaphore::create(own.key(), 1).unwrap();
    let is_root = oracle::by_id(id).unwrap().uid == 0;
    for (flag, table) in [("-m", Table::Segments), ("-q", Table::Queues), ("-s", Table::Sets)] {
        printed(&["chmod", flag, "640", &key]);
        let row = table.by_key(own.value()).unwrap();
        assert_eq!(row.perms & 0o777, 0o640);
        if is_root {
            printed(&["chown", flag, "1001:1002", &key]);
            let row = table.by_key(own.value()).unwrap();
            assert_eq!((row.uid, row.gid, row.perms & 0o777), (1001, 1002, 0o640));
            printed(&["chown", flag, ":1003", &key]);
            let row = table.by_key(own.value()).unwrap();
            assert_eq!((row.uid, row.gid), (1001, 1003));
        }
    }
    if is_root {
        let ids = |user: &str| {
            let listed: Vec<Value> =
                serde_json::from_str(&printed(&["list", "-m", "--user", user, "--json"])).unwrap();
            listed.iter().filter_map(|listed| listed["id"].as_i64()).collect::<Vec<_>>()
        };
        assert!(ids("1001").contains(&id.into()));
        assert!(!ids("1003").contains(&id.into()));
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_status_and_no_panic() {
    alone();
    for (arguments, status) in [
        (&["stat", "id:2147483647"][..], 1),
        (&["stat", "id:-1"], 2),
        (&["stat", "id:2147483648"], 2),
        (&["stat", "0x1ffffffff"], 2),
        (&["stat", "0x"], 2),
        (&["stat", "key:"], 2),
        (&["stat", "0x0"], 1),
        (&["stat", ""], 2),
        (&["stat", "99999999999999999999"], 2),
        (&["stat", "no.such.name\u{1b}[2J"], 1),
        (&["remove"], 2),
        (&["remove", "-m", "2147483647"], 1),
        (&["remove", "-M", "0x7fffabcd"], 1),
        (&["remove", "-Q", "0x7fffabcd"], 1),
        (&["remove", "-s", "2147483647"], 1),
        (&["remove", "-m", "x"], 2),
        (&["remove", "-m", "-1"], 2),
        (&["chmod", "1000", "id:0"], 2),
        (&["chmod", "9", "id:0"], 2),
        (&["chmod", "+7", "id:0"], 2),
        (&["chown", "no-such-user", "id:0"], 1),
        (&["chown", "4294967295", "id:0"], 1),
        (&["list", "--user", "no-such-user"], 1),
        (&["key", "/no/such/file", "W"], 1),
        (&["key", "/"], 2),
        (&["key", "/", "xyz"], 1),
        (&["completions", "no-shell"], 2),
        (&["man", "/no/such/directory"], 1),
        (&[], 2),
    ] {
        let said = refused(arguments, status);
        assert!(said.chars().all(|char| char == '\n' || !char.is_control()), "{arguments:?}: {said:?}");
    }
}

#[test]
fn another_user_is_told_what_it_may_not() {
    alone();
    let own = OwnKey::new();
    let station = Station::options().key(own.key()).create().unwrap();
    if oracle::by_id(station.id()).unwrap().uid != 0 || !have("setpriv") {
        return skip("only root can become another user");
    }
    let directory = TempDir::new();
    let program = directory.program(SHM);
    let id = format!("id:{}", station.id());
    let run = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]);
        command.arg(&program).args(arguments).output().expect("run setpriv")
    };
    for arguments in [&["remove", &id][..], &["chmod", "-m", "666", &id], &["chown", "-m", "65534", &id]] {
        let output = run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.starts_with("shm: ") && said.contains("only the owner, the creator and root"), "{said}");
    }
    assert_eq!(oracle::by_id(station.id()).unwrap().perms & 0o777, 0o600);
    // What the kernel shows to every user.
    let output = run(&["stat", "-m", "--json", &id]);
    let stat: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(stat["bytes"].as_u64(), u64::try_from(station.size()).ok());
    let output = run(&["list", "-m", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&text(&output.stdout)).unwrap();
    let listed = listed.iter().find(|listed| listed["id"] == station.id()).expect("it is listed");
    assert_eq!(listed.get("struct"), None, "it may not be read");
}

#[test]
fn a_closed_pipe_ends_it_quietly_and_a_full_disk_does_not() {
    alone();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(SHM).arg("list").stdout(writer).output().unwrap();
    // As a shell has it for what SIGPIPE killed.
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(141), String::new()));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(SHM).arg("list").stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("shm: cannot write the output: "));
}

#[test]
fn the_name_of_a_hostile_program_does_not_reach_the_terminal() {
    alone();
    if !have("python3") {
        return;
    }
    let own = OwnKey::new();
    let script = "import ctypes, sys; c = ctypes.CDLL(None); c.prctl(15, b'\\x1b[2J\\xc2\\x9b\\nx')\n\
        print(c.shmget(int(sys.argv[1]), 64, 0o1600), flush=True); sys.stdin.read()";
    let mut program = Command::new("python3");
    program.args(["-c", script, &own.value().to_string()]);
    let mut program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut id = String::new();
    BufReader::new(program.stdout.as_mut().unwrap()).read_line(&mut id).unwrap();
    let name = format!("id:{}", id.trim());
    let outputs = [printed(&["list"]), printed(&["list", "--json"]), printed(&["stat", "-m", &name])];
    drop(program.stdin.take());
    program.wait().unwrap();
    for output in &outputs {
        assert!(output.chars().all(|char| char == '\n' || !char.is_control()), "{output:?}");
        assert!(output.contains("[2J"), "the name is shown: {output:?}");
    }
    // Its creator is gone now.
    let listed: Vec<Value> = serde_json::from_str(&printed(&["list", "-m", "--json"])).unwrap();
    let listed = listed.iter().find(|listed| number(&listed["id"]) == id.trim().parse().ok()).unwrap();
    assert_eq!(listed["creator"], "dead");
}

#[test]
fn key_is_what_ftok_of_c_gives() {
    alone();
    if !have("python3") {
        return;
    }
    for (project, number, warned) in [
        ("W", 87, false),
        ("0x57", 87, false),
        ("200", 200, false),
        ("343", 87, true),
        ("256", 0, true),
        ("00", 0, true),
    ] {
        let script = format!("import ctypes; print(ctypes.CDLL(None).ftok(b'/etc/passwd', {number}))");
        let theirs = text(&Command::new("python3").args(["-c", &script]).output().unwrap().stdout);
        let output = shm(&["key", "--json", "/etc/passwd", project]);
        let ours: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
        assert_eq!(ours["number"].to_string(), theirs.trim(), "{project}");
        assert_eq!(text(&output.stderr).contains("warning"), warned, "{project}");
    }
    let ours: Value =
        serde_json::from_str(&printed(&["key", "--json", "--name", "org.example.weather"])).unwrap();
    assert_eq!(ours["key"], "0xaf6985af");
}

#[test]
fn completions_and_manual_pages_have_every_command() {
    alone();
    let bash = printed(&["completions", "bash"]);
    let directory = TempDir::new();
    let script = directory.file("shm.bash", &bash);
    assert!(Command::new("bash").arg("-n").arg(script).status().unwrap().success());
    printed(&["man", directory.path().to_str().unwrap()]);
    let help = printed(&["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let names: Vec<&str> = commands
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(names.contains(&"list") && names.contains(&"man"), "{help}");
    for name in names {
        assert!(bash.contains(&format!("shm,{name})")), "{name}");
        let page = std::fs::read_to_string(directory.path().join(format!("shm-{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{name}");
    }
}

/// Makes a segment with the key in its variable, if it is set: the process whose end another test waits for.
#[test]
fn a_maker_of_a_segment() {
    if let Ok(key) = std::env::var("SHM_TEST_MAKES") {
        Station::options().key(Key::fixed(key.parse().unwrap())).create().unwrap();
    }
}

#[test]
fn stale_is_what_a_dead_process_left_and_no_process_has_attached() {
    // It removes what other programs left, too.
    if !alone() {
        return skip("a namespace takes root");
    }
    let (own, alive, held) = (OwnKey::new(), OwnKey::new(), OwnKey::new());
    for key in [&own, &held] {
        let mut maker = Command::new(std::env::current_exe().unwrap());
        maker.args(["--exact", "a_maker_of_a_segment"]).env("SHM_TEST_MAKES", key.value().to_string());
        assert!(maker.stdout(Stdio::null()).status().unwrap().success());
    }
    // Its creator lives, and has detached.
    let living = Station::options().key(alive.key()).create().unwrap();
    let holder = Station::options().key(held.key()).open().unwrap().attach_read_only().unwrap();
    drop(living.attach().unwrap());
    let id = |key: &OwnKey| format!("shmid {}, ", oracle::by_key(key.value()).unwrap().id);
    let (stale, others) = (id(&own), [id(&alive), id(&held)]);
    for (arguments, word) in [(&["remove", "--stale"][..], ""), (&["remove", "--stale", "--yes"], "removed ")]
    {
        let said = printed(arguments);
        let line = said.lines().find(|line| line.contains(&stale)).unwrap_or_else(|| panic!("{said}"));
        assert!(
            line.starts_with(&format!("{word}segment")) && line.contains("StationOfTheCommandLine"),
            "{line}"
        );
        assert!(others.iter().all(|other| !said.contains(other)), "{said}");
        assert_eq!(oracle::by_key(own.value()).is_none(), word == "removed ");
    }
    assert!(oracle::by_key(alive.value()).is_some() && oracle::by_key(held.value()).is_some());
    drop(holder);
}
