//! Upgrades of queues that other processes use: what was accepted arrives, whichever process is killed, and nobody hangs.

use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use shm_runtime::sync::{LockError, Queue, QueueError};
use shm_runtime::{Attached, ErrorKind, RemoveOnDrop, Segment, Shareable, SharedSegment};
use shm_tests::child::Child;
use shm_tests::killed::kills;
use shm_tests::oracle::{self, Table};
use shm_tests::seal::key_of;
use shm_tests::structs::rings::{Item, Office, WIRE_LONGEST, message};
use shm_tests::structs::upgrade::{NewPassed, NewStreams, OldPassed, OldStreams, Pair};
use shm_tests::traced::Stopped;
use shm_tests::upgrade::{Name, options};
use shm_tests::{eventually, peer, skip};

fn pair(low: u64) -> Pair {
    Pair { low, high: !low }
}

fn old(name: &str) -> Attached<OldPassed> {
    options::<OldPassed>(name).create().expect("new").attach().expect("ours")
}

fn upgraded(name: &str) -> Attached<NewPassed> {
    options::<NewPassed>(name).upgrade(|_| {}).open().expect("upgraded").attach().expect("ready")
}

/// An upgrade by another process that is stopped at one of its system calls.
fn stopped_at(point: usize, name: &str) -> Option<Stopped> {
    let stopped = Stopped::at(point, peer!().command(&["upgrade", "upgrade-passed", name]));
    if stopped.is_none() {
        skip("ptrace is forbidden here");
    }
    stopped
}

#[test]
fn wherever_the_process_that_upgrades_is_killed_each_job_is_received_once_from_the_old_or_the_new_queue() {
    let (mut point, mut without) = (0, 0);
    loop {
        let own = Name::new();
        let name = &own.name;
        let old = old(name);
        assert_eq!(old.jobs.try_send_some(&[0, 1, 2, 3].map(pair)).expect("room"), 4);
        old.jobs.receive().expect("there").done().expect("ours");
        let mine = old.jobs.receive().expect("there");
        drop(old.jobs.receive().expect("there"));
        // In the slot of the first one; that of mine is not free.
        assert_eq!(old.jobs.try_send_some(&[4, 5].map(pair)).expect("room"), 1);
        assert_eq!(mine.low, 1);
        let Some(mut stopped) = stopped_at(point, name) else { return };
        stopped.traced.kill();

        let mut received = Vec::new();
        let mut receive = |passed: &Queue<Pair, 4>| match passed.try_receive() {
            Ok(job) => {
                received.push((job.low, job.is_redelivered()));
                job.done().expect("ours");
            }
            Err(QueueError::Upgraded) => {}
            Err(error) => panic!("killed at {point}: {error}"),
        };
        receive(&old.jobs);
        let rows = oracle::with_key(key_of(name));
        without += usize::from(rows.is_empty());
        // The next one upgrades it at once, or after the old queue was used again.
        if point % 2 == 0 && rows.iter().any(|row| row.id == old.segment().id()) {
            receive(&options::<OldPassed>(name).open().expect("there").attach().expect("ready").jobs);
        }
        let new = upgraded(name);
        loop {
            match new.jobs.try_receive() {
                Ok(job) => {
                    assert_eq!(job.high, !job.low);
                    received.push((job.low, job.is_redelivered()));
                    job.done().expect("ours");
                }
                Err(QueueError::Empty) => break,
                Err(error) => panic!("killed at {point}: {error}"),
            }
        }
        // Mine is given again.
        received.sort_unstable();
        assert_eq!(received, [(1, true), (2, true), (3, false), (4, false)], "killed at {point}");
        // Whoever attaches the old one by its id does not open it again.
        for old in [&old.segment().attach().expect("this process is attached"), &old] {
            assert!(matches!(old.jobs.try_send(&pair(6)), Err(QueueError::Upgraded)), "killed at {point}");
        }
        assert_eq!(new.jobs.try_send_some(&[6, 7, 8, 9, 10].map(pair)).expect("open"), 4);
        assert!(own.spares().is_empty(), "killed at {point}: {:?}", own.spares());
        if stopped.ended {
            break;
        }
        point += 1;
    }
    println!("killed at {point} points, at {without} of them with nothing under the key");
    assert!(point > 30 && without > 2, "{point} {without}");
}

#[test]
fn a_queue_that_an_upgrade_had_closed_when_it_was_killed_goes_on_once_it_is_opened_anew() {
    let own = Name::new();
    let name = &own.name;
    let old = old(name);
    assert_eq!(old.jobs.try_send_some(&[0, 1].map(pair)).expect("room"), 2);
    let Some(mut stopped) = stopped_at(0, name) else { return };
    // A closed one seems to be full.
    while old.jobs.len() < 4 {
        assert!(stopped.traced.step().is_some(), "it closes the queue before it removes the segment");
    }
    stopped.traced.kill();
    assert_eq!(own.only().id, old.segment().id());
    let is_closed = || matches!(old.jobs.try_receive(), Err(QueueError::Upgraded));
    assert!(is_closed());
    let opened = options::<OldPassed>(name).open().expect("there");
    opened.attach_read_only().expect("ready");
    assert!(is_closed(), "by one that may only read");
    let again = opened.attach().expect("ready");
    for (passed, expected) in [(&again, 0), (&old, 1)] {
        let job = passed.jobs.try_receive().expect("open");
        assert_eq!((*job, job.is_redelivered()), (pair(expected), false));
        job.done().expect("ours");
        passed.jobs.send(&pair(expected + 2)).expect("room");
    }
    let new = upgraded(name);
    let jobs = new.jobs.try_receive_some(9).expect("open");
    assert_eq!(jobs.iter().map(|job| **job).collect::<Vec<_>>(), [pair(2), pair(3)]);
    assert!(is_closed());
}

#[test]
fn those_who_use_a_queue_that_was_made_while_an_upgrade_was_dead_are_told_when_it_goes_on() {
    let own = Name::new();
    let name = &own.name;
    old(name).jobs.send(&pair(1)).expect("room");
    if own.left_by_the_dead(|point| stopped_at(point, name), || own.is_free().then_some(())).is_none() {
        return;
    }
    let between = old(name);
    between.jobs.send(&pair(2)).expect("room");
    let new = upgraded(name);
    assert!(matches!(between.jobs.try_send(&pair(3)), Err(QueueError::Upgraded)));
    assert!(matches!(between.jobs.receive().map(|job| *job), Err(QueueError::Upgraded)));
    // The values are those from before.
    let jobs = new.jobs.try_receive_some(9).expect("open");
    assert_eq!(jobs.iter().map(|job| **job).collect::<Vec<_>>(), [pair(1)]);
}

/// Two processes that send jobs and two that do them, and the account of what they do. They follow an upgrade.
struct Company {
    name: String,
    account: RemoveOnDrop<Segment<Office>>,
    office: Attached<Office>,
    peers: Vec<Child>,
}

impl Company {
    const ROLES: [&str; 4] = ["send-jobs", "send-jobs", "do-jobs", "do-jobs"];

    fn of(name: &str) -> Self {
        let account = Office::create().expect("new").remove_on_drop();
        let office = account.attach().expect("ours");
        office.limit.store(100_000, SeqCst);
        let mut company = Self { name: name.to_owned(), account, office, peers: Vec::new() };
        company.peers = (0..4).map(|which| company.start(which)).collect();
        company
    }

    fn start(&self, which: usize) -> Child {
        let account = self.account.id().to_string();
        Child::start(&mut peer!().command(&["upgrade", Self::ROLES[which], &self.name, &account]))
    }

    /// Kills one of them, and has another in its place.
    fn replace(&mut self, which: usize) {
        self.peers[which].kill();
        self.peers[which] = self.start(which);
    }

    /// Waits until they have done some more.
    fn goes_on(&self) {
        let received = self.office.received.load(SeqCst);
        let limit = self.office.issued.load(SeqCst) + 1_000;
        assert!(limit < self.office.accepted.len() as u64, "no more jobs are accounted for");
        self.office.limit.fetch_max(limit, SeqCst);
        eventually(|| self.office.received.load(SeqCst) > received + 20);
    }

    /// Waits until all that was accepted was received, and returns how many had the mark.
    fn ends(mut self, new: &Attached<NewPassed>) -> u64 {
        self.office.limit.store(0, SeqCst);
        let is_received = || {
            let issued = usize::try_from(self.office.issued.load(SeqCst)).expect("64 bits");
            (0..issued)
                .all(|i| self.office.accepted[i].load(SeqCst) == 0 || self.office.counts[i].load(SeqCst) > 0)
        };
        eventually(|| is_received() && new.jobs.is_empty());
        assert_eq!(self.office.wrong.load(SeqCst), 0, "received twice without a mark, or torn");
        assert!(self.peers.iter_mut().all(Child::is_running));
        self.office.again.load(SeqCst)
    }
}

#[test]
fn each_job_that_is_accepted_while_another_process_upgrades_is_received_and_twice_only_with_the_mark() {
    for _ in 0..10 {
        let own = Name::new();
        let id = old(&own.name).segment().id();
        let company = Company::of(&own.name);
        company.goes_on();
        peer!().start_with("upgrade").ask(format!("upgrade-passed {}", own.name));
        company.goes_on();
        // None of them is left in the old one.
        eventually(|| oracle::by_id(id).is_none());
        company.goes_on();
        company.ends(&upgraded(&own.name));
    }
}

#[test]
fn whichever_process_is_killed_in_an_upgrade_no_job_is_lost_or_doubled_without_a_mark_and_the_others_go_on() {
    let (mut begun, mut done, mut marked) = (0, 0, 0);
    for kill in kills() {
        let own = Name::new();
        let name = &own.name;
        let id = old(name).segment().id();
        let mut company = Company::of(name);
        let mut upgraders = [(); 2].map(|()| peer!().start_with("upgrade"));
        company.goes_on();
        let chance = usize::try_from(kill.chance()).expect("64 bits");
        // At any time of the upgrade, or, if the first one was killed, of how the second one goes on.
        for (upgrader, after) in upgraders.iter_mut().zip([6 * chance, 9 * chance]) {
            upgrader.send(format!("upgrade-passed {name} {after}"));
        }
        if let which @ 0..4 = chance % 5 {
            company.replace(which);
        }
        let answers = upgraders.each_mut().map(Child::answer_or_end);
        let completed = answers.iter().any(Option::is_some);
        answers.into_iter().flatten().for_each(|answer| drop(answer.expect("upgraded")));
        upgraders.iter_mut().for_each(Child::kill);
        let is_old = oracle::with_key(key_of(name)).iter().any(|row| row.id == id);
        begun += usize::from(!completed && (!is_old || !own.spares().is_empty()));
        done += usize::from(completed);
        // The old queue goes on, or the next one that upgrades does.
        if chance % 2 == 0 && is_old {
            company.goes_on();
        }
        let new = upgraded(name);
        company.goes_on();
        eventually(|| oracle::by_id(id).is_none());
        company.goes_on();
        marked += company.ends(&new);
        assert!(own.spares().is_empty(), "{:?}", own.spares());
    }
    println!("{begun} upgrades killed when they had begun, {done} not killed; {marked} jobs with the mark");
}

#[test]
fn an_upgrade_that_waits_for_a_queues_lock_says_which_thread_holds_it_and_what_to_do() {
    let own = Name::new();
    let name = &own.name;
    let old = old(name);
    assert_eq!(old.jobs.try_send_some(&[0, 1].map(pair)).expect("room"), 2);
    // Another process that upgrades, and stands still while it has the lock.
    let Some(mut stopped) = stopped_at(0, name) else { return };
    let spare = loop {
        assert!(stopped.traced.step().is_some(), "it acquires the lock");
        if let [spare] = own.spares()[..] {
            match old.jobs.try_send(&pair(9)) {
                Err(QueueError::Lock(LockError::TimedOut { holder, .. })) => {
                    assert_eq!(holder, stopped.traced.pid());
                    break spare;
                }
                Ok(()) => old.jobs.receive_timeout(Duration::ZERO).expect("there").done().expect("ours"),
                Err(error) => panic!("{error}"),
            }
        }
    };
    // Else the next one would wait for it to end.
    Table::Segments.remove(spare.id);
    let wait = Duration::from_millis(30);
    let error = options::<NewPassed>(name).wait(wait).upgrade(|_| {}).open().expect_err("it is held");
    let &ErrorKind::QueueHeld { holder, waited, .. } = error.kind() else { panic!("{error}") };
    assert_eq!(holder, stopped.traced.pid());
    assert!(waited >= wait);
    let text = error.to_string();
    for part in [
        format!("shmid {}", old.segment().id()),
        format!("thread {holder} holds the lock of a queue"),
        "let it go on, or end its process".to_owned(),
        "`clear`".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!(own.only().id, old.segment().id());
    assert!(own.spares().is_empty());
    // The way out.
    stopped.traced.kill();
    let new = upgraded(name);
    assert!(!new.jobs.is_empty());
}

#[derive(Shareable)]
#[repr(C)]
struct Lane {
    number: u64,
    jobs: Queue<u64, 2>,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Lanes")]
struct OldLanes {
    lanes: [Lane; 3],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Lanes")]
struct NewLanes {
    lanes: [Lane; 3],
    added: u64,
}

#[test]
fn each_queue_of_a_part_in_an_array_is_carried_and_closed() {
    let own = Name::new();
    let old = options::<OldLanes>(&own.name).create().expect("new").attach().expect("ours");
    for i in 0..3 {
        old.lanes[i].number.set(10 + i as u64);
        (0..i).for_each(|job| old.lanes[i].jobs.send(&(job as u64)).expect("room"));
    }
    let new = options::<NewLanes>(&own.name).upgrade(|new| new.added.set(1)).open().expect("upgraded");
    let new = new.attach().expect("ready");
    for i in 0..3 {
        assert_eq!(new.lanes[i].number.get(), 10 + i as u64);
        let jobs = new.lanes[i].jobs.try_receive_some(3).expect("open");
        assert!(jobs.iter().map(|job| **job).eq(0..i as u64), "{jobs:?}");
        assert!(matches!(old.lanes[i].jobs.try_send(&0), Err(QueueError::Upgraded)));
    }
}

#[test]
fn values_and_messages_that_were_sent_before_an_upgrade_are_in_the_new_queues_and_the_old_ones_go_on() {
    for _ in 0..20 {
        let own = Name::new();
        let name = &own.name;
        let old = options::<OldStreams>(name).create().expect("new").attach().expect("ours");
        let mut peers = ["send-stream", "receive-stream"]
            .map(|role| Child::start(&mut peer!().command(&["upgrade", role, name])));
        eventually(|| old.used.load(SeqCst) > 300);

        let (used_before, sent_before) = (old.used.load(SeqCst), old.sent.load(SeqCst));
        let new = options::<NewStreams>(name).upgrade(|_| {}).open().expect("upgraded");
        // Each can be one further than it has said.
        let (used_after, sent_after) = (old.used.load(SeqCst) + 1, old.sent.load(SeqCst) + 1);
        let new = new.attach().expect("ready");

        let mut items = Vec::new();
        new.wire.receiver().expect("free").receive_into(&mut items, 1000).expect("counts that can be");
        let values: Vec<u64> = items.iter().map(|item| item.number).collect();
        assert!(items.iter().all(Item::is_whole), "{items:?}");
        let all_of = |first: u64, many: usize| {
            let end = first + many as u64;
            // None that was received before; all that was sent before, and not received after; and nothing of later.
            first > used_before
                && (used_after >= sent_before || first <= used_after + 1 && end > sent_before)
                && end <= sent_after + 1
        };
        if let [first, ..] = values[..] {
            assert!(values.iter().copied().eq(first..first + values.len() as u64), "{values:?}");
            assert!(
                all_of(first, values.len()),
                "{values:?} of {used_before}, {used_after} to {sent_before}, {sent_after}"
            );
        } else {
            assert!(used_after >= sent_before, "{used_after} to {sent_before}");
        }

        let mut receiver = new.lines.receiver().expect("free");
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while let Ok(()) = receiver.try_receive_into(&mut line) {
            lines.push(line.clone());
        }
        assert!(matches!(receiver.try_receive_into(&mut line), Err(QueueError::Empty)));
        let first = (used_before + 1..=sent_after).find(|&first| {
            (first..).zip(&lines).all(|(number, line)| *line == message(number, WIRE_LONGEST))
        });
        if lines.is_empty() {
            assert!(used_after >= sent_before, "{used_after} to {sent_before}");
        } else {
            let first = first.expect("messages in order, none left out");
            assert!(
                all_of(first, lines.len()),
                "{} from {first} of {used_before}, {used_after} to {sent_before}, {sent_after}",
                lines.len()
            );
        }
        assert!(new.wire.sender().is_ok() && new.lines.sender().is_ok());
        // The others have not been told, and go on in the old ones.
        eventually(|| old.used.load(SeqCst) > sent_after + 100);
        assert!(peers.iter_mut().all(Child::is_running));
        assert!(new.wire.is_empty() && new.lines.is_empty());
    }
}
