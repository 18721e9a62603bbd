//! Users and what they may do: getpwnam_r(3), getgroups(2) and capget(2).

use core::ffi::CStr;
use core::mem::MaybeUninit;
use std::io;

/// getpwnam_r(3): the number of the user with this name, if there is one.
pub(crate) fn uid_of(name: &CStr) -> io::Result<Option<u32>> {
    let mut buffer = vec![0; 1024];
    loop {
        let (mut entry, mut found) = (MaybeUninit::<libc::passwd>::uninit(), core::ptr::null_mut());
        let (place, len) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: `name` ends with a NUL; there is room for one `passwd`, for `len` bytes of texts, and for the pointer, all
        // of which live until the call has returned.
        let error =
            unsafe { libc::getpwnam_r(name.as_ptr(), entry.as_mut_ptr(), place, len, &raw mut found) };
        match error {
            0 if found.is_null() => return Ok(None),
            // SAFETY: not null, so the call has filled in `entry`, whose address it is.
            0 => return Ok(Some(unsafe { (*found).pw_uid })),
            // How else a C library, and a system without /etc/passwd, says that there is none.
            libc::ENOENT | libc::ESRCH => return Ok(None),
            libc::EINTR => {}
            libc::ERANGE if len < 1 << 20 => buffer.resize(2 * len, 0),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// The groups of this process: the effective one, and then the supplementary ones, getgroups(2).
pub(crate) fn groups() -> Vec<u32> {
    let mut groups = vec![super::effective_gid()];
    // SAFETY: asked with 0 for how many there are, it writes nothing.
    let count = unsafe { libc::getgroups(0, core::ptr::null_mut()) };
    let mut others = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: there is room for `count` groups; if there are more by now, it writes none and fails.
    let count = unsafe { libc::getgroups(count.max(0), others.as_mut_ptr()) };
    others.truncate(usize::try_from(count).unwrap_or(0));
    others.retain(|other| *other != groups[0]);
    groups.append(&mut others);
    groups
}

/// CAP_IPC_OWNER, of linux/capability.h: its holder is not asked for permission bits.
const CAP_IPC_OWNER: u32 = 15;

/// Whether this thread has CAP_IPC_OWNER, effective, in its own user namespace: capget(2).
pub(crate) fn has_ipc_owner() -> bool {
    /// `struct __user_cap_header_struct`.
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    /// `struct __user_cap_data_struct`: 32 capabilities, of which version 3 has two.
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Sets {
        effective: u32,
        _permitted: u32,
        _inheritable: u32,
    }
    // _LINUX_CAPABILITY_VERSION_3; pid 0 is the calling thread.
    let mut header = Header { version: 0x2008_0522, pid: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: the kernel reads and writes one header, and writes two sets, as version 3 says.
    let returned = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    returned == 0 && sets[0].effective & (1 << CAP_IPC_OWNER) != 0
}
