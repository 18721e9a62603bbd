//! What the three kinds of System V objects share.

pub(crate) mod diagnose;
pub(crate) mod error;
pub(crate) mod identity;
pub(crate) mod key;
pub(crate) mod lookup;
pub(crate) mod record;
pub(crate) mod remove_on_drop;
pub(crate) mod stat;
pub(crate) mod trusted;
