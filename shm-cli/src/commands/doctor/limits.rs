//! The kernel's limits, and how much of them is used.

use std::fs;

use nix::unistd::{SysconfVar, sysconf};
use serde::Serialize;
use shm_runtime::{Object, ObjectKind, Record};

use super::Report;
use crate::kinds::Kinds;
use crate::target::describe;

/// What the kernel has for no limit of bytes or pages (SHMMAX and SHMALL: ULONG_MAX - 2^24, rounded to pages or not).
pub(super) const UNLIMITED: u64 = u64::MAX - (1 << 24) - (1 << 16);

/// A limit of this IPC namespace.
#[derive(Serialize)]
pub(super) struct Limit {
    /// As sysctl(8) has it; of semaphores, as semget(2) has it.
    pub(super) name: &'static str,
    /// What it is a limit of.
    pub(super) of: &'static str,
    pub(super) used: u64,
    /// `None` if it cannot be read.
    pub(super) limit: Option<u64>,
    /// Whether it is one of what all objects have together, and not of the largest one.
    #[serde(skip)]
    is_shared: bool,
}

impl Limit {
    fn is_nearly_reached(&self) -> bool {
        self.is_shared && self.limit.is_some_and(|limit| is_nearly(self.used, limit))
    }
}

/// Nine tenths.
fn is_nearly(used: u64, limit: u64) -> bool {
    used >= limit - limit / 10
}

/// All limits, and findings about those that are nearly reached.
pub(super) fn look(objects: &[Object], kinds: Kinds, report: &mut Report) {
    for kind in kinds.asked() {
        let of_kind: Vec<_> = objects.iter().filter(|object| object.kind() == kind).collect();
        let limits = match kind {
            ObjectKind::Segment => of_segments(&of_kind).to_vec(),
            ObjectKind::Semaphore => of_sets(&of_kind).to_vec(),
            ObjectKind::Queue => {
                full_queues(&of_kind, report);
                of_queues(&of_kind).to_vec()
            }
        };
        for (limit, is_shared) in limits {
            let (name, of, used, limit) = limit;
            let limit = Limit { name, of, used, limit, is_shared };
            if limit.is_nearly_reached() {
                let most = limit.limit.unwrap_or_default();
                report.finds(
                    "limit",
                    format!("{used} of {most} {of} are used ({name})"),
                    "programs that create more are refused with ENOSPC",
                    format!(
                        "remove what no process needs (`shm list -{}`), or `{}`",
                        kind.flag(),
                        raise(name, most)
                    ),
                );
            }
            report.limits.push(limit);
        }
    }
}

/// The command that raises a limit: to twice as much, or as much as the kernel takes.
fn raise(name: &str, value: u64) -> String {
    // IPCMNI.
    const MOST_OBJECTS: u64 = 32768;
    let more = value.saturating_mul(2);
    let more = match name {
        "kernel.shmmni" | "kernel.msgmni" | "SEMMNI" => more.min(MOST_OBJECTS.max(value)),
        _ => more,
    };
    let place = ["SEMMSL", "SEMMNS", "SEMOPM", "SEMMNI"].iter().position(|other| *other == name);
    match (place, fs::read_to_string("/proc/sys/kernel/sem")) {
        (Some(place), Ok(limits)) => {
            let more = more.to_string();
            let mut limits: Vec<_> = limits.split_whitespace().collect();
            limits.iter_mut().skip(place).take(1).for_each(|limit| *limit = &more);
            format!("sysctl -w kernel.sem=\"{}\"", limits.join(" "))
        }
        _ => format!("sysctl -w {name}={more}"),
    }
}

type Measured = ((&'static str, &'static str, u64, Option<u64>), bool);

fn of_segments(objects: &[&Object]) -> [Measured; 3] {
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|page| u64::try_from(page).ok());
    let page = page.filter(|&page| page > 0).unwrap_or(4096);
    let sizes = objects.iter().filter_map(|object| match object.record() {
        Record::Segment(stat) => u64::try_from(stat.size).ok(),
        _ => None,
    });
    let pages = sizes.clone().map(|size| size.div_ceil(page)).sum();
    [
        (("kernel.shmmni", "segments", count(objects), sysctl("shmmni", 0)), true),
        (("kernel.shmall", "pages in all segments", pages, sysctl("shmall", 0)), true),
        (
            ("kernel.shmmax", "bytes in the largest segment", sizes.max().unwrap_or(0), sysctl("shmmax", 0)),
            false,
        ),
    ]
}

fn of_sets(objects: &[&Object]) -> [Measured; 3] {
    let sizes = objects.iter().filter_map(|object| match object.record() {
        Record::Semaphore(stat) => u64::try_from(stat.semaphores).ok(),
        _ => None,
    });
    let largest = sizes.clone().max().unwrap_or(0);
    [
        (("SEMMNI", "semaphore sets", count(objects), sysctl("sem", 3)), true),
        (("SEMMNS", "semaphores in all sets", sizes.sum(), sysctl("sem", 1)), true),
        (("SEMMSL", "semaphores in the largest set", largest, sysctl("sem", 0)), false),
    ]
}

fn of_queues(objects: &[&Object]) -> [Measured; 2] {
    let bytes = objects.iter().filter_map(|object| match object.record() {
        Record::Queue(stat) => Some(stat.bytes),
        _ => None,
    });
    [
        (("kernel.msgmni", "message queues", count(objects), sysctl("msgmni", 0)), true),
        // The limit that a queue begins with. Each has one of its own.
        (
            ("kernel.msgmnb", "bytes in the fullest queue", bytes.max().unwrap_or(0), sysctl("msgmnb", 0)),
            false,
        ),
    ]
}

fn full_queues(objects: &[&Object], report: &mut Report) {
    for object in objects {
        let Record::Queue(stat) = object.record() else { continue };
        let Some(limit) = stat.limit else { continue };
        // Messages without a byte count, too.
        let used = stat.bytes.max(stat.messages);
        if used > 0 && is_nearly(used, limit) {
            report.finds(
                "queue_full",
                format!(
                    "{}: {} bytes in {} messages, of {limit}",
                    describe(object),
                    stat.bytes,
                    stat.messages
                ),
                "programs that send to it wait, or are refused, until another one receives",
                format!("see which process should receive: `shm who -q id:{}`", object.id()),
            );
        }
    }
}

fn count(objects: &[&Object]) -> u64 {
    objects.len().try_into().unwrap_or(u64::MAX)
}

/// A number of a sysctl below `kernel`, which is of the IPC namespace of the process that reads it.
fn sysctl(name: &str, place: usize) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.split_whitespace().nth(place)?.parse().ok()
}
