//! Segments without their Rust type: what is seen is what the typed access sees, and no schema and no bytes do harm.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use shm_runtime::inspect::{Builtin, Options, ResolveError, Segment, State, Type, Value, View};
use shm_runtime::msg::Queue;
use shm_runtime::{ErrorKind, Object, ObjectKind, Permissions, Schema, Shareable, SharedSegment, sync};
use shm_tests::key::OwnKey;
use shm_tests::seal::{Footer, READY, Raw, VERSION, key_of, raw_create, unique};
use shm_tests::structs::sync::{Board, arrive, board};
use shm_tests::{eventually, oracle, peer};

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(i16)]
enum Mode {
    Off = -3,
    On = 300,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Cell {
    mode: Mode,
    letter: char,
    grid: [[u16; 3]; 2],
}

/// A name that this crate has a type of.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Mutex {
    word: u32,
    abandoned: u32,
    value: u64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct All {
    a: u8,
    b: u16,
    c: u32,
    d: u64,
    e: usize,
    f: i8,
    g: i16,
    h: i32,
    i: i64,
    j: isize,
    k: f32,
    l: f64,
    m: bool,
    n: AtomicI32,
    o: AtomicBool,
    cells: [Cell; 3],
    name: [u8; 8],
    not_ours: Mutex,
    total: sync::Mutex<u64>,
    wind: sync::SeqLock<Cell>,
    changed: sync::Event,
    empty: [u8; 0],
}

/// Visits every part, and writes down what is there.
fn walk(view: View<'_>, to: &mut String) -> usize {
    let mut parts = 1;
    let _ = write!(to, "{} {} {:?};", view.location().offset(), view.ty(), view.get());
    let _ = view.text();
    if let Type::Enum(of) = view.ty() {
        parts += of.variants().count();
    }
    for (name, field) in view.fields() {
        assert!(!name.contains(char::is_control));
        parts += walk(field, to);
    }
    for element in view.elements() {
        parts += walk(element, to);
    }
    parts
}

#[test]
fn any_bytes_are_shown_as_the_typed_access_shows_them() {
    let segment = All::create().unwrap().remove_on_drop();
    let typed = segment.attach_read_only().unwrap();
    let raw = Raw::attach(segment.id());
    let tool = Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let size = size_of::<All>();
    let result = TestRunner::new(cases(200)).run(&prop::collection::vec(any::<u8>(), size), |bytes| {
        raw.write(0, &bytes);
        prop_assert_eq!(format!("{:#?}", tool.root().unwrap()), format!("{:#?}", *typed));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_is_written_is_what_the_typed_access_reads() {
    let segment = All::create().unwrap().remove_on_drop();
    let typed = segment.attach().unwrap();
    let tool = Segment::from_id(segment.id()).unwrap().attach().unwrap();
    let at = |path: &str| tool.resolve(path).unwrap();
    at("b").set(65_535_u16).unwrap();
    at("f").set_text("-128").unwrap();
    at("d").set_text("0xffff_ffff_ffff_ffff").unwrap();
    at("k").set(1.5).unwrap();
    at("l").set_text("-0.25").unwrap();
    at("m").set_text("true").unwrap();
    at("n").set(-7).unwrap();
    at("o").set(true).unwrap();
    at("cells[1].mode").set_text("On").unwrap();
    at("cells[2].mode").set(-3).unwrap();
    at("cells[1].letter").set('ß').unwrap();
    at("cells[1].grid[1][2]").set(9).unwrap();
    at("name").set_text("Zürich").unwrap();
    assert_eq!((typed.b.get(), typed.f.get(), typed.d.get()), (65_535, -128, u64::MAX));
    assert_eq!((typed.k.get(), typed.l.get(), typed.m.get()), (1.5, -0.25, true));
    assert_eq!((typed.n.load(SeqCst), typed.o.load(SeqCst)), (-7, true));
    let cell = typed.cells[1].try_get().unwrap();
    assert_eq!((cell.mode, cell.letter, cell.grid), (Mode::On, 'ß', [[0; 3], [0, 0, 9]]));
    assert_eq!(typed.cells[2].mode.try_get(), Ok(Mode::Off));
    assert_eq!(typed.name.to_string_lossy(), "Zürich");
    assert_eq!(at("name").text().as_deref(), Some("Zürich"));
}

#[test]
fn what_is_not_a_value_of_its_place_is_not_written_and_the_error_says_what_would_be() {
    let segment = All::create().unwrap().remove_on_drop();
    let tool = Segment::from_id(segment.id()).unwrap().attach().unwrap();
    let raw = Raw::attach(segment.id());
    let before = raw.read(0, size_of::<All>());
    let cases = [
        ("a", "300", "300 does not fit into u8, which has 0 to 255"),
        ("a", "-1", "-1 does not fit into u8, which has 0 to 255"),
        ("f", "128", "128 does not fit into i8, which has -128 to 127"),
        ("a", "x", "`x` is not a value of `u8`"),
        ("m", "2", "`2` is not a value of `bool`"),
        ("cells[0].letter", "ab", "`ab` is not a value of `char`"),
        ("cells[0].mode", "Onn", "`Onn` is not a variant of `Mode`, which has `Off` = -3, `On` = 300"),
        ("cells[0].mode", "0", "0 is not a variant of `Mode`, which has `Off` = -3, `On` = 300"),
        ("cells[0]", "1", "`1` is not a value of `Cell`"),
        ("name", "Salzburg", "a text of 8 bytes and its NUL do not fit into 8 bytes; nothing was written"),
    ];
    for (path, text, message) in cases {
        assert_eq!(tool.resolve(path).unwrap().set_text(text).unwrap_err().to_string(), message);
    }
    for path in ["total.word", "total.value", "wind.sequence", "wind.slots[0].mode", "changed.count"] {
        let error = tool.resolve(path).unwrap().set(1).unwrap_err().to_string();
        assert!(error.contains("protocol"), "{path}: {error}");
    }
    let reader = Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    assert!(reader.resolve("a").unwrap().set(1).unwrap_err().to_string().contains("read-only"));
    assert_eq!(raw.read(0, size_of::<All>()), before);
    tool.resolve("not_ours.word").unwrap().set(1).unwrap();
}

#[test]
fn a_path_that_leads_nowhere_says_where_it_ends_and_what_there_is() {
    let schema = Schema::of::<All>();
    let cases = [
        ("celsl", "`All` has no field `celsl`: it has `cells`"),
        ("cells[0].mod", "`cells[0]` (Cell) has no field `mod`: it has `mode`, `letter`, `grid`"),
        ("cells[3]", "`cells` has 3 elements, and none with the index 3"),
        ("cells[99999999999999999999999]", "`cells` has 3 elements"),
        ("cells.mode", "`cells` is `[Cell; 3]`, which has no field `mode`"),
        ("a[0]", "`a` is `u8`, which has no elements"),
        ("cells[x]", "`[x]` is not a path"),
        ("cells[+1]", "`[+1]` is not a path"),
        ("cells[0]mode", "`mode` is not a path"),
        ("a.", "`.` is not a path"),
        ("[0]", "the whole is `All`, which has no elements"),
    ];
    for (path, message) in cases {
        let error = schema.resolve(path).unwrap_err().to_string();
        assert!(error.contains(message), "{path}: {error}");
    }
    assert_eq!(schema.resolve("").unwrap().offset(), 0);
}

#[test]
fn the_crates_own_types_are_known_by_the_schema_and_not_by_their_name() {
    let segment = All::create().unwrap().remove_on_drop();
    let typed = segment.attach().unwrap();
    let tool = Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let find = |path: &str| tool.builtin(tool.resolve(path).unwrap());
    assert!(find("not_ours").is_none() && find("cells[0]").is_none() && find("a").is_none());
    typed.changed.notify_all();
    assert!(matches!(find("changed"), Some(Builtin::Event { count: 1, .. })));

    let Some(Builtin::SeqLock(wind)) = find("wind") else { panic!() };
    let cell = Cell { mode: Mode::On, letter: 'x', grid: [[1, 2, 3], [4, 5, 6]] };
    let mut writer = typed.wind.writer().unwrap();
    for i in 0..3 {
        writer.write(&Cell { grid: [[i; 3]; 2], ..cell }).unwrap();
        let snapshot = wind.read().unwrap();
        assert_eq!(snapshot.view().resolve("grid[1][2]").unwrap().get(), Value::Int(i.into()));
        assert_eq!(snapshot.view().resolve("mode").unwrap().get(), Value::Enum { name: "On", number: 300 });
        assert!(snapshot.view().resolve("letter").unwrap().set('y').is_err());
    }
    assert_eq!(wind.version(), 3);
    let who = wind.writer().unwrap();
    assert_eq!((who.pid.unsigned_abs(), who.alive()), (std::process::id(), Some(true)));
    drop(writer);
    assert_eq!(wind.writer(), None);
}

#[test]
fn the_holder_of_a_mutex_is_named_while_it_lives_and_when_it_is_dead() {
    let segment = board();
    let typed = segment.attach().unwrap();
    // It is bare.
    let tool = Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let tool = tool.with_schema(Schema::of::<Board>()).unwrap();
    let Some(Builtin::Mutex(first)) = tool.builtin(tool.resolve("first").unwrap()) else { panic!() };
    assert_eq!(first.holder(), None);
    let mut peer = peer!().sync(&segment, "hold-until-killed", 0);
    arrive(&typed, 1);
    let holder = first.holder().unwrap();
    assert_eq!((holder.pid, holder.alive), (Some(peer.pid()), Some(true)));
    peer.kill();
    eventually(|| first.holder().is_some_and(|holder| holder.alive == Some(false)));
    assert!(!first.is_abandoned());
}

#[test]
fn a_segment_that_was_removed_is_read_while_it_is_mapped_and_another_is_not_taken_for_it() {
    let segment = All::create().unwrap().remove_on_drop();
    let found = Segment::from_id(segment.id()).unwrap();
    let tool = found.attach_read_only().unwrap();
    segment.attach().unwrap().c.set(5);
    drop(segment);
    assert_eq!(tool.resolve("c").unwrap().get(), Value::Int(5));
    assert_eq!(tool.seal().unwrap().state, State::Ready);
    drop(tool);
    assert!(matches!(found.attach_read_only().unwrap_err().kind(), ErrorKind::Removed));
    assert!(matches!(Segment::from_id(found.id()).unwrap_err().kind(), ErrorKind::Removed));
}

#[test]
fn the_name_of_a_struct_is_that_of_its_schema_and_is_not_believed_to_be_one() {
    let segment = All::create().unwrap().remove_on_drop();
    let attached = Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let Type::Struct(of) = attached.schema().unwrap().root().ty() else { panic!() };
    assert_eq!(attached.type_name().as_deref(), Some(of.name()));
    let again = Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    assert_eq!(again.type_name(), attached.type_name());
    for (text, name) in [
        ("struct Plain size 8 align 8\n  celsius @0 f64\n", Some("Plain")),
        // The rest is not looked at.
        ("struct Plain size 8 align 8\nnonsense", Some("Plain")),
        ("struct \u{1b}[2J size 8 align 8\n", None),
        ("struct two words size 8 align 8\n", None),
        ("struct  size 8 align 8\n", None),
        ("builtin Mutex size 24 align 8\n", None),
        ("struct Plain\n size 8", None),
        ("u64\n", None),
        ("", None),
    ] {
        let (_raw, id, _own) = forged(text, 8);
        let forged = Segment::from_id(id).unwrap().attach_read_only().unwrap();
        assert_eq!(forged.type_name().as_deref(), name, "{text:?}");
    }
}

#[test]
fn looking_changes_only_what_the_kernel_counts() {
    let segment = All::create().unwrap().remove_on_drop();
    let raw = Raw::attach(segment.id());
    let before = raw.read(0, raw.size());
    let tool = Segment::from_id(segment.id()).unwrap().attach_read_only().unwrap();
    let attached = oracle::by_id(segment.id()).unwrap().nattch;
    walk(tool.root().unwrap(), &mut String::new());
    tool.seal().unwrap();
    drop(tool);
    assert_eq!(raw.read(0, raw.size()), before);
    assert_eq!(oracle::by_id(segment.id()).unwrap().nattch, attached - 1);
}

#[test]
fn a_segment_of_a_program_that_does_not_seal_is_read_by_a_schema_that_is_given() {
    let key = OwnKey::new();
    let id = raw_create(key.value(), 100);
    let raw = Raw::attach(id);
    raw.write(8, &2.5_f64.to_ne_bytes());
    let found = Segment::open(key.key()).unwrap();
    let tool = found.attach().unwrap();
    assert_eq!(tool.seal(), None);
    assert!(matches!(tool.schema().unwrap_err().kind(), ErrorKind::NotSealed { .. }));
    assert!(matches!(tool.resolve("x"), Err(ResolveError::Schema(_))));
    let schema = |size: usize| Schema::parse(&format!("struct C size {size} align 8\n  x @8 f64\n")).unwrap();
    let tool = tool.with_schema(schema(96)).unwrap();
    assert_eq!(tool.resolve("x").unwrap().get(), Value::F64(2.5));
    tool.resolve("x").unwrap().set(3).unwrap();
    assert_eq!(raw.read(8, 8), 3.0_f64.to_ne_bytes());
    let error = found.attach().unwrap().with_schema(schema(104)).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SizeDiffers { found: 100, expected: 104, .. }), "{error}");
    // Of a sealed one, the seal stays out of reach.
    let sealed = All::create().unwrap().remove_on_drop();
    let sealed = Segment::from_id(sealed.id()).unwrap().attach().unwrap();
    let all = Schema::parse(&format!("[{}] u8\n", sealed.size())).unwrap();
    assert!(sealed.with_schema(all).is_err());
}

fn cases(cases: u32) -> Config {
    Config { failure_persistence: None, cases, ..Config::default() }
}

/// A page with this text for a schema, of a struct of `size` bytes.
fn forged(text: &str, size: usize) -> (Raw, i32, OwnKey) {
    const PAGE: usize = 4096;
    let key = key_of(&unique());
    let own = OwnKey::of(key);
    let id = raw_create(key, PAGE);
    let raw = Raw::attach(id);
    let footer = Footer {
        state: READY,
        version: VERSION,
        fingerprint: 1,
        struct_size: u64::try_from(size).unwrap(),
        schema_len: u32::try_from(text.len()).unwrap(),
        key_len: 0,
        creator_started: 0,
        creator_pid: std::process::id(),
    };
    let at = size.next_multiple_of(8).min(PAGE - text.len());
    raw.write(at, text.as_bytes());
    raw.write(raw.footer(), &footer.bytes());
    (raw, id, own)
}

#[test]
fn any_schema_and_any_bytes_are_walked_to_the_end_or_refused() {
    let good = Schema::of::<All>().to_string();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), 0x20_u8..0x7f), 0..4);
    let bytes = prop::collection::vec(any::<u8>(), size_of::<All>());
    let walked = std::cell::Cell::new(0_u32);
    let result = TestRunner::new(cases(400)).run(&(changes, bytes), |(changes, bytes)| {
        let mut text = good.clone().into_bytes();
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let text = String::from_utf8(text).unwrap();
        let (raw, id, _own) = forged(&text, size_of::<All>());
        raw.write(0, &bytes);
        let tool = Segment::from_id(id).unwrap().attach().unwrap();
        if let Ok(root) = tool.root() {
            walk(root, &mut String::new());
            for (_, part) in root.fields() {
                if let Some(Builtin::SeqLock(lock)) = tool.builtin(part) {
                    let _ = lock.read().map(|value| walk(value.view(), &mut String::new()));
                    let _ = lock.writer();
                }
            }
            walked.set(walked.get() + 1);
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    let walked = walked.get();
    assert!(walked > 20, "only {walked} schemas were good enough to be walked");
}

#[test]
fn schemas_made_to_cost_much_cost_little() {
    // Arrays that no memory could hold, of what has no size, nested; and a size that the segment has not.
    let empties = format!("{}struct E size 0 align 1\n", "[65536] ".repeat(60));
    let (_raw, id, _own) = forged(&empties, 0);
    let tool = Segment::from_id(id).unwrap().attach_read_only().unwrap();
    assert!(walk(tool.root().unwrap(), &mut String::new()) < 100);
    assert!(format!("{:?}", tool.root().unwrap()).len() < 100);
    assert!(tool.resolve("[65535][65535]").is_ok());

    let (_raw, id, _own) = forged("[1048576] u8\n", 1 << 20);
    let tool = Segment::from_id(id).unwrap().attach_read_only().unwrap();
    assert!(matches!(tool.root().unwrap_err().kind(), ErrorKind::BadSeal { .. }));
    let (_raw, id, _own) = forged("[1048576] u8\n", 8);
    let tool = Segment::from_id(id).unwrap().attach_read_only().unwrap();
    assert!(matches!(tool.root().unwrap_err().kind(), ErrorKind::BadSeal { .. }));
}

#[test]
fn a_lock_that_another_process_only_claims_to_be_one_is_not_read_as_one() {
    for text in [
        "builtin Mutex size 16 align 8\n  word @0 u32\n  abandoned @4 atomic u32\n  value @8 u64\n",
        "builtin Mutex size 16 align 8\n  word @0 atomic u32\n  abandoned @4 atomic u32\n",
        "builtin SeqLock size 16 align 8\n  sequence @0 atomic u64\n  slots @8 [1] u64\n",
        "builtin Event size 8 align 8\n  count @0 atomic u64\n",
        "builtin Other size 8 align 8\n  count @0 atomic u64\n",
    ] {
        let (_raw, id, _own) = forged(text, Schema::parse(text).unwrap().size());
        let tool = Segment::from_id(id).unwrap().attach().unwrap();
        let root = tool.root().unwrap();
        assert!(tool.builtin(root).is_none(), "{text}");
        assert!(root.fields().all(|(_, part)| part.set(1).is_err()));
    }
}

#[test]
fn another_users_segment_is_opened_by_those_only_who_trust_anybody() {
    let segment = All::create().unwrap().remove_on_drop();
    let mut permissions = segment.stat().unwrap().permissions();
    permissions.uid = 12_345;
    // As root only.
    if segment.set_permissions(permissions).is_err() {
        return;
    }
    let open = |options: &Options| options.open_id(segment.id());
    assert!(matches!(open(&Segment::options()).unwrap_err().kind(), ErrorKind::Untrusted { .. }));
    assert!(open(Segment::options().trust_owner(12_345)).unwrap().attach_read_only().is_ok());
    assert!(open(Segment::options().trust_anybody()).unwrap().attach_read_only().is_ok());
    let object = Object::from_id(ObjectKind::Segment, segment.id()).unwrap();
    let error = Segment::options().open_object(&object).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Untrusted { .. }), "{error}");
    assert!(Segment::options().trust_anybody().open_object(&object).unwrap().attach_read_only().is_ok());
}

#[test]
fn what_was_listed_is_opened_if_it_still_is_a_segment_of_users_who_are_trusted() {
    let own = OwnKey::new();
    let segment = All::options().key(own.key()).create().unwrap();
    let object = Object::from_id(ObjectKind::Segment, segment.id()).unwrap();
    let opened = Segment::options().open_object(&object).unwrap();
    assert_eq!((opened.id(), opened.size()), (segment.id(), segment.size()));
    assert_eq!(
        opened.attach_read_only().unwrap().seal(),
        Segment::from_id(object.id()).unwrap().attach().unwrap().seal()
    );
    // Given away since it was listed: as root only.
    let permissions = segment.stat().unwrap().permissions();
    if object.set_permissions(Permissions { uid: 12_345, ..permissions }).is_ok() {
        let error = opened.attach_read_only().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Untrusted { .. }), "{error}");
    }
    drop(segment);
    object.remove().unwrap();
    let error = opened.attach_read_only().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Removed), "{error}");

    let queue = Queue::<u64>::create(own.key()).unwrap();
    let object = Object::from_id(ObjectKind::Queue, queue.id()).unwrap();
    let error = Segment::options().open_object(&object).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidInput { .. }), "{error}");
    assert_eq!((error.object(), error.id()), (ObjectKind::Queue, Some(queue.id())));
}
