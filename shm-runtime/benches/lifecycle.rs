//! The life of a segment beside the same calls through libc. In one process.
//!
//! `cargo bench --bench lifecycle -- --ratios` prints the table alone.

use std::hint::black_box;
use std::ptr;

use criterion::Criterion;
use shm_runtime::{Key, Options, SharedSegment};

use support::{compare, ratios_only};

mod support;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Page {
    words: [u64; 512],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(key = 0x7368_6d00)]
struct Named {
    words: [u64; 512],
}

/// Create, attach, touch, detach, remove.
fn life() {
    let segment = Page::create().expect("create");
    let attached = segment.attach().expect("attach");
    attached.words[0].set(1);
    attached.detach().expect("detach");
    segment.remove().expect("remove");
}

fn life_by_libc() {
    // SAFETY: creates a segment of its own.
    let id = unsafe {
        libc::shmget(libc::IPC_PRIVATE, size_of::<Page>(), libc::IPC_CREAT | libc::IPC_EXCL | 0o600)
    };
    assert_ne!(id, -1, "shmget");
    // SAFETY: maps where nothing is.
    let address = unsafe { libc::shmat(id, ptr::null(), 0) };
    assert_ne!(address.addr(), usize::MAX, "shmat");
    // SAFETY: just mapped, and large enough.
    unsafe { address.cast::<u64>().write_volatile(1) };
    // SAFETY: mapped above, and not used any more.
    assert_ne!(unsafe { libc::shmdt(address) }, -1, "shmdt");
    // SAFETY: the segment was created above.
    let removed = unsafe { libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()) };
    assert_ne!(removed, -1, "shmctl");
}

/// Open, attach, read, detach.
fn visit(options: &Options<Named>) {
    let segment = options.open().expect("open");
    let attached = segment.attach_read_only().expect("attach");
    black_box(attached.words[0].get());
    attached.detach().expect("detach");
}

/// The same, with the size looked at, as anyone has to who does not want to read behind the end.
fn visit_by_libc(key: i32) {
    // SAFETY: takes numbers only.
    let id = unsafe { libc::shmget(key, 0, 0) };
    assert_ne!(id, -1, "shmget");
    // SAFETY: integers, for which zero is a value.
    let mut stat: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: there is room for what is written.
    let found = unsafe { libc::shmctl(id, libc::IPC_STAT, &raw mut stat) };
    assert_ne!(found, -1, "shmctl");
    assert_eq!(stat.shm_segsz, size_of::<Named>());
    // SAFETY: maps where nothing is.
    let address = unsafe { libc::shmat(id, ptr::null(), libc::SHM_RDONLY) };
    assert_ne!(address.addr(), usize::MAX, "shmat");
    // SAFETY: just mapped, and large enough.
    black_box(unsafe { address.cast::<u64>().read_volatile() });
    // SAFETY: mapped above, and not used any more.
    assert_ne!(unsafe { libc::shmdt(address) }, -1, "shmdt");
}

fn main() {
    // A key of its own, so that two runs do not meet.
    let key = 0x7368_0000 ^ std::process::id().cast_signed();
    let mut options = Named::options();
    options.key(Key::fixed(key));
    let _named = options.create().expect("create").remove_on_drop();
    println!("Time in that of the calls through libc, in one process: median (middle half)");
    println!("create, attach, touch, detach, remove  {}", compare(life, life_by_libc));
    println!("open, attach, read, detach             {}", compare(|| visit(&options), || visit_by_libc(key)));
    if !ratios_only() {
        let mut criterion = Criterion::default().configure_from_args();
        let mut group = criterion.benchmark_group("life cycle, in one process, create to remove");
        group.bench_function("shm-runtime", |b| b.iter(life));
        group.bench_function("libc", |b| b.iter(life_by_libc));
        group.finish();
        let mut group = criterion.benchmark_group("life cycle, in one process, open to detach");
        group.bench_function("shm-runtime", |b| b.iter(|| visit(&options)));
        group.bench_function("libc", |b| b.iter(|| visit_by_libc(key)));
        group.finish();
        criterion.final_summary();
    }
}
