//! What the derives make in crates of other editions, with other dependencies, and beside other macros.
//!
//! Each case is a package of its own, outside this workspace, that is built with what is there already.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A package in the folder for temporary files.
struct Package {
    folder: PathBuf,
}

/// What cargo said.
struct Outcome {
    success: bool,
    stdout: String,
    stderr: String,
}

impl Package {
    /// `files` are named by their paths in the package. In a manifest, `RUNTIME` is the path of the runtime.
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("derive-cases").join(name);
        // Not of an earlier run.
        let _ = fs::remove_dir_all(&folder);
        let runtime = format!("{:?}", tests.join("../shm-runtime"));
        for (path, text) in files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("RUNTIME", &runtime)).unwrap();
        }
        // The versions that are there already, so that nothing is downloaded.
        fs::copy(tests.join("../Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        Self { folder }
    }

    /// A package of one file that depends on the runtime only.
    fn of_one_file(name: &str, edition: &str, path: &str, text: &str) -> Self {
        let manifest = format!(
            "[workspace]\n[package]\nname = \"case\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\
             [dependencies]\nshm-runtime.path = RUNTIME\n"
        );
        Self::new(name, &[("Cargo.toml", &manifest), (path, text)])
    }

    fn cargo(&self, words: &[&str]) -> Outcome {
        let output = Command::new(env!("CARGO"))
            .args(words)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("derive-cases/target"))
            .env("CARGO_NET_OFFLINE", "true")
            .env("RUSTFLAGS", "")
            .env("RUSTDOCFLAGS", "")
            .output()
            .unwrap();
        Outcome::from(output)
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Self { success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

impl Outcome {
    #[track_caller]
    fn succeeded(self) -> Self {
        assert!(self.success, "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// Whether it was refused, and the reason was one of those that are given.
    fn says(&self, reason: &str) -> bool {
        !self.success && self.stderr.contains(reason)
    }
}

/// A package with the macro of `derive_cases/changes.rs`, and a program for each of the structs and enums.
fn with_changes(name: &str, items: &[(&str, &str)]) -> Package {
    let manifest = "[workspace]\n[package]\nname = \"changed\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                    [dependencies]\nshm-runtime.path = RUNTIME\nchanges.path = \"changes\"\n";
    let library = "[package]\nname = \"changes\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                   [lib]\nproc-macro = true\npath = \"lib.rs\"\n";
    let sources: Vec<(String, String)> = items
        .iter()
        .map(|(name, item)| {
            let text = format!(
                "#![forbid(unsafe_code)]\n#![allow(dead_code)]\nuse changes::replace;\n\
                 use shm_runtime::{{Schema, Shareable, SharedSegment}};\n{item}\n\
                 fn main() {{ let _ = Schema::of::<S>(); }}\n"
            );
            (format!("src/bin/{name}.rs"), text)
        })
        .collect();
    let mut files = vec![
        ("Cargo.toml", manifest),
        ("changes/Cargo.toml", library),
        ("changes/lib.rs", include_str!("derive_cases/changes.rs")),
    ];
    files.extend(sources.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    Package::new(name, &files)
}

const TYPES: &str = "the fields of this struct are not of the types that the derive saw";
const PLACES: &str = "the fields do not lie where C lays them out";
const SIZE: &str = "the struct and its generated fields differ in size";
const INTEGER: &str = "the enum is not one integer of its `repr`";

/// A name, a struct or enum (or something around one) of the name `S`, and a part of the error.
const CHANGED: [(&str, &str, &str); 25] = [
    (
        "other-type-each-time",
        "#[derive(SharedSegment)] #[repr(C)] #[shm(private)] struct S { a: changes::first_u32!(), b: u16 }",
        TYPES,
    ),
    (
        "other-type-each-time-in-array",
        "#[derive(Shareable)] #[repr(C)]
         struct G<T> { a: [changes::first_char!(); 2], b: T } type S = G<u8>;",
        TYPES,
    ),
    (
        "union",
        "#[derive(Clone, Copy, Shareable)] #[replace(struct S { a: u32 } => union S { a: u32, b: u64 })] #[repr(C)]
         struct S { a: u32 }",
        SIZE,
    ),
    (
        "retyped",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(u32 => char)] #[repr(C)] #[shm(private)]
         struct S { a: u32, b: u16 }",
        TYPES,
    ),
    (
        "retyped-with-parameters",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(u32 => char)] #[repr(C)] #[shm(private)]
         struct G<T> { a: u32, b: T } type S = G<u8>;",
        TYPES,
    ),
    (
        "retyped-parameter",
        "#[derive(Clone, Copy, Shareable)] #[replace(b: T => b: U)] #[repr(C)]
         struct G<T, U> { a: U, b: T, c: [T; 0] } type S = G<u8, bool>;",
        TYPES,
    ),
    (
        "parameters-exchanged",
        "#[derive(Clone, Copy, Shareable)] #[replace(<T, U> => <U, T>)] #[repr(C)]
         struct G<T, U> { a: U, b: T } type S = G<u8, bool>;",
        TYPES,
    ),
    (
        "retyped-in-array",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(u8 => bool)] #[repr(C)] #[shm(private)]
         struct S { a: [[u8; 2]; 2] }",
        TYPES,
    ),
    (
        "other-length",
        "#[derive(Clone, Copy, SharedSegment)] #[replace([u8; 4] => [u8; 2])] #[repr(C)] #[shm(private)]
         struct S { a: u64, b: [u8; 4], c: u16 }",
        TYPES,
    ),
    (
        "retyped-in-the-last-of-many",
        "#[derive(Clone, Copy, Shareable)] #[replace(r: u8 => r: bool)] #[repr(C)]
         struct S { a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8, n: u8, o: u8,
                    p: u8, q: u8, r: u8 }",
        TYPES,
    ),
    (
        "of-another-crate-s-type",
        "#[derive(Shareable)] #[replace(u32 => std::num::NonZeroU32)] #[repr(C)]
         struct S { a: u32 }",
        TYPES,
    ),
    (
        "added",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(b: u8 => b: u8, tail: bool)] #[repr(C)] #[shm(private)]
         struct S { a: u32, b: u8 }",
        "missing field `tail` in initializer of `S`",
    ),
    (
        "added-with-parameters",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(b: T => b: T, tail: bool)] #[repr(C)] #[shm(private)]
         struct G<T> { a: u32, b: T } type S = G<u8>;",
        "missing field `tail` in initializer of `G<T>`",
    ),
    (
        "removed",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(b: u8, =>)] #[repr(C)] #[shm(private)]
         struct S { a: u32, b: u8, }",
        "no field `b` on type `S`",
    ),
    (
        "reordered",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(a: u32, b: u32 => b: u32, a: u32)] #[repr(C)] #[shm(private)]
         struct S { a: u32, b: u32 }",
        PLACES,
    ),
    (
        "reordered-with-parameters",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(a: T, b: T => b: T, a: T)] #[repr(C)] #[shm(private)]
         struct G<T> { a: T, b: T } type S = G<u8>;",
        PLACES,
    ),
    (
        "not-repr-c",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(# [repr(C)] =>)] #[repr(C)] #[shm(private)]
         struct S { a: u8, b: u64, c: u8 }",
        SIZE,
    ),
    (
        "packed",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(repr(C) => repr(C, packed))] #[repr(C)] #[shm(private)]
         struct S { a: u32, b: u8 }",
        SIZE,
    ),
    (
        "packed-with-parameters",
        "#[derive(SharedSegment)] #[replace(repr(C) => repr(C, packed))] #[repr(C)] #[shm(private)]
         struct G<T> { a: u32, b: T } type S = G<u8>;",
        SIZE,
    ),
    (
        "aligned",
        "#[derive(Clone, Copy, SharedSegment)] #[replace(repr(C) => repr(C, align(8)))] #[repr(C)] #[shm(private)]
         struct S { a: u32, b: u32 }",
        "the struct and its generated fields differ in alignment",
    ),
    (
        "variant-added",
        "#[derive(Clone, Copy, Shareable)] #[replace(B = 2 => B = 2, C = 3)] #[repr(u8)]
         enum S { A = 1, B = 2 }",
        "non-exhaustive patterns: `&S::C` not covered",
    ),
    (
        "variant-removed",
        "#[derive(Clone, Copy, Shareable)] #[replace(, B => )] #[repr(u8)]
         enum S { A, B }",
        "no variant named `B` found for enum `S`",
    ),
    (
        "variant-with-a-field",
        "#[derive(Clone, Copy, Shareable)] #[replace(B => B { x: u8 })] #[repr(u8)]
         enum S { A, B }",
        "missing field `x`",
    ),
    (
        "enum-of-another-integer",
        "#[derive(Clone, Copy, Shareable)] #[replace(u8 => u16)] #[repr(u8)]
         enum S { A, B }",
        INTEGER,
    ),
    (
        "enum-aligned",
        "#[derive(Clone, Copy, Shareable)] #[replace(u8 => u8, align(2))] #[repr(u8)]
         enum S { A, B }",
        INTEGER,
    ),
];

#[test]
fn a_struct_that_another_macro_changes_after_the_derive_is_refused() {
    let items: Vec<(&str, &str)> = CHANGED.iter().map(|&(name, item, _)| (name, item)).collect();
    let package = with_changes("changed", &items);
    // One line for each message, which names the program; and all of them in one call, which takes less time.
    let built = package.cargo(&["build", "-q", "--bins", "--keep-going", "--message-format=json"]).stdout;
    let mut wrong = String::new();
    for (name, item, reason) in CHANGED {
        let of_it = format!("\"name\":\"{name}\"");
        let said = |line: &&str| line.contains(&of_it) && line.contains("\"level\":\"error\"");
        if !built.lines().filter(said).any(|line| line.contains(reason)) {
            let lines: Vec<&str> = built.lines().filter(said).collect();
            writeln!(wrong, "{name}, which is to say `{reason}`:\n{item}\n{}", lines.join("\n")).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_error_of_a_changed_field_names_both_types_and_the_way_out() {
    let retyped = CHANGED.iter().find(|(name, ..)| *name == "retyped").unwrap();
    let package = with_changes("changed-error", &[("changed", retyped.1)]);
    let outcome = package.cargo(&["check", "-q"]);
    for part in
        ["now they are `(char, u16)`, and the derive saw `(u32, u16)`", "put the derive below that attribute"]
    {
        assert!(outcome.says(part), "{}", outcome.stderr);
    }
}

/// Their types are not inferred, but said beforehand, which has to be as strict.
#[test]
fn a_struct_of_thousands_of_fields_compiles_and_one_that_is_changed_is_refused() {
    let fields: String = (0..2000).map(|i| format!("f{i}: u32, ")).collect();
    let of = |change: &str| {
        format!("#[derive(Shareable)] #[replace({change})] #[repr(C)] struct S {{ {fields} last: f32 }}")
    };
    let cases = [
        ("same", "f7 : u32 => pub f7 : u32", None),
        ("retyped", "f7 : u32 => f7 : i32", Some("expected `i32`, found `u32`")),
        ("swapped", "f1999 : u32 , last : f32 => last : f32 , f1999 : u32", Some(PLACES)),
        ("more", "last : f32 => last : f32 , more : ( )", Some("missing field `more`")),
        ("fewer", "last : f32 => other : f32", Some("no field named `last`")),
    ];
    let items = cases.map(|(name, change, _)| (name, of(change)));
    let package = with_changes("thousands", &items.each_ref().map(|(name, item)| (*name, item.as_str())));
    for (name, _, reason) in cases {
        let outcome = package.cargo(&["build", "-q", "--bin", name]);
        match reason {
            None => assert!(outcome.success, "{name}: {}", outcome.stderr),
            Some(reason) => assert!(outcome.says(reason), "{name}: {}", outcome.stderr),
        }
    }
}

#[test]
fn a_struct_that_no_segment_can_hold_is_refused_with_the_reason() {
    for (name, field, reason) in [
        ("huge", "[u8; 1 << 46]", "a struct of more than 32 TiB is more than the compiler can lay out"),
        ("empties", "[[u8; 0]; usize::MAX]", "an array of so many elements needs elements that have a size"),
    ] {
        let text = format!(
            "#[derive(shm_runtime::SharedSegment)] #[repr(C)] #[shm(private)] struct S {{ count: u64, field: {field} }}
             fn main() {{}}"
        );
        let outcome = Package::of_one_file(name, "2024", "src/main.rs", &text).cargo(&["check", "-q"]);
        assert!(outcome.says(reason), "{name}: {}", outcome.stderr);
    }
}

#[test]
fn a_macro_above_the_derive_or_one_that_changes_nothing_shared_is_no_hindrance() {
    let package = with_changes(
        "changed-before",
        &[(
            "before",
            "#[replace(u32 => char)] #[derive(Clone, Copy, SharedSegment)] #[repr(C)] #[shm(private)]
             struct Above { a: u32, b: u16 }
             #[derive(Clone, Copy, SharedSegment)] #[replace(a: u32 => pub a: u32)] #[repr(C)] #[shm(private)]
             struct S { a: u32, above: [Above; 2] }
             #[derive(Clone, Copy, Shareable)] #[replace(B => #[doc = \"B\"] B)] #[repr(u8)]
             enum E { A, B }",
        )],
    );
    package.cargo(&["run", "-q"]).succeeded();
}

#[test]
fn types_of_two_crates_that_are_spelt_alike_are_two_types() {
    let manifest = "[workspace]\n[package]\nname = \"two-crates\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                    [dependencies]\nshm-runtime.path = RUNTIME\nlibrary.path = \"library\"\n";
    let library_manifest = "[package]\nname = \"library\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                            [dependencies]\nshm-runtime.path = RUNTIME\n[lib]\npath = \"lib.rs\"\n";
    let library = "
        #[derive(Clone, Copy, Debug, shm_runtime::Shareable)] #[repr(u32)] pub enum Mode { Off = 0, On = 1 }
        pub const LEN: usize = 3;
        #[macro_export] macro_rules! with_mode {
            ($(#[$m:meta])* $v:vis struct $n:ident { $($f:ident: $t:ty,)* }) => {
                $(#[$m])* $v struct $n { $($f: $t,)* mode: $crate::Mode, last: [u8; $crate::LEN], }
            };
        }";
    let program = |body: &str| {
        format!(
            "#![forbid(unsafe_code)]
            use shm_runtime::{{Schema, Shareable, SharedSegment}};
            #[derive(Clone, Copy, Debug, Shareable)] #[repr(C)] pub struct Mode {{ bits: u32 }}
            pub const LEN: usize = 2;
            #[macro_export] macro_rules! with_own_mode {{
                ($(#[$m:meta])* $v:vis struct $n:ident {{ $($f:ident: $t:ty,)* }}) => {{
                    library::with_mode! {{ $(#[$m])* $v struct $n {{ own: $crate::Mode, first: [u8; $crate::LEN], $($f: $t,)* }} }}
                }};
            }}
            with_own_mode! {{
                #[derive(Clone, Copy, SharedSegment)] #[repr(C)] #[shm(private)] pub struct S {{ x: u32, }}
            }}
            fn main() {{
                let segment = S::create().unwrap().remove_on_drop();
                let s = segment.attach().unwrap();
                {body}
            }}"
        )
    };
    let checked = program(
        "s.mode.set(library::Mode::On);
         print!(\"{}{:?}\", Schema::of::<S>(), s.try_get().unwrap().mode);",
    );
    let unchecked = program("let _ = s.get();");
    let package = Package::new(
        "two-crates",
        &[
            ("Cargo.toml", manifest),
            ("library/Cargo.toml", library_manifest),
            ("library/lib.rs", library),
            ("src/bin/checked.rs", &checked),
            ("src/bin/unchecked.rs", &unchecked),
        ],
    );
    let said = package.cargo(&["run", "-q", "--bin", "checked"]).succeeded().stdout;
    for part in ["own @0 struct Mode", "first @4 [2] u8", "mode @12 enum Mode", "last @16 [3] u8", "On"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let outcome = package.cargo(&["check", "-q", "--bin", "unchecked"]);
    assert!(outcome.says("not every byte pattern is a `library::Mode`"), "{}", outcome.stderr);
}

/// Names that became keywords after each edition.
#[test]
fn fields_are_named_as_their_edition_allows() {
    for (edition, names) in [
        ("2015", &["async", "await", "dyn", "try", "gen", "union", "auto", "raw", "r#type"][..]),
        ("2018", &["gen", "union", "auto", "r#try"]),
        ("2021", &["gen", "union", "r#async"]),
    ] {
        let fields: String = names.iter().map(|name| format!("pub {name}: u16, ")).collect();
        let generic: String = names.iter().map(|name| format!("{name}: [T; 2], ")).collect();
        let sets: String = names.iter().map(|name| format!("s.wind.{name}.set(7); ")).collect();
        let variants: String = names.iter().map(|name| format!("{name}, ")).collect();
        let text = format!(
            "#![deny(warnings)] #![allow(keyword_idents_2018, keyword_idents_2024, non_camel_case_types, dead_code)]
            extern crate shm_runtime;
            use shm_runtime::{{Schema, Shareable, SharedSegment}};
            #[derive(Clone, Copy, Shareable)] #[repr(C)] pub struct Wind {{ {fields} }}
            #[derive(Clone, Copy, Shareable)] #[repr(C)] pub struct Pair<T: Copy + 'static> {{ {generic} }}
            #[derive(Clone, Copy, Shareable)] #[repr(u8)] pub enum Kind {{ {variants} }}
            mod inner {{
                use shm_runtime::SharedSegment;
                macro_rules! station {{
                    ($name:ident, $first:ident, $ty:ty) => {{
                        #[derive(SharedSegment)] #[repr(C)] #[shm(private)]
                        pub struct $name {{ pub $first: u8, pub wind: $ty, pub pair: ::Pair_<u8>, pub kind: ::Kind_, }}
                    }};
                }}
                station!(Station, {first}, super::Wind);
            }}
            pub type Pair_<T> = Pair<T>; pub type Kind_ = Kind;
            use inner::Station;
            fn main() {{
                let segment = Station::create().unwrap().remove_on_drop();
                let s = segment.attach().unwrap();
                {sets}
                s.{first}.set(3);
                print!(\"{{}}\", Schema::of::<Station>());
            }}",
            first = names[0],
        );
        // A path of the crate's own begins with `crate` since 2018.
        let text = match edition {
            "2015" => text,
            _ => text.replace("::Pair_<", "crate::Pair_<").replace("::Kind_,", "crate::Kind_,"),
        };
        let package = Package::of_one_file(&format!("edition-{edition}"), edition, "src/main.rs", &text);
        let said = package.cargo(&["run", "-q"]).succeeded().stdout;
        for name in names {
            let name = name.trim_start_matches("r#");
            assert!(said.contains(&format!("{name} @")), "{edition}, {name}: {said}");
        }
    }
}

/// A struct, an enum and one with parameters, which name nothing of the standard library.
const PLAIN: &str = "
    use shm_runtime::{Shareable, SharedSegment};
    #[derive(Clone, Copy, Debug, Shareable)] #[repr(u8)] pub enum Sky { Clear, Rain }
    #[derive(Clone, Copy, Debug, Shareable)] #[repr(C)] pub struct Pair<T> { left: T, right: T }
    #[derive(Clone, Debug, SharedSegment)] #[repr(C)]
    #[shm(ftok(path = \"/\", project = 'W'), mode = Self::MODE, type_name = Self::NAME, size = 4)]
    pub struct S { a: u8, #[shm(offset = 1)] sky: Sky, pair: Pair<u8> }
    impl S { const MODE: u32 = 0o600; const NAME: &'static str = \"S\"; }
    fn main() {
        let segment = S::options().key(shm_runtime::Key::private()).create().unwrap().remove_on_drop();
        println!(\"{:?}\", *segment.attach().unwrap());
    }";

#[test]
fn a_dependency_may_have_the_name_of_a_standard_library() {
    for name in ["core", "alloc"] {
        for edition in ["2018", "2024"] {
            let manifest = format!(
                "[workspace]\n[package]\nname = \"case\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n\
                 [dependencies]\nshm-runtime.path = RUNTIME\n{name}.path = \"{name}\"\n"
            );
            let other = format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n");
            let package = Package::new(
                &format!("named-{name}-{edition}"),
                &[
                    ("Cargo.toml", &manifest),
                    ("src/main.rs", PLAIN),
                    (&format!("{name}/Cargo.toml"), &other),
                    (&format!("{name}/src/lib.rs"), "#![no_std]\npub fn business() -> u32 { 7 }"),
                ],
            );
            let outcome = package.cargo(&["check", "-q"]);
            assert!(outcome.success, "{name}, {edition}: {}", outcome.stderr);
        }
    }
}

#[test]
fn a_renamed_runtime_is_found() {
    let plain = PLAIN.replace("shm_runtime", "shared_mem");
    for (name, dependencies) in [
        ("line", "[dependencies]\nshared-mem = { package = \"shm-runtime\", path = RUNTIME }\n"),
        ("table", "[dependencies.shared-mem]\npath = RUNTIME\npackage = 'shm-runtime'\n"),
        (
            "lines",
            "[dependencies]\nshared-mem = {path = RUNTIME,package=\"shm-runtime\",default-features = false} # renamed\n",
        ),
        ("dotted", "[dependencies]\nshared-mem.path = RUNTIME\nshared-mem.package = \"shm-runtime\"\n"),
        (
            "target",
            "[target.'cfg(unix)'.dependencies]\n\"shared-mem\" = { package = \"shm-runtime\", path = RUNTIME }\n",
        ),
        ("spaces", "[ dependencies ]\nshared-mem = { package = \"shm-runtime\", path = RUNTIME }\n"),
        (
            "several-lines",
            "[dependencies]\nshared-mem = {\n    path = RUNTIME,\n    package = \"shm-runtime\",\n}\n",
        ),
    ] {
        let manifest = format!(
            "[workspace]\n[package]\nname = \"case\"\nversion = \"0.0.0\"\nedition = \"2024\"\n{dependencies}"
        );
        let package =
            Package::new(&format!("renamed-{name}"), &[("Cargo.toml", &manifest), ("src/main.rs", &plain)]);
        let outcome = package.cargo(&["check", "-q"]);
        assert!(outcome.success, "{name}: {}", outcome.stderr);
    }
}

#[test]
fn a_runtime_that_the_workspace_renames_is_found() {
    let workspace = "[workspace]\nmembers = [\"member\", \"other\"]\nresolver = \"3\"\n\
                     [workspace.dependencies]\nshared-mem = { package = \"shm-runtime\", path = RUNTIME }\n";
    let member = "[package]\nname = \"member\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                  [dependencies]\nshared-mem.workspace = true\n";
    let other = "[package]\nname = \"other\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                 [dependencies]\nshared-mem = { workspace = true }\n";
    let plain = PLAIN.replace("shm_runtime", "shared_mem");
    let package = Package::new(
        "renamed-by-workspace",
        &[
            ("Cargo.toml", workspace),
            ("member/Cargo.toml", member),
            ("member/src/main.rs", &plain),
            ("other/Cargo.toml", other),
            ("other/src/main.rs", &plain),
        ],
    );
    package.cargo(&["check", "-q"]).succeeded();
}

#[test]
fn a_runtime_that_is_not_a_dependency_is_named_by_the_setting() {
    let manifest = "[workspace]\n[package]\nname = \"case\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                    [dependencies]\nfacade.path = \"facade\"\n";
    let facade = "[package]\nname = \"facade\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                  [dependencies]\nshm-runtime.path = RUNTIME\n";
    let main = "
        use facade::shared::{Shareable, SharedSegment};
        #[derive(Clone, Copy, Shareable)] #[repr(u8)] #[shm(crate = facade::shared)] pub enum Sky { Clear }
        #[derive(SharedSegment)] #[repr(C)] #[shm(private, crate = ::facade::shared)] pub struct S<T> { a: T, sky: Sky }
        facade::station!(Station);
        fn main() { let _ = (S::<u8>::create, Station::create, Sky::Clear); }";
    let library = "
        pub use shm_runtime as shared;
        #[macro_export] macro_rules! station {
            ($name:ident) => {
                #[derive($crate::shared::SharedSegment)] #[repr(C)] #[shm(private, crate = $crate::shared)]
                pub struct $name { pub a: u8 }
            };
        }";
    let package = Package::new(
        "facade",
        &[
            ("Cargo.toml", manifest),
            ("src/main.rs", main),
            ("facade/Cargo.toml", facade),
            ("facade/src/lib.rs", library),
        ],
    );
    package.cargo(&["check", "-q"]).succeeded();
}

#[test]
fn the_documentation_has_no_warning_and_doc_tests_of_fields_run_once() {
    let package =
        Package::of_one_file("documented", "2024", "src/lib.rs", include_str!("derive_cases/documented.rs"));
    fs::write(package.folder.join("src/field.md"), "Degrees *Celsius*.\n").unwrap();
    package.cargo(&["doc", "-q", "--no-deps"]).succeeded();
    package.cargo(&["doc", "-q", "--no-deps", "--document-private-items"]).succeeded();
    let tested = package.cargo(&["test", "-q", "--doc"]).succeeded().stdout;
    assert!(tested.contains("1 passed"), "{tested}");
    let page = |path: &str| package.folder.join("../target/doc/case").join(path);
    assert!(page("struct.StationFields.html").exists());
    assert!(!page("struct.InternalFields.html").exists(), "what is hidden has a hidden twin");
    let twin = fs::read_to_string(page("struct.StationFields.html")).unwrap();
    assert!(!twin.contains("reserved"), "a hidden field is hidden in the twin");
    assert!(twin.contains("struct.Station.html#structfield.celsius"), "links to the original's field");
}

#[test]
fn clippy_has_nothing_to_say_of_what_the_derives_write() {
    let package =
        Package::of_one_file("clippy", "2024", "src/lib.rs", include_str!("derive_cases/clippy.rs"));
    fs::write(package.folder.join("README.md"), "").unwrap();
    let outcome = package.cargo(&["clippy", "-q"]);
    if outcome.stderr.contains("is not installed") || outcome.stderr.contains("no such command") {
        eprintln!("skipped: clippy is not installed here");
        return;
    }
    outcome.succeeded();
}

#[test]
fn the_lowest_versions_of_the_dependencies_suffice() {
    let package = Package::of_one_file("lowest", "2024", "src/main.rs", PLAIN);
    fs::remove_file(package.folder.join("Cargo.lock")).unwrap();
    let cargo = |words: &[&str]| {
        let output = Command::new("cargo")
            .arg("+nightly")
            .args(words)
            .current_dir(&package.folder)
            .env(
                "CARGO_TARGET_DIR",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("derive-cases/lowest-target"),
            )
            .env("CARGO_NET_OFFLINE", "true")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .output();
        output.map(Outcome::from)
    };
    // For `--locked` only, what is asked of the registry is asked here.
    match cargo(&["generate-lockfile", "-q", "-Z", "minimal-versions"]) {
        Ok(outcome) if outcome.success => {}
        Ok(outcome) => {
            eprintln!(
                "skipped: the lowest versions, or a nightly cargo that finds them, are not here: {}",
                outcome.stderr
            );
            return;
        }
        Err(error) => {
            eprintln!("skipped: no cargo to ask for a nightly one: {error}");
            return;
        }
    }
    let outcome = cargo(&["check", "-q", "--locked"]).unwrap();
    if outcome.stderr.contains("attempting to make an HTTP request") || outcome.stderr.contains("--offline") {
        eprintln!("skipped: the lowest versions are not here: {}", outcome.stderr);
        return;
    }
    outcome.succeeded();
}

/// Random structs that end in a slice: `rust` prints for each what `c` prints.
struct Tails {
    rust: String,
    c: String,
    state: u64,
}

impl Tails {
    const LENGTHS: [usize; 4] = [0, 1, 7, 1000];

    fn below(&mut self, limit: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        usize::try_from(self.state % limit as u64).unwrap()
    }

    /// A type in Rust, and in C before and after the name.
    fn scalar(&mut self) -> (String, &'static str, String) {
        const SCALARS: [(&str, &str); 8] = [
            ("u8", "uint8_t"),
            ("i16", "int16_t"),
            ("u32", "uint32_t"),
            ("f32", "float"),
            ("f64", "double"),
            ("u64", "uint64_t"),
            ("bool", "bool"),
            ("std::sync::atomic::AtomicU64", "_Atomic uint64_t"),
        ];
        let (rust, c) = SCALARS[self.below(SCALARS.len())];
        match self.below(4) {
            0 => {
                let len = 1 + self.below(5);
                (format!("[{rust}; {len}]"), c, format!("[{len}]"))
            }
            _ => (rust.to_owned(), c, String::new()),
        }
    }

    /// The fields of a struct, at least one, in Rust and in C.
    fn fields(&mut self) -> (String, String, usize) {
        let (mut rust, mut c) = (String::new(), String::new());
        let count = 1 + self.below(4);
        for i in 0..count {
            let (ty, before, after) = self.scalar();
            write!(rust, "f{i}: {ty}, ").unwrap();
            write!(c, "{before} f{i}{after}; ").unwrap();
        }
        (rust, c, count)
    }

    fn add(&mut self, i: usize) {
        let (element_rust, element_c, _) = self.fields();
        let (head_rust, head_c, count) = self.fields();
        let (element_rust_type, element_c_type) = match self.below(3) {
            0 => {
                let (ty, before, _) = loop {
                    let scalar = self.scalar();
                    if scalar.2.is_empty() {
                        break scalar;
                    }
                };
                (ty, before.to_owned())
            }
            _ => (format!("E{i}"), format!("struct e{i}")),
        };
        write!(
            self.rust,
            "#[derive(Shareable)] #[repr(C)] struct E{i} {{ {element_rust} }}\n\
             #[derive(SharedSegment)] #[repr(C)] #[shm(private, bare)] struct S{i} {{ {head_rust} tail: [{element_rust_type}] }}\n\
             fn s{i}() {{\n\
             let schema = Schema::of::<S{i}>();\n\
             println!(\"{{}} {{}}\", schema.size(), schema.resolve(\"tail\").unwrap().offset());\n"
        )
        .unwrap();
        write!(
            self.c,
            "struct e{i} {{ {element_c} }}; struct s{i} {{ {head_c} {element_c_type} tail[]; }};\n\
             static void s{i}(void) {{\n\
             printf(\"%zu %zu\\n\", sizeof(struct s{i}), offsetof(struct s{i}, tail));\n"
        )
        .unwrap();
        for field in 0..count {
            writeln!(self.rust, "println!(\"{{}}\", schema.resolve(\"f{field}\").unwrap().offset());")
                .unwrap();
            writeln!(self.c, "printf(\"%zu\\n\", offsetof(struct s{i}, f{field}));").unwrap();
        }
        for len in Self::LENGTHS {
            // Size, length, and where the last element is.
            writeln!(
                self.rust,
                "{{ let segment = S{i}::options().len({len}).create().unwrap().remove_on_drop();\n\
                 let shared = segment.attach().unwrap();\n\
                 let start = std::ptr::from_ref(&*shared).cast::<u8>().addr();\n\
                 let at = shared.tail.last().map_or(0, |last| std::ptr::from_ref(last).addr() - start);\n\
                 println!(\"{{}} {{}} {{at}}\", segment.size(), shared.tail.len()); }}"
            )
            .unwrap();
            let last = match len {
                0 => "(size_t)0".to_owned(),
                _ => format!("offsetof(struct s{i}, tail) + {} * sizeof({element_c_type})", len - 1),
            };
            writeln!(
                self.c,
                "{{ int id = shmget(IPC_PRIVATE, sizeof(struct s{i}) + {len} * sizeof({element_c_type}), 0600);\n\
                 struct shmid_ds ds; shmctl(id, IPC_STAT, &ds); shmctl(id, IPC_RMID, NULL);\n\
                 printf(\"%zu %zu %zu\\n\", ds.shm_segsz, (ds.shm_segsz - sizeof(struct s{i})) / sizeof({element_c_type}), {last}); }}"
            )
            .unwrap();
        }
        self.rust.push_str("}\n");
        self.c.push_str("}\n");
    }
}

#[test]
fn random_structs_that_end_in_a_slice_are_laid_out_and_counted_as_gcc_does() {
    const STRUCTS: usize = 60;
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let seed = u64::try_from(seed).unwrap() | 1;
    println!("seed {seed}");
    let mut tails = Tails { rust: String::new(), c: String::new(), state: seed };
    (0..STRUCTS).for_each(|i| tails.add(i));
    let calls: String = (0..STRUCTS).map(|i| format!("s{i}(); ")).collect();
    let rust = format!(
        "#![forbid(unsafe_code)]\n#![allow(dead_code)]\nuse shm_runtime::{{Schema, Shareable, SharedSegment, TailedSegment}};\n{}\
         fn main() {{ {calls} }}\n",
        tails.rust
    );
    let c = format!(
        "#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <sys/shm.h>\n{}\
         int main(void) {{ {calls} return 0; }}\n",
        tails.c
    );
    let expected = shm_tests::c::Program::compile(&c).run::<&str>(&[]);
    let said =
        Package::of_one_file("tails", "2024", "src/main.rs", &rust).cargo(&["run", "--quiet"]).succeeded();
    assert_eq!(expected.lines().count(), said.stdout.lines().count());
    assert_eq!(said.stdout, expected, "{rust}\n{c}");
}
