//! Why one object cannot be opened by a program of this user, here and now.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::{getegid, geteuid, getgroups};
use shm_runtime::inspect::{Attached, Process, Seal, Segment, State};
use shm_runtime::{Error, ErrorKind, Key, Object, Permissions, Record};

use super::Report;
use crate::failure::Failure;
use crate::kinds::Kinds;
use crate::process::Program;
use crate::target::{Target, describe};

pub(super) fn look(name: &Target, kinds: Kinds, report: &mut Report) -> Result<(), Failure> {
    let Some(object) = name.find_if_any(kinds)? else {
        report.finds(
            "not_found",
            name.not_found(kinds),
            "no program has created it here, or it was removed; one that was created in another IPC namespace (see above), or under \
             another key, is not found here",
            "start the program that creates it. Of an ftok key, see `shm key PATH PROJECT`: a file that was replaced gives another key",
        );
        return Ok(());
    };
    trust(&object, report);
    match object.record() {
        Record::Segment(_) => of_segment(&object, name.named_key(), report),
        Record::Semaphore(stat) => {
            permission(&object, report);
            if stat.operated_at.is_none() {
                report.finds(
                    "uninitialised",
                    format!("{}: no process has operated on it", describe(&object)),
                    "its creator has not given the semaphores their initial values, or died before: those that open it wait for that",
                    format!("if the creator is dead: `shm remove -s {}`, and start it again", object.id()),
                );
            }
        }
        _ => permission(&object, report),
    }
    Ok(())
}

/// Whether this user's programs open objects of these users.
fn trust(object: &Object, report: &mut Report) {
    let (flag, id) = (object.kind().flag(), object.id());
    let (owner, creator) = (object.record().permissions().uid, object.record().creator_uid());
    let this = geteuid().as_raw();
    let unidentified = match object.record() {
        Record::Segment(_) => match Segment::options().open_object(object).as_ref().map_err(Error::kind) {
            Err(ErrorKind::Untrusted { unidentified, .. }) => unidentified.clone(),
            _ => None,
        },
        _ => None,
    };
    let stranger = [owner, creator].into_iter().find(|uid| ![0, this].contains(uid));
    if let Some(user) = stranger.or(unidentified.as_ref().map(|_| owner)) {
        let why = unidentified.map_or_else(String::new, |why| format!("; {why}"));
        report.finds(
            "untrusted",
            format!("{}: it belongs to uid {owner}, and was created by uid {creator}{why}", describe(object)),
            format!(
                "a program of uid {this} opens objects of its own user and of root only: any user can create one under a free key"
            ),
            format!(
                "if uid {user} is to be trusted, `#[shm(trust = {user})]` or `options().trust_owner({user})` in the program; if not, \
                 `shm remove -{flag} {id}`, as root"
            ),
        );
    }
}

/// Of a queue and a semaphore set, for which there is no call that only tries: by the rule of the kernel (ipcperms).
fn permission(object: &Object, report: &mut Report) {
    let Permissions { uid, gid, mode } = object.record().permissions();
    let (creator, creator_gid) = match object.record() {
        Record::Semaphore(stat) => (stat.creator_uid, stat.creator_gid),
        Record::Queue(stat) => (stat.creator_uid, stat.creator_gid),
        _ => (object.record().creator_uid(), gid),
    };
    let this = geteuid().as_raw();
    let groups = getgroups().unwrap_or_default();
    let is_in = |gid: u32| getegid().as_raw() == gid || groups.iter().any(|group| group.as_raw() == gid);
    let granted = if this == 0 {
        0o6
    } else if [uid, creator].contains(&this) {
        mode >> 6
    } else if is_in(gid) || is_in(creator_gid) {
        mode >> 3
    } else {
        mode
    };
    for (bit, name, may) in [(0o4, "permission_to_read", "read"), (0o2, "permission_to_write", "write")] {
        if granted & bit == 0 {
            denied(object, name, may, report);
        }
    }
}

fn denied(object: &Object, name: &'static str, may: &str, report: &mut Report) {
    let Permissions { uid, gid, mode } = object.record().permissions();
    let (flag, id) = (object.kind().flag(), object.id());
    let (this, group) = (geteuid(), getegid());
    report.finds(
        name,
        format!("{}: owner uid {uid}, gid {gid}, mode {mode:04o}", describe(object)),
        format!("uid {this}, gid {group} may not {may} it"),
        format!(
            "as its owner or root: `shm chmod -{flag} {:o} id:{id}`, with this user in group {gid}, or \
             `shm chown -{flag} {this}:{group} id:{id}`",
            mode | 0o060
        ),
    );
}

fn of_segment(object: &Object, named: Option<Key>, report: &mut Report) {
    let id = object.id();
    if matches!(object.record(), Record::Segment(stat) if stat.removed) {
        report.finds(
            "removed",
            format!("{}: it was removed, and goes with the last detach", describe(object)),
            "its key is free: `open` by the key finds nothing, or another segment",
            format!("create it anew; `shm who -m id:{id}` shows which processes keep this one"),
        );
    }
    let mut options = Segment::options();
    let attached = options.trust_anybody().open_object(object).and_then(|segment| {
        let attached = segment.attach_read_only()?;
        // Whether it may be written, which most programs want, is told by no other call. Nothing is written.
        if let Err(ErrorKind::Permission { .. }) = segment.attach().as_ref().map_err(Error::kind) {
            denied(object, "permission_to_write", "write", report);
        }
        Ok(attached)
    });
    match attached {
        Ok(attached) => of_content(object, &attached, named, report),
        Err(error) => match error.kind() {
            ErrorKind::Permission { .. } => denied(object, "permission_to_read", "read", report),
            ErrorKind::HugePages => report.finds(
                "huge_pages",
                format!("{}: it is made of huge pages", describe(object)),
                "any process that may write to it can take them away, and so kill those that read it by SIGBUS; a program opens it \
                 only if it says that it trusts those",
                "`options().trust_writers()` in the program, or create it without huge pages",
            ),
            ErrorKind::Removed => report.finds(
                "removed",
                format!("{}: it was removed just now", describe(object)),
                "there is nothing to be opened any more",
                "start the program that creates it",
            ),
            _ => report.finds("refused", error.to_string(), "it cannot be attached", "see the kernel's words"),
        },
    }
}

/// What its seal says, of which nothing is relied on but to be shown.
fn of_content(object: &Object, attached: &Attached, named: Option<Key>, report: &mut Report) {
    let (id, it) = (object.id(), describe(object));
    let schema = attached.schema();
    let Some(seal) = attached.seal() else {
        match schema.as_ref().map_err(|error| error.kind()) {
            Err(ErrorKind::BadSeal { reason, .. }) => report.finds(
                "other_version",
                format!("{it}: {reason}"),
                "a program with another version of shm-runtime created it, or one overwrote its end",
                format!("build both programs with one version; or `shm remove -m {id}`, if no process needs it"),
            ),
            _ => report.finds(
                "not_sealed",
                format!("{it}: it has no seal, {}", creator_of(object)),
                "a program in C or with `#[shm(bare)]` created it, or one that died before it had sealed it; a program of a sealed \
                 struct does not open it",
                format!("`#[shm(bare)]` in the program, which then checks the size only; or, if it is a leftover, `shm remove -m {id}`"),
            ),
        }
        return;
    };
    if let Err(ErrorKind::BadSeal { reason, .. }) = schema.as_ref().map_err(|error| error.kind()) {
        report.finds(
            "bad_seal",
            format!("{it}: {reason}"),
            "another process overwrote it, and nothing in it can be relied on",
            format!("`shm remove -m {id}`, and start the program that creates it"),
        );
    }
    state(&it, id, &seal, report);
    let this = named.and_then(|key| Some((key.value().ok()?, key.to_string())));
    if let (Some((key, ours)), Ok(theirs)) = (this, &seal.key)
        && key == object.record().key()
        && ours != *theirs
    {
        report.finds(
            "key_collision",
            format!("{it}: it was created by {theirs}, and not by {ours}"),
            "two different names or files gave the same key",
            "give one of them another name",
        );
    }
    let has_mutex = schema.is_ok_and(|schema| schema.to_string().contains(" builtin Mutex "));
    let here = fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino());
    let theirs = u64::from(seal.creator.pid_namespace);
    if has_mutex && theirs != 0 && here != 0 && theirs != here {
        report.finds(
            "other_pid_namespace",
            format!("{it}: its creator is in the pid namespace {theirs}, and this process in {here}"),
            "there is a `sync::Mutex` in it, whose holder is known by a thread id, which means another thread here: it can be \
             attached to be read only",
            "let both be in one pid namespace (Kubernetes: `shareProcessNamespace: true`; Docker: `--pid=container:NAME`)",
        );
    }
}

/// How far it has come, if that is not as far as it should.
fn state(it: &str, id: i32, seal: &Seal, report: &mut Report) {
    let creator = in_words(seal.creator);
    let remove = format!("`shm remove -m {id}`, or `open_or_create`, which replaces it");
    match (seal.state, seal.creator.alive()) {
        (State::Ready | State::Reclaiming { was_ready: true, .. }, _) => {}
        (State::New | State::Initialising, Some(false)) | (State::Abandoned, _) => report.finds(
            "abandoned",
            format!("{it}: it was never initialised to the end by {creator}"),
            "its creator died or panicked over it, so that what is in it is half-made: no program opens it",
            remove,
        ),
        (State::New | State::Initialising, alive) => report.finds(
            "initialising",
            format!("{it}: {creator} is initialising it"),
            match alive {
                Some(true) => "those that open it wait for that, one second if they do not say otherwise",
                _ => "whether that lives cannot be told from here; those that open it wait for it",
            },
            format!("see what keeps that process; if it is dead, `shm remove -m {id}`"),
        ),
        (State::Reclaiming { by, .. }, _) => report.finds(
            "being_reclaimed",
            format!("{it}: {} is removing it as a stale one", in_words(by)),
            "those that open it wait until it is gone",
            remove,
        ),
        (state, _) => report.finds(
            "bad_seal",
            format!("{it}: its state is {state:?}, which is not a state"),
            "another process overwrote it, and nothing in it can be relied on",
            format!("`shm remove -m {id}`, and start the program that creates it"),
        ),
    }
}

fn in_words(process: Process) -> String {
    match process.alive() {
        Some(true) => format!("pid {}", process.pid),
        Some(false) => format!("pid {}, which is dead,", process.pid),
        None => format!("pid {} of another pid namespace", process.pid),
    }
}

/// By the kernel, which knows the pid only.
fn creator_of(object: &Object) -> String {
    let Record::Segment(stat) = object.record() else { return String::new() };
    match Program::of(stat.creator_pid) {
        Program::Lives(name) => {
            format!("created by pid {} ({name}, if no other has that pid now)", stat.creator_pid)
        }
        Program::Dead => format!("created by pid {}, which is gone", stat.creator_pid),
        Program::Unknown => "created by a process that cannot be seen from here".to_owned(),
    }
}
