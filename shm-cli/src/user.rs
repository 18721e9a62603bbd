//! Users and groups by number and name.

use std::collections::HashMap;

use nix::unistd::{Gid, Group, Uid, User};

use crate::failure::Failure;

/// The users that were asked for, each of which is looked up once.
#[derive(Default)]
pub(crate) struct Users {
    names: HashMap<u32, String>,
}

impl Users {
    /// The user's name, or the number of one that has none.
    pub(crate) fn name(&mut self, uid: u32) -> &str {
        let named = || match User::from_uid(Uid::from_raw(uid)) {
            Ok(Some(user)) => user.name,
            Ok(None) | Err(_) => uid.to_string(),
        };
        self.names.entry(uid).or_insert_with(named)
    }
}

/// The group's name, or the number of one that has none.
pub(crate) fn group_name(gid: u32) -> String {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => group.name,
        Ok(None) | Err(_) => gid.to_string(),
    }
}

/// The user of this name or number.
pub(crate) fn uid_of(user: &str) -> Result<u32, Failure> {
    match User::from_name(user) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        // `u32::MAX` means "leave it" to chown(2) and its like.
        Ok(None) => match user.parse() {
            Ok(uid) if uid != u32::MAX => Ok(uid),
            _ => Err(Failure::new(format!("there is no user {user:?}"))),
        },
        Err(error) => Err(Failure::new(format!("cannot look up the user {user:?}: {error}"))),
    }
}

/// The group of this name or number.
pub(crate) fn gid_of(group: &str) -> Result<u32, Failure> {
    match Group::from_name(group) {
        Ok(Some(group)) => Ok(group.gid.as_raw()),
        Ok(None) => match group.parse() {
            Ok(gid) if gid != u32::MAX => Ok(gid),
            _ => Err(Failure::new(format!("there is no group {group:?}"))),
        },
        Err(error) => Err(Failure::new(format!("cannot look up the group {group:?}: {error}"))),
    }
}
