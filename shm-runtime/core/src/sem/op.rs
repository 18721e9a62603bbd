//! Operations on the semaphores of a set.

use core::time::Duration;

use crate::ipc::error::ErrorKind;
use crate::sem::diagnose::too_high;
use crate::sys;

/// One operation on one semaphore of a set: a `sembuf` of semop(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Takes that many units, waiting until there are as many.
    Acquire {
        /// Which semaphore of the set, from 0.
        index: u16,
        /// How many, from 1 to 32767.
        units: u16,
    },
    /// Adds that many units. This never waits.
    Release {
        /// Which semaphore of the set, from 0.
        index: u16,
        /// How many, from 1 to 32767.
        units: u16,
    },
    /// Waits until the semaphore has no units.
    WaitForZero {
        /// Which semaphore of the set, from 0.
        index: u16,
    },
}

/// How long an operation may wait.
#[derive(Clone, Copy)]
pub(crate) enum Wait {
    No,
    For(Duration),
    Forever,
}

/// An operation for each semaphore that gets units.
pub(crate) fn releases(units: &[u16]) -> impl Iterator<Item = Op> {
    some(units).map(|(index, units)| Op::Release { index, units })
}

pub(crate) fn acquires(units: &[u16]) -> impl Iterator<Item = Op> {
    some(units).map(|(index, units)| Op::Acquire { index, units })
}

fn some(units: &[u16]) -> impl Iterator<Item = (u16, u16)> {
    (0..).zip(units.iter().copied()).filter(|(_, units)| *units > 0)
}

/// The operation as the kernel takes it.
pub(crate) fn buffer<const N: usize>(op: Op, flags: i32) -> Result<sys::ipc::sembuf, ErrorKind> {
    let (index, units, sign) = match op {
        Op::Acquire { index, units } => (index, units, -1),
        Op::Release { index, units } => (index, units, 1),
        Op::WaitForZero { index } => (index, 1, 0),
    };
    checked::<N>(index)?;
    if units == 0 {
        let reason = "0 units are nothing to acquire or release: to wait for 0, use `Op::WaitForZero`";
        return Err(ErrorKind::InvalidInput { reason });
    }
    match (i16::try_from(units), i16::try_from(flags)) {
        (Ok(units), Ok(sem_flg)) => Ok(sys::ipc::sembuf { sem_num: index, sem_op: sign * units, sem_flg }),
        _ => Err(too_high()),
    }
}

/// That the set has a semaphore of this index.
pub(crate) fn checked<const N: usize>(index: u16) -> Result<(), ErrorKind> {
    let reason = "the set has no semaphore of this index: they count from 0";
    if usize::from(index) < N { Ok(()) } else { Err(ErrorKind::InvalidInput { reason }) }
}
