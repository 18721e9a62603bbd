//! What a scalar access costs is held against what the compiler makes of a raw pointer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The functions in `assembly/pairs.rs`.
const PAIRS: usize = 28;

#[test]
fn scalar_get_and_set_compile_to_the_instructions_of_a_raw_pointer_access() {
    let package = package("pairs");
    let ours = compile(&package, "shared");
    let raw = compile(&package, "raw");
    assert_eq!(ours.len(), PAIRS, "functions found: {:?}", ours.keys());
    assert!(ours.keys().eq(raw.keys()), "the same functions in both");

    let mut differ = String::new();
    for (name, ours) in &ours {
        let raw = &raw[name];
        assert!(!ours.is_empty(), "`{name}` has instructions");
        if ours != raw {
            writeln!(differ, "\n{name}, through Shared:\n{ours}\n{name}, through a raw pointer:\n{raw}")
                .unwrap();
        }
    }
    assert!(differ.is_empty(), "{differ}");
}

/// How many instructions each function in `assembly/hot.rs` has, as rustc 1.95 makes them for x86-64.
const COMMITTED: &str = include_str!("assembly/instructions.txt");

#[test]
fn the_hot_functions_have_as_many_instructions_as_were_committed() {
    let rustc = Command::new("rustc").arg("--version").output().unwrap();
    let rustc = String::from_utf8_lossy(&rustc.stdout).into_owned();
    if !cfg!(target_arch = "x86_64") || !rustc.starts_with("rustc 1.95.") {
        let _ = writeln!(
            std::io::stderr(),
            "skipped: the figures are those of rustc 1.95 for x86-64, and this is {rustc}"
        );
        return;
    }
    let counted: Vec<String> = compile(&package("hot"), "hot")
        .iter()
        // Not the tables for unwinding.
        .filter(|(name, _)| {
            name.bytes().all(|byte| byte == b'_' || byte.is_ascii_digit() || byte.is_ascii_lowercase())
        })
        .map(|(name, body)| {
            // Not labels, nor the marks around inline assembly.
            let instructions = body.lines().filter(|line| line.starts_with('\t') && !line.starts_with("\t#"));
            format!("{name} {}", instructions.count())
        })
        .collect();
    let committed: Vec<&str> = COMMITTED.lines().collect();
    assert_eq!(
        counted, committed,
        "more is a regression, and less is progress: look at `cargo rustc -- --emit asm`, and commit the new figures"
    );
}

/// A package that holds one of the files, outside this workspace: its assembly is not to depend on the profile of
/// this test.
fn package(file: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("assembly-{file}"));
    fs::create_dir_all(&package).unwrap();
    let runtime = tests.join("../shm-runtime");
    let manifest = format!(
        "[package]\nname = \"pairs\"\nedition = \"2024\"\n\
         [lib]\npath = {:?}\n\
         [dependencies]\nshm-runtime.path = {runtime:?}\n\
         [profile.release]\nopt-level = 3\ncodegen-units = 1\ndebug = false\n\
         [workspace]\n",
        tests.join(format!("tests/assembly/{file}.rs")),
    );
    fs::write(package.join("Cargo.toml"), manifest).unwrap();
    // The versions that are there already, so that nothing is downloaded.
    fs::copy(tests.join("../Cargo.lock"), package.join("Cargo.lock")).unwrap();
    package
}

/// The functions as compiled under `--cfg <variant>`: names and normalised instructions.
fn compile(package: &Path, variant: &str) -> BTreeMap<String, String> {
    let assembly = package.join(format!("{variant}.s"));
    let output = Command::new(env!("CARGO"))
        .args(["rustc", "--release", "--offline", "--lib", "--target-dir"])
        .arg(package.join("target"))
        .current_dir(package)
        .args(["--", "--cfg", variant, "--emit"])
        .arg(format!("asm={}", assembly.display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    functions(&fs::read_to_string(assembly).unwrap())
}

/// Splits assembly into functions: those of the crate, whose names are not mangled.
fn functions(assembly: &str) -> BTreeMap<String, String> {
    let mut functions = BTreeMap::new();
    let mut lines = assembly.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_suffix(':').filter(|name| !name.starts_with(['.', '_', ' ', '\t']))
        else {
            continue;
        };
        let body = lines.by_ref().take_while(|line| !line.starts_with(".Lfunc_end"));
        let instructions = body.filter(|line| !line.starts_with("\t."));
        functions.insert(name.to_owned(), normalised(instructions));
    }
    functions
}

/// Local labels are numbered as they come.
fn normalised<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut labels = Vec::new();
    let mut normal = String::new();
    for line in lines {
        let mut rest = line;
        while let Some(start) = rest.find(".L") {
            let (before, from) = rest.split_at(start);
            let end = from[1..]
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.')
                .map_or(from.len(), |at| at + 1);
            let (label, after) = from.split_at(end);
            let number = labels.iter().position(|&known| known == label).unwrap_or_else(|| {
                labels.push(label);
                labels.len() - 1
            });
            write!(normal, "{before}L{number}").unwrap();
            rest = after;
        }
        writeln!(normal, "{rest}").unwrap();
    }
    normal
}
