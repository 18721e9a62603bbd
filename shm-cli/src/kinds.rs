//! Which kinds of objects a command is about: `-m`, `-q`, `-s`, as `ipcs` has them.

use shm_runtime::ObjectKind;

/// All three kinds, if none is given.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct Kinds {
    /// Shared memory segments.
    #[arg(short = 'm', long = "segments")]
    segments: bool,
    /// Message queues.
    #[arg(short = 'q', long = "queues")]
    queues: bool,
    /// Semaphore sets.
    #[arg(short = 's', long = "semaphores")]
    semaphores: bool,
}

impl Kinds {
    /// Segments only.
    pub(crate) const SEGMENTS: Self = Self { segments: true, queues: false, semaphores: false };

    /// Those that were asked for.
    pub(crate) fn asked(self) -> impl Iterator<Item = ObjectKind> {
        let all = !(self.segments || self.queues || self.semaphores);
        ObjectKind::ALL.into_iter().filter(move |kind| match kind {
            ObjectKind::Segment => all || self.segments,
            ObjectKind::Queue => all || self.queues,
            ObjectKind::Semaphore => all || self.semaphores,
        })
    }
}
