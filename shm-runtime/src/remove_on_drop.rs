//! The guard that removes a segment.

use core::fmt;
use core::ops::Deref;

use crate::segment::Segment;
use crate::shared_segment::SharedSegment;

/// Removes its segment when dropped. Made by [`Segment::remove_on_drop`]; derefs to the segment.
#[must_use = "the segment is removed when this is dropped"]
pub struct RemoveOnDrop<T: SharedSegment> {
    pub(crate) segment: Segment<T>,
    pub(crate) keep: bool,
}

impl<T: SharedSegment> RemoveOnDrop<T> {
    /// Gives the segment back without removing it.
    pub fn keep(mut self) -> Segment<T> {
        self.keep = true;
        let segment = self.segment.clone();
        match self.segment.take_spare() {
            Some(mapping) => segment.with_spare(mapping),
            None => segment,
        }
    }
}

impl<T: SharedSegment> Deref for RemoveOnDrop<T> {
    type Target = Segment<T>;

    fn deref(&self) -> &Segment<T> {
        &self.segment
    }
}

impl<T: SharedSegment> Drop for RemoveOnDrop<T> {
    fn drop(&mut self) {
        if !self.keep {
            // It may have been removed by somebody else, and a drop has nobody to tell.
            let _ = self.segment.remove();
        }
    }
}

impl<T: SharedSegment> fmt::Debug for RemoveOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoveOnDrop").field(&self.segment).finish()
    }
}
