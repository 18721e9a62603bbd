//! Whose objects this program opens: one rule for segments, semaphore sets and message queues.

use core::cell::LazyCell;
use std::borrow::Cow;
use std::ffi::CString;
use std::fs;
use std::sync::OnceLock;

use crate::ipc::error::ErrorKind;
use crate::sys;

/// The users whose objects are opened, besides this process's own and root's.
#[derive(Clone)]
pub(crate) struct Trusted {
    users: Vec<User>,
    trust: Trust,
}

/// A user as a program names it.
#[derive(Clone)]
enum User {
    Number(u32),
    /// Looked up when it matters.
    Name(Cow<'static, str>),
}

impl Trusted {
    pub(crate) fn new(trust: Trust) -> Self {
        Self { users: Vec::new(), trust }
    }

    pub(crate) fn add(&mut self, uid: u32) {
        self.users.push(User::Number(uid));
    }

    pub(crate) fn add_named(&mut self, name: Cow<'static, str>) {
        self.users.push(User::Name(name));
    }

    pub(crate) fn add_anybody(&mut self) {
        self.trust = Trust::Anybody;
    }

    pub(crate) fn is_anybody(&self) -> bool {
        matches!(self.trust, Trust::Anybody)
    }

    /// Whether an object with this owner and creator may be used.
    ///
    /// Both have to be root (the user whose number is 0 here), this process's user, or one that was named. A number that
    /// stands for many users is none of these, whatever was named.
    pub(crate) fn check(&self, owner: u32, creator: u32) -> Result<(), ErrorKind> {
        if self.is_anybody() {
            return Ok(());
        }
        let both = [owner, creator];
        let uid = LazyCell::new(sys::effective_uid);
        let untrusted = |unidentified| ErrorKind::Untrusted { owner, creator, uid: *uid, unidentified };
        if let Some(reason) = both.into_iter().find_map(unidentified) {
            return Err(untrusted(Some(reason)));
        }
        let by_number = |user: u32| {
            user == 0
                || matches!(self.trust, Trust::User(trusted) if trusted == user)
                || self.users.iter().any(|known| matches!(known, User::Number(trusted) if *trusted == user))
        };
        let mut rest: Vec<u32> = both.into_iter().filter(|&user| !by_number(user)).collect();
        if rest.is_empty() {
            return Ok(());
        }
        rest.retain(|&user| user != *uid);
        let mut unknown = None;
        for name in self.names() {
            if rest.is_empty() {
                break;
            }
            match uid_of(name) {
                Ok(trusted) => rest.retain(|&user| user != trusted),
                Err(kind) => unknown = unknown.or(Some(kind)),
            }
        }
        match (rest.is_empty(), unknown) {
            (true, _) => Ok(()),
            (false, Some(kind)) => Err(kind),
            (false, None) => Err(untrusted(None)),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let attribute = match self.trust {
            Trust::Named(name) => Some(name),
            Trust::Nobody | Trust::User(_) | Trust::Anybody => None,
        };
        let options = self.users.iter().filter_map(|user| match user {
            User::Name(name) => Some(&**name),
            User::Number(_) => None,
        });
        attribute.into_iter().chain(options)
    }
}

/// Whose objects may be opened, besides our own and root's, as `#[shm(...)]` says it.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Trust {
    Nobody,
    User(u32),
    /// A name, looked up at run time.
    Named(&'static str),
    Anybody,
}

/// The number of the user with this name.
fn uid_of(name: &str) -> Result<u32, ErrorKind> {
    let unknown = |source| ErrorKind::UnknownUser { name: name.to_owned(), source };
    let text = CString::new(name).map_err(|_| unknown(None))?;
    match sys::user::uid_of(&text) {
        Ok(Some(uid)) => Ok(uid),
        Ok(None) => Err(unknown(None)),
        Err(source) => Err(unknown(Some(source))),
    }
}

/// Why this number does not tell whose an object is; `None` if it does.
///
/// In a user namespace, the kernel shows every user that has no number there as one number, the overflow uid
/// (user_namespaces(7)); this process's own user can be one of them. It is a user like others only where all users have
/// numbers, as in the first namespace.
fn unidentified(uid: u32) -> Option<String> {
    if uid != overflow_uid() {
        return None;
    }
    let map = fs::read_to_string("/proc/self/uid_map");
    let rest = match &map {
        Ok(map) if maps_all(map) => return None,
        Ok(map) => {
            let namespace = fs::read_link("/proc/self/ns/user").unwrap_or_default();
            let lines = map.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            let lines = lines.collect::<Vec<_>>().join(", ");
            format!("this process's user namespace ({}, uid_map {lines:?})", namespace.display())
        }
        Err(error) => format!(
            "a user namespace, and it cannot be told whether this process is in one (/proc/self/uid_map: {error})"
        ),
    };
    Some(format!("uid {uid} is the overflow uid, which stands for every user that has no number in {rest}"))
}

/// The sysctl kernel.overflowuid, asked for once.
fn overflow_uid() -> u32 {
    // The kernel's default (DEFAULT_OVERFLOWUID), for a process without /proc.
    const DEFAULT: u32 = 65534;
    static KNOWN: OnceLock<u32> = OnceLock::new();
    let read = || fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok();
    match KNOWN.get() {
        Some(&uid) => uid,
        None => read().map_or(DEFAULT, |uid| *KNOWN.get_or_init(|| uid)),
    }
}

/// Whether a uid_map gives every user a number: its ranges, of which no two overlap, have as many as there are.
fn maps_all(map: &str) -> bool {
    let length = |line: &str| line.split_whitespace().nth(2)?.parse::<u64>().ok();
    // All but -1, which is not a user.
    map.lines().map(|line| length(line).unwrap_or_default()).sum::<u64>() == u64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_complete_only_if_no_user_is_without_a_number() {
        assert!(maps_all("         0          0 4294967295\n"));
        assert!(maps_all("0 0 65534\n65534 65534 4294901761\n"));
        for part in ["", "0 1000 1\n", "0 0 65536\n", "65534 65534 1\n", "0 0 4294967294\n", "nonsense\n"] {
            assert!(!maps_all(part), "{part:?}");
        }
    }

    #[test]
    fn a_user_is_found_by_its_name_and_one_that_does_not_exist_is_named() {
        assert_eq!(uid_of("root").ok(), Some(0));
        for name in ["no-such-user-here", "", "with\0nul"] {
            assert!(matches!(uid_of(name), Err(ErrorKind::UnknownUser { name: said, .. }) if said == name));
        }
    }
}
