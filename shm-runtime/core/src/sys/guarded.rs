//! Room for numbers that the kernel copies without being told how many there are.

use core::ptr::NonNull;
use std::io;

use super::page_size;

/// Room for `len` numbers, with a page right after them that cannot be accessed.
///
/// GETALL and SETALL of semctl(2) copy as many numbers as the set has, which is not said in the call: and an id can come to
/// mean another set at any time, one that is larger. Here the kernel's copy ends at the page, with EFAULT: nothing beyond
/// the room is written, nor is anything beyond it read and given away.
pub(crate) struct Guarded {
    start: NonNull<u16>,
    len: usize,
    map: NonNull<u8>,
    map_len: usize,
}

impl Guarded {
    /// Room in which each number is `fill`.
    pub(crate) fn new(len: usize, fill: impl Fn(usize) -> u16) -> io::Result<Self> {
        let bytes = len * size_of::<u16>();
        let room = bytes.next_multiple_of(page_size());
        let map_len = room + page_size();
        let (protection, flags) = (libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping, where the kernel finds room for it.
        let map = unsafe { libc::mmap(core::ptr::null_mut(), map_len, protection, flags, -1, 0) };
        let Some(map) = NonNull::new(map.cast::<u8>()).filter(|_| map != libc::MAP_FAILED) else {
            return Err(io::Error::last_os_error());
        };
        // SAFETY: `room - bytes` is within the mapping, and even: a page's size and `bytes` are.
        let start = unsafe { map.add(room - bytes) }.cast::<u16>();
        let guarded = Self { start, len, map, map_len };
        let (protection, map) = (libc::PROT_READ | libc::PROT_WRITE, map.as_ptr().cast());
        // SAFETY: the mapping made just now, without its last page; nothing is in it.
        super::checked(unsafe { libc::mprotect(map, room, protection) })?;
        for i in 0..len {
            // SAFETY: `i` is less than `len`: within the room, which is writable, aligned, and nobody else's.
            unsafe { start.add(i).write(fill(i)) };
        }
        Ok(guarded)
    }

    /// Where the numbers are.
    pub(crate) fn as_ptr(&self) -> *mut u16 {
        self.start.as_ptr()
    }

    /// One of the numbers.
    pub(crate) fn get(&self, index: usize) -> Option<u16> {
        // SAFETY: less than `len`: within the room, which was initialised, and which only a system call that has
        // returned has written since.
        (index < self.len).then(|| unsafe { self.start.add(index).read() })
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made, to which there is no reference.
        unsafe { libc::munmap(self.map.as_ptr().cast(), self.map_len) };
    }
}
