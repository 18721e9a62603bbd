//! Does with a segment what it is told.

use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering::Relaxed;

use shm_runtime::{Attached, Key, Permissions, ReadOnly, ReadWrite, Segment, WriteOnly};
use shm_tests::hygiene;
use shm_tests::structs::{Board, Flicker, Whole};

use crate::{Answer, Domain};

enum Mapped<T: Whole> {
    Both(Attached<T, ReadWrite>),
    Read(Attached<T, ReadOnly>),
    Write(Attached<T, WriteOnly>),
}

pub(crate) struct Told<T: Whole> {
    segment: Option<Segment<T>>,
    mapped: Option<Mapped<T>>,
    /// The process that this one forked, and the socket that ends it when it is closed.
    forked: Option<(i32, UnixStream)>,
    /// Where racing processes wait for each other.
    gate: Option<Attached<Board>>,
}

impl<T: Whole> Default for Told<T> {
    fn default() -> Self {
        Self { segment: None, mapped: None, forked: None, gate: None }
    }
}

impl<T: Whole> Domain for Told<T> {
    fn follow(&mut self, words: &[&str]) -> Answer {
        let mut options = T::options();
        match *words {
            ["create", key] => {
                let created = options.key(fixed(key)?).create()?;
                self.keep(created)
            }
            ["create", key, mode] => {
                let mode = u32::from_str_radix(mode, 8)?;
                let created = options.key(fixed(key)?).mode(mode).create()?;
                self.keep(created)
            }
            ["create_private"] => {
                let created = options.create()?;
                self.keep(created)
            }
            ["create_huge", key] => {
                let created = options.key(fixed(key)?).huge_pages(true).trust_writers().create()?;
                self.keep(created)
            }
            ["open", key] => {
                let opened = options.key(fixed(key)?).open()?;
                self.keep(opened)
            }
            ["open_ftok", path] => {
                let opened = options.key(Key::ftok(path, b'T')).open()?;
                self.keep(opened)
            }
            ["from_id", id] => {
                let opened = Segment::from_id(id.parse()?)?;
                self.keep(opened)
            }
            ["open_or_create", key] => {
                let found = options.key(fixed(key)?).open_or_create()?;
                self.keep(found)
            }
            // Sets the value to this process's id.
            ["open_or_create_with", key] => {
                let init = |shared: &_| T::part(shared).value.set(std::process::id().into());
                let found = options.key(fixed(key)?).open_or_create_with(init)?;
                self.keep(found)
            }
            ["remove_key", key] => {
                options.key(fixed(key)?).remove()?;
                done()
            }
            ["remove"] => {
                self.segment()?.remove()?;
                done()
            }
            ["stat"] => Ok(format!("{:?}", self.segment()?.stat()?)),
            ["lock"] => {
                self.segment()?.lock()?;
                done()
            }
            ["unlock"] => {
                self.segment()?.unlock()?;
                done()
            }
            ["set_mode", mode] => {
                let (uid, gid) = (0, 0);
                let mode = u32::from_str_radix(mode, 8)?;
                self.segment()?.set_permissions(Permissions { uid, gid, mode })?;
                done()
            }
            ["attach"] => {
                self.mapped = Some(Mapped::Both(self.segment()?.attach()?));
                done()
            }
            ["attach_read_only"] => {
                self.mapped = Some(Mapped::Read(self.segment()?.attach_read_only()?));
                done()
            }
            ["attach_write_only"] => {
                self.mapped = Some(Mapped::Write(self.segment()?.attach_write_only()?));
                done()
            }
            ["prefault"] => {
                self.both()?.prefault()?;
                done()
            }
            ["detach"] => {
                match self.mapped.take().ok_or("not attached")? {
                    Mapped::Both(mapped) => mapped.detach()?,
                    Mapped::Read(mapped) => mapped.detach()?,
                    Mapped::Write(mapped) => mapped.detach()?,
                }
                done()
            }
            ["gate", id] => {
                self.gate = Some(Segment::from_id(id.parse()?)?.attach()?);
                done()
            }
            // Counts at the gate, waits until the count is `until`, and follows the rest.
            ["race", until, ..] => {
                let until = until.parse()?;
                let count = &self.gate.as_ref().ok_or("no gate")?.part.counter;
                count.fetch_add(1, Relaxed);
                while count.load(Relaxed) < until {
                    std::thread::yield_now();
                }
                self.follow(&words[2..])
            }
            // Ends without a destructor.
            ["exit"] => std::process::exit(0),
            ["unmap_then_detach"] => {
                let Some(Mapped::Both(mapped)) = self.mapped.take() else {
                    return Err("not attached".into());
                };
                let size = mapped.segment().size();
                // SAFETY: of the mapping nothing is used any more but its address, for shmdt. This process has one
                // thread, so that nothing else gets mapped there.
                let failed = unsafe { libc::munmap(mapped.as_mut_ptr().cast(), size) };
                assert_eq!(failed, 0, "munmap");
                mapped.detach()?;
                done()
            }
            ["fork"] => self.fork(),
            ["reap"] => self.reap(),
            ["get"] => match self.mapped.as_ref().ok_or("not attached")? {
                Mapped::Both(mapped) => Ok(T::part(&**mapped).value.get().to_string()),
                Mapped::Read(mapped) => Ok(T::part(&**mapped).value.get().to_string()),
                Mapped::Write(_) => Err("write-only".into()),
            },
            ["set", value] => {
                match self.mapped.as_ref().ok_or("not attached")? {
                    Mapped::Both(mapped) => T::part(&**mapped).value.set(value.parse()?),
                    Mapped::Read(_) => return Err("read-only".into()),
                    Mapped::Write(mapped) => T::part(&**mapped).value.set(value.parse()?),
                }
                done()
            }
            ["count", times] => {
                let times: u64 = times.parse()?;
                for _ in 0..times {
                    T::part(self.both()?).counter.fetch_add(1, Relaxed);
                }
                done()
            }
            // Until the other side sets `stop`.
            ["flicker"] => {
                let part = T::part(self.both()?);
                let values = [Flicker::of(0x11), Flicker::of(0xee)];
                for value in values.into_iter().cycle() {
                    part.flicker.set(value);
                    if part.stop.load(Relaxed) {
                        break;
                    }
                }
                done()
            }
            // Any bytes, as a program without types writes them.
            ["poke", offset, bytes] => {
                let offset: usize = offset.parse()?;
                let at = self.both()?.as_mut_ptr().cast::<u8>();
                for (i, byte) in bytes.split(',').enumerate() {
                    assert!(offset + i < size_of::<T>(), "poke within the struct");
                    let byte = byte.parse()?;
                    // SAFETY: within the mapping, by the line above.
                    let at = unsafe { at.add(offset + i) };
                    // SAFETY: mapped to be written; volatile, as other processes use it.
                    unsafe { at.write_volatile(byte) };
                }
                done()
            }
            // In a process that fails when it leaves one.
            ["leaves-a-segment-behind"] => {
                hygiene::watch();
                let created = T::create()?;
                self.keep(created)
            }
            _ => Err("no such command".into()),
        }
    }
}

impl<T: Whole> Told<T> {
    fn keep(&mut self, segment: Segment<T>) -> Answer {
        let id = segment.id();
        self.segment = Some(segment);
        Ok(id.to_string())
    }

    fn segment(&self) -> Result<&Segment<T>, Box<dyn std::error::Error>> {
        self.segment.as_ref().ok_or_else(|| "no segment".into())
    }

    fn both(&self) -> Result<&Attached<T>, Box<dyn std::error::Error>> {
        match &self.mapped {
            Some(Mapped::Both(mapped)) => Ok(mapped),
            _ => Err("not attached to read and write".into()),
        }
    }

    fn fork(&mut self) -> Answer {
        let (mut until, ours) = UnixStream::pair()?;
        // SAFETY: there is one thread, so the child may do anything.
        let pid = unsafe { libc::fork() };
        assert_ne!(pid, -1, "fork");
        if pid == 0 {
            // SAFETY: our copy of the parent's end, which `ours` is not used for here.
            unsafe { libc::close(ours.as_raw_fd()) };
            // Ends when the parent closes its end or dies.
            let _ = until.read(&mut [0]);
            // SAFETY: without the destructors, which are the parent's.
            unsafe { libc::_exit(0) };
        }
        self.forked = Some((pid, ours));
        Ok(pid.to_string())
    }

    fn reap(&mut self) -> Answer {
        let (pid, until) = self.forked.take().ok_or("not forked")?;
        drop(until);
        // SAFETY: waits for a child of ours, and asks for no status.
        let reaped = unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
        assert_eq!(reaped, pid, "waitpid");
        done()
    }
}

fn done() -> Answer {
    Ok("done".to_owned())
}

fn fixed(key: &str) -> Result<Key, Box<dyn std::error::Error>> {
    Ok(Key::fixed(key.parse::<i32>()?.cast_unsigned()))
}
