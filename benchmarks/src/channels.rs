//! Links over what a user would pick instead.

use std::ffi::{CString, c_char, c_int};
use std::fs::File;
use std::hint::spin_loop;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use iceoryx2::port::{publisher::Publisher, subscriber::Subscriber};
use iceoryx2::prelude::{Config, FileName, NodeBuilder, Path, SemanticString, ipc};
use ipc_channel::ipc::{self as ipc_channels, IpcOneShotServer, IpcReceiver, IpcSender};
use mmap_sync::synchronizer::Synchronizer;

use crate::link::{Link, Message, from_bytes, to_bytes};
use crate::sys::{self, checked};
use crate::{Result, Scratch};

const SIZE: usize = size_of::<Message>();

/// The argument number `index`.
fn argument(arguments: &[String], index: usize) -> Result<&str> {
    Ok(arguments.get(index).ok_or("an argument is missing")?)
}

/// A file that the parent left open for this process.
fn inherited(arguments: &[String], index: usize) -> Result<OwnedFd> {
    let fd = argument(arguments, index)?.parse()?;
    // SAFETY: the parent left it open for this process, which takes it once.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A pipe each way.
pub struct Pipes {
    to: File,
    from: File,
    /// The child's ends, until it has been started.
    others: Option<(PipeReader, PipeWriter)>,
}

impl Link for Pipes {
    const NAME: &'static str = "pipe";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let ((child_reads, to), (from, child_writes)) = (io::pipe()?, io::pipe()?);
        let arguments =
            vec![sys::inherit(&child_reads)?.to_string(), sys::inherit(&child_writes)?.to_string()];
        let (to, from) = (OwnedFd::from(to).into(), OwnedFd::from(from).into());
        Ok((Self { to, from, others: Some((child_reads, child_writes)) }, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        let (from, to) = (inherited(arguments, 0)?.into(), inherited(arguments, 1)?.into());
        Ok(Self { to, from, others: None })
    }

    fn connect(&mut self) -> Result<()> {
        self.others = None;
        Ok(())
    }

    fn send(&mut self, message: &Message) -> Result<()> {
        Ok(self.to.write_all(&to_bytes(message))?)
    }

    fn receive(&mut self) -> Result<Message> {
        let mut bytes = [0; SIZE];
        self.from.read_exact(&mut bytes)?;
        Ok(from_bytes(&bytes))
    }
}

/// A Unix stream socket.
pub struct Socket {
    end: UnixStream,
    /// The child's end, until it has been started.
    other: Option<UnixStream>,
}

impl Link for Socket {
    const NAME: &'static str = "socket";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let (end, other) = UnixStream::pair()?;
        let arguments = vec![sys::inherit(&other)?.to_string()];
        Ok((Self { end, other: Some(other) }, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        Ok(Self { end: inherited(arguments, 0)?.into(), other: None })
    }

    fn connect(&mut self) -> Result<()> {
        self.other = None;
        Ok(())
    }

    fn send(&mut self, message: &Message) -> Result<()> {
        Ok(self.end.write_all(&to_bytes(message))?)
    }

    fn receive(&mut self) -> Result<Message> {
        let mut bytes = [0; SIZE];
        self.end.read_exact(&mut bytes)?;
        Ok(from_bytes(&bytes))
    }
}

/// Two POSIX message queues.
pub struct PosixQueues {
    to: libc::mqd_t,
    from: libc::mqd_t,
    /// Unlinked by the parent.
    names: Vec<CString>,
}

impl PosixQueues {
    fn open_queue(name: &CString, flags: c_int) -> io::Result<libc::mqd_t> {
        // SAFETY: a struct of integers, for all of which zero is a value.
        let mut attributes: libc::mq_attr = unsafe { std::mem::zeroed() };
        (attributes.mq_maxmsg, attributes.mq_msgsize) = (4, 64);
        // SAFETY: the name and the attributes are read during the call.
        checked(unsafe { libc::mq_open(name.as_ptr(), libc::O_RDWR | flags, 0o600, &raw const attributes) })
    }
}

impl Link for PosixQueues {
    const NAME: &'static str = "mq";

    fn new(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let names = ["there", "back"].map(|way| format!("/{}{way}", scratch.prefix()));
        let paths = names.iter().map(|name| CString::new(name.as_str())).collect::<Result<Vec<_>, _>>()?;
        let to = Self::open_queue(&paths[0], libc::O_CREAT | libc::O_EXCL)?;
        let mut queues = Self { to, from: -1, names: paths };
        queues.from = Self::open_queue(&queues.names[1], libc::O_CREAT | libc::O_EXCL)?;
        Ok((queues, names.to_vec()))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        let (from, to) = (CString::new(argument(arguments, 0)?)?, CString::new(argument(arguments, 1)?)?);
        Ok(Self { to: Self::open_queue(&to, 0)?, from: Self::open_queue(&from, 0)?, names: Vec::new() })
    }

    fn send(&mut self, message: &Message) -> Result<()> {
        let bytes = to_bytes(message);
        // SAFETY: reads the bytes of the array.
        checked(unsafe { libc::mq_send(self.to, bytes.as_ptr().cast::<c_char>(), SIZE, 0) })?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Message> {
        let mut bytes = [0u8; SIZE];
        let (to, no_priority) = (bytes.as_mut_ptr().cast::<c_char>(), std::ptr::null_mut());
        // SAFETY: writes as many bytes as the array has at most.
        match unsafe { libc::mq_receive(self.from, to, SIZE, no_priority) } {
            -1 => Err(io::Error::last_os_error().into()),
            _ => Ok(from_bytes(&bytes)),
        }
    }
}

impl Drop for PosixQueues {
    fn drop(&mut self) {
        for queue in [self.to, self.from] {
            // SAFETY: takes a number only. One that was never opened is an error.
            unsafe { libc::mq_close(queue) };
        }
        for name in &self.names {
            // SAFETY: reads the name.
            unsafe { libc::mq_unlink(name.as_ptr()) };
        }
    }
}

/// Two System V message queues.
pub struct SystemVQueues {
    to: c_int,
    from: c_int,
    owned: bool,
}

/// As msgsnd(2) has it.
#[repr(C)]
struct Letter {
    kind: libc::c_long,
    message: Message,
}

impl Link for SystemVQueues {
    const NAME: &'static str = "msg";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        // SAFETY: takes numbers only.
        let make = || checked(unsafe { libc::msgget(libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600) });
        let mut queues = Self { to: make()?, from: -1, owned: true };
        queues.from = make()?;
        let arguments = vec![queues.to.to_string(), queues.from.to_string()];
        Ok((queues, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        let (from, to) = (argument(arguments, 0)?.parse()?, argument(arguments, 1)?.parse()?);
        Ok(Self { to, from, owned: false })
    }

    fn send(&mut self, message: &Message) -> Result<()> {
        let letter = Letter { kind: 1, message: *message };
        // SAFETY: reads the kind and as many bytes behind it.
        checked(unsafe { libc::msgsnd(self.to, (&raw const letter).cast(), SIZE, 0) })?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Message> {
        let mut letter = Letter { kind: 0, message: [0; 8] };
        // SAFETY: writes the kind and as many bytes behind it at most.
        match unsafe { libc::msgrcv(self.from, (&raw mut letter).cast(), SIZE, 0, 0) } {
            -1 => Err(io::Error::last_os_error().into()),
            _ => Ok(letter.message),
        }
    }
}

impl Drop for SystemVQueues {
    fn drop(&mut self) {
        for queue in [self.to, self.from] {
            if self.owned {
                // SAFETY: IPC_RMID ignores the pointer. One that was never made is an error.
                unsafe { libc::msgctl(queue, libc::IPC_RMID, std::ptr::null_mut()) };
            }
        }
    }
}

/// The crate ipc-channel.
pub struct IpcChannels {
    ends: Option<(IpcSender<Message>, IpcReceiver<Message>)>,
    /// Until the child has been started.
    server: Option<Server>,
}

type Server = IpcOneShotServer<(IpcSender<Message>, IpcReceiver<Message>)>;

impl Link for IpcChannels {
    const NAME: &'static str = "ipc-channel";

    fn new(_: &Scratch) -> Result<(Self, Vec<String>)> {
        let (server, name) = Server::new()?;
        Ok((Self { ends: None, server: Some(server) }, vec![name]))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        let ((to_child, from_parent), (to_parent, from_child)) =
            (ipc_channels::channel()?, ipc_channels::channel()?);
        IpcSender::connect(argument(arguments, 0)?.to_owned())?.send((to_child, from_child))?;
        Ok(Self { ends: Some((to_parent, from_parent)), server: None })
    }

    fn connect(&mut self) -> Result<()> {
        let (_, ends) = self.server.take().ok_or("connected already")?.accept()?;
        self.ends = Some(ends);
        Ok(())
    }

    fn send(&mut self, message: &Message) -> Result<()> {
        Ok(self.ends.as_ref().ok_or("not connected")?.0.send(*message)?)
    }

    fn receive(&mut self) -> Result<Message> {
        Ok(self.ends.as_ref().ok_or("not connected")?.1.recv()?)
    }
}

/// The crate iceoryx2: publish-subscribe, received busily.
pub struct Iceoryx {
    publisher: Publisher<ipc::Service, Message, ()>,
    subscriber: Subscriber<ipc::Service, Message, ()>,
}

impl Iceoryx {
    fn of(root: &str, prefix: &str, to: &str, from: &str) -> Result<Self> {
        let mut config = Config::default();
        config.global.set_root_path(&Path::new(root.as_bytes()).map_err(|_| "not a path")?);
        config.global.prefix = FileName::new(prefix.as_bytes()).map_err(|_| "not a file name")?;
        let node = NodeBuilder::new().config(&config).create::<ipc::Service>()?;
        let there = node.service_builder(&to.try_into()?).publish_subscribe::<Message>().open_or_create()?;
        let back = node.service_builder(&from.try_into()?).publish_subscribe::<Message>().open_or_create()?;
        let publisher = there.publisher_builder().create()?;
        let subscriber = back.subscriber_builder().create()?;
        Ok(Self { publisher, subscriber })
    }
}

impl Link for Iceoryx {
    const NAME: &'static str = "iceoryx2";

    fn new(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let arguments = vec![scratch.path().display().to_string(), scratch.prefix()];
        Ok((Self::of(&arguments[0], &arguments[1], "there", "back")?, arguments))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        Self::of(argument(arguments, 0)?, argument(arguments, 1)?, "back", "there")
    }

    fn send(&mut self, message: &Message) -> Result<()> {
        self.publisher.loan_uninit()?.write_payload(*message).send()?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Message> {
        loop {
            if let Some(sample) = self.subscriber.receive()? {
                return Ok(*sample);
            }
            spin_loop();
        }
    }
}

/// How long the writer of a `Synchronizer` waits for readers. They never are in its way here.
pub const GRACE: Duration = Duration::from_secs(1);

/// The crate mmap-sync: a synchronizer each way, in memory files, looked at busily.
pub struct MmapSync {
    to: Synchronizer,
    from: Synchronizer,
    /// The first word of the last message seen.
    seen: u64,
}

impl MmapSync {
    fn of(to: &str, from: &str) -> Self {
        Self { to: Synchronizer::new(to.as_ref()), from: Synchronizer::new(from.as_ref()), seen: 0 }
    }
}

impl Link for MmapSync {
    const NAME: &'static str = "mmap-sync";

    fn new(scratch: &Scratch) -> Result<(Self, Vec<String>)> {
        let names = ["there", "back"].map(|way| scratch.memory_file(way));
        let mut link = Self::of(&names[0], &names[1]);
        // Both have to have been written before anybody reads.
        link.from.write(&[0u64; 8], GRACE)?;
        link.to.write(&[0u64; 8], GRACE)?;
        Ok((link, names.to_vec()))
    }

    fn open(arguments: &[String]) -> Result<Self> {
        Ok(Self::of(argument(arguments, 1)?, argument(arguments, 0)?))
    }

    fn send(&mut self, message: &Message) -> Result<()> {
        self.to.write(message, GRACE)?;
        Ok(())
    }

    fn receive(&mut self) -> Result<Message> {
        loop {
            // SAFETY: the files hold messages, which the other end of this link wrote by `write`; what is read is dropped
            // long before the grace is over.
            let message: Message = *unsafe { self.from.read::<Message>(false) }?;
            if message[0] != self.seen {
                self.seen = message[0];
                return Ok(message);
            }
            spin_loop();
        }
    }
}
