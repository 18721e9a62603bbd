//! Structs that end in a slice: its length is chosen when a segment is created, and is what the kernel's size says from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use shm_runtime::{
    Attached, ErrorKind, Key, Options, Part, Schema, Segment, Shareable, SharedSegment, TailedSegment,
    inspect, sync,
};
use shm_tests::key::{OwnId, OwnKey};
use shm_tests::oracle;
use shm_tests::seal::{FOOTER, Raw, key_of, raw_create, unique};
use shm_tests::structs::upgrade::Series;
use shm_tests::traced::{Stop, Stopped};
use shm_tests::upgrade::Name;
use shm_tests::{kind, peer, skip};

#[derive(Clone, Copy, Debug, PartialEq, Shareable)]
#[repr(C)]
struct Record {
    time: u64,
    value: f64,
    valid: bool,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Log {
    head: AtomicU64,
    records: [Record],
}

/// The same for a C program.
mod bare {
    use super::{AtomicU64, Record, SharedSegment};

    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private, bare)]
    pub(crate) struct Log {
        pub(crate) head: AtomicU64,
        pub(crate) records: [Record],
    }
}

fn record(i: usize) -> Record {
    let number = u32::try_from(i).expect("small");
    Record { time: u64::from(number), value: f64::from(number) / 2.0, valid: i.is_multiple_of(2) }
}

fn create(len: usize) -> (Segment<Log>, OwnId) {
    let log = Log::options().len(len).create().expect("created");
    let own = OwnId::new(log.id());
    (log, own)
}

fn options(name: &str) -> Options<Log> {
    let mut options = Log::options();
    options.key(Key::name(name.to_owned())).wait(Duration::from_secs(20));
    options
}

#[test]
fn every_element_is_reached_as_those_of_an_array_are() {
    let (segment, _own) = create(1000);
    let log = segment.attach().expect("ready");
    assert_eq!(log.records.len(), 1000);
    assert!(!log.records.is_empty());
    log.records[7].value.set(1.5);
    log.records[7].valid.set(true);
    log.head.store(8, Relaxed);
    let reader = Log::options().open_id(segment.id()).expect("there").attach_read_only().expect("ready");
    assert_eq!(reader.records.len(), 1000);
    assert_eq!(reader.records[7].get(), Record { time: 0, value: 1.5, valid: true });
    assert_eq!(reader.head.load(Relaxed), 8);
    assert_eq!(reader.records.iter().filter(|record| record.valid.get()).count(), 1);
    assert_eq!((&reader.records).into_iter().count(), 1000);
    assert!(reader.records.get(1000).is_none());

    let all: Vec<Record> = (0..1000).map(record).collect();
    log.records.copy_from(&all);
    let mut copy = vec![record(0); 1000];
    reader.records.copy_to(&mut copy);
    assert_eq!(copy, all);
    log.records.copy_range_from(10..12, &[record(1), record(2)]);
    reader.records.copy_range_to(10..12, &mut copy[..2]);
    assert_eq!(copy[..2], [record(1), record(2)]);
    let slice = &reader.records[998..];
    assert_eq!((slice.len(), slice[1].get()), (2, record(999)));
}

#[test]
fn an_index_a_range_and_a_slice_that_do_not_fit_panic() {
    let (segment, _own) = create(3);
    let log = segment.attach().expect("ready");
    let panics = |what: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(what)).is_err();
    assert!(panics(&|| log.records[3].set(record(0))));
    assert!(panics(&|| log.records.copy_range_from(2..4, &[record(0); 2])));
    assert!(panics(&|| log.records.copy_from(&[record(0); 2])));
    assert!(panics(&|| log.records.copy_to(&mut [record(0); 4])));
    assert!(!panics(&|| log.records.copy_from(&[record(0); 3])));
}

#[test]
fn the_segment_is_as_large_as_c_makes_it_and_its_seal() {
    let (sealed, _own) = create(10);
    let head = Schema::of::<Log>().size();
    assert_eq!(head, 8);
    let size = oracle::by_id(sealed.id()).expect("there").size;
    assert!(size >= head + 10 * size_of::<Record>() + FOOTER, "{size}");
    let bare = bare::Log::options().len(10).create().expect("created");
    let _own = OwnId::new(bare.id());
    assert_eq!(oracle::by_id(bare.id()).expect("there").size, head + 10 * size_of::<Record>());
    assert_eq!(bare.attach().expect("there").records.len(), 10);
}

#[test]
fn an_empty_one_is_one() {
    let (segment, _own) = create(0);
    let log = segment.attach().expect("ready");
    assert!(log.records.is_empty());
    log.head.store(1, Relaxed);
    assert_eq!(format!("{log:?}"), "Log { head: 1, records: [] }");
    let bare = bare::Log::options().len(0).create().expect("created");
    let _own = OwnId::new(bare.id());
    assert_eq!(
        bare::Log::options().open_id(bare.id()).expect("there").attach().expect("there").records.len(),
        0
    );
}

#[test]
fn eight_gib_are_reached_from_the_first_to_the_last_byte() {
    let len = (8 << 30) / size_of::<Record>();
    let log = Log::options().len(len).no_reserve(true).create().expect("created");
    let _own = OwnId::new(log.id());
    let log = log.attach().expect("ready");
    log.records[len - 1].set(record(6));
    let again = Log::options().open_id(log.segment().id()).expect("there").attach_read_only().expect("ready");
    assert_eq!((again.records.len(), again.records[len - 1].get()), (len, record(6)));
    assert_eq!(again.records[len / 2].get(), Record { time: 0, value: 0.0, valid: false });
}

#[test]
fn lengths_of_which_no_segment_can_be_are_refused() {
    for len in [usize::MAX, usize::MAX / size_of::<Record>(), isize::MAX.unsigned_abs() / size_of::<Record>()]
    {
        let error = Log::options().len(len).create().expect_err("too long");
        assert!(
            matches!(
                error.kind(),
                ErrorKind::InvalidInput { .. } | ErrorKind::NoMemory { .. } | ErrorKind::Limit { .. }
            ),
            "{error}"
        );
        let error = bare::Log::options().len(len).create().expect_err("too long");
        assert!(
            matches!(
                error.kind(),
                ErrorKind::InvalidInput { .. } | ErrorKind::NoMemory { .. } | ErrorKind::Limit { .. }
            ),
            "{error}"
        );
    }
    let error = Log::options().create().expect_err("no length");
    assert!(error.to_string().contains("options().len(...)"), "{error}");
}

#[test]
fn opening_takes_any_length_unless_one_is_given_and_the_error_says_both() {
    let name = unique();
    let _own = OwnKey::name(&name);
    let _log = options(&name).len(1000).create().expect("created");
    assert_eq!(options(&name).open().expect("there").attach().expect("any").records.len(), 1000);
    assert_eq!(
        options(&name).len(1000).open().expect("there").attach().expect("as long").records.len(),
        1000
    );
    for asked in [999, 1001, 0] {
        let error = options(&name).len(asked).open().expect("there").attach().expect_err("another length");
        assert!(
            matches!(error.kind(), ErrorKind::LengthDiffers { found: 1000, expected, .. } if *expected == asked),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains("has 1000 elements") && text.contains(&format!("asks for {asked}")), "{text}");
        let error = options(&name).len(asked).open_or_create().map(drop).expect_err("another length");
        assert!(matches!(error.kind(), ErrorKind::LengthDiffers { .. }), "{error}");
    }
}

#[test]
fn a_bare_one_of_another_length_or_of_no_length_is_refused() {
    let size = |len: usize| 8 + len * size_of::<Record>();
    let open = |id, change: &dyn Fn(&mut Options<bare::Log>)| {
        let mut options = bare::Log::options();
        change(&mut options);
        options.open_id(id).and_then(|segment| segment.attach())
    };
    let own = OwnId::new(raw_create(libc::IPC_PRIVATE, size(5)));
    assert_eq!(open(own.id(), &|_| ()).expect("any").records.len(), 5);
    assert_eq!(open(own.id(), &|options| _ = options.len(5)).expect("as long").records.len(), 5);
    let error = open(own.id(), &|options| _ = options.len(6)).expect_err("another length");
    assert!(matches!(error.kind(), ErrorKind::LengthDiffers { found: 5, expected: 6, .. }), "{error}");
    // More than five, and not six.
    let odd = OwnId::new(raw_create(libc::IPC_PRIVATE, size(5) + 1));
    assert_eq!(kind(open(odd.id(), &|_| ())), "SizeDiffers");
    assert_eq!(open(odd.id(), &|options| _ = options.allow_larger(true)).expect("larger").records.len(), 5);
    let error = open(odd.id(), &|options| _ = options.allow_larger(true).len(6)).expect_err("too short");
    assert_eq!(kind::<()>(Err(error)), "SizeDiffers");
    let four = open(odd.id(), &|options| _ = options.allow_larger(true).len(4)).expect("larger");
    assert_eq!(four.records.len(), 4);
    let small = OwnId::new(raw_create(libc::IPC_PRIVATE, 7));
    assert_eq!(kind(open(small.id(), &|_| ())), "SizeDiffers");
    // A sealed one may be as large as one of some length is.
    for len in 0..40 {
        let (sealed, _own) = create(len);
        let sealed = open(sealed.id(), &|_| ());
        assert_eq!(kind(sealed), "Sealed");
    }
}

#[test]
fn what_is_written_to_the_seal_later_moves_nothing() {
    let (segment, _own) = create(100);
    let log = segment.attach().expect("ready");
    let raw = Raw::attach(segment.id());
    for word in [0_u64, 1, 101, u64::MAX, 1 << 63] {
        raw.write(raw.footer() + 96, &word.to_le_bytes());
        raw.write(raw.footer() + 16, &word.to_le_bytes());
        assert_eq!(log.records.len(), 100);
        log.records[99].set(record(3));
        assert_eq!(log.records[99].get(), record(3));
    }
}

#[test]
fn a_length_that_the_segment_has_no_room_for_is_an_error_however_it_is_claimed() {
    let (segment, _own) = create(100);
    let raw = Raw::attach(segment.id());
    let size = |len: u64| 8 + len * 24;
    let claims = [200, 1000, u64::MAX, u64::MAX / 24, u64::MAX / 24 + 1, 1 << 60, (u64::MAX - 7) / 24];
    for len in claims {
        for struct_size in [size(100), len.wrapping_mul(24).wrapping_add(8), u64::MAX, 0] {
            raw.write(raw.footer() + 96, &len.to_le_bytes());
            raw.write(raw.footer() + 16, &struct_size.to_le_bytes());
            let attached = Log::options().open_id(segment.id()).expect("there").attach_read_only();
            assert_eq!(kind(attached), "BadSeal", "{len} {struct_size}");
            let tool =
                inspect::Segment::from_id(segment.id()).expect("there").attach_read_only().expect("mapped");
            assert!(tool.root().is_err(), "{len} {struct_size}");
        }
    }
    // A shorter one is within, and is what the seal says.
    raw.write(raw.footer() + 96, &7_u64.to_le_bytes());
    raw.write(raw.footer() + 16, &size(7).to_le_bytes());
    let attached = Log::options().open_id(segment.id()).expect("there").attach_read_only();
    match attached {
        Ok(log) => assert_eq!(log.records.len(), 7),
        Err(error) => assert_eq!(kind::<()>(Err(error)), "BadSeal"),
    }
}

#[test]
fn whatever_bytes_are_after_the_struct_no_element_is_outside_of_the_segment() {
    let (segment, _own) = create(3);
    let raw = Raw::attach(segment.id());
    let (from, good) = (8 + 3 * 24, raw.read(0, raw.size()));
    let mut random = u64::from(std::process::id()) | 1;
    println!("seed {random}");
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random).expect("64 bits") % below
    };
    let (mut attached, mut refused) = (0, 0);
    for _ in 0..3_000 {
        raw.write(0, &good);
        for _ in 0..1 + next(3) {
            // Each of the texts and of the footer as often; the state is left alone, which would be waited for.
            let (from, to) = if next(2) == 0 { (from, raw.footer()) } else { (raw.footer() + 4, raw.size()) };
            raw.write(from + next(to - from), &[u8::try_from(next(256)).expect("a byte")]);
        }
        match Log::options().open_id(segment.id()).expect("there").attach() {
            Ok(log) => {
                attached += 1;
                assert!(8 + log.records.len() * 24 <= raw.footer());
                if let Some(last) = log.records.last() {
                    last.time.set(last.time.get());
                }
            }
            Err(_) => refused += 1,
        }
        let tool =
            inspect::Segment::from_id(segment.id()).expect("there").attach_read_only().expect("mapped");
        if let Ok(root) = tool.root() {
            assert!(root.ty().size() <= raw.footer());
            assert!(!format!("{root:?}").is_empty());
        }
    }
    println!("{attached} attached, {refused} refused");
    assert!(attached > 50 && refused > 500, "{attached} {refused}");
}

#[test]
fn the_schema_says_that_there_is_a_slice_and_a_tool_sees_its_elements() {
    let text = "struct Log size 8 align 8\n  head @0 atomic u64\n  records @8 [] struct Record size 24 align 8\n    time @0 u64\n    value @8 f64\n    valid @16 bool\n";
    assert_eq!(Schema::of::<Log>().to_string(), text);
    assert_eq!(Schema::parse(text), Ok(Schema::of::<Log>()));
    let (segment, _own) = create(3);
    let log = segment.attach().expect("ready");
    assert_eq!(log.schema().expect("sealed"), Schema::of::<Log>());
    log.records[2].value.set(2.5);
    let tool = inspect::Segment::from_id(segment.id()).expect("there").attach_read_only().expect("mapped");
    let shown = tool.schema().expect("sealed").to_string();
    assert!(
        shown.starts_with("struct Log size 80 align 8\n") && shown.contains("records @8 [3] struct Record"),
        "{shown}"
    );
    assert_eq!(tool.resolve("records[2].value").expect("there").get(), inspect::Value::F64(2.5));
    assert!(tool.resolve("records[3]").is_err());
    // A bare one, by its size.
    let bare = bare::Log::options().len(4).create().expect("created");
    let _own = OwnId::new(bare.id());
    bare.attach().expect("there").records[3].value.set(4.5);
    let tool = inspect::Segment::from_id(bare.id()).expect("there").attach_read_only().expect("mapped");
    let tool = tool.with_schema(Schema::of::<bare::Log>()).expect("large enough");
    assert_eq!(tool.resolve("records[3].value").expect("there").get(), inspect::Value::F64(4.5));
    assert!(tool.resolve("records[4]").is_err());
}

#[test]
fn a_schema_has_a_slice_at_its_end_only() {
    let refused = |text: &str| Schema::parse(text).expect_err(text).to_string();
    assert!(refused("struct L size 8 align 8\n  r @0 [] u64\n  a @0 u64\n").contains("last field"));
    assert!(
        refused("struct L size 8 align 8\n  r @0 [] struct E size 0 align 1\n").contains("without a size")
    );
    for text in [
        "[] u64\n",
        "[3] struct L size 8 align 8\n  r @0 [] u64\n",
        "struct L size 8 align 8\n  r @0 [3] [] u64\n",
        "struct L size 8 align 8\n  r @0 [] [] u64\n",
        "struct L size 8 align 8\n  i @0 struct I size 8 align 8\n    r @0 [] u64\n",
        "struct L size 8 align 8\n  r @4 [] u64\n",
        "struct L size 8 align 8\n  r @16 [] u64\n",
        "struct L size 8 align 4\n  r @8 [] u64\n",
    ] {
        refused(text);
    }
}

#[test]
fn an_element_is_kept_as_a_part_of_an_attachment_is() {
    let (segment, _own) = create(4);
    let log = Arc::new(segment.attach().expect("ready"));
    let last: Part<Record> = log.part(|log| &log.records[3]);
    drop(log);
    std::thread::spawn(move || last.set(record(9))).join().expect("it only writes");
    assert_eq!(segment.attach().expect("ready").records[3].get(), record(9));
}

#[test]
fn the_initialiser_has_the_elements_before_another_process_sees_them() {
    let log = Log::options()
        .len(5)
        .create_with(|log| log.records.iter().enumerate().for_each(|(i, to)| to.set(record(i))))
        .expect("created");
    let _own = OwnId::new(log.id());
    let log = Log::options().open_id(log.id()).expect("there").attach_read_only().expect("ready");
    assert!((0..5).all(|i| log.records[i].get() == record(i)));
}

/// Tails of everything that can be shared, and parameters.
mod kinds {
    use super::{Record, Shareable, SharedSegment, sync};
    use std::sync::atomic::AtomicU32;

    #[derive(Clone, Copy, Debug, PartialEq, Eq, Shareable)]
    #[repr(u8)]
    pub(crate) enum Mode {
        Off,
        On,
    }

    #[derive(Shareable)]
    #[repr(C)]
    pub(crate) struct Slot {
        pub(crate) record: Record,
        pub(crate) modes: [Mode; 3],
        pub(crate) letter: char,
    }

    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    pub(crate) struct Of<T: Copy, const N: usize> {
        pub(crate) first: [u8; N],
        pub(crate) items: [T],
    }

    macro_rules! with_tail {
        ($($name:ident: $ty:ty),*) => {$(
            #[derive(SharedSegment)]
            #[repr(C)]
            #[shm(private)]
            pub(crate) struct $name {
                pub(crate) first: u8,
                pub(crate) items: [$ty],
            }
        )*};
    }
    with_tail! { Atomics: AtomicU32, Modes: Mode, Slots: Slot, Locks: sync::Mutex<u64>, Sequences: sync::SeqLock<u64>, Rows: [u16; 3], Text: u8 }

    #[derive(SharedSegment)]
    #[repr(C, align(64))]
    #[shm(private)]
    pub(crate) struct Aligned {
        pub(crate) first: u8,
        pub(crate) items: [u8],
    }
}

#[test]
fn a_slice_can_be_of_everything_that_is_shared() {
    fn attach<T: TailedSegment + ?Sized>(len: usize) -> (Attached<T>, OwnId) {
        let segment = T::options().len(len).create().expect("created");
        let own = OwnId::new(segment.id());
        (segment.attach().expect("ready"), own)
    }
    let (atomics, _own) = attach::<kinds::Atomics>(3);
    atomics.items[2].fetch_add(5, Relaxed);
    assert_eq!(format!("{atomics:?}"), "Atomics { first: 0, items: [0, 0, 5] }");
    let (modes, _own) = attach::<kinds::Modes>(2);
    modes.items[1].set(kinds::Mode::On);
    assert_eq!(modes.items[1].try_get(), Ok(kinds::Mode::On));
    let raw = Raw::attach(modes.segment().id());
    raw.write(1, &[7]);
    assert!(modes.items[0].try_get().is_err());
    let (slots, _own) = attach::<kinds::Slots>(2);
    slots.items[1].letter.set('ß');
    slots.items[1].modes[2].set(kinds::Mode::On);
    assert_eq!(slots.items[1].letter.try_get(), Ok('ß'));
    let (locks, _own) = attach::<kinds::Locks>(2);
    locks.items[1].lock().expect("free").set(7);
    let held = locks.items[0].lock().expect("free");
    assert!(locks.items[0].try_lock().is_err());
    assert_eq!(locks.items[1].lock().expect("another one").get(), 7);
    drop(held);
    let (sequences, _own) = attach::<kinds::Sequences>(2);
    sequences.items[1].writer().expect("the first").write(&5).expect("whole");
    assert_eq!((sequences.items[0].read(), sequences.items[1].read()), (Ok(0), Ok(5)));
    let (rows, _own) = attach::<kinds::Rows>(2);
    rows.items[1].set([1, 2, 3]);
    assert_eq!((rows.items[1][2].get(), rows.items.len()), (3, 2));
    let (text, _own) = attach::<kinds::Text>(8);
    text.items.set_str("Zürich").expect("it fits");
    assert_eq!(text.items.to_string_lossy(), "Zürich");
    assert!(text.items.set_str("Salzburg").is_err());
    let (of, _own) = attach::<kinds::Of<u16, 3>>(5);
    of.items[4].set(9);
    assert_eq!((of.items.len(), of.items[4].get(), of.first.len()), (5, 9, 3));
}

#[test]
fn the_last_bytes_of_a_struct_of_any_alignment_are_not_those_of_its_seal() {
    for len in 0..200 {
        let segment = kinds::Aligned::options().len(len).create().expect("created");
        let _own = OwnId::new(segment.id());
        let aligned = segment.attach().expect("ready");
        assert_eq!(aligned.items.len(), len);
        aligned.items.iter().for_each(|byte| byte.set(0xff));
        let again = kinds::Aligned::options().open_id(segment.id()).expect("there");
        let again = again.attach_read_only().expect("its seal is as it was");
        assert!(again.items.len() == len && again.items.iter().all(|byte| byte.get() == 0xff));
    }
}

#[test]
fn a_process_that_may_only_write_shows_nothing() {
    let (segment, _own) = create(2);
    let log = segment.attach_write_only().expect("ready");
    log.records[1].set(record(4));
    assert_eq!(format!("{:?}", &log.records), "<write-only>");
    assert_eq!(segment.attach_read_only().expect("ready").records[1].get(), record(4));
}

fn fill(log: &LogFields) {
    log.head.store(u64::try_from(log.records.len()).expect("64 bits"), Relaxed);
    log.records.iter().enumerate().for_each(|(i, to)| to.set(record(i)));
}

/// That the first of its records are as they were filled, and the others empty.
fn assert_filled(log: &Attached<Log>, filled: usize) {
    for (i, found) in log.records.iter().enumerate() {
        let expected = if i < filled { record(i) } else { Record { time: 0, value: 0.0, valid: false } };
        assert_eq!(found.get(), expected, "{i}");
    }
}

#[test]
fn a_successor_has_the_values_and_those_attached_to_the_old_one_find_it() {
    let own = Name::new();
    let old =
        options(&own.name).len(10).mode(0o640).create_with(fill).expect("created").attach().expect("ready");
    assert!(old.is_current().expect("known"));
    let new = options(&own.name).successor(25).expect("grown");
    assert_ne!(new.id(), old.segment().id());
    assert_eq!(new.stat().expect("there").permissions, old.segment().stat().expect("attached").permissions);
    assert!(!old.is_current().expect("known"));
    let new = options(&own.name).open().expect("there").attach().expect("ready");
    assert_eq!((new.records.len(), new.head.load(Relaxed)), (25, 10));
    assert_filled(&new, 10);
    // The old one is as long as it was for those who are attached.
    assert_eq!((old.records.len(), old.records[9].get()), (10, record(9)));
    assert_eq!(own.spares().len(), 0);
    // Of the length that it has, nothing is made.
    let same = options(&own.name).successor(25).expect("there");
    assert_eq!(same.id(), new.segment().id());
    // And a shorter one leaves values out.
    let short = options(&own.name).successor(4).expect("made").attach().expect("ready");
    assert_eq!((short.records.len(), short.records[3].get()), (4, record(3)));
}

#[test]
fn a_successor_takes_a_segment_and_a_seal() {
    let own = Name::new();
    assert_eq!(kind(options(&own.name).successor(5)), "NotFound");
    let bare = bare::Log::options().key(Key::name(own.name.clone())).len(3).create().expect("created");
    let error = bare::Log::options().key(Key::name(own.name.clone())).successor(5).expect_err("bare");
    assert!(matches!(error.kind(), ErrorKind::InvalidInput { .. }), "{error}");
    bare.remove().expect("ours");
    options(&own.name).len(3).create().expect("created");
    assert_eq!(kind(options(&own.name).successor(usize::MAX)), "InvalidInput");
    assert_eq!(options(&own.name).open().expect("as it was").attach().expect("ready").records.len(), 3);
    assert_eq!(own.spares().len(), 0);
}

#[test]
fn processes_that_grow_it_at_once_lose_no_value_that_was_there() {
    let own = Name::new();
    options(&own.name).len(50).create_with(fill).expect("created");
    std::thread::scope(|scope| {
        for i in 0..4 {
            let name = &own.name;
            scope.spawn(move || {
                for step in 1..6 {
                    let segment = options(name).successor(50 + 10 * step + i).expect("grown");
                    // Another one may have been made since.
                    if let Ok(log) = segment.attach_read_only() {
                        assert!((0..50).all(|i| log.records[i].get() == record(i)));
                    }
                }
            });
        }
        // No reader sees less than all.
        for _ in 0..200 {
            match options(&own.name).open().and_then(|segment| segment.attach_read_only()) {
                Ok(log) => assert!((0..50).all(|i| log.records[i].get() == record(i))),
                Err(error) => {
                    let kind = kind::<()>(Err(error));
                    assert!(["NotFound", "Removed"].contains(&kind.as_str()), "{kind}");
                }
            }
        }
    });
    assert_filled(&options(&own.name).open().expect("there").attach().expect("ready"), 50);
    assert_eq!(own.spares().len(), 0);
}

/// A process that makes a successor of this length, stopped at one of its system calls.
fn stopped_at(point: usize, name: &str, len: usize) -> Option<Stopped> {
    Stopped::at(point, peer!().command(&["upgrade", "resize-only", name, &len.to_string()]))
}

#[test]
fn a_successor_has_all_values_if_another_process_that_makes_one_is_killed_between_any_two_looks() {
    let sleep = Stop::entry(libc::SYS_clock_nanosleep);
    for point in 0.. {
        let own = Name::new();
        let mut options = Series::options();
        options.key(Key::name(own.name.clone()));
        let old = options.len(10).create_with(|new| new.values.copy_from(&[7; 10]));
        drop(old.expect("created"));
        let Some(mut first) = stopped_at(0, &own.name, 20) else { return skip("ptrace is forbidden here") };
        while own.spares().is_empty() {
            assert!(first.traced.step().is_some(), "it has a spare at some time");
        }
        let Some(mut second) = stopped_at(0, &own.name, 20) else { return skip("ptrace is forbidden here") };
        let waits = (0..point).any(|_| second.traced.step() == Some(sleep));
        // When it has removed the old one: the values are in its spare only.
        while !own.is_free() {
            assert!(first.traced.step().is_some(), "it removes the old one at some time");
        }
        first.traced.kill();
        assert_eq!(second.traced.finish(), "", "stopped at {point}");
        let new = options.len(20).open().expect("there").attach().expect("ready");
        assert!((0..20).all(|i| new.values[i].get() == if i < 10 { 7 } else { 0 }), "stopped at {point}");
        assert_eq!(own.spares().len(), 0, "stopped at {point}");
        if waits {
            assert!(point > 10, "{point}");
            return;
        }
    }
}

#[test]
fn wherever_a_process_that_makes_a_successor_is_killed_the_next_one_has_all_values_and_what_was_written_since()
 {
    let (mut without, mut grown) = (0, 0);
    for point in 0.. {
        let own = Name::new();
        let mut options = Series::options();
        options.key(Key::name(own.name.clone())).wait(Duration::from_secs(20));
        let old = options.len(10).create_with(|new| {
            new.count.store(1, Relaxed);
            new.values.copy_from(&[7; 10]);
        });
        drop(old.expect("created"));
        let mut options = Series::options();
        options.key(Key::name(own.name.clone())).wait(Duration::from_secs(20));
        let Some(Stopped { mut traced, ended }) = stopped_at(point, &own.name, 20) else {
            skip("ptrace is forbidden here");
            return;
        };
        traced.kill();
        if ended {
            break;
        }
        // What is there and complete is used, before another process goes on.
        let used = options.open().and_then(|segment| segment.attach());
        let count = match used {
            Ok(used) => {
                grown += usize::from(used.values.len() == 20);
                used.count.fetch_add(1, Relaxed) + 1
            }
            Err(_) => {
                without += 1;
                1
            }
        };
        let last = options.successor(30).unwrap_or_else(|error| panic!("{point}: {error}"));
        let last = last.attach().expect("ready");
        assert_eq!((last.values.len(), last.count.load(Relaxed)), (30, count), "killed at {point}");
        assert!((0..30).all(|i| last.values[i].get() == if i < 10 { 7 } else { 0 }), "killed at {point}");
        assert_eq!(own.spares().len(), 0, "killed at {point}");
        assert_eq!(oracle::with_key(key_of(&own.name)).len(), 1, "killed at {point}");
    }
    println!("at {without} points with nothing to use, at {grown} with the successor");
    assert!(without > 2 && grown > 2, "{without} {grown}");
}

/// Three versions of one struct.
macro_rules! journal {
    ($($version:ident { $($field:ident: $ty:ty),* })*) => {$(
        mod $version {
            #[derive(shm_runtime::SharedSegment)]
            #[repr(C)]
            #[shm(private, type_name = "Journal")]
            pub(super) struct Journal {
                $(pub(super) $field: $ty),*
            }
        }
    )*};
}
journal! {
    v1 { count: u64 }
    v2 { count: u64, values: [u64] }
    v3 { count: u64, more: u64, values: [u64] }
}

#[test]
fn a_struct_can_gain_a_slice_by_an_upgrade_and_no_field_in_front_of_it() {
    let own = Name::new();
    let key = || Key::name(own.name.clone());
    let old = v1::Journal::options().key(key()).create_with(|new| new.count.set(5)).expect("created");
    let new = v2::Journal::options().key(key()).len(7).upgrade(|new| new.values[6].set(1)).open();
    let new = new.expect("upgraded").attach().expect("ready");
    assert!(!old.is_current().expect("known"));
    assert_eq!((new.count.get(), new.values.len(), new.values[5].get(), new.values[6].get()), (5, 7, 0, 1));
    // An old program goes on.
    assert_eq!(kind(v1::Journal::options().key(key()).open().and_then(|old| old.attach())), "LayoutDiffers");
    let compatible = v1::Journal::options().key(key()).open_compatible().expect("there").attach();
    assert_eq!(compatible.expect("it only gained a slice").count.get(), 5);
    let mut newer = v3::Journal::options();
    newer.key(key());
    for opened in [newer.open(), newer.open_compatible(), newer.upgrade(|_| ()).open()] {
        assert_eq!(kind(opened.and_then(|newer| newer.attach())), "LayoutDiffers");
    }
    // The slice grows while the struct does not.
    let longer = v2::Journal::options().key(key()).successor(9).expect("grown").attach().expect("ready");
    assert_eq!((longer.count.get(), longer.values.len(), longer.values[6].get()), (5, 9, 1));
    assert_eq!(own.spares().len(), 0);
}
