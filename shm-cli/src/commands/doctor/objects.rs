//! What is wrong with objects, whichever they are.

use std::collections::BTreeSet;

use nix::unistd::geteuid;
use shm_runtime::inspect::Segment;
use shm_runtime::{Object, ObjectKind, Record};

use super::{Fact, Report};
use crate::kinds::Kinds;
use crate::sealed::Sealed;
use crate::target::describe;
use crate::user::Users;

/// All that there are. A kind that may not be listed is a finding.
pub(super) fn all(kinds: Kinds, report: &mut Report) -> Vec<Object> {
    let mut objects = Vec::new();
    for kind in kinds.asked() {
        match Object::all(kind) {
            Ok(found) => objects.extend(found),
            Err(error) => report.finds(
                "refused",
                error.to_string(),
                "the kernel has no System V IPC (CONFIG_SYSVIPC), or a seccomp filter refuses its calls: then programs fail here, too",
                "of a container: allow shmget, shmat, shmctl, shmdt, semget, semctl, semop, msgget and msgctl in its seccomp profile",
            ),
        }
    }
    objects
}

pub(super) fn look(objects: &[Object], report: &mut Report) {
    let mut users = Users::default();
    let mut foreign = BTreeSet::new();
    let this = geteuid().as_raw();
    for object in objects {
        world_writable(object, report);
        orphaned(object, &mut users, report);
        let owner = object.record().permissions().uid;
        if [owner, object.record().creator_uid()].iter().any(|uid| ![0, this].contains(uid)) {
            foreign.insert(users.name(owner).to_owned());
        }
        if object.kind() == ObjectKind::Segment {
            stale(object, report);
        }
    }
    if !foreign.is_empty() {
        let value = foreign.into_iter().collect::<Vec<_>>().join(", ");
        let means = "these users have objects here, too; a program of this user does not open them until it says that it trusts \
             them"
            .to_owned();
        report.facts.push(Fact { name: "other_users", value, means });
    }
}

fn world_writable(object: &Object, report: &mut Report) {
    let mode = object.record().permissions().mode;
    let may = match object.kind() {
        ObjectKind::Segment => "write to it",
        ObjectKind::Semaphore => "take and give its units",
        ObjectKind::Queue => "send to it",
    };
    if mode & 0o002 != 0 {
        report.finds(
            "world_writable",
            format!("{}: mode {mode:04o}", describe(object)),
            format!("every user of the system may {may}"),
            format!("shm chmod -{} {:o} id:{}", object.kind().flag(), mode & !0o007, object.id()),
        );
    }
}

fn orphaned(object: &Object, users: &mut Users, report: &mut Report) {
    let uid = object.record().permissions().uid;
    if users.name(uid) == uid.to_string() {
        let (flag, id) = (object.kind().flag(), object.id());
        report.finds(
            "no_such_user",
            format!("{}: its owner, uid {uid}, does not exist on this system", describe(object)),
            "the user was deleted, or a container with users of its own made it: only root can change it",
            format!("`shm remove -{flag} {id}`, or `shm chown -{flag} USER id:{id}`"),
        );
    }
}

fn stale(object: &Object, report: &mut Report) {
    let Some(sealed) = Sealed::of(object) else { return };
    let segment = Segment::options().trust_anybody().open_object(object);
    if !segment.and_then(|segment| segment.is_abandoned()).unwrap_or(false) {
        return;
    }
    let Record::Segment(stat) = object.record() else { return };
    report.finds(
        "stale",
        format!(
            "{}: {} ({}), made by a process that is gone (pid {}), attached by none",
            describe(object),
            sealed.type_name.as_deref().unwrap_or("a struct"),
            sealed.state,
            stat.creator_pid
        ),
        format!(
            "{} bytes are kept until it is removed. A program may want what it left there for its next run",
            stat.size
        ),
        format!("`shm remove -m {}`, or all of them: `shm remove --stale --yes`", object.id()),
    );
}
