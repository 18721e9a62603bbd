//! Segments of huge pages: used only by those that trust the processes that may write to them.
//!
//! The tests take two pages into the system's pool for their time, one test at a time.

use std::ffi::c_void;
use std::fs;
use std::ptr::null;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shm_runtime::{Error, ErrorKind, Segment, SharedSegment};
use shm_tests::key::{OwnId, OwnKey};
use shm_tests::{oracle, skip};

/// How many huge pages there should be.
const POOL: &str = "/proc/sys/vm/nr_hugepages";
const HUGE: usize = 2 << 20;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Megabyte {
    bytes: [u8; 1 << 20],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Bare {
    bytes: [u8; 1 << 20],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Small {
    word: u64,
}

/// A pool with pages that are free; what it was before when this is dropped.
struct Pool {
    was: String,
    _one_at_a_time: MutexGuard<'static, ()>,
}

impl Pool {
    fn of(pages: usize) -> Option<Self> {
        static ONE: Mutex<()> = Mutex::new(());
        let _one_at_a_time = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let was = fs::read_to_string(POOL).unwrap_or_default();
        if was.trim() != "0" {
            skip("there is a pool of huge pages already, or no support for them");
            return None;
        }
        let pool = Self { was, _one_at_a_time };
        if fs::write(POOL, pages.to_string()).is_err() || free() != pages {
            skip("making a pool of huge pages takes root, and memory in one piece");
            return None;
        }
        if meminfo("Hugepagesize") != HUGE >> 10 {
            skip("the default size of huge pages is another than 2 MiB");
            return None;
        }
        Some(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let _ = fs::write(POOL, &self.was);
    }
}

fn meminfo(field: &str) -> usize {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let value = meminfo.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap().trim().trim_end_matches(" kB").parse().unwrap()
}

/// How many huge pages of the pool are not used.
fn free() -> usize {
    meminfo("HugePages_Free")
}

/// A field of smaps in KiB.
fn kib(address: usize, field: &str) -> usize {
    let value = &oracle::smaps(address)[field];
    value.strip_suffix(" kB").unwrap().parse().unwrap()
}

/// A segment of huge pages, of a program that trusts its users.
fn create<T: SharedSegment>() -> (Segment<T>, OwnId) {
    let segment = T::options().huge_pages(true).trust_writers().create().unwrap();
    let id = OwnId::new(segment.id());
    (segment, id)
}

/// A range of addresses that nothing else gets, and in it one at which a huge page can begin.
fn reserve() -> usize {
    shm_tests::reserve(16 * HUGE).next_multiple_of(HUGE)
}

#[track_caller]
fn refused<T>(result: Result<T, Error>) {
    let error = result.err().expect("its users were not said to be trusted");
    assert!(matches!(error.kind(), ErrorKind::HugePages), "{error}");
    let text = error.to_string();
    for part in ["huge pages", "SIGBUS", "trusted", "::options().trust_writers()`"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn an_address_that_suits_usual_pages_only_is_refused_with_the_multiple_that_huge_pages_need() {
    let Some(_pool) = Pool::of(1) else { return };
    let (segment, _id) = create::<Megabyte>();
    let address = reserve();
    // SAFETY: reserved for this, and not used by anything else.
    let error = unsafe { segment.attach_at(address + 4096) }.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Address { address: at, page_size: HUGE, .. } if *at == address + 4096),
        "{error}"
    );
    let text = error.to_string();
    let said =
        "a multiple of 2097152, the size of the segment's huge pages; other segments need a multiple of 4096";
    assert!(text.contains(said), "{text}");
    // SAFETY: as above.
    let attached = unsafe { segment.attach_at(address) }.unwrap();
    assert_eq!(attached.as_ptr().addr(), address);
}

#[test]
fn huge_pages_are_what_the_kernel_maps() {
    let Some(_pool) = Pool::of(1) else { return };
    let (segment, _id) = create::<Megabyte>();
    assert!(segment.size() < HUGE, "the size is not rounded up");
    let both = segment.attach().unwrap();
    assert_eq!(kib(both.as_ptr().addr(), "KernelPageSize"), HUGE >> 10);
    both.bytes[0].set(1);
    both.prefault().unwrap();
    assert_eq!(segment.attach_read_only().unwrap().bytes[0].get(), 1);
}

fn is_attached_with_consent_only<T: SharedSegment>() {
    let (created, _id) = create::<T>();
    drop(created.attach().unwrap());
    let (free, id) = (free(), created.id());
    let opened = Segment::<T>::from_id(id).unwrap();
    refused(opened.attach());
    refused(opened.attach_read_only());
    refused(opened.attach_write_only());
    // SAFETY: reserved for this, and not used by anything else.
    refused(unsafe { opened.attach_at(reserve()) });
    assert_eq!(
        (oracle::attached(id), self::free()),
        (0, free),
        "nothing stays mapped, and nothing was touched"
    );

    let trusting = T::options().trust_writers().open_id(id).unwrap();
    drop(trusting.attach_read_only().unwrap());
    // SAFETY: reserved for this, and not used by anything else.
    drop(unsafe { trusting.attach_at(reserve()) }.unwrap());
    drop(trusting.attach().unwrap());
}

#[test]
fn a_segment_of_huge_pages_is_attached_by_those_who_trust_its_users_and_no_others() {
    // Asked for before there is a word with the kernel, whether it has any or not.
    refused(Bare::options().huge_pages(true).create());
    refused(Megabyte::options().huge_pages(true).create_with(|_| unreachable!("there is no segment")));
    let Some(_pool) = Pool::of(2) else { return };
    is_attached_with_consent_only::<Megabyte>();
    is_attached_with_consent_only::<Bare>();
}

#[test]
fn a_segment_of_huge_pages_is_neither_read_nor_reclaimed_by_those_who_do_not_trust_its_users() {
    let Some(_pool) = Pool::of(1) else { return };
    let own = OwnKey::new();
    let mut options = Small::options();
    options.key(own.key()).reclaim_stale(true);
    let flags = libc::IPC_CREAT | libc::IPC_EXCL | libc::SHM_HUGETLB | 0o600;
    // What a creator leaves that was killed at once, as large as ours would be.
    let size = Small::create().unwrap().remove_on_drop().size();
    // SAFETY: takes numbers only.
    let id = unsafe { libc::shmget(own.value(), size, flags) };
    assert_ne!(id, -1, "{}", std::io::Error::last_os_error());
    refused(options.open_or_create());
    let error = options.create().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::AlreadyExists { .. }), "{error}");
    // A bare struct is told that the size is another, without a look at what might be a seal.
    let error = Bare::options().key(own.key()).open().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SizeDiffers { .. }), "{error}");
    assert_eq!((oracle::attached(id), free()), (0, 1), "nothing was touched");
}

#[test]
fn pages_of_the_usual_size_need_no_consent_wherever_they_are_mapped() {
    fn at_the_address_of_a_huge_page<T: SharedSegment>() {
        let segment = T::create().unwrap().remove_on_drop();
        let address = reserve();
        // SAFETY: reserved for this, and not used by anything else.
        let attached = unsafe { segment.attach_at(address) }.unwrap();
        assert_eq!(kib(address, "KernelPageSize"), 4);
        // The look changed nothing: one mapping, as long as the segment.
        assert_eq!(kib(address, "Size") << 10, segment.size().next_multiple_of(4096));
        drop(attached);
    }
    at_the_address_of_a_huge_page::<Small>();
    at_the_address_of_a_huge_page::<Megabyte>();
    at_the_address_of_a_huge_page::<Bare>();
}

#[test]
fn neither_locks_nor_presence_keep_a_process_that_may_write_from_taking_huge_pages_away() {
    let Some(_pool) = Pool::of(1) else { return };
    let (segment, _id) = create::<Bare>();
    let attached = segment.attach().unwrap();
    attached.prefault().unwrap();
    segment.lock().unwrap();
    let address: *mut c_void = attached.as_mut_ptr().cast();
    // SAFETY: changes whether the pages may be swapped out, and nothing else.
    assert_eq!(unsafe { libc::mlock(address, HUGE) }, 0);
    attached.bytes[0].set(7);
    assert_eq!(free(), 0);

    let take = |flags| {
        // SAFETY: maps where nothing else is.
        let peer = unsafe { libc::shmat(segment.id(), null(), flags) };
        assert_ne!(peer.addr(), usize::MAX);
        // SAFETY: what is in the pages is lost, which they allow for, as other processes may write anything.
        let taken = unsafe { libc::madvise(peer, HUGE, libc::MADV_REMOVE) };
        // SAFETY: mapped above, and used no more.
        unsafe { libc::shmdt(peer) };
        taken == 0
    };
    // This is what the documentation says of the segment's mode.
    assert!(!take(libc::SHM_RDONLY), "who may only read cannot");
    assert_eq!((free(), attached.bytes[0].get()), (0, 7));
    assert!(take(0));
    assert_eq!(free(), 1, "given back to the pool");
    // Gone from there too: there is none for the next access.
    fs::write(POOL, "0").unwrap();
    // SAFETY: the child makes one access and ends; it takes no lock and runs no destructor.
    let child = unsafe { libc::fork() };
    assert_ne!(child, -1);
    if child == 0 {
        let byte = attached.bytes[0].get();
        // SAFETY: ends the child.
        unsafe { libc::_exit(i32::from(byte)) };
    }
    let mut status = 0;
    // SAFETY: a child of ours, and room for its status.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGBUS, "{status:#x}");
}
