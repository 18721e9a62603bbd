//! Functions over a segment, each written twice: through `Shared` under `--cfg shared`, else through a raw
//! pointer. `assembly.rs` compiles both and compares the instructions.

#![allow(unexpected_cfgs, clippy::missing_safety_doc)]

#[cfg(not(shared))]
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::sync::atomic::{AtomicU64, Ordering::AcqRel};

use shm_runtime::{Shareable, SharedSegment};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Station {
    pub readings: AtomicU64,
    pub count: u64,
    pub bytes: u8,
    pub shorts: u16,
    pub words: u32,
    pub longs: u64,
    pub signed: i64,
    pub single: f32,
    pub double: f64,
    pub flag: bool,
    pub wind: Wind,
    pub hours: [f64; 1000],
    pub winds: [Wind; 24],
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
pub struct Wind {
    pub speed: f64,
    pub degrees: u16,
}

/// `name(arguments) -> result, through Shared, through a raw pointer`.
macro_rules! pairs {
    ($($name:ident($s:ident $(, $arg:ident: $type:ty)*) $(-> $out:ty)?, $shared:expr, $raw:expr;)*) => {$(
        #[cfg(shared)]
        #[unsafe(no_mangle)]
        pub fn $name($s: &shm_runtime::Shared<Station> $(, $arg: $type)*) $(-> $out)? {
            $shared
        }
        #[cfg(not(shared))]
        #[unsafe(no_mangle)]
        pub unsafe fn $name($s: *mut Station $(, $arg: $type)*) $(-> $out)? {
            // SAFETY: nothing calls it.
            unsafe { $raw }
        }
    )*};
}
macro_rules! scalars {
    ($($get:ident, $set:ident, $field:ident: $type:ty;)*) => {
        pairs! {$(
            $get(s) -> $type, s.$field.get(), (&raw const (*s).$field).read_volatile();
            $set(s, value: $type), s.$field.set(value), (&raw mut (*s).$field).write_volatile(value);
        )*}
    };
}
scalars! {
    get_u8, set_u8, bytes: u8;
    get_u16, set_u16, shorts: u16;
    get_u32, set_u32, words: u32;
    get_u64, set_u64, longs: u64;
    get_i64, set_i64, signed: i64;
    get_f32, set_f32, single: f32;
    get_f64, set_f64, double: f64;
}
pairs! {
    get_bool(s) -> bool, s.flag.get(), AtomicU8::from_ptr((&raw mut (*s).flag).cast()).load(Relaxed) != 0;
    set_bool(s, value: bool), s.flag.set(value), (&raw mut (*s).flag).write_volatile(value);
    get_nested(s) -> u16, s.wind.degrees.get(), (&raw const (*s).wind.degrees).read_volatile();
    set_nested(s, value: f64), s.wind.speed.set(value), (&raw mut (*s).wind.speed).write_volatile(value);
    get_element(s) -> f64, s.hours[7].get(), (&raw const (*s).hours[7]).read_volatile();
    set_element(s, value: f64), s.hours[7].set(value), (&raw mut (*s).hours[7]).write_volatile(value);
    get_at(s, i: usize) -> f64, s.hours[i].get(), (&raw const (*s).hours[i]).read_volatile();
    set_at(s, i: usize, value: f64), s.hours[i].set(value), (&raw mut (*s).hours[i]).write_volatile(value);
    set_nested_at(s, i: usize, value: u16),
        s.winds[i].degrees.set(value),
        (&raw mut (*s).winds[i].degrees).write_volatile(value);
    count_atomic(s) -> u64, s.readings.fetch_add(1, AcqRel), (*s).readings.fetch_add(1, AcqRel);
    count_plain(s) -> u64,
        s.count.atomic().fetch_add(1, AcqRel),
        AtomicU64::from_ptr(&raw mut (*s).count).fetch_add(1, AcqRel);
    sum(s) -> f64, s.hours.iter().map(|hour| hour.get()).sum(), {
        let hours = &*(&raw const (*s).hours).cast::<[AtomicU64; 1000]>();
        hours.iter().map(|hour| f64::from_bits(hour.load(Relaxed))).sum()
    };
}

/// With a slice at its end.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Log {
    pub head: u64,
    pub winds: [Wind],
}

// The raw pointer and the length are what a reference to a struct with a slice is made of.

#[cfg(shared)]
#[unsafe(no_mangle)]
pub fn get_in_tail(log: &LogFields, i: usize) -> f64 {
    log.winds[i].speed.get()
}

#[cfg(not(shared))]
#[unsafe(no_mangle)]
pub unsafe fn get_in_tail(log: *const u8, len: usize, i: usize) -> f64 {
    // SAFETY: nothing calls it.
    let winds = unsafe { core::slice::from_raw_parts(log.add(8).cast::<Wind>(), len) };
    // SAFETY: as above.
    unsafe { (&raw const winds[i].speed).read_volatile() }
}

#[cfg(shared)]
#[unsafe(no_mangle)]
pub fn set_in_tail(log: &LogFields, i: usize, value: u16) {
    if let Some(wind) = log.winds.get(i) {
        wind.degrees.set(value);
    }
}

#[cfg(not(shared))]
#[unsafe(no_mangle)]
pub unsafe fn set_in_tail(log: *mut u8, len: usize, i: usize, value: u16) {
    if i < len {
        // SAFETY: nothing calls it.
        unsafe { (&raw mut (*log.add(8).cast::<Wind>().add(i)).degrees).write_volatile(value) }
    }
}
