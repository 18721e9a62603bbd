//! What `shm header` writes compiles, reads and writes the values of a segment that Rust made, and refuses one of another layout.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::thread;

use shm_runtime::{Permissions, Schema, Shareable, SharedSegment, TailedSegment, sync};
use shm_tests::key::OwnKey;
use shm_tests::temp::TempDir;
use shm_tests::{have, skip};

mod generated;

use generated::compile_all;

const SHM: &str = env!("CARGO_BIN_EXE_shm");

#[derive(SharedSegment)]
#[repr(C, align(64))]
#[shm(private)]
struct Station {
    readings: AtomicU64,
    celsius: f64,
    wind: Wind,
    totals: sync::Mutex<Wind>,
    latest: sync::SeqLock<Pair>,
    gusts: sync::SeqLock<[f32; 3]>,
    count: sync::SeqLock<u16>,
    changed: sync::Event,
    raining: bool,
    mode: Mode,
    level: Level,
    letter: char,
    hits: [[AtomicU16; 3]; 2],
    on: AtomicBool,
    total: AtomicU32,
    name: [u8; 32],
    grid: [[i32; 3]; 2],
    series: [Sample; 4],
    nothing: [u64; 0],
    nobody: [Wind; 0],
    size: usize,
    offset: isize,
    small: i8,
    aligned: Aligned,
    // Words of C, of C++, of Python, and of all of them; a macro of GCC's; and what is not of ASCII.
    int: i16,
    class: u8,
    lambda: u8,
    r#while: u8,
    linux: u8,
    größe: u32,
    _reserved: u8,
    __fields__: u8,
    open: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Wind {
    speed: f64,
    degrees: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Pair {
    value: u64,
    inverse: [u64; 2],
    mode: Mode,
    wind: Wind,
}

#[derive(Shareable)]
#[repr(C)]
struct Sample {
    at: u64,
    hits: AtomicU32,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C, align(128))]
struct Aligned {
    byte: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(u8)]
#[allow(clippy::upper_case_acronyms, reason = "a macro of C has that name")]
enum Mode {
    Off = 0,
    On = 1,
    EOF = 200,
}

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(i64)]
enum Level {
    Lowest = i64::MIN,
    Zero = 0,
    Highest = i64::MAX,
}

/// Of a program that was changed since: `celsius` is not what it was.
mod changed {
    use shm_runtime::SharedSegment;

    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    pub(crate) struct Station {
        pub(crate) celsius: f32,
    }
}

fn shm(arguments: &[&str]) -> Output {
    Command::new(SHM).args(arguments).output().expect("run shm")
}

/// What it prints if all is well.
#[track_caller]
fn printed(arguments: &[&str]) -> String {
    let output = shm(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs a program to its end, and returns what it printed.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// A segment that this process has attached.
struct Made {
    key: OwnKey,
    id: i32,
    station: shm_runtime::Attached<Station>,
}

fn made() -> Made {
    let key = OwnKey::new();
    let segment = Station::options().key(key.key()).create().unwrap();
    let station = segment.attach().unwrap();
    station.readings.store(41, Relaxed);
    station.celsius.set(-7.25);
    station.wind.set(Wind { speed: 12.5, degrees: 271 });
    let pair = |value: u64| pair(value);
    station.latest.writer().unwrap().write(&pair(7)).unwrap();
    station.gusts.writer().unwrap().write(&[1.5, 2.5, 3.5]).unwrap();
    station.count.writer().unwrap().write(&513).unwrap();
    station.raining.set(true);
    station.mode.set(Mode::EOF);
    station.level.set(Level::Lowest);
    station.letter.set('ß');
    station.hits[1][2].store(12, Relaxed);
    station.on.store(true, Relaxed);
    station.name.set_str("Zürich").unwrap();
    station.grid[1][2].set(-5);
    station.series[3].at.set(u64::MAX);
    station.series[3].hits.store(3, Relaxed);
    station.size.set(usize::MAX - 1);
    station.offset.set(-2);
    station.small.set(-3);
    station.aligned.byte.set(128);
    station.int.set(-300);
    station.class.set(1);
    station.lambda.set(2);
    station.r#while.set(3);
    station.linux.set(4);
    station.größe.set(70_000);
    station._reserved.set(5);
    station.__fields__.set(6);
    station.open.set(7);
    Made { id: segment.id(), key, station }
}

fn pair(value: u64) -> Pair {
    let mode = if value.is_multiple_of(2) { Mode::Off } else { Mode::On };
    Pair { value, inverse: [!value; 2], mode, wind: Wind { speed: 0.5, degrees: 9 } }
}

impl Made {
    fn name(&self) -> String {
        format!("key:{:#010x}", self.key.value())
    }

    /// What the other program was told to change is changed, and nothing else is.
    #[track_caller]
    fn check_written(&self) {
        let station = &self.station;
        assert_eq!(station.readings.load(Relaxed), 42);
        assert_eq!(station.celsius.get(), 21.5);
        assert_eq!(station.wind.get(), Wind { speed: 12.5, degrees: 90 });
        assert_eq!(station.mode.try_get().unwrap(), Mode::On);
        assert_eq!(station.level.try_get().unwrap(), Level::Highest);
        assert_eq!(station.hits[1][2].load(Relaxed), 13);
        assert_eq!(station.grid.get(), [[0; 3], [0, 0, 6]]);
        assert_eq!(station.series[3].hits.load(Relaxed), 4);
        assert_eq!(station.größe.get(), 70_001);
        assert_eq!(station.latest.read().unwrap(), pair(7));
        assert_eq!(station.totals.lock().unwrap().get(), Wind { speed: 0.0, degrees: 0 });
        assert_eq!((station.int.get(), station.open.get()), (-300, 7));
    }
}

/// What every program prints of the segment before it changes it.
const VALUES: &str = "41 -7.25 12.5 271\n7 18446744073709551608 18446744073709551608 1 0.5 9\n1.5 2.5 3.5 513\n\
    1 200 -9223372036854775808 223 12 1\nZürich -5 18446744073709551615 3\n18446744073709551614 -2 -3 128\n\
    -300 1 2 3 4 70000 5 6 7\n";

const C: &str = r#"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>

int main(int count, char **words) {
    int key = count > 1 ? atoi(words[1]) : Station_KEY;
    int id = shmget(key, 0, 0);
    struct shmid_ds about;
    struct Station *s = shmat(id, NULL, 0);
    if (s == (void *)-1 || shmctl(id, IPC_STAT, &about)) { perror("shm"); return 1; }
    if (!Station_is_sealed(s, about.shm_segsz)) { puts("another layout"); return 0; }
    printf("%" PRIu64 " %.2f %.1f %d\n", atomic_load(&s->readings), s->celsius, s->wind.speed, s->wind.degrees);
    struct Station_Pair pair;
    if (!Station_SeqLock_Pair_read(&s->latest, &pair)) return 2;
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %d %.1f %d\n", pair.value, pair.inverse[0], pair.inverse[1], pair.mode,
           pair.wind.speed, pair.wind.degrees);
    float gusts[3];
    uint16_t number;
    if (!Station_SeqLock_f32_3_read(&s->gusts, &gusts) || !Station_SeqLock_u16_read(&s->count, &number)) return 2;
    printf("%.1f %.1f %.1f %d\n", gusts[0], gusts[1], gusts[2], number);
    if (s->mode != Station_Mode_EOF || s->level != Station_Level_Lowest) return 3;
    printf("%d %d %" PRId64 " %u %d %d\n", s->raining, s->mode, s->level, s->letter, s->hits[1][2], s->on);
    printf("%s %d %" PRIu64 " %u\n", (char *)s->name, s->grid[1][2], s->series[3].at, s->series[3].hits);
    printf("%" PRIuPTR " %" PRIdPTR " %d %d\n", s->size, s->offset, s->small, s->aligned.byte);
    printf("%d %d %d %d %d %u %d %d %d\n", s->int_, s->class, s->lambda, s->while_, s->linux_, s->gr_u00f6_u00df_e,
           s->_reserved, s->x__fields__, s->open);
    atomic_fetch_add(&s->readings, 1);
    s->celsius = 21.5;
    s->wind.degrees = 90;
    s->mode = Station_Mode_On;
    s->level = Station_Level_Highest;
    atomic_fetch_add(&s->hits[1][2], 1);
    s->grid[1][2] = 6;
    atomic_fetch_add(&s->series[3].hits, 1);
    s->gr_u00f6_u00df_e += 1;
    return shmdt(s);
}
"#;

/// A program that includes what `shm header` writes of a segment.
struct Compiled {
    dir: TempDir,
}

impl Compiled {
    fn new(header: &str, program: &str, extension: &str) -> Self {
        let dir = TempDir::new();
        dir.file("station.h", header);
        dir.file(&format!("program.{extension}"), &format!("#include \"station.h\"\n{program}"));
        Self { dir }
    }

    fn compiler(&self, compiler: &str, standard: &str, extension: &str) -> Command {
        let mut command = Command::new(compiler);
        command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-D_GNU_SOURCE", "-O2", "-pthread"]);
        command.arg(format!("-std={standard}")).arg("-o").arg(self.program());
        command.arg(self.dir.path().join(format!("program.{extension}")));
        command
    }

    fn program(&self) -> PathBuf {
        self.dir.path().join("program")
    }
}

#[test]
fn a_c_program_reads_and_writes_the_values_and_refuses_another_layout() {
    if !have("gcc") {
        return;
    }
    let made = made();
    let compiled = Compiled::new(&printed(&["header", &made.name()]), C, "c");
    // Strict, and as GCC is if not told: with macros such as `linux`.
    for standard in ["c11", "gnu17"] {
        run(&mut compiled.compiler("gcc", standard, "c"));
    }
    assert_eq!(run(&mut Command::new(compiled.program())), VALUES);
    made.check_written();

    let other = OwnKey::new();
    let segment = changed::Station::options().key(other.key()).create().unwrap();
    segment.attach().unwrap().celsius.set(1.0);
    let said = run(Command::new(compiled.program()).arg(other.value().to_string()));
    assert_eq!(said, "another layout\n");
    // And one without a seal, of any size.
    let bare = OwnKey::new();
    shm_tests::seal::raw_create(bare.value(), 8192);
    let said = run(Command::new(compiled.program()).arg(bare.value().to_string()));
    assert_eq!(said, "another layout\n");
}

#[test]
fn a_header_that_was_changed_does_not_compile() {
    if !have("gcc") {
        return;
    }
    let made = made();
    let header = printed(&["header", &made.name()]);
    for (from, to, says) in [
        ("    double celsius;", "    float celsius;", "size of Station.celsius"),
        ("    uint16_t degrees;", "    uint16_t degrees, more[4];", "size of Station_Wind"),
        ("    _Alignas(128) ", "    ", "size of Station"),
        ("    struct Station_Wind wind;", "", "offset of Station."),
    ] {
        assert!(header.contains(from), "{from} in\n{header}");
        let changed = Compiled::new(&header.replacen(from, to, 1), "", "c");
        let output = changed.compiler("gcc", "c11", "c").arg("-fsyntax-only").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(says), "{from}: {said}");
    }
}

const CPP: &str = r#"
#include <cstdio>
#include <cinttypes>
#include <sys/ipc.h>
#include <sys/shm.h>

int main() {
    void *at = shmat(shmget(Station_key, sizeof(Station), 0), nullptr, 0);
    const void *read_only = shmat(shmget(Station_key, 0, 0), nullptr, SHM_RDONLY);
    if (at == (void *)-1 || read_only == (void *)-1) { std::perror("shm"); return 1; }
    Station &s = *static_cast<Station *>(at);
    const Station &r = *static_cast<const Station *>(read_only);
    std::printf("%" PRIu64 " %.2f %.1f %d\n", r.readings_load(), r.celsius, r.wind.speed, r.wind.degrees);
    Station_Pair pair;
    if (!Station_SeqLock_Pair_read(r.latest, pair)) return 2;
    std::printf("%" PRIu64 " %" PRIu64 " %" PRIu64 " %d %.1f %d\n", pair.value, pair.inverse[0], pair.inverse[1],
                static_cast<int>(pair.mode), pair.wind.speed, pair.wind.degrees);
    float gusts[3];
    std::uint16_t number;
    if (!Station_SeqLock_f32_3_read(r.gusts, gusts) || !Station_SeqLock_u16_read(r.count, number)) return 2;
    std::printf("%.1f %.1f %.1f %d\n", gusts[0], gusts[1], gusts[2], number);
    if (r.mode != Station_Mode::EOF_ || r.level != Station_Level::Lowest) return 3;
    std::printf("%d %d %" PRId64 " %u %d %d\n", r.raining, static_cast<int>(r.mode), static_cast<std::int64_t>(r.level),
                r.letter, r.hits_load(1, 2), r.on_load());
    std::printf("%s %d %" PRIu64 " %u\n", reinterpret_cast<const char *>(r.name), r.grid[1][2], r.series[3].at,
                r.series[3].hits_load());
    std::printf("%" PRIuPTR " %" PRIdPTR " %d %d\n", r.size, r.offset, r.small, r.aligned.byte);
    std::printf("%d %d %d %d %d %u %d %d %d\n", r.int_, r.class_, r.lambda, r.while_, r.linux_, r.gr_u00f6_u00df_e,
                r._reserved, r.x__fields__, r.open);
    s.readings_ref()++;
    s.celsius = 21.5;
    s.wind.degrees = 90;
    s.mode = Station_Mode::On;
    s.level = Station_Level::Highest;
    s.hits_ref(1, 2).fetch_add(1);
    s.grid[1][2] = 6;
    s.series[3].hits_ref().fetch_add(1);
    s.gr_u00f6_u00df_e += 1;
    return shmdt(read_only) || shmdt(at);
}
"#;

#[test]
fn a_cpp_program_reads_and_writes_the_values() {
    if !have("g++") {
        return;
    }
    let made = made();
    let header = printed(&["header", "--cpp", &made.name()]);
    let compiled = Compiled::new(&header, CPP, "cpp");
    for standard in ["c++20", "gnu++20"] {
        run(&mut compiled.compiler("g++", standard, "cpp"));
    }
    assert_eq!(run(&mut Command::new(compiled.program())), VALUES);
    made.check_written();

    let changed = header.replacen("    double celsius;", "    float celsius;", 1);
    let changed = Compiled::new(&changed, "", "cpp");
    let output = changed.compiler("g++", "c++20", "cpp").arg("-fsyntax-only").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("static assertion failed"), "{said}");
    // Neither header is taken for the other.
    let c = Compiled::new(&printed(&["header", &made.name()]), "", "cpp");
    let output = c.compiler("g++", "c++20", "cpp").arg("-fsyntax-only").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("--cpp"));
}

const PYTHON: &str = r#"
import sys
from station import Station, Station_Mode, Station_Level

s = Station.open()
r = Station.open(read_only=True)
print(r.readings, r.celsius, r.wind.speed, r.wind.degrees)
pair = r.latest.read()
print(pair.value, *pair.inverse, pair.mode, pair.wind.speed, pair.wind.degrees)
print(*r.gusts.read(), r.count.read())
assert (r.mode, r.level) == (Station_Mode.EOF, Station_Level.Lowest)
print(int(r.raining), r.mode, r.level, r.letter, r.hits[1][2], int(r.on))
print(bytes(r.name).split(b"\0")[0].decode(), r.grid[1][2], r.series[3].at, r.series[3].hits)
print(r.size, r.offset, r.small, r.aligned.byte)
print(r.int, getattr(r, "class_"), r.lambda_, r.while_, r.linux, r.gr_u00f6_u00df_e, r._reserved, r.x__fields__, r.open_)
r.detach()
s.readings += 1
s.celsius = 21.5
s.wind.degrees = 90
s.mode = Station_Mode.On
s.level = Station_Level.Highest
s.hits[1][2] += 1
s.grid[1][2] = 6
s.series[3].hits += 1
s.gr_u00f6_u00df_e += 1
s.detach()
for key in map(int, sys.argv[1:]):
    try:
        Station.open(key)
        print("opened", file=sys.stderr)
    except (ValueError, OSError) as error:
        print(f"{type(error).__name__}: {error}".replace("\n", "; "), file=sys.stderr)
"#;

/// Runs a Python program beside a module; returns what it printed, on both sides.
#[track_caller]
fn python(module: &str, program: &str, arguments: &[i32]) -> (String, String) {
    let dir = TempDir::new();
    dir.file("station.py", module);
    let program = dir.file("program.py", program);
    let mut command = Command::new("python3");
    command
        .arg("-B")
        .arg(program)
        .args(arguments.iter().map(i32::to_string))
        .env("PYTHONIOENCODING", "utf-8");
    let output = command.output().expect("run python3");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (String::from_utf8(output.stdout).expect("UTF-8"), said)
}

#[test]
fn a_python_program_reads_and_writes_the_values_and_refuses_another_layout() {
    if !have("python3") {
        return;
    }
    let made = made();
    let (other, bare, none) = (OwnKey::new(), OwnKey::new(), OwnKey::new());
    let _segment = changed::Station::options().key(other.key()).create().unwrap();
    shm_tests::seal::raw_create(bare.value(), size_of::<Station>());
    let module = printed(&["header", "--python", &made.name()]);
    let refused = [other.value(), bare.value(), none.value()];
    let (values, said) = python(&module, PYTHON, &refused);
    assert_eq!(values, VALUES);
    made.check_written();
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said[0].starts_with("ValueError: the segment has"), "{}", said[0]);
    assert!(said[1].contains("and no seal"), "{}", said[1]);
    assert!(
        said[2].starts_with(&format!("FileNotFoundError: [Errno 2] shmget of key {:#010x}", none.value()))
    );

    // Where the size fits, and the layout differs.
    let wider = module.replacen("@8 f64\\n", "@8 u64\\n", 1);
    assert_ne!(module, wider);
    let (_, said) =
        python(&wider, "import station\ntry: station.Station.open()\nexcept ValueError as e: print(e)", &[]);
    assert_eq!(said, "");
    let (printed, _) =
        python(&wider, "import station\ntry: station.Station.open()\nexcept ValueError as e: print(e)", &[]);
    assert!(printed.contains("-  celsius @8 u64\n+  celsius @8 f64"), "{printed}");
}

#[test]
fn a_module_of_a_schema_opens_segments_without_a_seal_by_their_size() {
    if !have("python3") {
        return;
    }
    let dir = TempDir::new();
    let schema = dir.file("point.schema", "struct Point size 8 align 4\n  x @0 f32\n  y @4 f32\n");
    let module = printed(&["header", "--python", &schema.to_string_lossy()]);
    let (fits, larger) = (OwnKey::new(), OwnKey::new());
    shm_tests::seal::raw_create(fits.value(), 8);
    shm_tests::seal::raw_create(larger.value(), 16);
    let program = "
import sys
from station import Point
point = Point.open(int(sys.argv[1]))
point.y = 2.5
print(Point.open(int(sys.argv[1]), read_only=True).y)
for key in (int(sys.argv[2]), None):
    try:
        Point.open(key)
    except ValueError as error:
        print(error)
";
    let (said, _) = python(&module, program, &[fits.value(), larger.value()]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "2.5");
    assert!(lines[1].starts_with("the segment has 16 bytes and no seal"), "{said}");
    assert!(lines[2].starts_with("a key or a shmid is needed"), "{said}");
}

#[test]
fn a_segment_of_another_user_is_refused_in_python_unless_that_user_is_trusted() {
    let made = made();
    let given = Permissions { uid: 65534, gid: 65534, mode: 0o600 };
    let segment = shm_runtime::Segment::<Station>::from_id(made.id).unwrap();
    if !have("python3") || segment.set_permissions(given).is_err() {
        skip("a segment can be given away by root only");
        return;
    }
    let module = printed(&["header", "--python", &format!("id:{}", made.id)]);
    let program = "
from station import Station
try:
    Station.open()
except PermissionError as error:
    print(error)
print(Station.open(trust=[65534]).celsius)
";
    let (said, _) = python(&module, program, &[]);
    assert_eq!(said, "the segment is of the user 65534: to trust that user, say trust=[65534]\n-7.25\n");
}

const NUMPY: &str = r#"
import sys
from station import *

s = Station_attach(read_only=False)
r = Station_attach()
print(r["readings"], r["celsius"], r["wind"]["speed"], r["wind"]["degrees"])
pair = Station_read(r["latest"])
print(pair["value"], *pair["inverse"], pair["mode"], pair["wind"]["speed"], pair["wind"]["degrees"])
print(*Station_read(r["gusts"]), Station_read(r["count"]))
print(int(r["raining"]), r["mode"], r["level"], r["letter"], r["hits"][1][2], int(r["on"]))
name = bytes(r["name"]).split(b"\0")[0].decode()
print(name, r["grid"][1][2], r["series"]["at"][3], r["series"]["hits"][3])
print(r["size"], r["offset"], r["small"], r["aligned"]["byte"])
print(*(r[name] for name in "int class_ lambda_ while_ linux gr_u00f6_u00df_e _reserved x__fields__ open_".split()))
try:
    r["celsius"] = 1
except ValueError:
    print("read-only", file=sys.stderr)
s["readings"] += 1
s["celsius"] = 21.5
s["wind"]["degrees"] = 90
s["mode"] = 1
s["level"] = 2**63 - 1
s["hits"][1, 2] += 1
s["grid"][1, 2] = 6
s["series"]["hits"][3] += 1
s["gr_u00f6_u00df_e"] += 1
try:
    Station_attach(int(sys.argv[1]))
except ValueError as error:
    print(str(error).splitlines()[0], file=sys.stderr)
"#;

#[test]
fn a_numpy_program_reads_and_writes_the_values_and_refuses_another_layout() {
    let numpy = Command::new("python3").args(["-c", "import numpy"]).output();
    if !numpy.is_ok_and(|output| output.status.success()) {
        skip("python3 cannot import numpy here");
        return;
    }
    let made = made();
    let other = OwnKey::new();
    let _segment = changed::Station::options().key(other.key()).create().unwrap();
    let module = printed(&["header", "--numpy", &made.name()]);
    let (values, said) = python(&module, NUMPY, &[other.value()]);
    assert_eq!(values, VALUES);
    made.check_written();
    let (first, second) = said.split_once('\n').unwrap();
    assert_eq!(first, "read-only");
    assert!(second.starts_with("the segment has"), "{said}");
}

#[test]
fn no_class_has_the_name_of_what_a_module_uses() {
    if !have("python3") {
        return;
    }
    // All that the functions of a module look for outside of themselves.
    let program = "
import builtins, ast, sys
names = {node.id for node in ast.walk(ast.parse(open(sys.argv[1]).read())) if isinstance(node, ast.Name)}
print(*(name for name in names if hasattr(builtins, name)))
";
    let (dir, made) = (TempDir::new(), made());
    for flag in ["--python", "--numpy"] {
        let module = dir.file("station.py", &printed(&["header", flag, &made.name()]));
        let used = run(Command::new("python3").args(["-c", program]).arg(module));
        assert!(used.split_whitespace().count() > 5, "{used}");
        for name in used.split_whitespace() {
            let schema = dir.file("s.schema", &format!("struct {name} size 1 align 1\n  a @0 u8\n"));
            let module = printed(&["header", flag, &schema.to_string_lossy()]);
            let shadowed = [format!("\nclass {name}("), format!("\n{name} = ")];
            assert!(!shadowed.iter().any(|text| module.contains(text)), "{name}");
        }
    }
}

const READER: &str = r#"
#include <stdio.h>
#include <sys/shm.h>

int main(void) {
    const struct Station *s = shmat(shmget(Station_KEY, 0, 0), NULL, SHM_RDONLY);
    if (s == (void *)-1) { perror("shm"); return 1; }
    uint64_t last = 0, changes = 0;
    while (changes < 100000) {
        struct Station_Pair pair;
        if (!Station_SeqLock_Pair_read(&s->latest, &pair)) continue;
        if (pair.inverse[0] != ~pair.value || pair.inverse[1] != ~pair.value || pair.mode != pair.value % 2) return 2;
        if (pair.value < last) return 3;
        changes += pair.value != last;
        last = pair.value;
    }
    return 0;
}
"#;

const PYTHON_READER: &str = "
from station import Station

station = Station.open(read_only=True)
last = changes = 0
while changes < 2000:
    try:
        pair = station.latest.read()
    except BlockingIOError:
        continue
    assert list(pair.inverse) == [~pair.value & 2**64 - 1] * 2 and pair.mode == pair.value % 2, 'torn'
    assert pair.value >= last, 'older'
    changes += pair.value != last
    last = pair.value
";

/// Runs a reader while this process publishes, until the reader ends.
fn publish(made: &Made, reader: &mut Command) {
    let mut child = reader.spawn().expect("run a reader");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = made.station.latest.writer().unwrap();
            let mut value = 7;
            while !done.load(Relaxed) {
                value += 1;
                writer.write(&pair(value)).unwrap();
            }
        });
        let status = child.wait();
        done.store(true, Relaxed);
        assert!(status.as_ref().is_ok_and(ExitStatus::success), "{status:?}");
    });
}

#[test]
fn a_seqlock_is_read_whole_in_c_while_it_is_written() {
    if !have("gcc") {
        return;
    }
    let made = made();
    let compiled = Compiled::new(&printed(&["header", &made.name()]), READER, "c");
    run(&mut compiled.compiler("gcc", "c11", "c"));
    publish(&made, &mut Command::new(compiled.program()));
}

#[test]
fn a_seqlock_is_read_whole_in_python_while_it_is_written() {
    if !have("python3") {
        return;
    }
    let made = made();
    let dir = TempDir::new();
    dir.file("station.py", &printed(&["header", "--python", &made.name()]));
    let program = dir.file("program.py", PYTHON_READER);
    publish(&made, Command::new("python3").arg("-B").arg(program));
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Market {
    trades: sync::Ring<Pair, 64>,
    prices: sync::Ring<f64, 8>,
    newest: sync::Latest<Pair>,
    volume: sync::Latest<u16>,
    total: sync::Latest<u16>,
}

/// Each value tells its own number, and whether it is torn.
const MARKET_C: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>

static int is_torn(const struct Market_Pair *pair) {
    return pair->inverse[0] != ~pair->value || pair->inverse[1] != ~pair->value || pair->mode != pair->value % 2;
}

int main(int count, char **words) {
    int id = count > 1 ? atoi(words[1]) : -1;
    const struct Market *m = shmat(id, NULL, SHM_RDONLY);
    struct shmid_ds about;
    if (m == (void *)-1 || shmctl(id, IPC_STAT, &about) || !Market_is_sealed(m, about.shm_segsz)) return 1;
    double price;
    uint64_t at = 0;
    if (Market_Ring_f64_read(&m->prices, &at, &price) != -1 || at != 8) return 2;
    while (Market_Ring_f64_read(&m->prices, &at, &price) == 1)
        printf("%.1f\n", price);
    struct Market_Stamped_u16 volume;
    if (!Market_SeqLock_Stamped_u16_read(&m->volume.lock, &volume)) return 3;
    printf("%d %d\n", volume.value, volume.written != 0);
    if (!Market_SeqLock_Stamped_u16_read(&m->total.lock, &volume) || volume.written != 0) return 4;
    fflush(stdout);
    struct Market_Pair pair;
    uint64_t next = atomic_load_explicit(&m->trades.count, memory_order_relaxed), missed = 0;
    for (int values = 0; values < 100000;) {
        uint64_t wanted = next;
        switch (Market_Ring_Pair_read(&m->trades, &next, &pair)) {
        case 1:
            if (pair.value != wanted || next != wanted + 1 || is_torn(&pair)) return 5;
            values++;
            break;
        case -1:
            if (next <= wanted) return 6;
            missed += next - wanted;
            break;
        default:
            if (next != wanted) return 7;
        }
    }
    uint64_t last = 0, time = 0;
    for (int values = 0; values < 100000;) {
        struct Market_Stamped_Pair newest;
        if (!Market_SeqLock_Stamped_Pair_read(&m->newest.lock, &newest)) continue;
        if (is_torn(&newest.value)) return 8;
        if (newest.value.value < last || newest.written < time) return 9;
        values += newest.value.value != last;
        last = newest.value.value;
        time = newest.written;
    }
    return 0;
}
"#;

const MARKET_CPP: &str = r#"
#include <cstdlib>
#include <sys/ipc.h>
#include <sys/shm.h>

int main(int, char **words) {
    const void *at = shmat(std::atoi(words[1]), nullptr, SHM_RDONLY);
    if (at == (void *)-1) return 1;
    const Market &m = *static_cast<const Market *>(at);
    std::uint64_t next = 0;
    Market_Pair pair;
    for (int values = 0; values < 100000;) {
        std::uint64_t wanted = next;
        int got = Market_Ring_Pair_read(m.trades, next, pair);
        if (got == 1 && (pair.value != wanted || pair.inverse[0] != ~pair.value || pair.inverse[1] != ~pair.value)) return 2;
        values += got == 1;
    }
    Market_Stamped_Pair newest;
    while (!Market_SeqLock_Stamped_Pair_read(m.newest.lock, newest));
    return newest.value.inverse[0] == ~newest.value.value ? 0 : 3;
}
"#;

const MARKET_PYTHON: &str = "
import sys
from market import Market

m = Market.open(shmid=int(sys.argv[1]), read_only=True)
assert m.prices.read(12) is None and m.prices.read(11) == 11.0
number = m.trades.count
for _ in range(500):
    try:
        pair = m.trades.read(number)
    except IndexError:
        number = m.trades.count - 32
        continue
    if pair:
        assert list(pair.inverse) == [~pair.value & 2**64 - 1] * 2 and pair.value == number, 'torn'
        number += 1
assert m.volume.lock.read().value == 7
";

const MARKET_NUMPY: &str = "
import sys
from market import Market_attach, Market_read, Market_read_ring

m = Market_attach(shmid=int(sys.argv[1]))
assert Market_read_ring(m['prices'], 12) is None and Market_read_ring(m['prices'], 11) == 11.0
try:
    Market_read_ring(m['prices'], 2)
    raise SystemExit('read what was overwritten')
except IndexError:
    pass
assert Market_read(m['volume']['lock'])['value'] == 7
";

/// Runs a reader of a market in which this process writes all the time, until the reader ends; what it printed.
fn trade(reader: &mut Command) -> String {
    let segment = Market::create().unwrap().remove_on_drop();
    let market = segment.attach().unwrap();
    let mut prices = market.prices.writer().unwrap();
    (0..12).for_each(|price| prices.write(&f64::from(price)).unwrap());
    market.volume.writer().unwrap().write(&7).unwrap();
    let child =
        reader.arg(segment.id().to_string()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut trades, mut newest) = (market.trades.writer().unwrap(), market.newest.writer().unwrap());
            for value in 0.. {
                trades.write(&pair(value)).unwrap();
                newest.write(&pair(value)).unwrap();
                if done.load(Relaxed) {
                    break;
                }
            }
        });
        let output = child.wait_with_output();
        done.store(true, Relaxed);
        let output = output.unwrap();
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    })
}

/// What `shm header` writes of it.
fn market(flag: Option<&str>) -> String {
    let segment = Market::create().unwrap().remove_on_drop();
    let name = format!("id:{}", segment.id());
    printed(&["header"].into_iter().chain(flag).chain([name.as_str()]).collect::<Vec<_>>())
}

#[test]
fn a_ring_and_a_latest_are_read_whole_and_in_order_in_c_while_they_are_written() {
    if !have("gcc") {
        return;
    }
    let compiled = Compiled::new(&market(None), MARKET_C, "c");
    run(&mut compiled.compiler("gcc", "c11", "c"));
    // Of the eight slots, the reader goes on with the later half.
    let values = "8.0\n9.0\n10.0\n11.0\n7 1\n";
    assert_eq!(trade(&mut Command::new(compiled.program())), values);
}

#[test]
fn a_ring_and_a_latest_are_read_whole_in_cpp_and_python_while_they_are_written() {
    if have("g++") {
        let compiled = Compiled::new(&market(Some("--cpp")), MARKET_CPP, "cpp");
        run(&mut compiled.compiler("g++", "c++20", "cpp"));
        trade(&mut Command::new(compiled.program()));
    }
    for (flag, program, needs) in
        [("--python", MARKET_PYTHON, "import ctypes"), ("--numpy", MARKET_NUMPY, "import numpy")]
    {
        let has = |needs| {
            Command::new("python3").args(["-c", needs]).output().is_ok_and(|has| has.status.success())
        };
        if have("python3") && has(needs) {
            let dir = TempDir::new();
            dir.file("market.py", &market(Some(flag)));
            let program = dir.file("program.py", program);
            trade(Command::new("python3").arg("-B").arg(program));
        }
    }
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Recorder {
    lines: sync::ByteRing<20_011>,
    last: sync::ByteRing<64>,
    orders: sync::ByteQueue<64>,
}

/// The same, of any size.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Tape {
    ring: sync::ByteRingHead,
    bytes: [u8],
}

/// Message `n`: its number, and n * 97 modulo 5000 bytes of n modulo 251. They are so long that one is often overwritten while it is
/// read.
fn message(number: u64) -> Vec<u8> {
    let mut message = number.to_ne_bytes().to_vec();
    message.resize(8 + usize::try_from(number * 97 % 5000).unwrap(), u8::try_from(number % 251).unwrap());
    message
}

const CHECK: &str = r"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

static int is_message(uint64_t number, const unsigned char *bytes, size_t len) {
    uint64_t found;
    if (len != 8 + number * 97 % 5000) return 0;
    memcpy(&found, bytes, 8);
    for (size_t i = 8; i < len; i++)
        if (bytes[i] != number % 251) return 0;
    return found == number;
}
";

/// `HEAD`, `BYTES` and `SIZE` are a ring's; it begins with what is written next.
const FOLLOW: &str = r"
static int follow(int wanted) {
    static unsigned char bytes[20011 - 8];
    uint64_t next[2], missed = 0;
    size_t len;
    if (!BEGIN(HEAD, next)) return 5;
    for (int read = 0; read < wanted || !missed;) {
        uint64_t before = next[0];
        switch (READ(HEAD, BYTES, SIZE, next, bytes, &len)) {
        case 1:
            if (next[0] != before + 1 || !is_message(before, bytes, len)) return 6;
            read++;
            break;
        case -1:
            if (next[0] < before) return 7;
            missed += next[0] - before;
            break;
        default:
            if (next[0] != before) return 8;
        }
    }
    return 0;
}
";

const RECORDER: &str = r#"
int main(int count, char **words) {
    int id = count > 1 ? atoi(words[1]) : -1;
    r = (const struct Recorder *)shmat(id, NULL, SHM_RDONLY);
    if (r == (void *)-1) return 1;
    unsigned char line[64 - 8];
    size_t len;
    uint64_t next[2] = {0, 0};
    /* The first is not there any more; of what is, it goes on with the newer half. */
    if (Recorder_Frames_read(&r->last.head, r->last.bytes, sizeof r->last.bytes, next, line, &len) != -1) return 2;
    while (Recorder_Frames_read(&r->last.head, r->last.bytes, sizeof r->last.bytes, next, line, &len) == 1)
        printf("%d: %.*s\n", (int)next[0] - 1, (int)len, (const char *)line);
    fflush(stdout);
    return follow(3000);
}
"#;

const TAPE: &str = r"
int main(int count, char **words) {
    int id = count > 1 ? atoi(words[1]) : -1;
    struct shmid_ds about;
    t = (const struct Tape *)shmat(id, NULL, SHM_RDONLY);
    if (t == (void *)-1 || shmctl(id, IPC_STAT, &about) || !Tape_is_sealed(t, about.shm_segsz)) return 1;
    size = Tape_sealed_len(t, about.shm_segsz);
    return size == 20011 ? follow(3000) : 2;
}
";

/// Runs a reader of a ring while this process writes messages there, until the reader ends; what it printed.
fn write_while(reader: &mut Command, mut write: impl FnMut(u64) + Send) -> String {
    let child = reader.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| (0..).take_while(|_| !done.load(Relaxed)).for_each(&mut write));
        let output = child.wait_with_output();
        done.store(true, Relaxed);
        let output = output.unwrap();
        assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    })
}

#[test]
fn messages_of_any_length_are_read_whole_and_in_order_in_c_and_cpp_while_they_are_written() {
    let segment = Recorder::create().unwrap().remove_on_drop();
    let recorder = segment.attach().unwrap();
    let mut last = recorder.last.writer().unwrap();
    for line in ["one", "two", "three", "four", "five", "six", "seven"] {
        last.write(line.as_bytes()).unwrap();
    }
    let name = format!("id:{}", segment.id());
    let names = "#define HEAD (&r->lines.head)\n#define BYTES r->lines.bytes\n#define SIZE sizeof r->lines.bytes\n\
        #define BEGIN Recorder_Frames_begin\n#define READ Recorder_Frames_read\nstatic const struct Recorder *r;\n";
    let program = [CHECK, names, FOLLOW, RECORDER].concat();
    for (flag, compiler, standard, extension) in
        [(None, "gcc", "c11", "c"), (Some("--cpp"), "g++", "c++20", "cpp")]
    {
        if !have(compiler) {
            continue;
        }
        let header = printed(&["header"].into_iter().chain(flag).chain([name.as_str()]).collect::<Vec<_>>());
        assert_eq!(header.matches("for Rust only").count(), 2, "the role and the queue\n{header}");
        let compiled = Compiled::new(&header, &program, extension);
        run(&mut compiled.compiler(compiler, standard, extension));
        let mut lines = recorder.lines.writer().unwrap();
        let first = recorder.lines.written();
        let said = write_while(Command::new(compiled.program()).arg(segment.id().to_string()), |number| {
            lines.write(&message(first + number)).unwrap();
        });
        assert_eq!(said, "6: seven\n");
    }
}

#[test]
fn messages_in_a_ring_whose_size_was_chosen_at_run_time_are_read_in_c() {
    if !have("gcc") {
        return;
    }
    let segment = Tape::options().len(20_011).create().unwrap().remove_on_drop();
    let tape = segment.attach().unwrap();
    let names = "#define HEAD (&t->ring.head)\n#define BYTES t->bytes\n#define SIZE size\n\
        #define BEGIN Tape_Frames_begin\n#define READ Tape_Frames_read\nstatic const struct Tape *t;\nstatic size_t size;\n";
    let program = [CHECK, names, FOLLOW, TAPE].concat();
    let compiled = Compiled::new(&printed(&["header", &format!("id:{}", segment.id())]), &program, "c");
    run(&mut compiled.compiler("gcc", "c11", "c"));
    let mut lines = tape.ring.writer(&tape.bytes).unwrap();
    write_while(Command::new(compiled.program()).arg(segment.id().to_string()), |number| {
        lines.write(&message(number)).unwrap();
    });
}

/// A ring of any length. Its values are so large that one is often overwritten while it is read.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Exchange {
    ring: sync::RingHead,
    frames: [[u64; 512]],
}

/// Both heads that C reads, and both that it does not, with slots that only one of them has.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Heads {
    before: u8,
    ring: sync::RingHead,
    wire: sync::SpscHead,
    office: sync::QueueHead,
    lines: sync::ByteRingHead,
    orders: sync::ByteQueueHead,
    jobs: [sync::QueueSlot<f64>],
}

/// In C, and in C++ with the signs of its own for an argument.
const EXCHANGE: &str = r"
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>

int main(int count, char **words) {
    int id = count > 1 ? atoi(words[1]) : -1;
    struct shmid_ds about;
    const struct Exchange *e = (const struct Exchange *)shmat(id, NULL, SHM_RDONLY);
    if (e == (void *)-1 || shmctl(id, IPC_STAT, &about)) return 1;
    size_t len = Exchange_sealed_len(e, about.shm_segsz);
    if (len != 5) return 2;
    uint64_t next = 0, missed = 0;
    static uint64_t frame[512];
    for (int values = 0; values < 3000 || !missed;) {
        uint64_t wanted = next;
        switch (Exchange_RingHead_read(THE(e->ring), FRAMES, len, THE(next), THE(frame))) {
        case 1:
            if (next != wanted + 1) return 3;
            for (int i = 0; i < 512; i++)
                if (frame[i] != wanted) return 4;
            values++;
            break;
        case -1:
            if (next < wanted) return 5;
            missed += next - wanted;
            break;
        default:
            if (next != wanted) return 6;
        }
    }
    return 0;
}
";

#[test]
fn values_in_a_ring_whose_capacity_was_chosen_at_run_time_are_read_in_c_and_cpp_while_they_are_written() {
    for (flag, compiler, standard, extension, names) in [
        (None, "gcc", "c11", "c", "#define THE(it) &it\n#define FRAMES e->frames\n"),
        (Some("--cpp"), "g++", "c++20", "cpp", "#define THE(it) it\n#define FRAMES e->frames()\n"),
    ] {
        if !have(compiler) {
            continue;
        }
        let segment = Exchange::options().len(5).create().unwrap().remove_on_drop();
        let exchange = segment.attach().unwrap();
        let id = segment.id().to_string();
        let name = format!("id:{id}");
        let header = printed(&["header"].into_iter().chain(flag).chain([name.as_str()]).collect::<Vec<_>>());
        let compiled = Compiled::new(&header, &[names, EXCHANGE].concat(), extension);
        run(&mut compiled.compiler(compiler, standard, extension));
        let mut frames = exchange.ring.writer(&exchange.frames).unwrap();
        write_while(Command::new(compiled.program()).arg(id), |number| frames.write(&[number; 512]).unwrap());
    }
}

#[test]
fn a_header_names_every_head_with_its_place_and_its_size() {
    let segment = Heads::options().len(3).create().unwrap().remove_on_drop();
    let name = format!("id:{}", segment.id());
    for (flag, compiler, standard, extension) in
        [(None, "gcc", "c11", "c"), (Some("--cpp"), "g++", "c++20", "cpp")]
    {
        if !have(compiler) {
            continue;
        }
        let header = printed(&["header"].into_iter().chain(flag).chain([name.as_str()]).collect::<Vec<_>>());
        for said in ["SpscHead: for Rust only", "QueueHead: for Rust only", "ByteQueueHead: for Rust only"] {
            assert!(header.contains(said), "{said}\n{header}");
        }
        // What the compiler of Rust says.
        let mut checks = String::new();
        let places = [
            ("ring", std::mem::offset_of!(HeadsHead, ring), size_of::<sync::RingHead>()),
            ("wire", std::mem::offset_of!(HeadsHead, wire), size_of::<sync::SpscHead>()),
            ("office", std::mem::offset_of!(HeadsHead, office), size_of::<sync::QueueHead>()),
            ("lines", std::mem::offset_of!(HeadsHead, lines), size_of::<sync::ByteRingHead>()),
            ("orders", std::mem::offset_of!(HeadsHead, orders), size_of::<sync::ByteQueueHead>()),
        ];
        for (field, offset, size) in places {
            checks.push_str(&format!(
                "    if (offsetof(struct Heads, {field}) != {offset} || sizeof(((struct Heads *)0)->{field}) != {size}) return 1;\n"
            ));
        }
        let program = format!(
            "int main(void) {{\n{checks}    return sizeof(struct Heads) == {} ? 0 : 2;\n}}\n",
            size_of::<HeadsHead>()
        );
        let compiled = Compiled::new(&header, &program, extension);
        run(&mut compiled.compiler(compiler, standard, extension));
        run(&mut Command::new(compiled.program()));
    }
}

/// What is before the slots of `Heads`.
#[repr(C)]
struct HeadsHead {
    before: u8,
    ring: sync::RingHead,
    wire: sync::SpscHead,
    office: sync::QueueHead,
    lines: sync::ByteRingHead,
    orders: sync::ByteQueueHead,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    written: AtomicU64,
    level: u8,
    records: [Sample],
}

/// The same, as a C program creates it.
mod bare {
    use super::{AtomicU64, Sample};
    use shm_runtime::SharedSegment;

    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, bare)]
    pub(crate) struct Log {
        written: AtomicU64,
        level: u8,
        pub(crate) records: [Sample],
    }
}

/// Prints how many records there are, which `LEN` finds out, and adds 1 to the last.
const LOG_C: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>

int main(int count, char **words) {
    int id = count > 1 ? atoi(words[1]) : -1;
    struct Log *log = shmat(id, NULL, 0);
    struct shmid_ds about;
    if (log == (void *)-1 || shmctl(id, IPC_STAT, &about)) return 1;
    LEN
    printf("%zu %zu\n", sizeof *log, len);
    for (size_t i = 0; i < len; i++)
        if (log->records[i].at != 100 + i) return 2;
    if (len > 0) log->records[len - 1].at++;
    return shmdt(log);
}
"#;

const LOG_CPP: &str = r#"
#include <cstdio>
#include <cstdlib>
#include <sys/ipc.h>
#include <sys/shm.h>

int main(int, char **words) {
    int id = std::atoi(words[1]);
    Log &log = *static_cast<Log *>(shmat(id, nullptr, 0));
    shmid_ds about;
    if (shmctl(id, IPC_STAT, &about)) return 1;
    LEN
    std::printf("%zu %zu\n", sizeof log, len);
    const Log &same = log;
    for (std::size_t i = 0; i < len; i++)
        if (same.records()[i].at != 100 + i) return 2;
    if (len > 0) log.records()[len - 1].at++;
    return shmdt(&log);
}
"#;

#[test]
fn a_slice_at_the_end_is_a_flexible_array_of_the_length_that_the_segment_has() {
    let sealed = |program: &str| program.replace("LEN", "size_t len = Log_sealed_len(LOG, about.shm_segsz);");
    let bare = |program: &str| program.replace("LEN", "size_t len = Log_len(about.shm_segsz);");
    let dir = TempDir::new();
    let schema = dir.file("log.schema", &Schema::of::<Log>().to_string());
    let schema = schema.display().to_string();
    for (compiler, flag, standard, extension, program, name) in
        [("gcc", None, "c11", "c", LOG_C, "log"), ("g++", Some("--cpp"), "c++20", "cpp", LOG_CPP, "&log")]
    {
        if !have(compiler) {
            continue;
        }
        let header =
            |source: &str| printed(&["header"].into_iter().chain(flag).chain([source]).collect::<Vec<_>>());
        let compiled = |header: &str, program: &str| {
            let compiled = Compiled::new(header, &program.replace("LOG", name), extension);
            run(&mut compiled.compiler(compiler, standard, extension));
            compiled
        };
        // One header is for segments of any length.
        let first = Log::options().len(3).create().unwrap().remove_on_drop();
        let program_of_sealed = compiled(&header(&format!("id:{}", first.id())), &sealed(program));
        let program_of_bare = compiled(&header(&schema), &bare(program));
        for len in [0usize, 1, 3, 1000] {
            let segment = Log::options().len(len).create().unwrap().remove_on_drop();
            let log = segment.attach().unwrap();
            (0..len).for_each(|i| log.records[i].at.set(100 + i as u64));
            let run_with =
                |program: &Compiled, id: i32| run(Command::new(program.program()).arg(id.to_string()));
            let said = run_with(&program_of_sealed, segment.id());
            assert_eq!(said, format!("16 {len}\n"));
            if let Some(last) = len.checked_sub(1) {
                assert_eq!(log.records[last].at.get(), 101 + last as u64);
                log.records[last].at.set(100 + last as u64);
            }
            let other = bare::Log::options().len(len).create().unwrap().remove_on_drop();
            let log = other.attach().unwrap();
            (0..len).for_each(|i| log.records[i].at.set(100 + i as u64));
            assert_eq!(run_with(&program_of_bare, other.id()), format!("16 {len}\n"));
        }
    }
}

#[test]
fn the_key_and_the_sizes_are_those_of_the_segment() {
    let name = shm_tests::seal::unique();
    let _key = OwnKey::name(&name);
    let segment = Station::options().key(shm_runtime::Key::name(name.clone())).create().unwrap();
    let header = printed(&["header", &format!("name:{name}")]);
    let key = shm_tests::seal::key_of(&name);
    assert!(
        header
            .contains(&format!("/* The key: name \"{name}\". */\n#define Station_KEY ((int){key:#010x}u)\n"))
    );
    let (whole, own) = (segment.size(), size_of::<Station>());
    assert!(whole > own);
    assert!(header.contains(&format!("The segment has {whole} bytes: the struct's {own}, ")), "{header}");
    // By its id it is the same, and a header of its schema has all but the key.
    assert_eq!(printed(&["header", &format!("id:{}", segment.id())]), header);
    let dir = TempDir::new();
    let file = dir.file("station.schema", &Schema::of::<Station>().to_string());
    let of_file = printed(&["header", &file.to_string_lossy()]);
    assert!(!of_file.contains("Station_KEY"));
    let from_struct = |header: &str| {
        header[header.find("#pragma").unwrap()..header.find("/* The key").unwrap_or(header.len())].to_owned()
    };
    assert!(of_file.contains(from_struct(&header).trim_end()), "{of_file}");
}

#[test]
fn a_private_segment_has_no_key() {
    let segment = changed::Station::create().unwrap().remove_on_drop();
    let name = format!("id:{}", segment.id());
    assert!(!printed(&["header", &name]).contains("_KEY"));
    assert!(printed(&["header", "--python", &name]).contains("    KEY = None\n"));
}

#[test]
fn a_file_is_told_from_a_name_by_how_it_is_written() {
    let dir = TempDir::new();
    let schema = Schema::of::<changed::Station>().to_string();
    let path = dir.file("plain", &schema);
    dir.file("station.schema", &schema);
    let there = |arguments: &[&str]| {
        Command::new(SHM).arg("header").args(arguments).current_dir(dir.path()).output().expect("run shm")
    };
    for file in [&*path.to_string_lossy(), "./plain", "station.schema"] {
        assert!(there(&[file]).status.success(), "{file}");
    }
    let output = there(&["plain"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("There is a file of that name: it is meant by ./plain"), "{said}");
    let output = there(&["name:./plain"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("the name \"./plain\""));
    let output = there(&["missing.schema"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.schema: No such file"));
    let output = there(&["/dev/zero"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("longer than a schema can be"));
}

#[test]
fn no_macro_keyword_or_built_in_name_gets_into_the_way() {
    if !have("gcc") || !have("python3") {
        return;
    }
    let dir = TempDir::new();
    let macros = |compiler: &str, standard: &str, headers: &[&str]| {
        let source: String = headers.iter().map(|header| format!("#include <{header}>\n")).collect();
        let file = dir.file("macros.in", &source);
        let language = if compiler == "gcc" { "c" } else { "c++" };
        let printed = run(Command::new(compiler).args([standard, "-dM", "-E", "-x", language]).arg(file));
        let names = printed.lines().filter_map(|line| line.split([' ', '(']).nth(1).map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    let mut words = macros("gcc", "-std=gnu17", &["stdatomic.h", "stdbool.h", "stddef.h", "stdint.h"]);
    if have("g++") {
        words.extend(macros("g++", "-std=gnu++20", &["atomic", "cstddef", "cstdint", "type_traits"]));
    }
    let python =
        "import builtins, keyword, ctypes\nprint(*keyword.kwlist, *dir(builtins), *dir(ctypes.Structure))";
    words.extend(run(Command::new("python3").args(["-c", python])).split_whitespace().map(str::to_owned));
    let keywords = "asm auto break case char const continue default do double else enum extern float for goto if inline int long \
        register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Alignas \
        _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local alignas and bitand bool catch class \
        concept const_cast constexpr co_await decltype delete dynamic_cast explicit export friend mutable namespace new noexcept \
        not nullptr operator or private protected public requires static_cast static_assert template this throw try typeid \
        typename using virtual wchar_t xor std this KEY SCHEMA open read detach _fields_ _pack_ _ __class__ mro value load \
        from to lock sequence slots writer padding _padding before after attempt i1 at footer state schema size text";
    words.extend(keywords.split_whitespace().map(str::to_owned));
    words.sort();
    words.dedup();
    assert!(words.len() > 500, "{}", words.len());
    // As fields: plain ones, atomic ones; and in what a SeqLock has.
    let fields = |indent: &str, ty: &str, size: usize| -> String {
        let field = |(i, word): (usize, &String)| format!("{indent}{word} @{} {ty}\n", i * size);
        words.iter().enumerate().map(field).collect()
    };
    let count = words.len();
    let mut schemas = vec![
        format!("struct Plain size {count} align 1\n{}", fields("  ", "u8", 1)),
        format!("struct Atomic size {} align 2\n{}", 2 * count, fields("  ", "[2] atomic u8", 2)),
        format!(
            "struct Locked size {0} align 8\n  l @0 builtin SeqLock size {0} align 8\n    sequence @0 atomic u64\n    slots @8 [2] \
             struct V size {1} align 1\n{2}",
            (8 + 2 * count).next_multiple_of(8),
            count,
            fields("      ", "u8", 1)
        ),
        format!(
            "struct Variants size 2 align 2\n  e @0 enum E u16{}\n",
            words.iter().enumerate().map(|(i, word)| format!(" {word}={i}")).collect::<String>()
        ),
    ];
    // As names of structs and enums, within one of that name, too: a process each, so not all of them.
    let risky = "bytes int std print len linux NULL _Atomic class struct open uint8_t size_t this None";
    let some = words.iter().step_by(1 + count / 15).map(String::as_str).chain(risky.split(' '));
    for word in some.collect::<BTreeSet<_>>() {
        schemas.push(format!(
            "struct {word} size 16 align 8\n  {word} @0 struct {word} size 8 align 8\n    {word} @0 atomic u64\n  b @8 enum {word} u8 \
             {word}=1\n  c @9 bool\n"
        ));
    }
    // All headers of a language are included together, as those of several segments are.
    let (mut c, mut cpp) = (String::new(), String::new());
    for (number, schema) in schemas.iter().enumerate() {
        let file = dir.file("s.schema", schema);
        let file = file.to_string_lossy();
        let include = |all: &mut String, name: &str, flags: &[&str]| {
            dir.file(name, &printed(&[&["header", &file], flags].concat()));
            all.push_str(&format!("#include \"{name}\"\n"));
        };
        include(&mut c, &format!("s{number}.h"), &[]);
        include(&mut cpp, &format!("s{number}.hpp"), &["--cpp"]);
        dir.file(&format!("s{number}.py"), &printed(&["header", &file, "--python"]));
        dir.file(&format!("n{number}.py"), &printed(&["header", &file, "--numpy"]));
    }
    dir.file("all.c", &c);
    dir.file("all.cpp", &cpp);
    compile_all(dir.path());
}

#[test]
fn what_cannot_be_declared_is_a_clear_error() {
    let dir = TempDir::new();
    let long = "x".repeat(300);
    for (schema, says) in [
        ("struct S size 0 align 1\n".to_owned(), "S has no bytes"),
        ("[4096] u8\n".to_owned(), "of [u8; 4096], and not of a struct"),
        ("builtin Event size 4 align 4\n  count @0 atomic u32\n".to_owned(), "of Event, and not of a struct"),
        ("struct S size 1 align 1\n  m @0 enum M u8 A=256\n".to_owned(), "A=256 is not a u8"),
        ("struct S size 8 align 8\n  m @0 enum M i64 A=-9223372036854775809\n".to_owned(), "is not a i64"),
        (format!("struct S size 1 align 1\n  {long} @0 u8\n"), "has 300 bytes, and can have 255"),
        ("struct S size 8192 align 8192\n  a @0 u8\n".to_owned(), "alignment 8192"),
        ("struct S size 18446744073709551615 align 1\n  a @0 u8\n".to_owned(), "size 18446744073709551615"),
        ("struct S size 1 align 1\n  a* @0 u8\n".to_owned(), "`a*` is not a name"),
        ("struct S size 0 align 8\n  b @0 [] u64\n".to_owned(), "S has no bytes"),
        ("struct S size 16 align 8\n  a @0 u8\n  b @8 [] u64\n".to_owned(), "would not have"),
        (String::new(), "there is no text"),
    ] {
        let file = dir.file("s.schema", &schema);
        for flag in [None, Some("--cpp"), Some("--python"), Some("--numpy")] {
            let output = Command::new(SHM).arg("header").args(flag).arg(&file).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{schema}: {said}");
            assert!(said.contains(says), "{schema}: {said}");
            assert!(output.stdout.is_empty());
        }
    }
    let file = dir.file("s.schema", &Schema::of::<Log>().to_string());
    for flag in ["--python", "--numpy"] {
        let output = Command::new(SHM).arg("header").arg(flag).arg(&file).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("ends in a slice"), "{said}");
    }
}

#[test]
fn a_key_derivation_does_not_leave_its_comment() {
    let name = format!("*/ int x; /*\\\n# \"\"\" ??/ {}", shm_tests::seal::unique());
    let _key = OwnKey::name(&name);
    let segment = Station::options().key(shm_runtime::Key::name(name)).create().unwrap();
    let (dir, id) = (TempDir::new(), format!("id:{}", segment.id()));
    for (flag, extension) in [("", "c"), ("--cpp", "cpp"), ("--python", "py")] {
        let mut arguments = vec!["header", &id];
        arguments.extend(Some(flag).filter(|flag| !flag.is_empty()));
        let text = printed(&arguments);
        assert!(!text.contains("*/ int x"), "{text}");
        dir.file(&format!("s.{extension}"), &text);
    }
    compile_all(dir.path());
}
