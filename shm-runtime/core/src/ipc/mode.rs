//! A mode that a user gives.

use crate::ipc::error::ErrorKind;

/// A mode as the kernel takes it.
pub(crate) fn mode_bits(mode: u32) -> Result<u16, ErrorKind> {
    let reason = "a mode has nine bits, read and write for owner, group and others: at most 0o777";
    match u16::try_from(mode) {
        Ok(bits) if bits <= 0o777 => Ok(bits),
        _ => Err(ErrorKind::InvalidInput { reason }),
    }
}
