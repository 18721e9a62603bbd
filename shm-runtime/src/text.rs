//! The text of a schema, written from the layout of a type: its length and hash at compile time, the bytes at
//! run time, by the same code.

use core::marker::PhantomData;

use crate::hash::{FNV_BASIS, fnv1a};
use crate::info::{Kind, TypeInfo};
use crate::shareable::Shareable;

/// What is known of the text of `T`'s schema at compile time.
pub(crate) struct Text<T>(PhantomData<T>);

impl<T: Shareable> Text<T> {
    const WRITTEN: Writer<'static> = {
        let mut writer = Writer { hash: FNV_BASIS, len: 0, to: &mut [] };
        writer.lines(&T::INFO, 0);
        writer
    };
    /// Bytes.
    pub(crate) const LEN: usize = Self::WRITTEN.len;
    /// FNV-1a of 64 bits.
    pub(crate) const HASH: u64 = Self::WRITTEN.hash;
}

/// The text, `len` bytes long.
pub(crate) fn text(info: &'static TypeInfo, len: usize) -> String {
    let mut bytes = vec![0; len];
    Writer { hash: FNV_BASIS, len: 0, to: &mut bytes }.lines(info, 0);
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Writer<'a> {
    /// Of all that was written.
    hash: u64,
    /// Of all that was written.
    len: usize,
    /// Where it goes; at compile time, nowhere.
    to: &'a mut [u8],
}

impl Writer<'_> {
    const fn bytes(&mut self, bytes: &[u8]) {
        self.hash = fnv1a(self.hash, bytes);
        if self.len + bytes.len() <= self.to.len() {
            let (_, rest) = self.to.split_at_mut(self.len);
            let (place, _) = rest.split_at_mut(bytes.len());
            place.copy_from_slice(bytes);
        }
        self.len += bytes.len();
    }

    const fn str(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// In decimal.
    const fn number(&mut self, number: i128) {
        let mut digits = [0; 40];
        let mut start = digits.len();
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            digits[start] = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if number < 0 {
            start -= 1;
            digits[start] = b'-';
        }
        let (_, digits) = digits.split_at(start);
        self.bytes(digits);
    }

    /// The type in one line, and the lines of its fields below, each indented by `indent` and 2 more spaces.
    const fn lines(&mut self, info: &TypeInfo, indent: usize) {
        self.line(info);
        self.str("\n");
        let mut info = info;
        while let Kind::Array { of, .. } = info.kind {
            info = of;
        }
        let Kind::Struct { fields, .. } = info.kind else {
            return;
        };
        let mut i = 0;
        while i < fields.len() {
            let mut spaces = 0;
            while spaces < indent + 2 {
                self.str(" ");
                spaces += 1;
            }
            self.str(fields[i].name);
            self.str(" @");
            self.number(fields[i].offset as i128);
            self.str(" ");
            self.lines(fields[i].info, indent + 2);
            i += 1;
        }
    }

    /// The type, without the fields below it.
    const fn line(&mut self, info: &TypeInfo) {
        match info.kind {
            Kind::Scalar(scalar) => self.str(scalar.name()),
            Kind::Atomic(scalar) => {
                self.str("atomic ");
                self.str(scalar.name());
            }
            Kind::Array { of, len } => {
                self.str("[");
                self.number(len as i128);
                self.str("] ");
                self.line(of);
            }
            Kind::Struct { name, .. } => {
                self.str("struct ");
                self.str(name);
                self.str(" size ");
                self.number(info.size as i128);
                self.str(" align ");
                self.number(info.align as i128);
            }
            Kind::Enum { name, repr, variants } => {
                self.str("enum ");
                self.str(name);
                self.str(" ");
                self.str(repr.name());
                let mut i = 0;
                while i < variants.len() {
                    self.str(" ");
                    self.str(variants[i].0);
                    self.str("=");
                    self.number(variants[i].1);
                    i += 1;
                }
            }
        }
    }
}
