//! The queue of messages of any length, with one sender and one receiver.

use core::fmt;
use core::mem::offset_of;
use core::time::Duration;

use super::builtin::builtin;
use super::circle;
use super::error::{self, QueueError, WriterError};
use super::kernel::{Kernel, Linux};
use super::protocol::bell;
use super::protocol::spsc::{End, Place, Stuck, between};
use super::role::Claim;
use super::spsc::{Bells, Side};
use crate::memory::access::{Access, ReadWrite, Readable, Writable};
use crate::memory::fields::{Fields, Member};
use crate::memory::part::{Kept, Part};
use crate::memory::shareable::Shareable;
use crate::memory::shared::Shared;
use crate::memory::structure::Declared;

/// Bytes of the length that goes before each message.
const HEADER: u64 = 4;

/// A queue of messages, each of any length up to [`MAX_LEN`](Self::MAX_LEN) bytes, from one sender to one receiver, in the order
/// in which they were sent: what a [`SpscQueue`](super::SpscQueue) is for values of one type.
///
/// `N` is in bytes; a message takes up 4 more than it has. Between many senders and many receivers, messages are passed on as
/// [`Queue<List<u8, M>, N>`](super::Queue), in which each has the room of the longest.
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
/// two ends are free there. What a sender that stays attached to the old one sends after that is in the old one only.
///
/// # Layout
///
/// `#[repr(C)]`, aligned to 64 bytes:
///
/// | field | at | |
/// | --- | --- | --- |
/// | `sender` | 0 | `count`, 8 bytes: how many bytes were sent; and at 64 the role, as a `SeqLock` has it: `writer`, `process`, `namespace`, `writing`, 8 bytes each |
/// | `receiver` | 128 | the same: how many were received |
/// | `bells` | 256 | `sent`, 4 bytes, and `received`, 4 bytes: futexes, odd while the receiver or the sender sleeps on it |
/// | `bytes` | 320 | `N` bytes: the n-th that is sent, counted from 0, is byte n modulo N |
///
/// A message is its length, 4 bytes, and its bytes; the next one follows at once. The counts include the lengths.
#[repr(C)]
pub struct ByteQueue<const N: usize, A = ReadWrite> {
    sender: Side,
    receiver: Side,
    bells: Bells,
    bytes: [Shared<u8, A>; N],
}

builtin! {
    unsafe impl [const N: usize] ByteQueue<N>, ByteQueue<N, A>: "ByteQueue", 4 {
        sender: Side, receiver: Side, bells: Bells, bytes: [u8; N]
    } passed
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

    const CAPACITY: u64 = Self::MAX_LEN as u64 + HEADER;

    /// Claims the sender's end, from a dead sender too.
    ///
    /// # Errors
    ///
    /// [`WriterError::Held`] or [`HeldElsewhere`](WriterError::HeldElsewhere) if there is a sender, and it is not known to be
    /// dead.
    pub fn sender(&self) -> Result<ByteSender<'_, N, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteSender::claim(self.into())
    }

    /// Claims the receiver's end, from a dead receiver too.
    ///
    /// # Errors
    ///
    /// As for [`sender`](Self::sender).
    pub fn receiver(&self) -> Result<ByteReceiver<'_, N, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteReceiver::claim(self.into())
    }

    /// How many bytes are in the queue now, with the 4 of each message's length; at most `N`, whatever another process wrote.
    #[inline]
    pub fn used(&self) -> usize
    where
        A: Readable,
    {
        let used = between(&self.receiver.count, &self.sender.count);
        usize::try_from(used).unwrap_or(N).min(N)
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
        self.sender.reset();
    }

    /// Takes the receiver's end away, in the same way.
    pub fn reset_receiver(&self)
    where
        A: Writable,
    {
        self.receiver.reset();
    }

    #[inline]
    fn sending(&self, claim: Claim) -> End<'_> {
        let Side { count, role } = &self.sender;
        let (words, other) = (role.words(count), &self.receiver.count);
        End { words, role: claim.role, other, lead: Self::CAPACITY, capacity: Self::CAPACITY }
    }

    #[inline]
    fn receiving(&self, claim: Claim) -> End<'_> {
        let Side { count, role } = &self.receiver;
        let (words, other) = (role.words(count), &self.sender.count);
        End { words, role: claim.role, other, lead: 0, capacity: Self::CAPACITY }
    }

    #[cold]
    fn sender_stuck(&self, stuck: Stuck) -> QueueError {
        match stuck {
            Stuck::Waiting => QueueError::Full,
            Stuck::Lost => QueueError::Lost(self.sender.role.lost(&self.sender.count, error::Role::Sender)),
            Stuck::Corrupted { own: sent, other: received } => QueueError::Corrupted { sent, received },
        }
    }

    #[cold]
    fn receiver_stuck(&self, stuck: Stuck) -> QueueError {
        match stuck {
            Stuck::Waiting => QueueError::Empty,
            Stuck::Lost => {
                QueueError::Lost(self.receiver.role.lost(&self.receiver.count, error::Role::Receiver))
            }
            Stuck::Corrupted { own: received, other: sent } => QueueError::Corrupted { sent, received },
        }
    }
}

impl<const N: usize, A: Access> Part<ByteQueue<N>, A> {
    /// Claims the sender's end, as [`ByteQueue::sender`] does, for a sender with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`ByteQueue::sender`].
    pub fn into_sender(self) -> Result<ByteSender<'static, N, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteSender::claim(self.into_kept().map(|shared| &**shared))
    }

    /// Claims the receiver's end, as [`ByteQueue::receiver`] does, for a receiver with a share of the attachment.
    ///
    /// # Errors
    ///
    /// As for [`ByteQueue::receiver`].
    pub fn into_receiver(self) -> Result<ByteReceiver<'static, N, A>, WriterError>
    where
        A: Readable + Writable,
    {
        ByteReceiver::claim(self.into_kept().map(|shared| &**shared))
    }
}

/// The sender of a [`ByteQueue`]: one at a time, until it is dropped.
pub struct ByteSender<'a, const N: usize, A: Access = ReadWrite> {
    queue: Kept<'a, ByteQueue<N, A>>,
    claim: Claim,
    place: Place,
}

impl<'a, const N: usize, A: Readable + Writable> ByteSender<'a, N, A> {
    fn claim(queue: Kept<'a, ByteQueue<N, A>>) -> Result<Self, WriterError> {
        let Side { count, role } = &queue.sender;
        let claim = role.claim(count, error::Role::Sender)?;
        Ok(Self { place: Place::at(count), queue, claim })
    }

    /// Sends a message, and waits for room if there is none.
    ///
    /// # Errors
    ///
    /// [`QueueError::TooLong`] if it has more than [`MAX_LEN`](ByteQueue::MAX_LEN) bytes; [`QueueError::Lost`] in a forked child,
    /// or if the end was taken away; [`QueueError::Corrupted`] if another process overwrote the counts. Nothing is sent then.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<(), QueueError> {
        self.send_until(message, None)
    }

    /// Sends a message if there is room.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] if there is none; otherwise as for [`send`](Self::send).
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<(), QueueError> {
        let Self { queue, claim, place } = self;
        let too_long = || QueueError::TooLong { len: message.len(), max: ByteQueue::<N, A>::MAX_LEN };
        let len = u32::try_from(message.len()).ok().filter(|_| message.len() <= ByteQueue::<N, A>::MAX_LEN);
        let len = len.ok_or_else(too_long)?;
        if !claim.is_here() {
            return Err(queue.sender_stuck(Stuck::Lost));
        }
        let size = HEADER + u64::from(len);
        let store = |at: u64, room: u64| {
            if room < size {
                return 0;
            }
            circle::store(&queue.bytes, at, &len.to_ne_bytes());
            circle::store(&queue.bytes, at.wrapping_add(HEADER), message);
            size
        };
        let sent = queue.sending(*claim).step(place, size, store);
        match sent.map_err(|stuck| queue.sender_stuck(stuck))? {
            // There is room, and not enough.
            0 => Err(QueueError::Full),
            _ => {
                bell::ring(&queue.bells.sent, &Linux);
                Ok(())
            }
        }
    }

    /// Sends a message, and waits for room if there is none, at most for this time. Setting the system's clock does not change
    /// the time.
    ///
    /// # Errors
    ///
    /// [`QueueError::Full`] if there was none all the time; otherwise as for [`send`](Self::send).
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<(), QueueError> {
        self.send_until(message, Some(Linux.now().saturating_add(timeout)))
    }

    #[inline]
    fn send_until(&mut self, message: &[u8], deadline: Option<Duration>) -> Result<(), QueueError> {
        match self.try_send(message) {
            Err(QueueError::Full) => self.wait(message, deadline),
            sent => sent,
        }
    }

    #[cold]
    fn wait(&mut self, message: &[u8], deadline: Option<Duration>) -> Result<(), QueueError> {
        let bell = self.queue.share().map(|queue| &queue.bells.received);
        let sent = bell::wait(&bell, true, deadline, &Linux, || match self.try_send(message) {
            Err(QueueError::Full) => None,
            sent => Some(sent),
        });
        sent.unwrap_or(Err(QueueError::Full))
    }
}

impl<const N: usize, A: Access> Drop for ByteSender<'_, N, A> {
    fn drop(&mut self) {
        let Side { count, role } = &self.queue.sender;
        role.release(count, self.claim);
    }
}

impl<const N: usize, A: Access> fmt::Debug for ByteSender<'_, N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteSender").finish_non_exhaustive()
    }
}

/// The receiver of a [`ByteQueue`]: one at a time, until it is dropped.
pub struct ByteReceiver<'a, const N: usize, A: Access = ReadWrite> {
    queue: Kept<'a, ByteQueue<N, A>>,
    claim: Claim,
    place: Place,
}

impl<'a, const N: usize, A: Readable + Writable> ByteReceiver<'a, N, A> {
    fn claim(queue: Kept<'a, ByteQueue<N, A>>) -> Result<Self, WriterError> {
        let Side { count, role } = &queue.receiver;
        let claim = role.claim(count, error::Role::Receiver)?;
        Ok(Self { place: Place::at(count), queue, claim })
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
        self.receive_until(message, None)
    }

    /// Receives the next message if there is one.
    ///
    /// # Errors
    ///
    /// [`QueueError::Empty`] if there is none; otherwise as for [`receive_into`](Self::receive_into).
    #[inline]
    pub fn try_receive_into(&mut self, message: &mut Vec<u8>) -> Result<(), QueueError> {
        let Self { queue, claim, place } = self;
        if !claim.is_here() {
            return Err(queue.receiver_stuck(Stuck::Lost));
        }
        let mut bad = None;
        let load = |at: u64, there: u64| {
            let Some(left) = there.checked_sub(HEADER) else {
                bad = Some((0, there));
                return 0;
            };
            let len = circle::load_u32(&queue.bytes, at);
            if u64::from(len) > left {
                bad = Some((len, left));
                return 0;
            }
            circle::load_into(&queue.bytes, at.wrapping_add(HEADER), len, message);
            HEADER + u64::from(len)
        };
        // If there is anything, there is a message.
        let received = queue.receiving(*claim).step_as_far(place, 1, load);
        let received = received.map_err(|stuck| queue.receiver_stuck(stuck))?;
        match (bad, received) {
            (Some((len, left)), _) => Err(QueueError::BadLength { len, left }),
            // The count is not what it was when a message was seen.
            (None, 0) => Err(QueueError::Empty),
            (None, _) => {
                bell::ring(&queue.bells.received, &Linux);
                Ok(())
            }
        }
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
        self.receive_until(message, Some(Linux.now().saturating_add(timeout)))
    }

    /// Throws away all that is in the queue, which ends [`QueueError::Corrupted`] and [`QueueError::BadLength`], too.
    ///
    /// # Errors
    ///
    /// [`QueueError::Lost`], as for [`receive_into`](Self::receive_into).
    pub fn skip(&mut self) -> Result<(), QueueError> {
        let Self { queue, claim, place } = self;
        if !claim.is_here() {
            return Err(queue.receiver_stuck(Stuck::Lost));
        }
        queue.receiving(*claim).skip(place).map_err(|stuck| queue.receiver_stuck(stuck))?;
        bell::ring(&queue.bells.received, &Linux);
        Ok(())
    }

    #[inline]
    fn receive_until(&mut self, message: &mut Vec<u8>, deadline: Option<Duration>) -> Result<(), QueueError> {
        match self.try_receive_into(message) {
            Err(QueueError::Empty) => self.wait(message, deadline),
            received => received,
        }
    }

    #[cold]
    fn wait(&mut self, message: &mut Vec<u8>, deadline: Option<Duration>) -> Result<(), QueueError> {
        let bell = self.queue.share().map(|queue| &queue.bells.sent);
        let received = bell::wait(&bell, true, deadline, &Linux, || match self.try_receive_into(message) {
            Err(QueueError::Empty) => None,
            received => Some(received),
        });
        received.unwrap_or(Err(QueueError::Empty))
    }
}

impl<const N: usize, A: Access> Drop for ByteReceiver<'_, N, A> {
    fn drop(&mut self) {
        let Side { count, role } = &self.queue.receiver;
        role.release(count, self.claim);
    }
}

impl<const N: usize, A: Access> fmt::Debug for ByteReceiver<'_, N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteReceiver").finish_non_exhaustive()
    }
}
