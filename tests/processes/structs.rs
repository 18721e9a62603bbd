//! What the processes share.

use shm_runtime::{Shareable, SharedSegment, sync};

/// Without thread ids.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub(crate) struct Station {
    pub(crate) number: u64,
    pub(crate) wind: sync::SeqLock<u64>,
}

/// With some, deep in it.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub(crate) struct Bank {
    pub(crate) accounts: [Account; 2],
}

#[derive(Shareable)]
#[repr(C)]
pub(crate) struct Account {
    pub(crate) balance: sync::Mutex<i64>,
}
