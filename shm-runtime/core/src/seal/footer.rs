//! The seal: a footer in the last bytes of a segment, after the struct and the text of its schema.
//!
//! ```text
//! 0                      the struct: what C sees
//! struct_size, to 8      the text of its schema, and the text of the key's derivation
//! size - FOOTER          the footer
//! ```
//!
//! All of it is bytes that another process may have written, or may be writing now. The place of the footer comes
//! from the kernel's size of the segment; lengths found in it are checked against that size before use.

use core::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
    fence,
};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::memory::bulk;
use crate::memory::direction::{Load, Store};
use crate::memory::region::Region;
use crate::sys::futex;
use crate::sys::liveness::Process;

/// In the last eight bytes of every sealed segment; `strings` shows it.
const MAGIC: u64 = u64::from_le_bytes(*b"SysVseal");
const VERSION: u32 = 3;
/// Far more than the largest struct's schema, and little enough to copy whatever a peer claims.
const MAX_TEXT: u64 = 16 << 20;
/// As much of the first line of a schema as is read for the name in it.
const MAX_LINE: usize = 512;
/// As much of the text of a key as an error would show.
const MAX_KEY_SHOWN: usize = 4096;

/// In a segment, accessed by atomics only: valid with any bytes.
#[repr(C)]
pub(crate) struct Footer {
    /// A [`State`], and the word that openers sleep on.
    state: AtomicU32,
    version: AtomicU32,
    fingerprint: AtomicU64,
    /// Of the struct at offset 0, with the slice at its end.
    struct_size: AtomicU64,
    schema_len: AtomicU32,
    key_len: AtomicU32,
    key_hash: AtomicU64,
    /// The creator, as [`Process`] has it: told from every other process.
    creator_started: AtomicU64,
    creator_pid: AtomicU32,
    creator_namespace: AtomicU32,
    creator_inode: AtomicU64,
    /// The process that claims to reclaim the segment: its marks and its pid, and in the low 22 bits of each the number of
    /// its claim.
    claimant: [AtomicU64; 3],
    /// Nanoseconds since 1970 when it was sealed: no two segments under one key have the same.
    incarnation: AtomicU64,
    /// Elements of the slice at the end of the struct; 0 if it has none.
    tail_len: AtomicU64,
    magic: AtomicU64,
}

/// Bytes of the footer.
pub(crate) const FOOTER: usize = size_of::<Footer>();

/// What a seal says, as it is written and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FooterFields {
    pub(crate) fingerprint: u64,
    pub(crate) struct_size: u64,
    pub(crate) tail_len: u64,
    pub(crate) schema_len: u32,
    pub(crate) key_len: u32,
    pub(crate) key_hash: u64,
    pub(crate) creator: Process,
}

/// How far the segment's life has come: the low four bits of the state word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Zero-filled by the kernel, and the creator has not got further.
    New,
    /// Sealed, and the creator's initialiser is running.
    Initialising,
    /// In use.
    Ready,
    /// The initialiser panicked.
    Abandoned,
    /// A process has begun to claim the segment, and is writing down which process it is. That is not a claim yet: the
    /// segment is what it was, and another process can claim in its place.
    Claiming(Claim),
    /// A process is about to remove the segment, which no process seems to use: once it is sure, it removes it; if it turns out
    /// that a process is attached, it goes back to what it was.
    Reclaiming(Claim),
    /// Nothing that this crate writes.
    Unknown(u32),
}

/// A claim to reclaim a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Not that of the claim before; in the other bits of the word.
    number: u32,
    /// Whether the segment was in use, and is if the claim is given up.
    pub(crate) was_ready: bool,
}

/// The bits of a claim's number.
const NUMBER_BITS: u32 = 22;
const NUMBER: u64 = (1 << NUMBER_BITS) - 1;

/// How often it is tried to write down which process claims, while others that claimed before still do.
const TRIES: u32 = 16;

impl State {
    fn decode(word: u32) -> Self {
        let number = word >> 4;
        let claim = |was_ready| Claim { number, was_ready };
        match (word & 0xf, number) {
            (0, 0) => Self::New,
            (1, 0) => Self::Initialising,
            (2, 0) => Self::Ready,
            (3, 0) => Self::Abandoned,
            (4, _) => Self::Reclaiming(claim(false)),
            (5, _) => Self::Reclaiming(claim(true)),
            (6, _) => Self::Claiming(claim(false)),
            (7, _) => Self::Claiming(claim(true)),
            _ => Self::Unknown(word),
        }
    }

    fn encode(self) -> u32 {
        let word = |kind, claim: Claim| (claim.number << 4) | (kind + u32::from(claim.was_ready));
        match self {
            Self::New => 0,
            Self::Initialising => 1,
            Self::Ready => 2,
            Self::Abandoned => 3,
            Self::Reclaiming(claim) => word(4, claim),
            Self::Claiming(claim) => word(6, claim),
            Self::Unknown(word) => word,
        }
    }
}

/// The size of a sealed segment: a struct of `struct_size` bytes, `text` bytes of texts, and the footer, which is
/// aligned to 8.
pub(crate) const fn sealed_size(struct_size: usize, text: usize) -> usize {
    (struct_size.next_multiple_of(8) + text).next_multiple_of(8) + FOOTER
}

/// A mapped segment that is, or ought to be, sealed.
#[derive(Clone, Copy)]
pub(crate) struct Seal<'a> {
    region: Region<'a>,
    footer: &'a Footer,
}

impl<'a> Seal<'a> {
    /// The seal in a mapping, or where it would be; `None` if the segment is too small for one, or of a size that no
    /// sealed one has.
    pub(crate) fn of(region: Region<'a>) -> Option<Self> {
        let at = region.size().checked_sub(FOOTER).filter(|at| at % 8 == 0)?;
        // SAFETY: within the region.
        let footer = unsafe { region.base().add(at) }.cast::<Footer>();
        // SAFETY: mapped for `'a`, as the region is; aligned to 8, as the region begins at a page; atomics are valid with
        // any bytes.
        let footer = unsafe { footer.as_ref() };
        Some(Self { region, footer })
    }

    /// Whether the seal may be written.
    pub(crate) fn is_writable(self) -> bool {
        self.region.is_writable()
    }

    /// Writes all but the state, which is still `New`: readers do not look before it says otherwise.
    ///
    /// The texts have to fit, as [`sealed_size`] makes them.
    pub(crate) fn write(self, fields: FooterFields, schema: &str, key: &str) {
        let Footer { version, fingerprint, struct_size, schema_len, key_len, key_hash, .. } = self.footer;
        version.store(VERSION, Relaxed);
        fingerprint.store(fields.fingerprint, Relaxed);
        struct_size.store(fields.struct_size, Relaxed);
        schema_len.store(fields.schema_len, Relaxed);
        key_len.store(fields.key_len, Relaxed);
        key_hash.store(fields.key_hash, Relaxed);
        let Footer { creator_started, creator_pid, creator_namespace, creator_inode, .. } = self.footer;
        creator_started.store(fields.creator.started, Relaxed);
        creator_pid.store(fields.creator.pid.unsigned_abs(), Relaxed);
        creator_namespace.store(fields.creator.namespace, Relaxed);
        creator_inode.store(fields.creator.inode, Relaxed);
        let Footer { incarnation, tail_len, magic, .. } = self.footer;
        tail_len.store(fields.tail_len, Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        incarnation.store(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX), Relaxed);
        // After the words before it: a process that finds it may read them, but not yet the texts.
        magic.store(MAGIC, Release);
        let Some((schema_at, key_at)) = self.text_places(&fields) else {
            return;
        };
        for (text, at) in [(schema, schema_at), (key, key_at)] {
            // SAFETY: `text_places` keeps both places, which have the lengths of the texts, in front of the footer.
            let to = unsafe { self.region.base().add(at) }.as_ptr();
            // SAFETY: `to` has `text.len()` bytes in front of the footer, mapped as long as the region and writable,
            // as the footer just written is; the code accesses them by atomics only (`Region::new`). `text` is
            // initialised and private: a borrowed `str` or slice that is not in the segment. A byte is always
            // aligned.
            unsafe { bulk::copy_slice::<u8, Store>(text.as_ptr(), to, text.len()) };
        }
    }

    /// Where the schema's and the key's texts are, if what the seal says of them can be.
    fn text_places(&self, fields: &FooterFields) -> Option<(usize, usize)> {
        let schema_at = usize::try_from(fields.struct_size).ok()?.checked_next_multiple_of(8)?;
        let key_at = schema_at.checked_add(usize::try_from(fields.schema_len).ok()?)?;
        let end = key_at.checked_add(usize::try_from(fields.key_len).ok()?)?;
        (end <= self.region.size() - FOOTER).then_some((schema_at, key_at))
    }

    /// The state, and what was written before it.
    pub(crate) fn state(self) -> State {
        // Relaxed and a fence: through a read-only mapping, nothing else is allowed.
        let state = self.footer.state.load(Relaxed);
        fence(Acquire);
        State::decode(state)
    }

    /// Publishes what was written, and that the initialiser runs now. Those who wait have no use for that.
    pub(crate) fn begin(self) {
        self.footer.state.store(State::Initialising.encode(), Release);
    }

    /// Publishes a state, and all that was written before; wakes those who wait for one.
    pub(crate) fn set_state(self, state: State) {
        self.footer.state.store(state.encode(), Release);
        futex::wake_all(&self.footer.state);
    }

    /// Changes the state, if it is still `from`.
    pub(crate) fn change_state(self, from: State, to: State) -> bool {
        let changed = self.exchange(from, to);
        if changed {
            futex::wake_all(&self.footer.state);
        }
        changed
    }

    /// FooterFields the segment, whose state is still `from`, for `process`: the state is then [`State::Reclaiming`] with the claim
    /// that is returned. `None` if another process was faster.
    ///
    /// First the claim is entered as one that is being made; then it is written down which process makes it, in words
    /// that carry the claim's number; then it becomes valid, if no other has taken its place. So a valid claim always
    /// says whose it is, wherever its process dies.
    pub(crate) fn claim(self, from: State, process: Process) -> Option<Claim> {
        let was_ready = match from {
            State::Ready => true,
            State::Claiming(claim) | State::Reclaiming(claim) => claim.was_ready,
            _ => false,
        };
        // Another than in the state and in the words, which can be from a claim that was given up.
        let before = match from {
            State::Claiming(claim) | State::Reclaiming(claim) => claim.number,
            _ => 0,
        };
        let written = self.footer.claimant[0].load(Relaxed) & NUMBER;
        let next = (written.max(before.into()) + 1) & NUMBER;
        let claim = Claim { number: u32::try_from(next).unwrap_or(0), was_ready };
        let claiming = State::Claiming(claim);
        if !self.exchange(from, claiming) {
            return None;
        }
        let [mark, place] = process.marks();
        let marks = [mark, place, process.pid.unsigned_abs().into()];
        let marked = |(word, mark): (&AtomicU64, u64)| {
            (0..TRIES).any(|_| {
                let found = word.load(Relaxed);
                // What is found was written before another took this claim's place, if it did: so it is no later claim's.
                fence(Acquire);
                let marked = (mark << NUMBER_BITS) | next;
                self.footer.state.load(Relaxed) == claiming.encode()
                    && word.compare_exchange(found, marked, AcqRel, Relaxed).is_ok()
            })
        };
        let marked = self.footer.claimant.iter().zip(marks).all(marked);
        (marked && self.exchange(claiming, State::Reclaiming(claim))).then_some(claim)
    }

    /// The process that makes or has made this claim; [`Process::UNKNOWN`] if what is written there is not of this claim.
    pub(crate) fn claimant(self, claim: Claim) -> Process {
        let words = self.footer.claimant.each_ref().map(|word| word.load(Relaxed));
        if words.iter().any(|word| word & NUMBER != u64::from(claim.number)) {
            return Process::UNKNOWN;
        }
        let [mark, place, pid] = words.map(|word| word >> NUMBER_BITS);
        Process::from_marks(i32::try_from(pid).unwrap_or(0), [mark, place])
    }

    /// Gives a claim up: the state is what it was before, if it is still this claim.
    pub(crate) fn give_up(self, claim: Claim) -> bool {
        self.change_state(State::Reclaiming(claim), self.unclaimed(claim.was_ready))
    }

    /// Changes the state, if it is still `from`, and wakes no process.
    fn exchange(self, from: State, to: State) -> bool {
        self.footer.state.compare_exchange(from.encode(), to.encode(), AcqRel, Relaxed).is_ok()
    }

    /// Sleeps while the state is `state`, `timeout` at most.
    pub(crate) fn wait(self, state: State, timeout: core::time::Duration) {
        // Whatever it says, the caller looks at the state and the clock.
        let _ = futex::wait(&self.footer.state, state.encode(), Some(futex::now() + timeout));
    }

    /// Whether this is a seal at all.
    pub(crate) fn has_magic(self) -> bool {
        let magic = self.footer.magic.load(Relaxed);
        fence(Acquire);
        magic == MAGIC
    }

    /// What the seal says, if it is of a kind that is understood here.
    pub(crate) fn read(self) -> Result<FooterFields, &'static str> {
        let footer = self.footer;
        if footer.version.load(Relaxed) != VERSION {
            return Err("its seal is of another version");
        }
        Ok(FooterFields {
            fingerprint: footer.fingerprint.load(Relaxed),
            struct_size: footer.struct_size.load(Relaxed),
            tail_len: footer.tail_len.load(Relaxed),
            schema_len: footer.schema_len.load(Relaxed),
            key_len: footer.key_len.load(Relaxed),
            key_hash: footer.key_hash.load(Relaxed),
            creator: Process {
                pid: i32::try_from(footer.creator_pid.load(Relaxed)).unwrap_or_default(),
                namespace: footer.creator_namespace.load(Relaxed),
                inode: footer.creator_inode.load(Relaxed),
                started: footer.creator_started.load(Relaxed),
            },
        })
    }

    /// A copy of the schema's text.
    pub(crate) fn schema_text(self, fields: &FooterFields) -> Result<String, &'static str> {
        let (at, _) = self.readable_texts(fields)?;
        let text = self.copy(at, usize::try_from(fields.schema_len).unwrap_or_default());
        String::from_utf8(text).map_err(|_| "the texts of its seal are not UTF-8")
    }

    /// A copy of the first line of the schema's text, however long the rest is; of a longer line, its start.
    pub(crate) fn schema_line(self, fields: &FooterFields) -> Result<String, &'static str> {
        let (at, _) = self.readable_texts(fields)?;
        let mut line = self.copy(at, usize::try_from(fields.schema_len).unwrap_or_default().min(MAX_LINE));
        line.truncate(line.iter().position(|&byte| byte == b'\n').unwrap_or(line.len()));
        String::from_utf8(line).map_err(|_| "the texts of its seal are not UTF-8")
    }

    /// How the key was derived, shortened to what an error would show.
    pub(crate) fn key_text(self, fields: &FooterFields) -> Result<String, &'static str> {
        let (_, at) = self.readable_texts(fields)?;
        let len = usize::try_from(fields.key_len).unwrap_or_default();
        Ok(String::from_utf8_lossy(&self.copy(at, len.min(MAX_KEY_SHOWN))).into_owned())
    }

    fn readable_texts(self, fields: &FooterFields) -> Result<(usize, usize), &'static str> {
        if u64::from(fields.schema_len) > MAX_TEXT || u64::from(fields.key_len) > MAX_TEXT {
            return Err("the texts of its seal are too long to be true");
        }
        self.text_places(fields).ok_or("the texts of its seal are not within the segment")
    }

    /// A copy of `len` bytes from `at`, all in front of the footer, as the places that `text_places` gives are.
    fn copy(self, at: usize, len: usize) -> Vec<u8> {
        let mut text = vec![0; len];
        // SAFETY: the caller's places are in front of the footer, and so within the region.
        let from = unsafe { self.region.base().add(at) }.as_ptr();
        // SAFETY: `from` has `len` bytes in front of the footer, mapped as long as the region, and accessed by
        // atomics only (`Region::new`). `text` has as many, is owned here and so private. A byte is always aligned.
        unsafe { bulk::copy_slice::<u8, Load>(from, text.as_mut_ptr(), text.len()) };
        text
    }

    /// Nothing was written there yet, except a claim of a process that is reclaiming it: what the creator finds, and
    /// what a creator killed at once leaves.
    pub(crate) fn is_blank(self) -> bool {
        let untouched = match self.state() {
            State::New => true,
            State::Claiming(claim) | State::Reclaiming(claim) => !claim.was_ready,
            _ => false,
        };
        untouched && !self.has_magic()
    }

    /// Whether all is zero in front of the footer, as it is until the seal is begun. What a program has written that does not
    /// seal is not. To look makes every page present, so a segment of more than 1 GiB is not looked through: `false`.
    pub(crate) fn is_zero(self) -> bool {
        const MOST: usize = 1 << 30;
        const CHUNK: usize = 1 << 16;
        let len = self.region.size() - FOOTER;
        let chunk_is_zero = |at: usize| self.copy(at, CHUNK.min(len - at)).iter().all(|&byte| byte == 0);
        len <= MOST && (0..len).step_by(CHUNK).all(chunk_is_zero)
    }

    /// What a segment goes back to when the claim to reclaim it is given up.
    pub(crate) fn unclaimed(self, was_ready: bool) -> State {
        match (was_ready, self.has_magic()) {
            (true, _) => State::Ready,
            (false, true) => State::Abandoned,
            // Without its magic, `Abandoned` would make it look like a segment of a program that does not seal.
            (false, false) => State::New,
        }
    }

    /// When it was sealed, in nanoseconds since 1970; 0 if it was not.
    pub(crate) fn incarnation(self) -> u64 {
        self.footer.incarnation.load(Relaxed)
    }

    /// Says that the segment was sealed after another one, also if the clock was set back since.
    pub(crate) fn succeed(self, incarnation: u64) {
        self.footer.incarnation.fetch_max(incarnation.saturating_add(1), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_as_it_was_written_and_no_word_is_two_states() {
        let numbers = [0, 1, 2, 1 << 21, (1 << 22) - 1];
        let claims = numbers.map(|number| [false, true].map(|was_ready| Claim { number, was_ready }));
        let claims = claims.into_iter().flatten();
        let claims = claims.flat_map(|claim| [State::Claiming(claim), State::Reclaiming(claim)]);
        let plain = [State::New, State::Initialising, State::Ready, State::Abandoned];
        for state in claims.chain(plain) {
            assert_eq!(State::decode(state.encode()), state);
        }
        for word in (0..1 << 16).chain((0..32).map(|bit| 1 << bit)).chain([u32::MAX]) {
            assert_eq!(State::decode(word).encode(), word);
        }
    }

    #[test]
    fn a_sealed_segment_has_room_for_all_its_parts() {
        for struct_size in 1..100 {
            for text in 0..100 {
                let size = sealed_size(struct_size, text);
                let footer = size - FOOTER;
                assert!(footer % 8 == 0 && footer >= struct_size.next_multiple_of(8) + text);
                assert!(footer < struct_size.next_multiple_of(8) + text + 8, "no more than that");
            }
        }
    }
}
