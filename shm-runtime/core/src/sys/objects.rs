//! What the kernel writes of an object: `ipc_perm`, `shmid_ds`, `semid_ds`, `msqid_ds`.
//!
//! As 64-bit kernels have them, of which the C libraries hand the caller's through. The libc crate's have other names and
//! types for some fields in each environment, and for musl there is no `semid_ds`: so there is one definition here, which
//! is compared below with those that the libc crate has.

use core::ffi::{c_long, c_ulong};

/// `struct ipc64_perm`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct IpcPerm {
    pub(crate) key: i32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) cuid: u32,
    pub(crate) cgid: u32,
    pub(crate) mode: u32,
    pub(crate) seq: u16,
    unused: [c_ulong; 2],
}

/// `struct shmid64_ds`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct ShmidDs {
    pub(crate) perm: IpcPerm,
    pub(crate) segsz: usize,
    pub(crate) atime: c_long,
    pub(crate) dtime: c_long,
    pub(crate) ctime: c_long,
    pub(crate) cpid: i32,
    pub(crate) lpid: i32,
    pub(crate) nattch: c_ulong,
    unused: [c_ulong; 2],
}

/// `struct semid64_ds`: on x86-64, each time has room after it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct SemidDs {
    pub(crate) perm: IpcPerm,
    pub(crate) otime: c_long,
    #[cfg(target_arch = "x86_64")]
    after_otime: c_ulong,
    pub(crate) ctime: c_long,
    #[cfg(target_arch = "x86_64")]
    after_ctime: c_ulong,
    pub(crate) nsems: c_ulong,
    unused: [c_ulong; 2],
}

/// `struct msqid64_ds`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct MsqidDs {
    pub(crate) perm: IpcPerm,
    pub(crate) stime: c_long,
    pub(crate) rtime: c_long,
    pub(crate) ctime: c_long,
    pub(crate) cbytes: c_ulong,
    pub(crate) qnum: c_ulong,
    pub(crate) qbytes: c_ulong,
    pub(crate) lspid: i32,
    pub(crate) lrpid: i32,
    unused: [c_ulong; 2],
}

/// That a struct is where the libc crate has it: its size, and each of these fields. A field of another name there is
/// compared by those around it.
macro_rules! same {
    ($ours:ty, $theirs:ty: $($field:ident = $their:ident),*) => {
        const _: () = {
            assert!(size_of::<$ours>() == size_of::<$theirs>(), "another size in the C library");
            $(assert!(
                core::mem::offset_of!($ours, $field) == core::mem::offset_of!($theirs, $their),
                "another place in the C library: this architecture's struct has to be added"
            );)*
        };
    };
}
same!(IpcPerm, libc::ipc_perm: uid = uid, gid = gid, cuid = cuid, cgid = cgid, mode = mode, seq = __seq);
same!(ShmidDs, libc::shmid_ds: perm = shm_perm, segsz = shm_segsz, atime = shm_atime, dtime = shm_dtime,
    ctime = shm_ctime, cpid = shm_cpid, lpid = shm_lpid, nattch = shm_nattch);
#[cfg(target_env = "gnu")]
same!(SemidDs, libc::semid_ds: perm = sem_perm, otime = sem_otime, ctime = sem_ctime, nsems = sem_nsems);
same!(MsqidDs, libc::msqid_ds: perm = msg_perm, stime = msg_stime, rtime = msg_rtime, ctime = msg_ctime,
    cbytes = __msg_cbytes, qnum = msg_qnum, qbytes = msg_qbytes, lspid = msg_lspid, lrpid = msg_lrpid);
