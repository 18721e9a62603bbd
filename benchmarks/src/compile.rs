//! What the derives cost a build.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::measure::{self, Effort};
use crate::report::{Goal, Report};
use crate::{Result, Scratch};

/// Structs in the crate that is checked.
const STRUCTS: usize = 500;

/// The fields of each: twenty, without padding, as bytemuck and zerocopy want it.
const FIELDS: [&str; 20] = [
    "u64", "i64", "f64", "u32", "f32", "i32", "u32", "u16", "i16", "u16", "i16", "u8", "i8", "u8", "i8",
    "[u8; 4]", "[u32; 2]", "[u64; 2]", "f64", "u64",
];

const BYTEMUCK: &str = r#"bytemuck = { version = "=1.25.2", features = ["derive"] }"#;
const ZEROCOPY: &str = r#"zerocopy = { version = "=0.8.63", features = ["derive"] }"#;

/// The dependency on this library, at its place in this repository.
pub fn ours() -> String {
    format!(r#"shm-runtime = {{ path = "{}/../shm-runtime" }}"#, env!("CARGO_MANIFEST_DIR"))
}

/// A crate in the run's folder, which is compiled there.
pub struct Crate {
    path: PathBuf,
    target: PathBuf,
}

impl Crate {
    /// `source` is that of `src/main.rs`. Crates of the same `family` share what they depend on, compiled.
    pub fn new(
        scratch: &Scratch,
        family: &str,
        name: &str,
        dependencies: &str,
        source: &str,
    ) -> Result<Self> {
        let path = scratch.path().join(name);
        fs::create_dir_all(path.join("src"))?;
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[dependencies]\n{dependencies}\n\n[workspace]\n"
        );
        fs::write(path.join("Cargo.toml"), manifest)?;
        fs::write(path.join("src/main.rs"), source)?;
        Ok(Self { path, target: scratch.path().join(format!("target-{family}")) })
    }

    /// Runs cargo, and says how long it took.
    pub fn cargo(&self, arguments: &[&str]) -> Result<Duration> {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).arg("--quiet").current_dir(&self.path);
        cargo
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_TERM_COLOR", "never");
        let start = Instant::now();
        let output = cargo.output()?;
        let took = start.elapsed();
        match output.status.success() {
            true => Ok(took),
            false => {
                let said = String::from_utf8_lossy(&output.stderr);
                eprintln!("{said}");
                // The rest names paths, which belong into no report.
                Err(said.lines().find(|line| line.starts_with("error")).unwrap_or("cargo failed").into())
            }
        }
    }

    /// Nanoseconds of `cargo check`, with what it depends on compiled already.
    pub fn check(&self) -> Result<f64> {
        // Otherwise it would know that nothing has changed.
        let main = self.path.join("src/main.rs");
        fs::write(&main, fs::read_to_string(&main)?)?;
        Ok(measure::each(self.cargo(&["check"])?, 1))
    }

    /// Nanoseconds of a build from nothing.
    fn build(&self) -> Result<f64> {
        if self.target.exists() {
            fs::remove_dir_all(&self.target)?;
        }
        Ok(measure::each(self.cargo(&["build"])?, 1))
    }

    /// The program that `cargo build --release` made.
    pub fn program(&self) -> PathBuf {
        self.target.join("release").join(self.path.file_name().unwrap_or_default())
    }
}

/// Structs with the attributes, `{}` in which is the struct's number.
fn structs(count: usize, attributes: &str) -> String {
    let mut source = String::from("#![allow(dead_code)]\n");
    for number in 0..count {
        let _ =
            writeln!(source, "{}\npub struct S{number} {{", attributes.replace("{}", &number.to_string()));
        for (field, kind) in FIELDS.iter().enumerate() {
            let _ = writeln!(source, "    pub field_{field}: {kind},");
        }
        source.push_str("}\n");
    }
    source.push_str("fn main() {}\n");
    source
}

pub fn measure(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    const CHECK: &str = "`cargo check` of 500 structs of 20 fields";
    const BUILD: &str = "`cargo build` of a crate with one struct, from nothing";
    let pairs = if effort.quick { 1 } else { 5 };

    let segment =
        "#[derive(Clone, Copy, shm_runtime::SharedSegment)]\n#[repr(C)]\n#[shm(name = \"peers.{}\")]";
    let part = "#[derive(Clone, Copy, shm_runtime::Shareable)]\n#[repr(C)]";
    let pod = "#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]\n#[repr(C)]";
    let zero = "#[derive(Clone, Copy, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)]\n#[repr(C)]";
    let of = |name, dependency: &str, attributes| -> Result<Crate> {
        let made = Crate::new(scratch, name, name, dependency, &structs(STRUCTS, attributes))?;
        // What it depends on is compiled now, and not measured.
        made.cargo(&["check"])?;
        Ok(made)
    };
    let (segments, parts) = (of("segments", &ours(), segment)?, of("parts", &ours(), part)?);
    let pods = of("pods", BYTEMUCK, pod)?;
    let outcome = measure::pairs(pairs, || segments.check(), || pods.check())?;
    report.add(CHECK, "`SharedSegment`", "bytemuck: `Pod`, `Zeroable`", outcome, Goal::Time(0.5));
    let outcome = measure::pairs(pairs, || parts.check(), || pods.check())?;
    report.add(CHECK, "`Shareable`", "bytemuck: `Pod`, `Zeroable`", outcome, Goal::None);
    if effort.quick {
        report.skip("`cargo check` of zerocopy's derives", "takes too long for `--quick`");
    } else {
        let zeros = of("zeros", ZEROCOPY, zero)?;
        let outcome = measure::pairs(1, || segments.check(), || zeros.check())?;
        report.add(CHECK, "`SharedSegment` (one pair)", "zerocopy: four derives", outcome, Goal::None);
    }

    let segment = Crate::new(scratch, "clean", "segment", &ours(), &structs(1, segment))?;
    let with_libc = format!("{BYTEMUCK}\nlibc = \"0.2\"");
    let pod = Crate::new(scratch, "clean-peer", "pod", &with_libc, &structs(1, pod))?;
    // Without the time to download.
    segment.cargo(&["fetch"])?;
    pod.cargo(&["fetch"])?;
    let outcome = measure::pairs(pairs, || segment.build(), || pod.build())?;
    report.add(BUILD, "`SharedSegment`", "bytemuck's `Pod` and libc", outcome, Goal::Time(1.2));
    Ok(())
}
