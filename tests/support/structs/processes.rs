//! What the processes share.

#![allow(missing_docs, reason = "the names say it")]

use shm_runtime::{Shareable, SharedSegment, sync};

/// Without thread ids.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Station {
    pub number: u64,
    pub wind: sync::SeqLock<u64>,
}

/// With some, deep in it.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Bank {
    pub accounts: [Account; 2],
}

#[derive(Shareable)]
#[repr(C)]
pub struct Account {
    pub balance: sync::Mutex<i64>,
}
