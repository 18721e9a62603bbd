//! What the kernel knows of objects, in any of serde's formats. Times are seconds since 1970.
//!
//! Each impl has the `cfg` of its module again: from the impl only, the documentation of `shm-runtime` knows that it needs the
//! feature.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::ipc::key::Key;
use crate::ipc::permissions::Permissions;
use crate::ipc::record::Record;
use crate::ipc::stat::{queue, segment, semaphore};

fn seconds(time: Option<SystemTime>) -> Option<u64> {
    time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map(|since| since.as_secs())
}

/// The fields of a struct under their names, some of them converted first.
macro_rules! serialize {
    ($($ty:ty { $($field:ident $(: $convert:expr)?),* $(,)? })*) => {$(
        #[cfg(feature = "serde")]
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let fields = [$(stringify!($field)),*].len();
                let mut out = serializer.serialize_struct(stringify!($ty), fields)?;
                $(
                    let value = self.$field;
                    $(let value = $convert(value);)?
                    out.serialize_field(stringify!($field), &value)?;
                )*
                out.end()
            }
        }
    )*};
}
serialize! {
    Permissions { uid, gid, mode }
    segment::Stat {
        key, permissions, creator_uid, creator_gid, removed, locked, sequence, size, attached_at: seconds, detached_at: seconds,
        changed_at: seconds, creator_pid, last_pid, attached,
    }
    semaphore::Stat {
        key, permissions, creator_uid, creator_gid, sequence, operated_at: seconds, changed_at: seconds, semaphores,
    }
    queue::Stat {
        key, permissions, creator_uid, creator_gid, sequence, sent_at: seconds, received_at: seconds, changed_at: seconds, bytes,
        messages, limit, last_sender_pid, last_receiver_pid,
    }
}

/// `{"segment": {...}}`, and of the other kinds likewise.
#[cfg(feature = "serde")]
impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Segment(stat) => serializer.serialize_newtype_variant("Record", 0, "segment", stat),
            Self::Semaphore(stat) => serializer.serialize_newtype_variant("Record", 1, "semaphore", stat),
            Self::Queue(stat) => serializer.serialize_newtype_variant("Record", 2, "queue", stat),
        }
    }
}

/// How it is derived, as `Display` says it.
#[cfg(feature = "serde")]
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
