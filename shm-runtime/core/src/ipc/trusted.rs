//! Whose segments this program opens.

use crate::ipc::error::ErrorKind;
use crate::sys;

/// The users whose segments are opened, besides this process's own and root's.
#[derive(Clone)]
pub(crate) struct Trusted {
    pub(crate) users: Vec<u32>,
    pub(crate) trust: Trust,
}

impl Trusted {
    /// Whether a segment with this owner and creator may be used.
    pub(crate) fn check(&self, owner: u32, creator: u32) -> Result<(), ErrorKind> {
        let listed = |user: u32| {
            user == 0
                || self.users.contains(&user)
                || match self.trust {
                    Trust::Nobody => false,
                    Trust::User(trusted) => user == trusted,
                    Trust::Anybody => true,
                }
        };
        let mut unlisted = [owner, creator].into_iter().filter(|&user| !listed(user)).peekable();
        if unlisted.peek().is_none() {
            return Ok(());
        }
        let uid = sys::effective_uid();
        match unlisted.all(|user| user == uid) {
            true => Ok(()),
            false => Err(ErrorKind::Untrusted { owner, creator, uid }),
        }
    }
}

/// Whose segments may be opened, besides our own and root's.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Trust {
    Nobody,
    User(u32),
    Anybody,
}
