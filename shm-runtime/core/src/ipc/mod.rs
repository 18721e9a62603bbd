//! What the three kinds of System V objects share.

pub(crate) mod diagnose;
pub(crate) mod error;
pub(crate) mod identity;
pub(crate) mod key;
pub(crate) mod kind;
pub(crate) mod lookup;
pub(crate) mod mode;
pub(crate) mod object;
pub(crate) mod permissions;
pub(crate) mod raw_message;
pub(crate) mod record;
pub(crate) mod remove_on_drop;
pub(crate) mod resolve;
#[cfg(feature = "serde")]
mod serialize;
pub(crate) mod stat;
pub(crate) mod trusted;
