//! The walls between the folders: each knows those below it, and no other.

use std::fs;
use std::path::{Path, PathBuf};

/// Each folder, and what it may know. It is below all that may know it: so none can be in a circle.
const FOLDERS: [(&str, &[&str]); 10] = [
    ("sys", &[]),
    ("memory", &[]),
    ("schema", &["memory"]),
    ("sync", &["sys", "memory"]),
    ("ipc", &["sys", "memory", "schema"]),
    ("seal", &["sys", "memory", "schema", "ipc"]),
    ("sem", &["sys", "memory", "schema", "ipc"]),
    ("msg", &["sys", "memory", "schema", "ipc"]),
    // A segment's companion is a semaphore.
    ("segment", &["sys", "memory", "schema", "ipc", "seal", "sem"]),
    ("inspect", &["sys", "memory", "schema", "sync", "ipc", "seal", "segment"]),
];

/// The only files in no folder: the table of contents, which knows all, and this one.
const ROOT: [&str; 2] = ["lib.rs", "walls.rs"];

#[test]
fn no_folder_knows_one_that_it_must_not() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for path in rust_files(&src) {
        let file = path.strip_prefix(&src).expect("it is below").to_str().expect("ASCII");
        if ROOT.contains(&file) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("it was listed");
        wrong.extend(breaches(file, &text));
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn a_folder_may_know_only_those_listed_before_it() {
    for (i, (folder, known)) in FOLDERS.iter().enumerate() {
        let before = FOLDERS[..i].iter().map(|(name, _)| name);
        for known in *known {
            assert!(before.clone().any(|name| name == known), "{folder} and {known} could be a circle");
        }
    }
}

/// That the first test would see what it looks for.
#[test]
fn what_goes_through_a_wall_is_found_with_its_line() {
    let cases = [
        ("memory/shared.rs", "use crate::schema;", "memory/shared.rs:2: `memory` must not know `schema`"),
        (
            "ipc/key.rs",
            "    let _: crate::segment::Segment<u8>;",
            "ipc/key.rs:2: `ipc` must not know `segment`",
        ),
        (
            "sem/set.rs",
            "use crate::{ipc::key::Key, seal::Seal};",
            "sem/set.rs:2: names several folders at once",
        ),
        (
            "memory/atomic.rs",
            "type Full = crate::ReadWrite;",
            "memory/atomic.rs:2: goes by way of lib.rs: `ReadWrite`",
        ),
        ("sys/mod.rs", "use super::ipc::key::Key;", "sys/mod.rs:2: climbs out of its folder by `super`"),
        (
            "sys/process/mod.rs",
            "use super::super::ipc;",
            "sys/process/mod.rs:2: climbs out of its folder by `super`",
        ),
        ("memory/bulk/mod.rs", "unsafe { libc::getpid() }", "memory/bulk/mod.rs:2: only `sys` calls libc"),
        ("attach.rs", "", "attach.rs: stands in no folder of `FOLDERS`"),
    ];
    for (file, line, message) in cases {
        assert_eq!(breaches(file, &format!("//! crate::segment\n{line}\n")), [message]);
    }
    let fine = "use crate::ipc::key::Key; // crate::segment\n/// [`Segment`](crate::Segment)\npub(crate) fn f() {}\n";
    assert!(breaches("sem/set.rs", fine).is_empty());
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the source is there");
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.expect("it can be listed").path()) {
        match path.is_dir() {
            true => files.extend(rust_files(&path)),
            false => files.push(path),
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.sort();
    files
}

/// What is wrong with this file, line by line.
fn breaches(file: &str, text: &str) -> Vec<String> {
    let folder = file.split_once('/').map_or("", |(folder, _)| folder);
    let Some((_, known)) = FOLDERS.iter().find(|(name, _)| *name == folder) else {
        return vec![format!("{file}: stands in no folder of `FOLDERS`")];
    };
    let is_folder_itself = file.strip_prefix(folder) == Some("/mod.rs");
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        // What a comment or a link in the documentation names need not be known.
        let code = line.split("//").next().unwrap_or_default();
        let mut wrong = |message: String| found.push(format!("{file}:{number}: {message}"));
        for (_, path) in code.match_indices("crate::").map(|(at, root)| code.split_at(at + root.len())) {
            let name: String =
                path.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
            match FOLDERS.iter().any(|(folder, _)| *folder == name) {
                _ if path.starts_with('{') => wrong("names several folders at once".to_owned()),
                true if name == folder || known.contains(&&*name) => {}
                true => wrong(format!("`{folder}` must not know `{name}`")),
                false => wrong(format!("goes by way of lib.rs: `{name}`")),
            }
        }
        // A module within the file climbs to the file only.
        if code.contains("super::super")
            || (is_folder_itself && code.contains("super::") && !code.starts_with(' '))
        {
            wrong("climbs out of its folder by `super`".to_owned());
        }
        if code.contains("libc::") && folder != "sys" {
            wrong("only `sys` calls libc".to_owned());
        }
    }
    found
}
