//! The functions that programs call in their inner loops. `assembly.rs` counts their instructions.

use shm_runtime::{Attached, Shareable, Shared, SharedSegment, sync};

/// One of each.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Station {
    pub count: u64,
    pub block: [u64; 8],
    pub padded: Padded,
    pub mutex: sync::Mutex<u64>,
    pub seqlock: sync::SeqLock<[u64; 8]>,
    pub changed: sync::Event,
}

/// With a hole, which is not written.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Padded {
    pub number: u64,
    pub flag: bool,
}

#[unsafe(no_mangle)]
pub fn get_through_an_attachment(station: &Attached<Station>) -> u64 {
    station.count.get()
}

#[unsafe(no_mangle)]
pub fn get_64_bytes(station: &Shared<Station>, to: &mut [u64; 8]) {
    *to = station.block.get();
}

#[unsafe(no_mangle)]
pub fn set_64_bytes(station: &Shared<Station>, from: &[u64; 8]) {
    station.block.set(*from);
}

#[unsafe(no_mangle)]
pub fn set_with_padding(station: &Shared<Station>, value: Padded) {
    station.padded.set(value);
}

#[unsafe(no_mangle)]
pub fn lock_add_unlock(station: &Shared<Station>) -> bool {
    let Ok(count) = station.mutex.lock() else { return false };
    count.update(|count| count + 1);
    true
}

#[unsafe(no_mangle)]
pub fn seqlock_read(station: &Shared<Station>, to: &mut [u64; 8]) -> bool {
    station.seqlock.read_into(to).is_ok()
}

#[unsafe(no_mangle)]
pub fn seqlock_write(writer: &mut sync::SeqWriter<'_, [u64; 8]>, from: &[u64; 8]) -> bool {
    writer.write(from).is_ok()
}

#[unsafe(no_mangle)]
pub fn notify(station: &Shared<Station>) {
    station.changed.notify_all();
}
