//! Messages of bytes from one process to another, beside values of the same size, and what others have for bytes.

use std::hint::spin_loop;

use iceoryx2::port::{publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::{BackpressureStrategy, ipc};
use shm_runtime::sync::{self, QueueError};
use shm_runtime::{Attached, RemoveOnDrop, Segment, SharedSegment};

use super::{Ours, ROOM, Stream, compare, iceoryx};
use crate::link::{Message, from_bytes, to_bytes};
use crate::measure::Effort;
use crate::report::{Goal, Report};
use crate::{Result, Scratch};

const SIZE: usize = size_of::<Message>();

/// As many bytes as `ROOM` messages take.
const BYTES: usize = ROOM * (4 + SIZE);

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
pub struct Line {
    messages: sync::ByteQueue<BYTES>,
}

/// `ByteQueue`, looked at busily.
pub enum Bytes {
    Sender(
        sync::ByteSender<'static>,
        #[expect(dead_code, reason = "removes it")] RemoveOnDrop<Segment<Line>>,
    ),
    Receiver(sync::ByteReceiver<'static>, Vec<u8>),
}

impl Stream<8> for Bytes {
    const NAME: &'static str = "bytes";

    fn sender(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let segment = Line::create()?.remove_on_drop();
        let line: &'static Attached<Line> = Box::leak(Box::new(segment.attach()?));
        let id = segment.id().to_string();
        Ok((Self::Sender(line.messages.sender()?, segment), vec![id]))
    }

    fn receiver(arguments: &[String]) -> Result<Self> {
        let id = arguments.first().ok_or("no shmid")?.parse()?;
        let line: &'static Attached<Line> = Box::leak(Box::new(Segment::from_id(id)?.attach()?));
        Ok(Self::Receiver(line.messages.receiver()?, Vec::new()))
    }

    #[inline]
    fn send(&mut self, value: &Message) -> Result<()> {
        let Self::Sender(sender, _) = self else { return Err("not a sender".into()) };
        let bytes = to_bytes(value);
        loop {
            match sender.try_send(&bytes) {
                Err(QueueError::Full) => spin_loop(),
                sent => return Ok(sent?),
            }
        }
    }

    #[inline]
    fn receive(&mut self) -> Result<Message> {
        let Self::Receiver(receiver, bytes) = self else { return Err("not a receiver".into()) };
        loop {
            match receiver.try_receive_into(bytes) {
                Err(QueueError::Empty) => spin_loop(),
                received => {
                    received?;
                    return Ok(from_bytes(bytes.as_slice().try_into()?));
                }
            }
        }
    }
}

/// The crate iceoryx2: publish-subscribe of slices of bytes, in which the publisher waits for the subscriber.
pub enum Slices {
    Publisher(Publisher<ipc::Service, [u8], ()>),
    Subscriber(Subscriber<ipc::Service, [u8], ()>),
}

impl Slices {
    fn of(arguments: &[String], sends: bool) -> Result<Self> {
        let [root, prefix] = arguments else { return Err("an argument is missing".into()) };
        let service = iceoryx(root, prefix)?
            .service_builder(&"slices".try_into()?)
            .publish_subscribe::<[u8]>()
            .enable_safe_overflow(false)
            .subscriber_max_buffer_size(ROOM)
            .open_or_create()?;
        Ok(match sends {
            true => Self::Publisher(
                service
                    .publisher_builder()
                    .initial_max_slice_len(SIZE)
                    .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
                    .create()?,
            ),
            false => Self::Subscriber(service.subscriber_builder().buffer_size(ROOM).create()?),
        })
    }
}

impl Stream<8> for Slices {
    const NAME: &'static str = "slices";

    fn sender(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let arguments = vec![scratch.path().display().to_string(), scratch.prefix()];
        Ok((Self::of(&arguments, true)?, arguments))
    }

    fn receiver(arguments: &[String]) -> Result<Self> {
        Self::of(arguments, false)
    }

    fn send(&mut self, value: &Message) -> Result<()> {
        let Self::Publisher(publisher) = self else { return Err("not a publisher".into()) };
        publisher.loan_slice_uninit(SIZE)?.write_from_slice(&to_bytes(value)).send()?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Message> {
        let Self::Subscriber(subscriber) = self else { return Err("not a subscriber".into()) };
        loop {
            if let Some(sample) = subscriber.receive()? {
                return Ok(from_bytes(sample.payload().try_into()?));
            }
            spin_loop();
        }
    }
}

pub fn measure(s: &Scratch, e: Effort, report: &mut Report) -> Result<()> {
    const GROUP: &str = "`ByteQueue` of messages of 64 bytes, two processes, both busy";
    let value = compare::<8, Bytes, Ours<8>>(s, e)?;
    report.add(GROUP, "a message", "`SpscQueue`", value, Goal::None);
    report.add(GROUP, "a message", "iceoryx2, slices", compare::<8, Bytes, Slices>(s, e)?, Goal::None);
    Ok(())
}
