//! The life of a segment: made, mapped, touched, unmapped, removed.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;

use shared_memory::ShmemConf;
use shm_runtime::{Key, SharedSegment};

use crate::measure::{self, Effort};
use crate::report::{Goal, Report};
use crate::sys::checked;
use crate::{Result, Scratch};

/// A page with its seal.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Sealed {
    values: [u64; 64],
}

/// The same without.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Bare {
    values: [u64; 64],
}

/// A page, behind which the seal takes another.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Page {
    values: [u64; 512],
}

const SIZE: usize = size_of::<Bare>();

/// From the first call to the last.
fn whole_life<T: SharedSegment>(key: &Key, touch: impl Fn(&shm_runtime::Attached<T>)) -> Result<()> {
    let segment = T::options().key(key.clone()).create()?;
    let attached = segment.attach()?;
    touch(&attached);
    attached.detach()?;
    Ok(segment.remove()?)
}

/// The same by hand.
fn raw_life(key: i32, size: usize) -> Result<()> {
    // SAFETY: takes numbers only.
    let id = checked(unsafe { libc::shmget(key, size, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) })?;
    let mapped = raw_attach(id, 0)?;
    // SAFETY: mapped writable, and aligned to pages.
    unsafe { mapped.cast::<u64>().write_volatile(1) };
    // SAFETY: it was mapped above, and is not used any more.
    checked(unsafe { libc::shmdt(mapped) })?;
    // SAFETY: IPC_RMID ignores the pointer.
    checked(unsafe { libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()) })?;
    Ok(())
}

fn raw_attach(id: i32, flags: i32) -> Result<*mut c_void> {
    // SAFETY: without an address, the kernel maps where nothing else is.
    let mapped = unsafe { libc::shmat(id, ptr::null(), flags) };
    if mapped.addr() == usize::MAX { Err(io::Error::last_os_error().into()) } else { Ok(mapped) }
}

/// By hand, as everybody writes it: without a look at who owns it, or what size it has.
pub fn raw_open(key: i32) -> Result<u64> {
    // SAFETY: takes numbers only.
    let id = checked(unsafe { libc::shmget(key, 0, 0) })?;
    let mapped = raw_attach(id, libc::SHM_RDONLY)?;
    // SAFETY: mapped readable, and aligned to pages.
    let value = unsafe { mapped.cast::<u64>().read_volatile() };
    // SAFETY: it was mapped above, and is not used any more.
    checked(unsafe { libc::shmdt(mapped) })?;
    Ok(value)
}

fn posix_life(name: &str) -> Result<()> {
    let mapping = ShmemConf::new().os_id(name).size(SIZE).create()?;
    // SAFETY: mapped writable, and aligned to pages. Dropping it unmaps and unlinks.
    unsafe { mapping.as_ptr().cast::<u64>().write_volatile(1) };
    Ok(())
}

fn posix_open(name: &str) -> Result<u64> {
    let mapping = ShmemConf::new().os_id(name).open()?;
    // SAFETY: mapped readable, and aligned to pages. Dropping it unmaps.
    Ok(unsafe { mapping.as_ptr().cast::<u64>().read_volatile() })
}

fn memfd_life() -> Result<()> {
    // SAFETY: reads the name.
    let fd = checked(unsafe { libc::memfd_create(c"peers".as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: just made, and nobody else's.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: takes numbers only.
    checked(unsafe { libc::ftruncate(fd.as_raw_fd(), libc::off_t::try_from(SIZE)?) })?;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: without an address, the kernel maps where nothing else is.
    let mapped =
        unsafe { libc::mmap(ptr::null_mut(), SIZE, protection, libc::MAP_SHARED, fd.as_raw_fd(), 0) };
    if mapped == libc::MAP_FAILED {
        return Err(io::Error::last_os_error().into());
    }
    // SAFETY: mapped writable, and aligned to pages.
    unsafe { mapped.cast::<u64>().write_volatile(1) };
    // SAFETY: it was mapped above, and is not used any more.
    checked(unsafe { libc::munmap(mapped, SIZE) })?;
    Ok(())
}

pub fn measure(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    const LIFE: &str = "Create, attach, touch, detach, remove: 512 B if not said otherwise, one process";
    const OPEN: &str = "Open, attach read-only, read, detach: 512 B, one process";
    let name = |what: &str| format!("{}{what}", scratch.prefix());
    // Numbers, for both: to hash a name is nothing that libc would do.
    let key_of = |what: &str| Key::name(name(what)).value();
    let (key, raw_key) = (Key::fixed(key_of("life")?.cast_unsigned()), key_of("raw")?);
    let sealed = || whole_life::<Sealed>(&key, |memory| memory.values[0].set(1));
    let bare = || whole_life::<Bare>(&key, |memory| memory.values[0].set(1));
    let raw = || raw_life(raw_key, SIZE);
    let posix_name = name("life");
    let posix = || posix_life(&posix_name);
    report.add(LIFE, "bare", "System V by libc", measure::operations(effort, bare, raw)?, Goal::Time(1.02));
    report.add(
        LIFE,
        "sealed",
        "System V by libc",
        measure::operations(effort, sealed, raw)?,
        Goal::Time(1.15),
    );
    report.add(
        LIFE,
        "sealed",
        "shared_memory (POSIX)",
        measure::operations(effort, sealed, posix)?,
        Goal::None,
    );
    report.add(LIFE, "sealed", "memfd by libc", measure::operations(effort, sealed, memfd_life)?, Goal::None);

    let page = || whole_life::<Page>(&key, |memory| memory.values[0].set(1));
    let raw_page = || raw_life(raw_key, size_of::<Page>());
    let outcome = measure::operations(effort, page, raw_page)?;
    let what = "sealed, 4 KiB: the seal takes a second page";
    report.add(LIFE, what, "System V by libc, 4 KiB", outcome, Goal::Time(1.15));

    let (bare_value, sealed_value) = (key_of("bare")?, key_of("sealed")?);
    let (bare_key, sealed_key) = (Key::fixed(bare_value.cast_unsigned()), Key::fixed(sealed_value.cast_unsigned()));
    let _bare = Bare::options().key(bare_key.clone()).create()?.remove_on_drop();
    let _sealed = Sealed::options().key(sealed_key.clone()).create()?.remove_on_drop();
    let open_bare = || Ok(Bare::options().key(bare_key.clone()).open()?.attach_read_only()?.values[0].get());
    let open_sealed =
        || Ok(Sealed::options().key(sealed_key.clone()).open()?.attach_read_only()?.values[0].get());
    let open_raw = || raw_open(bare_value);
    let posix_name = name("open");
    let _posix = ShmemConf::new().os_id(&posix_name).size(SIZE).create()?;
    let open_posix = || posix_open(&posix_name);
    let outcome = measure::operations(effort, open_bare, open_raw)?;
    report.add(OPEN, "bare", "System V by libc", outcome, Goal::Time(1.15));
    let outcome = measure::operations(effort, open_sealed, open_raw)?;
    report.add(OPEN, "sealed", "System V by libc", outcome, Goal::Time(1.15));
    let outcome = measure::operations(effort, open_sealed, open_posix)?;
    report.add(OPEN, "sealed", "shared_memory (POSIX)", outcome, Goal::None);
    Ok(())
}
