//! The three kinds of System V objects.

/// The three kinds of System V objects. Each has its own keys and ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ObjectKind {
    #[default]
    Segment,
    Semaphore,
    Queue,
}

impl ObjectKind {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Semaphore => "semaphore set",
            Self::Queue => "message queue",
        }
    }

    /// What its id is called.
    pub(crate) fn id_name(self) -> &'static str {
        match self {
            Self::Segment => "shmid",
            Self::Semaphore => "semid",
            Self::Queue => "msqid",
        }
    }

    /// The option by which ipcs(1) and ipcrm(1) know it.
    pub(crate) fn flag(self) -> char {
        match self {
            Self::Segment => 'm',
            Self::Semaphore => 's',
            Self::Queue => 'q',
        }
    }
}
