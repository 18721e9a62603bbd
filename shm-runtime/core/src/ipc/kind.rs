//! The three kinds of System V objects.

use crate::sys::refused::Call;

/// The three kinds of System V objects. Each has its own keys and ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A segment of shared memory: shmget(2).
    #[default]
    Segment,
    /// A semaphore set: semget(2).
    Semaphore,
    /// A message queue: msgget(2).
    Queue,
}

impl ObjectKind {
    /// All three, in the order in which ipcs(1) shows them.
    pub const ALL: [Self; 3] = [Self::Queue, Self::Segment, Self::Semaphore];

    /// What errors call it: `segment`, `semaphore set`, `message queue`.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Segment => "segment",
            Self::Semaphore => "semaphore set",
            Self::Queue => "message queue",
        }
    }

    /// What its id is called: `shmid`, `semid`, `msqid`.
    pub fn id_name(self) -> &'static str {
        match self {
            Self::Segment => "shmid",
            Self::Semaphore => "semid",
            Self::Queue => "msqid",
        }
    }

    /// The file of /proc/sysvipc in which they are listed.
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

    /// The option by which ipcs(1) and ipcrm(1) know it: `m`, `s`, `q`.
    pub fn flag(self) -> char {
        match self {
            Self::Segment => 'm',
            Self::Semaphore => 's',
            Self::Queue => 'q',
        }
    }
}
