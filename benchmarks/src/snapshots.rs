//! Whole values that one writes and others read: sequence locks beside mmap-sync. Without anybody in the way.

use std::hint::black_box;

use mmap_sync::synchronizer::Synchronizer;
use shm_runtime::{SharedSegment, sync};

use crate::channels::GRACE;
use crate::measure::{self, Effort, Outcome};
use crate::report::{Goal, Report};
use crate::{Result, Scratch};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Board<const N: usize> {
    values: sync::SeqLock<[u64; N]>,
}

/// Reads and writes of `N` words.
fn compare<const N: usize>(scratch: &Scratch, effort: Effort) -> Result<(Outcome, Outcome)>
where
    [u64; N]: Value,
{
    let segment = Board::<N>::create()?.remove_on_drop();
    let (writing, reading) = (segment.attach()?, segment.attach_read_only()?);
    let mut writer = writing.values.writer()?;
    let file = scratch.memory_file(&format!("board{N}"));
    let mut synchronizer = Synchronizer::new(file.as_ref());
    let value = [7; N];
    writer.write(&value)?;
    <[u64; N]>::write(&mut synchronizer, &value)?;
    let (mut to, mut peer_to) = ([0; N], [0; N]);
    let reads = measure::operations(
        effort,
        || Ok(reading.values.read_into(black_box(&mut to))?),
        || <[u64; N]>::read_into(&mut synchronizer, black_box(&mut peer_to)),
    )?;
    let writes = measure::operations(
        effort,
        || Ok(writer.write(black_box(&value))?),
        || <[u64; N]>::write(&mut synchronizer, black_box(&value)),
    )?;
    Ok((reads, writes))
}

/// What mmap-sync can carry, which its bounds allow to say of one length at a time.
trait Value: Sized {
    fn read_into(from: &mut Synchronizer, to: &mut Self) -> Result<()>;
    fn write(to: &mut Synchronizer, value: &Self) -> Result<()>;
}

macro_rules! value {
    ($($words:literal)*) => {$(
        impl Value for [u64; $words] {
            #[inline]
            fn read_into(from: &mut Synchronizer, to: &mut Self) -> Result<()> {
                // SAFETY: the file holds such arrays, which this process wrote by `write`, and what is read is copied at
                // once.
                *to = *unsafe { from.read::<Self>(false) }?;
                Ok(())
            }

            #[inline]
            fn write(to: &mut Synchronizer, value: &Self) -> Result<()> {
                to.write(value, GRACE)?;
                Ok(())
            }
        }
    )*};
}
value! { 8 64 512 }

pub fn measure(scratch: &Scratch, effort: Effort, report: &mut Report) -> Result<()> {
    const GROUP: &str = "`SeqLock`, undisturbed, one process";
    let sizes = [
        ("64 B", compare::<8>(scratch, effort)?),
        ("512 B", compare::<64>(scratch, effort)?),
        ("4 KiB", compare::<512>(scratch, effort)?),
    ];
    for (size, (reads, writes)) in sizes {
        report.add(GROUP, format!("read {size}, copied out"), "mmap-sync", reads, Goal::Speed(1.3));
        report.add(GROUP, format!("write {size}"), "mmap-sync", writes, Goal::Speed(15.0));
    }
    Ok(())
}
