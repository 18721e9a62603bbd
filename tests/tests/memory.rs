//! Memory options: locked, present, at a fixed address, not reserved.

use shm_runtime::{ErrorKind, SharedSegment, TailedSegment};
use shm_tests::key::Own;
use shm_tests::structs::Board;
use shm_tests::{oracle, reserve, skip};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Megabyte {
    bytes: [u8; 1 << 20],
}

/// So large that several threads make its pages; and no multiple of what each of them makes.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Large {
    bytes: [u8; (129 << 20) + 12_345],
}

/// More than any machine has. Not the size of a type, for which a compiler may want that much memory itself.
const VAST: usize = 1 << 45;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Bytes {
    count: u64,
    bytes: [u8],
}

/// A field of smaps in KiB.
fn kib(address: usize, field: &str) -> usize {
    let value = &oracle::smaps(address)[field];
    value.strip_suffix(" kB").unwrap().parse().unwrap()
}

#[test]
fn a_locked_segment_is_locked_until_it_is_unlocked() {
    let segment = Own::<Megabyte>::create();
    let locked = || {
        let row = oracle::by_id(segment.id()).unwrap();
        (row.perms & 0o2000 != 0, segment.stat().unwrap().locked)
    };
    assert_eq!(locked(), (false, false));
    segment.lock().unwrap();
    assert_eq!(locked(), (true, true));
    assert_eq!(segment.stat().unwrap().permissions.mode, 0o600);
    segment.unlock().unwrap();
    assert_eq!(locked(), (false, false));
}

#[test]
fn prefault_makes_every_page_present() {
    let segment = Own::<Megabyte>::create();
    let both = segment.attach().unwrap();
    let present = |address: *const Megabyte| kib(address.addr(), "Rss");
    assert!(present(both.as_ptr()) < 1024);
    both.prefault().unwrap();
    assert!(present(both.as_ptr()) >= 1024);
    let read_only = segment.attach_read_only().unwrap();
    assert!(present(read_only.as_ptr()) < 1024);
    read_only.prefault().unwrap();
    assert!(present(read_only.as_ptr()) >= 1024);
    // And nothing was written.
    assert!(read_only.bytes.iter().all(|byte| byte.get() == 0));
}

#[test]
fn prefault_makes_every_page_of_a_large_segment_present_and_its_threads_end() {
    let segment = Own::<Large>::create();
    let attached = segment.attach().unwrap();
    attached.prefault().unwrap();
    let address = attached.as_ptr().addr();
    assert_eq!(kib(address, "Rss"), kib(address, "Size"));
    let names = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path().join("comm"));
    let names = names.filter_map(|comm| std::fs::read_to_string(comm).ok());
    assert!(names.into_iter().all(|name| !name.starts_with("shm prefault")), "only those of the tests");
}

#[test]
fn a_segment_can_be_attached_at_a_reserved_address() {
    let segment = Own::<Megabyte>::create_unattached();
    let size = segment.size().next_multiple_of(4096);
    let address = reserve(size);

    // SAFETY: reserved above, and not used by anything else.
    let unaligned = unsafe { segment.attach_at(address + 8) }.unwrap_err();
    assert!(matches!(unaligned.kind(), ErrorKind::Address { address: at, .. } if *at == address + 8));
    let text = unaligned.to_string();
    assert!(
        text.contains(&format!("{:#x}", address + 8))
            && text.contains("a multiple of 4096, the size of a page"),
        "{text}"
    );
    assert_eq!(oracle::attached(segment.id()), 0);

    // SAFETY: reserved above, and not used by anything else.
    let fixed = unsafe { segment.attach_at(address) }.unwrap();
    assert_eq!(fixed.as_ptr().addr(), address);
    assert_eq!(kib(address, "Size") * 1024, size);
    let elsewhere = segment.attach().unwrap();
    fixed.bytes[(1 << 20) - 1].set(7);
    assert_eq!(elsewhere.bytes[(1 << 20) - 1].get(), 7);
    fixed.detach().unwrap();
    assert_eq!(oracle::attached(segment.id()), 1);
}

#[test]
fn attaching_at_address_0_is_refused() {
    let segment = Own::<Board>::create();
    // SAFETY: nothing is in use at 0.
    let error = unsafe { segment.attach_at(0) }.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Address { address: 0, .. }), "{error}");
}

#[test]
fn a_segment_larger_than_memory_takes_no_reserve() {
    let free = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").unwrap();
    if free.trim() != "0" {
        skip("vm.overcommit_memory is not 0: reservations are counted otherwise");
        return;
    }
    let error = Bytes::options().len(VAST).create().unwrap_err();
    let ErrorKind::NoMemory { size, huge_pages, .. } = *error.kind() else { panic!("{error}") };
    assert!(size >= VAST && !huge_pages, "{error}");
    assert!(error.to_string().contains(&size.to_string()), "{error}");

    let segment = Bytes::options().len(VAST).no_reserve(true).create().unwrap().remove_on_drop();
    assert!(oracle::by_id(segment.id()).unwrap().size >= VAST);
    let vast = segment.attach().unwrap();
    vast.bytes[VAST - 1].set(9);
    assert_eq!(segment.attach_read_only().unwrap().bytes[VAST - 1].get(), 9);
}
