//! A C program and this one use the same segment, whichever creates it.

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use shm_runtime::{Key, Segment, Shareable, Shared, SharedSegment};
use shm_tests::c::Program;
use shm_tests::key::{OwnId, OwnKey};
use shm_tests::oracle;
use shm_tests::temp::TempDir;

/// Obeys a line at a time: `create` or `open` with a key, `file` with a path (ftok, and open), `write`, `count`,
/// `print`. Detaches and ends with its input.
const STATION: &str = r#"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

struct wind { double speed; uint16_t degrees; };
struct station {
    _Atomic uint64_t readings;
    double celsius;
    struct wind wind[2];
    bool raining;
    char name[32];
    int32_t grid[2][3];
    uint32_t letter;
};

static struct station *at(int id) {
    struct station *s = id == -1 ? (void *)-1 : shmat(id, NULL, 0);
    if (s == (void *)-1) { perror("station"); exit(1); }
    printf("%d\n", id);
    return s;
}

int main(void) {
    char line[4200];
    struct station *s = NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        char *arg = strchr(line, ' ');
        if (arg) *arg++ = 0;
        if (!strcmp(line, "create")) s = at(shmget(atoi(arg), sizeof *s, IPC_CREAT | IPC_EXCL | 0600));
        else if (!strcmp(line, "open")) s = at(shmget(atoi(arg), sizeof *s, 0));
        else if (!strcmp(line, "file")) s = at(shmget(ftok(arg, 'C'), sizeof *s, 0));
        else if (!strcmp(line, "write")) {
            s->celsius = -7.25;
            s->wind[1].speed = 12.5;
            s->wind[1].degrees = 271;
            s->raining = true;
            strcpy(s->name, "Zürich");
            s->grid[1][2] = -5;
            s->letter = 0xdf;
            puts("written");
        } else if (!strcmp(line, "count")) {
            for (int i = atoi(arg); i > 0; i--) atomic_fetch_add(&s->readings, 1);
            puts("counted");
        } else if (!strcmp(line, "print"))
            printf("%llu %.2f %.2f %u %d [%s] %d %x\n", (unsigned long long)s->readings, s->celsius, s->wind[1].speed,
                   s->wind[1].degrees, s->raining, s->name, s->grid[1][2], s->letter);
        else return 1;
    }
    return s ? shmdt(s) : 0;
}
"#;

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Wind {
    speed: f64,
    degrees: u16,
}

#[derive(Shareable)]
#[repr(C)]
struct Fields {
    readings: AtomicU64,
    celsius: f64,
    wind: [Wind; 2],
    raining: bool,
    name: [u8; 32],
    grid: [[i32; 3]; 2],
    letter: char,
}

/// As other programs create it.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Bare {
    fields: Fields,
}

/// As this one creates it by default.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    fields: Fields,
}

const WRITTEN: &str = "-7.25 12.50 271 1 [Zürich] -5 df";

fn assert_written(fields: &Shared<Fields>) {
    assert_eq!(fields.celsius.get(), -7.25);
    let wind = Wind { speed: 12.5, degrees: 271 };
    assert_eq!(fields.wind[1].get(), wind);
    assert_eq!(fields.wind[0].speed.get(), 0.0);
    assert!(fields.raining.get());
    assert_eq!(fields.name.to_string_lossy(), "Zürich");
    assert_eq!(fields.grid.get(), [[0; 3], [0, 0, -5]]);
    assert_eq!(fields.letter.try_get(), Ok('ß'));
}

fn write(fields: &Shared<Fields>) {
    fields.celsius.set(-7.25);
    fields.wind[1].set(Wind { speed: 12.5, degrees: 271 });
    fields.raining.set(true);
    fields.name.set_str("Zürich").unwrap();
    fields.grid[1][2].set(-5);
    fields.letter.set('ß');
}

#[test]
fn a_segment_that_c_creates_is_read_and_written_here() {
    let own = OwnKey::new();
    let mut c = Program::compile(STATION).start::<&str>(&[]);
    c.send(format!("create {}", own.value()));
    let id: i32 = c.line().parse().unwrap();
    c.send("write");
    assert_eq!(c.line(), "written");
    let segment = Bare::options().key(own.key()).open().unwrap();
    assert_eq!(segment.id(), id);
    let bare = segment.attach().unwrap();
    assert_written(&bare.fields);
    bare.fields.readings.fetch_add(3, Relaxed);
    bare.fields.wind[1].speed.set(99.0);
    c.send("print");
    assert_eq!(c.line(), format!("3 {}", WRITTEN.replace("12.50", "99.00")));
    drop(bare);
    assert_eq!(oracle::attached(id), 1);
    assert!(c.finish().success());
    assert_eq!(oracle::attached(id), 0);
}

fn assert_shared_with_c<T: SharedSegment>(program: &Program, fields: impl Fn(&Shared<T>) -> &Shared<Fields>) {
    let own = OwnKey::new();
    let segment = T::options().key(own.key()).create_with(|shared| write(fields(shared)));
    let segment = segment.unwrap();
    let shared = segment.attach().unwrap();
    let mut c = program.start::<&str>(&[]);
    c.send(format!("open {}", own.value()));
    assert_eq!(c.line(), segment.id().to_string());
    c.send("print");
    assert_eq!(c.line(), format!("0 {WRITTEN}"));
    fields(&shared).name.set_str("").unwrap();
    fields(&shared).grid.set([[0; 3]; 2]);
    c.send("write");
    assert_eq!(c.line(), "written");
    assert_written(fields(&shared));
    assert!(c.finish().success());
}

#[test]
fn a_segment_that_is_created_here_is_read_and_written_by_c() {
    let program = Program::compile(STATION);
    assert_shared_with_c::<Bare>(&program, |bare| &bare.fields);
    assert_shared_with_c::<Station>(&program, |station| &station.fields);
}

#[test]
fn c_and_this_program_count_in_one_atomic() {
    const TIMES: u64 = 100_000;
    let own = OwnKey::new();
    let segment = Station::options().key(own.key()).create().unwrap();
    let station = segment.attach().unwrap();
    let mut c = Program::compile(STATION).start::<&str>(&[]);
    c.send(format!("open {}", own.value()));
    c.line();
    c.send(format!("count {TIMES}"));
    for _ in 0..TIMES {
        station.fields.readings.fetch_add(1, Relaxed);
    }
    assert_eq!(c.line(), "counted");
    assert_eq!(station.fields.readings.load(Relaxed), 2 * TIMES);
}

#[test]
fn c_finds_the_segment_of_an_ftok_key_by_its_own_ftok() {
    let dir = TempDir::new();
    let file = dir.file("station", "");
    let key = Key::ftok(&file, b'C');
    let segment = Station::options().key(key).create().unwrap().remove_on_drop();
    let mut c = Program::compile(STATION).start::<&str>(&[]);
    c.send(format!("file {}", file.display()));
    assert_eq!(c.line(), segment.id().to_string());
}

#[test]
fn a_segment_that_ipcmk_made_is_opened_by_its_id() {
    let size = size_of::<Bare>().to_string();
    let output = Command::new("ipcmk").args(["-M", &size, "-p", "0600"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let id = said.trim().rsplit(' ').next().unwrap().parse().expect(&said);
    let _own = OwnId::new(id);
    let segment = Segment::<Bare>::from_id(id).unwrap();
    assert_eq!(segment.size(), size_of::<Bare>());
    let bare = segment.attach().unwrap();
    write(&bare.fields);
    assert_written(&bare.fields);
}
