//! The three kinds of System V objects.

use crate::sys::refused::Call;

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

    /// Its table in /proc/sysvipc.
    pub(crate) fn table(self) -> &'static str {
        match self {
            Self::Segment => "shm",
            Self::Semaphore => "sem",
            Self::Queue => "msg",
        }
    }

    /// The call that finds or makes one by its key.
    pub(crate) fn get(self) -> Call {
        match self {
            Self::Segment => Call::Shmget,
            Self::Semaphore => Call::Semget,
            Self::Queue => Call::Msgget,
        }
    }

    /// The call that looks at it, changes and removes it.
    pub(crate) fn control(self) -> Call {
        match self {
            Self::Segment => Call::Shmctl,
            Self::Semaphore => Call::Semctl,
            Self::Queue => Call::Msgctl,
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
