//! FNV-1a of 64 bits, for keys and fingerprints: a constant at compile time, the same in every program.

/// The hash of no bytes.
pub(crate) const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// `hash` continued over `bytes`.
pub(crate) const fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        // `as`, because `From` is not const: no bit of a u8 is lost in a u64.
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}
