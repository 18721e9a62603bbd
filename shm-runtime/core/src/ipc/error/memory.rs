//! Errors about memory and addresses.

use core::fmt;

use super::words::name_of;
use crate::ipc::identity::Identity;
use crate::ipc::kind::ObjectKind;
use crate::sys;

/// Of huge pages, which others can take away.
pub(super) fn huge_pages(identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let type_name = name_of(identity);
    write!(
        f,
        "any process that may write to a segment of huge pages can take them away, by MADV_REMOVE: then the next \
         access kills this process by SIGBUS. If every process is trusted that its mode lets write to it, say so \
         with `{type_name}::options().trust_writers()`; if not, create it without huge pages"
    )
}

/// Of the pool of huge pages.
pub(super) fn none_left_huge(size: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "{size} bytes in huge pages are not available: the pool (`sysctl vm.nr_hugepages`) is too small. \
         Enlarge it, or create the segment without huge pages"
    )
}

/// Of memory or address space.
pub(super) fn none_left(size: usize, identity: &Identity, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (identity.object, size) {
        (ObjectKind::Segment, 1..) => write!(
            f,
            "{size} bytes of memory, or of address space, are not available. For a new segment, see `CommitLimit` in \
             /proc/meminfo (`vm.overcommit_memory`); to attach one, `ulimit -v` (RLIMIT_AS) and `vm.max_map_count`"
        ),
        _ => {
            f.write_str("the kernel has no memory")?;
            if size > 0 {
                write!(f, " for {size} bytes")?;
            }
            f.write_str(
                ": free some, or raise the limit of the process's control group (`memory.max`), which counts what the \
                 kernel keeps for it",
            )
        }
    }
}

/// No place for a mapping.
pub(super) fn address(
    address: usize,
    page_size: usize,
    size: usize,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "nothing can be attached at {address:#x}: ")?;
    if address % page_size != 0 {
        let usual = sys::page_size();
        write!(f, "the address has to be a multiple of {page_size}, the size of ")?;
        return match page_size == usual {
            true => f.write_str("a page"),
            false => write!(f, "the segment's huge pages; other segments need a multiple of {usual}"),
        };
    }
    write!(
        f,
        "the {size} bytes of the segment, in whole pages of {page_size}, have to fit into the address space from there on, \
         not below `sysctl vm.mmap_min_addr`, and not where memory is sealed (mseal(2)). Reserve a range first, with \
         mmap(2) and PROT_NONE, and attach there"
    )
}

/// Unmapped already.
pub(super) fn not_attached(address: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "no segment is attached at {address:#x} any more: other code of this process has unmapped it, by shmdt(2), \
         munmap(2) or a mapping over it. Leave that to the attachment, and see which code was given the address (`as_ptr`)"
    )
}
