//! The queue of messages of any length, with one sender and one receiver.

use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::time::Duration;

use super::builtin::builtin;
use super::circle;
use super::ends::{End, Ends};
use super::error::{self, QueueError, WriterError};
use super::kernel::{Kernel, Linux};
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::fields::{Fields, Member};
use crate::memory::part::{Kept, Part};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

/// Bytes of the length that goes before each message.
const HEADER: u64 = 4;

/// Bytes of a queue at the least: the length, and a byte of a message.
const LEAST: usize = 5;

/// A queue of messages, each of any length up to [`MAX_LEN`](Self::MAX_LEN) bytes, from one sender to one receiver, in the order
/// in which they were sent: what a [`SpscQueue`](super::SpscQueue) is for values of one type.
///
/// `N` is in bytes; a message takes up 4 more than it has. Between many senders and many receivers, messages are passed on as
/// [`Queue<List<u8, M>, N>`](super::Queue), in which each has the room of the longest. Where the size is to be chosen at run
/// time, it is a [`ByteQueueHead`].
///
/// ```
/// use shm_runtime::{SharedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Wire {
///     lines: sync::ByteQueue<4096>,
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Wire::create()?.remove_on_drop();
/// let wire = segment.attach()?;
/// let mut sender = wire.lines.sender()?;
/// sender.send(b"GET /")?;
/// sender.send(b"")?;
///
/// // In another process:
/// let mut receiver = wire.lines.receiver()?;
/// let mut line = Vec::new();
/// receiver.receive_into(&mut line)?;
/// assert_eq!(line, b"GET /");
/// receiver.receive_into(&mut line)?;
/// assert_eq!(line, b"");
/// assert!(matches!(receiver.try_receive_into(&mut line), Err(sync::QueueError::Empty)));
///
/// let error = sender.send(&[0; 5000]).expect_err("too long");
/// assert!(error.to_string().contains("5000 bytes"), "{error}");
/// # Ok(())
/// # }
/// ```
///
/// # What can happen
///
/// | | |
/// | --- | --- |
/// | the sender is killed, at any instruction | what it has sent is received; a message that it had not sent whole is not. The next one that claims its end goes on |
/// | the receiver is killed | what it has not received is received by the next. A message that it was receiving is one of them, unless it had it whole |
/// | one of them is killed before it has woken the other | that one looks by itself, after 20 ms at the latest |
/// | a second sender or receiver claims an end | [`WriterError::Held`], as of a [`SeqLock`](super::SeqLock), with all that is said there of dead processes and other namespaces |
/// | an end was taken away by [`reset_sender`](Self::reset_sender) or [`reset_receiver`](Self::reset_receiver) | [`QueueError::Lost`], at the latest after the message that is being copied |
/// | another process overwrites the counts | [`QueueError::Corrupted`] if they cannot be, until [`ByteReceiver::skip`]; otherwise as in the next line |
/// | ... or the bytes | wrong messages; or [`QueueError::BadLength`], until `skip`: no length that is found there is used before it was checked |
///
/// # Upgrades
///
/// What was sent before, and is not received, is carried to the new segment, also if messages are sent and received all the time; the
/// two ends are free there. Those of the old one are not told, and go on: what is sent there after that is in the old one only, and of
/// what was carried, what is received there is received in the new one, too. To have each once, drop both ends before the upgrade.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes:
///
/// | field | at | |
/// | --- | --- | --- |
/// | `ends.sender` | 0 | `count`, 8 bytes: how many bytes were sent; and at 64 the role, as a `SeqLock` has it: `writer`, `process`, `namespace`, `writing`, 8 bytes each |
/// | `ends.receiver` | 128 | the same: how many were received |
/// | `ends.bells` | 256 | `sent`, 4 bytes, and `received`, 4 bytes: futexes, odd while the receiver or the sender sleeps on it |
/// | `bytes` | 320 | `N` bytes: the n-th that is sent, counted from 0, is byte n modulo N |
///
/// A message is its length, 4 bytes, and its bytes; the next one follows at once. The counts include the lengths.
#[repr(C)]
pub struct ByteQueue<const N: usize, A = ReadWrite> {
    ends: Ends,
    bytes: [Shared<u8, A>; N],
}

builtin! {
    unsafe impl [const N: usize] ByteQueue<N>, ByteQueue<N, A>: "ByteQueue", 2 {
        ends: Ends, bytes: [u8; N]
    } passed
}

/// The head of a [`ByteQueue`] whose size is chosen when its segment is created: the bytes are the slice at the end of the
/// segment's struct.
///
/// ```
/// use shm_runtime::{SharedSegment, TailedSegment, sync};
///
/// #[derive(SharedSegment)]
/// #[repr(C)]
/// #[shm(private)]
/// struct Wire {
///     queue: sync::ByteQueueHead,
///     bytes: [u8],
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let segment = Wire::options().len(100_000).create()?.remove_on_drop();
/// let wire = segment.attach()?;
/// wire.queue.sender(&wire.bytes)?.send(b"GET /")?;
///
/// // In another process:
/// let mut line = Vec::new();
/// wire.queue.receiver(&wire.bytes)?.receive_into(&mut line)?;
/// assert_eq!(line, b"GET /");
/// # Ok(())
/// # }
/// ```
///
/// The size is the length of the slice that is passed, which is in private memory: no other process can change it. A message
/// has 4 bytes less at most. Of 4 GiB or more, the first 4 GiB less one byte are used. Both ends have to pass the same bytes. With
/// others, or those of another segment, wrong messages are received, or an error is returned; that is never undefined
/// behaviour.
///
/// All else is as [`ByteQueue`] says, but for the size: with fewer than 5 bytes, no end can be claimed
/// ([`WriterError::TooFew`]). Of upgrades is to be said what [`SpscHead`](super::SpscHead#upgrades) says.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes: `ends`, 320 bytes, as those of a [`ByteQueue`]. The n-th byte that is sent, counted from
/// 0, is byte n modulo their number.
#[repr(C)]
pub struct ByteQueueHead<A = ReadWrite> {
    ends: Ends,
    access: PhantomData<A>,
}

builtin! { unsafe impl [] ByteQueueHead, ByteQueueHead<A>: "ByteQueueHead", 1 { ends: Ends } transient }

impl<A: Access> ByteQueueHead<A> {
    /// Claims the sender's end, from a dead sender too.
    ///
    /// # Errors
    ///
    /// [`WriterError::TooFew`] if there are less than 5 bytes; otherwise as for [`ByteQueue::sender`].
    pub fn sender<'a>(&'a self, bytes: &'a [Shared<u8, A>]) -> Result<ByteSender<'a, A>, WriterError>
    where
        A: Readable + Writable,
    {
        error::at_least(LEAST, bytes.len(), error::Role::Sender)?;
        ByteSender::claim(((&self.ends).into(), circle::addressable(bytes).into()))
    }

    /// Claims the receiver's end, from a dead receiver too.
    ///
    /// # Errors
    ///
    /// As for [`sender`](Self::sender).
    pub fn receiver<'a>(&'a self, bytes: &'a [Shared<u8, A>]) -> Result<ByteReceiver<'a, A>, WriterError>
    where
        A: Readable + Writable,
    {
        error::at_least(LEAST, bytes.len(), error::Role::Receiver)?;
        ByteReceiver::claim(((&self.ends).into(), circle::addressable(bytes).into()))
    }

    /// How many bytes are in the queue now, with the 4 of each message's length; at most as many as there are, whatever another
    /// process wrote.
    #[inline]
    pub fn used(&self, bytes: &[Shared<u8, A>]) -> usize
    where
        A: Readable,
    {
        self.ends.len(bytes.len())
    }

    /// Whether there is no message in it now.
    #[inline]
    pub fn is_empty(&self) -> bool
    where
        A: Readable,
    {
        self.ends.len(1) == 0
    }

    /// Takes the sender's end away, as [`ByteQueue::reset_sender`] does.
    pub fn reset_sender(&self)
    where
        A: Writable,
    {
        self.ends.sender.reset();
    }

    /// Takes the receiver's end away, in the same way.
    pub fn reset_receiver(&self)
    where
        A: Writable,
    {
        self.ends.receiver.reset();
    }
}

/// What an end uses: both ends, and the bytes, whose number is the capacity. No other process can change it.
type Parts<'a, A> = (Kept<'a, Ends>, Kept<'a, [Shared<u8, A>]>);

/// Bytes of a message at most, in a queue of so many.
fn max_len(bytes: usize) -> usize {
    bytes.saturating_sub(LEAST - 1)
}

impl<const N: usize, A: Access> ByteQueue<N, A> {
    /// Bytes of a message at most: `N` less the 4 of its length.
    pub const MAX_LEN: usize = {
        assert!(
            N > 4,
            "a queue of bytes needs more than the 4 bytes of the length that goes before each message"
        );
        assert!(N <= u32::MAX as usize, "a queue of bytes has less than 4 GiB");
        N - 4
    };

    /// Claims the sender's end, from a dead sender too.
    ///
    /// # Errors
    ///
    /// [`WriterError::Held`] or [`HeldElsewhere`](WriterError::HeldElsewhere) if there is a sender, and it is not known to be
    /// dead.
    pub fn sender(&self) -> Result<ByteSender<'_, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteSender::claim(Self::parts(self.into()))
    }

    /// Claims the receiver's end, from a dead receiver too.
    ///
    /// # Errors
    ///
    /// As for [`sender`](Self::sender).
    pub fn receiver(&self) -> Result<ByteReceiver<'_, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteReceiver::claim(Self::parts(self.into()))
    }

    /// How many bytes are in the queue now, with the 4 of each message's length; at most `N`, whatever another process wrote.
    #[inline]
    pub fn used(&self) -> usize
    where
        A: Readable,
    {
        self.ends.len(N)
    }

    /// Whether there is no message in it now.
    #[inline]
    pub fn is_empty(&self) -> bool
    where
        A: Readable,
    {
        self.used() == 0
    }

    /// Takes the sender's end away, whichever process has it, as [`SeqLock::reset_writer`](super::SeqLock::reset_writer) does:
    /// for an end that no process has any more, but that does not look so.
    pub fn reset_sender(&self)
    where
        A: Writable,
    {
        self.ends.sender.reset();
    }

    /// Takes the receiver's end away, in the same way.
    pub fn reset_receiver(&self)
    where
        A: Writable,
    {
        self.ends.receiver.reset();
    }

    fn parts(queue: Kept<'_, Self>) -> Parts<'_, A> {
        _ = Self::MAX_LEN;
        (queue.share().map(|queue| &queue.ends), queue.map(|queue| queue.bytes.as_slice()))
    }
}

impl<const N: usize, A: Access> Part<ByteQueue<N>, A> {
    /// Claims the sender's end, as [`ByteQueue::sender`] does, for a sender with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`ByteQueue::sender`].
    pub fn into_sender(self) -> Result<ByteSender<'static, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteSender::claim(ByteQueue::parts(self.into_kept().map(|shared| &**shared)))
    }

    /// Claims the receiver's end, as [`ByteQueue::receiver`] does, for a receiver with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`ByteQueue::receiver`].
    pub fn into_receiver(self) -> Result<ByteReceiver<'static, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteReceiver::claim(ByteQueue::parts(self.into_kept().map(|shared| &**shared)))
    }
}

/// The sender of a [`ByteQueue`] or a [`ByteQueueHead`]: one at a time, until it is dropped.
pub struct ByteSender<'a, A: Access = ReadWrite> {
    end: End<'a, Shared<u8, A>, true>,
}

impl<'a, A: Readable + Writable> ByteSender<'a, A> {
    fn claim((ends, bytes): Parts<'a, A>) -> Result<Self, WriterError> {
        Ok(Self { end: End::claim(ends, bytes)? })
    }

    /// Sends a message, and waits for room if there is none.
    ///
    /// # Errors
    ///
    /// [`QueueError::TooLong`] if it has more than [`MAX_LEN`](ByteQueue::MAX_LEN) bytes, 4 less than there are; [`QueueError::Lost`] in a forked child,
    /// or if the end was taken away; [`QueueError::Corrupted`] if another process overwrote the counts. Nothing is sent then.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), QueueError> {
        self.end.until(None, |end| end.send(message))
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] if there is none; otherwise as for [`send`](Self::send).
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), QueueError> {
        self.end.send(message)
    }

    /// Sends a message, and waits for room if there is none, at most for this time. Setting the system's clock does not change
    /// the time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] if there was none all the time; otherwise as for [`send`](Self::send).
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<(), QueueError> {
        self.end.until(Some(Linux.now().saturating_add(timeout)), |end| end.send(message))
    }
}

impl<A: Readable + Writable> End<'_, Shared<u8, A>, true> {
    #[inline]
    fn send(&mut self, message: &[u8]) -> Result<(), QueueError> {
        let max = max_len(self.capacity());
        let len = u32::try_from(message.len()).ok().filter(|_| message.len() <= max);
        let len = len.ok_or(QueueError::TooLong { len: message.len(), max })?;
        let size = HEADER + u64::from(len);
        let sent = self.step(size, |bytes, lap, at, room| {
            if room < size {
                return 0;
            }
            circle::store(bytes, lap, at, &len.to_ne_bytes());
            circle::store(bytes, lap, at.wrapping_add(HEADER), message);
            size
        })?;
        // There may be room, and not enough.
        if sent > 0 { Ok(()) } else { Err(QueueError::Full) }
    }
}

impl<A: Access> fmt::Debug for ByteSender<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteSender").finish_non_exhaustive()
    }
}

/// The receiver of a [`ByteQueue`] or a [`ByteQueueHead`]: one at a time, until it is dropped.
pub struct ByteReceiver<'a, A: Access = ReadWrite> {
    end: End<'a, Shared<u8, A>, false>,
}

impl<'a, A: Readable + Writable> ByteReceiver<'a, A> {
    fn claim((ends, bytes): Parts<'a, A>) -> Result<Self, WriterError> {
        Ok(Self { end: End::claim(ends, bytes)? })
    }

    /// Receives the next message into `message`, in place of what is there, and waits for it if there is none.
    ///
    /// # Errors
    ///
    /// [`QueueError::Lost`] and [`Corrupted`](QueueError::Corrupted) as for [`ByteSender::send`]. [`QueueError::BadLength`] if
    /// another process overwrote the length of the message: nothing is received then, and [`skip`](Self::skip) is the way out.
    /// `message` has nothing of use then.
    #[inline]
    pub fn receive_into(&mut self, message: &mut Vec<u8>) -> Result<(), QueueError> {
        self.end.until(None, |end| end.receive_into(message))
    }

    /// Receives the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`QueueError::Empty`] if there is none; otherwise as for [`receive_into`](Self::receive_into).
    #[inline]
    pub fn try_receive_into(&mut self, message: &mut Vec<u8>) -> Result<(), QueueError> {
        self.end.receive_into(message)
    }

    /// Receives the next message into `message`, and waits for it if there is none, at most for this time. Setting the system's
    /// clock does not change the time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Empty`] if there was none all the time; otherwise as for [`receive_into`](Self::receive_into).
    pub fn receive_into_timeout(
        &mut self,
        message: &mut Vec<u8>,
        timeout: Duration,
    ) -> Result<(), QueueError> {
        self.end.until(Some(Linux.now().saturating_add(timeout)), |end| end.receive_into(message))
    }

    /// Throws away all that is in the queue, which ends [`QueueError::Corrupted`] and [`QueueError::BadLength`], too.
    ///
    /// # Errors
    ///
    /// [`QueueError::Lost`], as for [`receive_into`](Self::receive_into).
    pub fn skip(&mut self) -> Result<(), QueueError> {
        self.end.skip()
    }
}

impl<A: Readable + Writable> End<'_, Shared<u8, A>, false> {
    #[inline]
    fn receive_into(&mut self, message: &mut Vec<u8>) -> Result<(), QueueError> {
        let mut bad = None;
        // If there is anything, there is a message.
        let received = self.step(1, |bytes, lap, at, there| {
            let Some(left) = there.checked_sub(HEADER) else {
                bad = Some((0, there));
                return 0;
            };
            let len = circle::load_u32(bytes, lap, at);
            if u64::from(len) > left {
                bad = Some((len, left));
                return 0;
            }
            circle::load_into(bytes, lap, at.wrapping_add(HEADER), len, message);
            HEADER + u64::from(len)
        })?;
        match (bad, received) {
            (Some((len, left)), _) => Err(QueueError::BadLength { len, left }),
            // The count is not what it was when a message was seen.
            (None, 0) => Err(QueueError::Empty),
            (None, _) => Ok(()),
        }
    }
}

impl<A: Access> fmt::Debug for ByteReceiver<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteReceiver").finish_non_exhaustive()
    }
}
