//! The processes that have a segment attached: by the maps in /proc, which show a segment as a deleted file whose inode is its id.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use shm_runtime::inspect::Attached;
use shm_runtime::{Object, Record};

use crate::failure::Failure;

/// What /proc shows of the attachments of one segment.
#[derive(Default)]
pub(crate) struct Attachments {
    pub(crate) processes: Vec<Attacher>,
    /// How many processes this user may not look at.
    pub(crate) hidden: usize,
}

/// A process that has the segment attached.
pub(crate) struct Attacher {
    pub(crate) pid: u32,
    pub(crate) program: String,
    /// The effective user, if the process has not ended meanwhile.
    pub(crate) uid: Option<u32>,
    /// Whether one of its attachments can be written through.
    pub(crate) writes: bool,
    /// How many it has; what is mapped in parts counts as so many, as in the kernel's own number.
    pub(crate) count: u64,
}

impl Attachments {
    /// Looks through all processes but this one.
    ///
    /// Segments of all IPC namespaces are files of one device, so that the same inode can be a segment of each: it is this
    /// one in a process that has a thread in this namespace. If this process has attached the segment, the others are held
    /// against what it is in its own maps.
    pub(crate) fn of(object: &Object, attached: Option<&Attached>) -> Result<Self, Failure> {
        let no_proc = |error: io::Error| {
            Failure::new(format!(
                "which processes have it attached stands in /proc, which cannot be read here: {error}. \
                 `mount -t proc proc /proc` mounts it"
            ))
        };
        let namespace = fs::read_link("/proc/self/ns/ipc").map_err(no_proc)?;
        let own = fs::read_link("/proc/self").map_err(no_proc)?;
        let own_maps = attached.map(|_| fs::read("/proc/self/maps")).transpose().map_err(no_proc)?;
        let file =
            own_maps.as_deref().and_then(|maps| mappings(maps).find(|found| found.inode == object.id()));
        let is_it = |mapping: &Mapping<'_>| match &file {
            Some(file) => mapping.file == file.file,
            None => mapping.inode == object.id() && mapping.has_key_of(object.record()),
        };
        let mut found = Self::default();
        for entry in fs::read_dir("/proc").map_err(no_proc)?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if own.as_os_str() == entry.file_name() {
                continue;
            }
            match Folder::open(pid).and_then(|folder| folder.attacher(pid, &namespace, is_it)) {
                Ok(attacher) => found.processes.extend(attacher),
                Err(error) if error.kind() == ErrorKind::PermissionDenied => found.hidden += 1,
                // It has ended meanwhile.
                Err(_) => {}
            }
        }
        found.processes.sort_by_key(|process| process.pid);
        Ok(found)
    }
}

/// The folder of a process in /proc, held open: what is read through it is about this process, and not about another one that has
/// its pid by now.
struct Folder(File);

impl Folder {
    fn open(pid: u32) -> io::Result<Self> {
        File::open(format!("/proc/{pid}")).map(Self)
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.0.as_raw_fd()))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path(name))
    }

    /// What it has attached of the segment; `None` if nothing.
    fn attacher(
        &self,
        pid: u32,
        namespace: &Path,
        is_it: impl Fn(&Mapping<'_>) -> bool,
    ) -> io::Result<Option<Attacher>> {
        let maps = match self.read("maps") {
            // A thread of the kernel, or a process that has ended.
            Err(error) if error.kind() == ErrorKind::PermissionDenied && !self.has_memory() => {
                return Ok(None);
            }
            maps => maps?,
        };
        let (mut count, mut writes) = (0, false);
        for mapping in mappings(&maps).filter(is_it) {
            count += 1;
            writes |= mapping.writable;
        }
        if count == 0 || !self.is_in(namespace)? {
            return Ok(None);
        }
        let program = String::from_utf8_lossy(&self.read("comm")?).trim_end_matches('\n').to_owned();
        let status = self.read("status").unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let uid = uids.and_then(|uids| uids.split_whitespace().nth(1)?.parse().ok());
        Ok(Some(Attacher { pid, program, uid, writes, count }))
    }

    fn has_memory(&self) -> bool {
        // Every user may read it.
        self.read("statm").is_ok_and(|pages| !pages.starts_with(b"0 "))
    }

    /// Whether one of its threads is in this IPC namespace.
    fn is_in(&self, namespace: &Path) -> io::Result<bool> {
        let threads = fs::read_dir(self.path("task"))?.flatten();
        let mut namespaces = threads.filter_map(|thread| fs::read_link(thread.path().join("ns/ipc")).ok());
        Ok(namespaces.any(|found| found == namespace))
    }
}

/// A line of /proc/PID/maps that can be one of a segment.
struct Mapping<'a> {
    writable: bool,
    inode: i32,
    /// Device, inode and name.
    file: [&'a [u8]; 3],
}

/// The mappings of segments. Only bytes: the name of another file may be anything, but has no line feed, as the kernel escapes it.
fn mappings(maps: &[u8]) -> impl Iterator<Item = Mapping<'_>> {
    maps.split(|&byte| byte == b'\n').filter_map(|line| {
        // address, access, offset, device, inode, and the name after spaces
        let mut columns = line.splitn(6, |&byte| byte == b' ');
        let (access, device, inode) = (columns.nth(1)?, columns.nth(1)?, columns.next()?);
        let name = columns.next()?.trim_ascii();
        let is_segment =
            name.starts_with(b"/SYSV") && name.ends_with(b" (deleted)") && device.starts_with(b"00:");
        let number = str::from_utf8(inode).ok()?.parse().ok().filter(|_| is_segment)?;
        Some(Mapping { writable: access.get(1) == Some(&b'w'), inode: number, file: [device, inode, name] })
    })
}

impl Mapping<'_> {
    /// Whether it is named after the key of the segment, as it was created; which is not known of one that was removed.
    fn has_key_of(&self, record: &Record) -> bool {
        let named = format!("/SYSV{:08x} (deleted)", record.key());
        matches!(record, Record::Segment(stat) if stat.removed) || self.file[2] == named.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_file_of_a_segment_is_not_taken_for_one() {
        let maps = b"7f10-7f20 rw-s 00000000 00:01 32768                    /SYSV53480001 (deleted)\n\
            7f20-7f30 r--s 00000000 00:01 7                        /SYSV00000000 (deleted)\n\
            7f30-7f40 rw-s 00000000 08:01 32768                    /SYSV53480001 (deleted)\n\
            7f40-7f50 rw-s 00000000 00:01 32768                    /SYSV53480001\n\
            7f50-7f60 rw-s 00000000 00:01 4294967297               /SYSV53480001 (deleted)\n\
            7f60-7f70 rw-s 00000000 00:01 32768                    /tmp/\xff\\012/SYSV53480001 (deleted)\n\
            7f70-7f80 rw-p 00000000 00:00 0\n\n nonsense\n";
        let found: Vec<_> = mappings(maps).map(|mapping| (mapping.inode, mapping.writable)).collect();
        assert_eq!(found, [(32768, true), (7, false)]);
    }
}
