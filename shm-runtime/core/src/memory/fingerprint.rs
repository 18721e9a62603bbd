//! Hashes of 64 bits: constants at compile time, the same in every program.

/// FNV-1a of no bytes.
pub(crate) const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, for keys: `hash` continued over `bytes`.
pub(crate) const fn fnv1a(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut i = 0;
    while i < bytes.len() {
        // `as`, because `From` is not const: no bit of a u8 is lost in a u64.
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// The hash of a layout, for fingerprints. It takes eight bytes at a time, so that the compiler is done with thousands of
/// fields in little time.
#[derive(Clone, Copy)]
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) const fn of(text: &str) -> Self {
        Self(FNV_BASIS).text(text)
    }

    pub(crate) const fn number(self, number: u64) -> Self {
        // An odd factor and a shift: neither loses a bit.
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(mixed ^ (mixed >> 32))
    }

    pub(crate) const fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// The bytes, and then how many those are: what follows cannot be taken for a part of them.
    pub(crate) const fn bytes(mut self, mut bytes: &[u8]) -> Self {
        let len = bytes.len() as u64;
        while let Some((word, rest)) = bytes.split_first_chunk() {
            self = self.number(u64::from_le_bytes(*word));
            bytes = rest;
        }
        let mut last = 0;
        while let Some((byte, rest)) = bytes.split_first() {
            last = last << 8 | *byte as u64;
            bytes = rest;
        }
        self.number(last).number(len)
    }

    pub(crate) const fn finish(self) -> u64 {
        self.number(0).0
    }
}
