//! Errors about memory and addresses.

use core::fmt;

use super::words::name_of;
use crate::ipc::identity::Identity;

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
pub(super) fn none_left(size: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{size} bytes of memory, or of address space (RLIMIT_AS), are not available")
}

/// No place for a mapping.
pub(super) fn address(address: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(
        f,
        "nothing can be attached at {address:#x}: the address has to be a multiple of the page size, with \
         room for the segment after it"
    )
}
