//! Programs that share a key without a seal, or with another one: C programs, bare structs, and collisions.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use shm_runtime::{ErrorKind, Key, Options, Schema, SharedSegment};
use shm_tests::c::Program;
use shm_tests::key::OwnKey;
use shm_tests::seal::{FOOTER, Raw, key_of, raw_create, unique};
use shm_tests::{have, oracle, peer, skip};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Station {
    readings: u64,
    celsius: f64,
    degrees: u16,
    name: [u8; 102],
}

mod bare {
    #[derive(shm_runtime::SharedSegment)]
    #[repr(C)]
    #[shm(private, bare)]
    pub(crate) struct Station {
        pub(crate) readings: u64,
        pub(crate) celsius: f64,
        pub(crate) degrees: u16,
        pub(crate) name: [u8; 102],
    }
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Buoy {
    depth: f32,
}

fn options<T: SharedSegment>(key: Key) -> Options<T> {
    let mut options = T::options();
    options.key(key).wait(Duration::from_secs(10));
    options
}

fn name(name: &str) -> Key {
    Key::name(name.to_owned())
}

/// The C program: `PROGRAM KEY create SIZE | read | write`.
const C: &str = r#"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
struct station { uint64_t readings; double celsius; uint16_t degrees; char name[102]; };
int main(int argc, char **argv) {
    key_t key = (key_t) strtol(argv[1], NULL, 10);
    int create = !strcmp(argv[2], "create");
    size_t size = create ? strtoul(argv[3], NULL, 10) : sizeof(struct station);
    int id = shmget(key, size, create ? IPC_CREAT | IPC_EXCL | 0600 : 0);
    if (id < 0) { perror("shmget"); return 1; }
    struct station *station = shmat(id, NULL, 0);
    if (station == (void *) -1) { perror("shmat"); return 1; }
    if (!strcmp(argv[2], "read"))
        printf("%llu %.2f %u %s\n", (unsigned long long) station->readings, station->celsius, station->degrees, station->name);
    else if (!strcmp(argv[2], "write")) {
        station->readings += 1; station->celsius = -40.0; station->degrees = 359; strcpy(station->name, "C");
    } else
        memset(station, argc > 4 ? atoi(argv[4]) : 0, size);
    return shmdt(station) != 0;
}
"#;

/// The C program, if there is a compiler.
fn program() -> Option<Program> {
    have("cc").then(|| Program::compile(C))
}

/// Runs it with this key.
fn run(program: &Program, key: &Key, arguments: &[&str]) -> String {
    let key = key.value().expect("a key").to_string();
    program.run(&[&[&*key], arguments].concat())
}

#[test]
fn a_c_program_uses_a_sealed_segment_as_if_it_were_not() {
    let Some(c) = program() else { return };
    let (key, _cleanup) = unique_key();
    let station = options::<Station>(key.clone()).create().expect("new").attach().expect("ours");
    station.readings.set(41);
    station.celsius.set(21.5);
    station.degrees.set(270);
    station.name.set_str("Zugspitze").expect("short");
    assert_eq!(run(&c, &key, &["read"]), "41 21.50 270 Zugspitze\n");
    run(&c, &key, &["write"]);
    assert_eq!((station.readings.get(), station.celsius.get(), station.degrees.get()), (42, -40.0, 359));
    assert_eq!(station.name.to_string_lossy(), "C");
    // And the seal is as it was.
    assert_eq!(station.schema().expect("sealed"), Schema::of::<Station>());
    options::<Station>(key).open().expect("there").attach().expect("sealed");
}

fn unique_key() -> (Key, OwnKey) {
    let unique = unique();
    (name(&unique), OwnKey::name(&unique))
}

#[test]
fn a_segment_made_in_c_is_not_sealed_and_the_error_says_what_to_write() {
    let Some(c) = program() else { return };
    let size = size_of::<Station>();
    // The struct's very size, all zero or not: known at once, whether the creator lives or not.
    for fill in ["0", "1", "2", "255"] {
        let (key, _cleanup) = unique_key();
        run(&c, &key, &["create", &size.to_string(), fill]);
        let began = Instant::now();
        let error = options::<Station>(key.clone())
            .open()
            .and_then(|segment| segment.attach())
            .expect_err("it has no seal");
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(
            matches!(error.kind(), ErrorKind::NotSealed { found, expected, .. } if found == expected),
            "{error}"
        );
        assert!(error.to_string().contains("`#[shm(bare)]` on Station (120 bytes)"), "{error}");
        let error = options::<Station>(key.clone()).open_or_create().expect_err("it has no seal");
        assert!(matches!(error.kind(), ErrorKind::NotSealed { .. }), "{error}");

        let station = options::<bare::Station>(key).open().expect("there").attach().expect("bare");
        let byte: u8 = fill.parse().expect("a byte");
        assert_eq!(station.readings.get(), u64::from_ne_bytes([byte; 8]));
        assert!(station.name.iter().all(|found| found.get() == byte));
    }
}

#[test]
fn segments_of_all_sizes_made_in_c_are_errors_that_name_bare() {
    let mut creator = peer!().seal();
    for size in
        [1, 7, 8, 71, 72, 73, 79, 80, 103, 104, 105, 112, 119, 121, 128, 192, 4095, 4096, 4097, 12_345]
    {
        for fill in [0_u8, 1, 2, 3, 0x55, 0xff] {
            let unique = unique();
            let _cleanup = OwnKey::name(&unique);
            creator.ask(format!("shmget {unique} {size}"));
            let row = oracle::with_key(key_of(&unique))[0];
            let raw = Raw::attach(row.id);
            raw.write(0, &vec![fill; size]);
            drop(raw);
            // All zero, it looks like one whose creator is about to seal it: that one lives.
            let mut sealed = options::<Station>(name(&unique));
            sealed.wait(Duration::from_millis(1));
            let error = sealed.open().and_then(|segment| segment.attach()).expect_err("no seal");
            let waits = fill == 0 && size >= FOOTER && size.is_multiple_of(8);
            match error.kind() {
                ErrorKind::NotSealed { .. } if !waits => {}
                ErrorKind::NotReady { creator_pid, .. } if waits => {
                    assert_eq!(creator_pid.unsigned_abs(), creator.pid())
                }
                _ => panic!("{size} {fill}: {error}"),
            }
            let bare = options::<bare::Station>(name(&unique)).open();
            let error = bare.expect_err("another size");
            assert!(matches!(error.kind(), ErrorKind::SizeDiffers { .. }), "{size}: {error}");
            let larger = options::<bare::Station>(name(&unique)).allow_larger(true).open();
            assert_eq!(larger.is_ok(), size > size_of::<Station>(), "{size}");
        }
    }
}

#[test]
fn a_blank_one_whose_creator_is_gone_is_an_error_that_names_bare() {
    let mut creator = peer!().seal();
    let unique = unique();
    let _cleanup = OwnKey::name(&unique);
    creator.ask(format!("shmget {unique} 4096"));
    creator.kill();
    let error =
        options::<Station>(name(&unique)).open().and_then(|segment| segment.attach()).expect_err("no seal");
    assert!(matches!(error.kind(), ErrorKind::Abandoned { .. }), "{error}");
    assert!(error.to_string().contains("#[shm(bare)]"), "{error}");
}

#[test]
fn a_sealed_segment_opened_as_bare_is_an_error_that_says_what_to_write() {
    let (key, _cleanup) = unique_key();
    let station = options::<Station>(key.clone()).create().expect("new").attach().expect("ours");
    let error = options::<bare::Station>(key.clone()).open().expect_err("it is sealed");
    let ErrorKind::Sealed { found, expected: 120, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(*found, station.segment().size());
    let text = error.to_string();
    assert!(text.contains("Remove `bare`") && text.contains("allow_larger(true)"), "{text}");
    let same = options::<bare::Station>(key).allow_larger(true).open().expect("larger");
    same.attach().expect("bare").readings.set(9);
    assert_eq!(station.readings.get(), 9);
}

#[test]
fn a_bare_segment_is_used_by_c_and_keeps_what_was_in_it() {
    let Some(c) = program() else { return };
    let (key, _cleanup) = unique_key();
    let segment =
        options::<bare::Station>(key.clone()).create_with(|station| station.readings.set(5)).expect("new");
    assert_eq!(oracle::with_key(key.value().expect("a key"))[0].size, size_of::<Station>());
    run(&c, &key, &["write"]);
    assert_eq!(segment.attach().expect("ours").readings.get(), 6);
}

#[test]
fn a_name_and_a_fixed_key_that_collide_are_both_named() {
    let unique = unique();
    let _cleanup = OwnKey::name(&unique);
    let _theirs = options::<Buoy>(name(&unique)).create().expect("new");
    let fixed = Key::fixed(key_of(&unique).cast_unsigned());
    let error =
        options::<Station>(fixed.clone()).open().and_then(|segment| segment.attach()).expect_err("another's");
    assert!(matches!(error.kind(), ErrorKind::KeyCollision { .. }), "{error}");
    let text = error.to_string();
    for part in [&format!("the segment is Buoy by name \"{unique}\""), "looks for Station by key"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let error = options::<Station>(fixed).create().expect_err("it exists");
    assert!(matches!(error.kind(), ErrorKind::KeyCollision { .. }), "{error}");
}

#[test]
fn two_structs_under_one_key_are_both_named() {
    let (key, _cleanup) = unique_key();
    let _theirs = options::<Buoy>(key.clone()).create().expect("new");
    let error = options::<Station>(key).open().and_then(|segment| segment.attach()).expect_err("another's");
    let text = error.to_string();
    assert!(text.contains("- struct Buoy") && text.contains("+ struct Station"), "{text}");
}

/// Two files with the same key, in a folder of their own that is removed at the end.
struct Files(PathBuf);

impl Files {
    fn colliding(&self) -> Option<(PathBuf, PathBuf)> {
        let mut seen: HashMap<u64, PathBuf> = HashMap::new();
        for i in 0..70_000 {
            let path = self.0.join(i.to_string());
            fs::write(&path, "").ok()?;
            let inode = fs::metadata(&path).ok()?.ino() & 0xffff;
            if let Some(other) = seen.insert(inode, path.clone()) {
                return Some((other, path));
            }
        }
        None
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn two_files_with_one_key_are_both_named() {
    let files = Files(std::env::temp_dir().join(unique()));
    fs::create_dir(&files.0).expect("room for a folder");
    let Some((one, other)) = files.colliding() else {
        skip("no two files here have the same low 16 bits of inode");
        return;
    };
    let key = |path: &Path| Key::ftok(path, b'S');
    let value = key(&one).value().expect("there");
    assert_eq!(value, key(&other).value().expect("there"));
    if !oracle::with_key(value).is_empty() {
        skip("another program uses the key of these files");
        return;
    }
    let _cleanup = OwnKey::of(value);
    let _theirs = options::<Station>(key(&one)).create().expect("new");
    let error =
        options::<Station>(key(&other)).open().and_then(|segment| segment.attach()).expect_err("another's");
    assert!(matches!(error.kind(), ErrorKind::KeyCollision { .. }), "{error}");
    let text = error.to_string();
    for path in [&one, &other] {
        assert!(text.contains(&format!("Station by ftok({path:?}, 'S')")), "{text}");
    }
    // The same file by another way to it is the same key.
    let link = files.0.join("link");
    std::os::unix::fs::symlink(&one, &link).expect("room");
    options::<Station>(key(&link)).open().expect("there").attach().expect("the same");
}

#[test]
fn what_the_raw_calls_make_is_what_is_tested() {
    let (key, _cleanup) = unique_key();
    let id = raw_create(key.value().expect("a key"), 100);
    assert_eq!(oracle::with_key(key.value().expect("a key"))[0].id, id);
}
