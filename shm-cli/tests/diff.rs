//! `shm diff` says how two layouts differ, with the exit status of diff(1).

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use shm_runtime::{Schema, SharedSegment};
use shm_tests::key::OwnKey;
use shm_tests::temp::TempDir;

const SHM: &str = env!("CARGO_BIN_EXE_shm");

mod old {
    #[derive(shm_runtime::SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    pub(crate) struct Station {
        pub(crate) celsius: f32,
        pub(crate) readings: u64,
    }
}

mod new {
    #[derive(shm_runtime::SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    pub(crate) struct Station {
        pub(crate) celsius: f64,
        pub(crate) readings: u64,
        pub(crate) wind: [f32; 2],
    }
}

const DIFFERENCE: &str = "  - struct Station size 16 align 8\n  - celsius @0 f32\n  + struct Station size 24 align 8\n  \
    + celsius @0 f64\n  + wind @16 [2] f32\n";

fn shm(arguments: &[&str]) -> Output {
    Command::new(SHM).args(arguments).output().expect("run shm")
}

/// Its status and what it prints, when it has nothing to say on stderr.
#[track_caller]
fn compared(arguments: &[&str]) -> (Option<i32>, String) {
    let output = shm(arguments);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}

/// What it says when it cannot tell.
#[track_caller]
fn trouble(arguments: &[&str]) -> String {
    let output = shm(arguments);
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(2), &b""[..]), "{arguments:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

#[test]
fn two_segments_a_file_and_a_program_are_compared() {
    let (a, b) = (OwnKey::new(), OwnKey::new());
    let one = old::Station::options().key(a.key()).create().unwrap();
    let other = new::Station::options().key(b.key()).create().unwrap();
    let (one_name, other_name) = (format!("id:{}", one.id()), format!("id:{}", other.id()));
    let (status, text) = compared(&["diff", &one_name, &other_name]);
    let heads = format!(
        "--- segment, shmid {}, key {:#010x}\n+++ segment, shmid {}, key {:#010x}\n",
        one.id(),
        a.value(),
        other.id(),
        b.value()
    );
    assert_eq!((status, text), (Some(1), format!("{heads}{DIFFERENCE}")));

    let dir = TempDir::new();
    let file = dir.file("new.schema", &Schema::of::<new::Station>().to_string());
    let file = file.to_string_lossy();
    assert_eq!(compared(&["diff", &other_name, &file]), (Some(0), String::new()));
    let (status, text) = compared(&["diff", &one_name, &file]);
    assert!(text.ends_with(DIFFERENCE) && text.contains(&format!("+++ {file}\n")), "{text}");
    assert_eq!(status, Some(1));

    // A program that prints it with `print!`, and one with `println!`.
    for command in [format!("cat '{file}'"), format!("cat '{file}'; echo")] {
        assert_eq!(compared(&["diff", &other_name, "--program", &command]), (Some(0), String::new()));
        let (status, text) = compared(&["diff", &one_name, "--program", &command]);
        assert!(text.ends_with(DIFFERENCE), "{text}");
        assert_eq!(status, Some(1));
    }
}

#[test]
fn a_schema_is_read_from_the_standard_input() {
    let key = OwnKey::new();
    let segment = old::Station::options().key(key.key()).create().unwrap();
    let compare = |schema: &str| {
        let mut command = Command::new(SHM);
        command.args(["diff", &format!("id:{}", segment.id()), "-"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("run shm");
        child.stdin.take().unwrap().write_all(schema.as_bytes()).unwrap();
        child.wait().unwrap().code()
    };
    assert_eq!(compare(&Schema::of::<old::Station>().to_string()), Some(0));
    assert_eq!(compare(&Schema::of::<new::Station>().to_string()), Some(1));
}

#[test]
fn what_cannot_be_told_is_no_difference() {
    let dir = TempDir::new();
    let good = dir.file("good.schema", &Schema::of::<old::Station>().to_string());
    let bad = dir.file("bad.schema", "struct \x1b[31m size 4\n");
    let (good, bad) = (&*good.to_string_lossy(), &*bad.to_string_lossy());
    let bare = OwnKey::new();
    let id = shm_tests::seal::raw_create(bare.value(), 64);
    let said = trouble(&["diff", good, &format!("id:{id}")]);
    assert!(said.contains("seal"), "{said}");
    let said = trouble(&["diff", bad, good]);
    assert!(said.contains("bad.schema: line 1 of the schema") && !said.contains('\x1b'), "{said}");
    assert!(trouble(&["diff", good, "./missing"]).contains("./missing: No such file or directory"));
    assert!(trouble(&["diff", "-", "-"]).contains("only one of the two"));
    assert!(trouble(&["diff", good, "--program", "exit 3"]).contains("exit status: 3"));
    assert!(trouble(&["diff", good, "--program", "yes"]).contains("longer than a schema"));
    assert!(trouble(&["diff", good, "--program", "echo"]).contains("what `echo` prints: line"));
    // Of the command line, clap says it.
    assert!(trouble(&["diff", good]).contains("<B>"));
    assert!(trouble(&["diff", good, good, "--program", "true"]).contains("cannot be used with"));

    // Of a full disk, too, and not of a reader who has seen enough.
    let other = dir.file("other.schema", &Schema::of::<new::Station>().to_string());
    let to = |sink: &str| {
        let script = format!("'{SHM}' diff '{good}' '{}' {sink}", other.display());
        let output = Command::new("bash").args(["-c", &script]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (status, said) = to(">/dev/full");
    assert!(status == Some(2) && said.contains("cannot write the output"), "{status:?} {said}");
    let (status, said) = to("| sleep 0; echo ${PIPESTATUS[0]} | grep -qE '^(1|141)$'");
    assert_eq!((status, &*said), (Some(0), ""));
}
