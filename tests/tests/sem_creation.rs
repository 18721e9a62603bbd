//! A semaphore whose creator dies before it is ready is replaced; one whose creator may live is not, and no initial value
//! is given twice.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shm_runtime::sem::{Options, Semaphore, SemaphoreSet};
use shm_runtime::{Error, ErrorKind};
use shm_tests::c::Program;
use shm_tests::child::{Child, Failure, NOBODY, Peer};
use shm_tests::key::OwnKey;
use shm_tests::oracle::Table;
use shm_tests::traced::Traced;
use shm_tests::{eventually, kind, peer, skip};

/// Enough for a creator that lives, and soon over.
const WAIT: Duration = Duration::from_millis(30);

fn options(own: &OwnKey) -> Options {
    let mut options = Semaphore::options(own.key());
    options.wait(WAIT);
    options
}

/// The creator of a semaphore of three units, which stands still at its start. `None`, and a word about it, if this process
/// may not trace.
fn creator(own: &OwnKey) -> Option<Traced> {
    let traced = Traced::start(peer!().command(&["ipc", "create", &own.value().to_string(), "3"]));
    if traced.is_none() {
        skip("ptrace is forbidden here");
    }
    traced
}

/// A set that a process made by semget(2), and did no more with before it was killed.
fn half_made(own: &OwnKey, semaphores: i32, mode: i32) -> i32 {
    let program = Program::compile(CREATOR);
    let mut creator = program.start(&[format!("{} {semaphores} {mode}", own.value())]);
    let id = creator.line().parse().unwrap();
    creator.kill();
    id
}

fn why_kept(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Uninitialised { kept: Some(reason), .. } => reason,
        _ => panic!("{error}"),
    }
}

#[test]
fn a_creator_killed_at_any_system_call_is_recovered_from() {
    let (mut half_made, mut ready) = (0, 0);
    for calls in 0.. {
        let own = OwnKey::new();
        let Some(mut creator) = creator(&own) else { return };
        // To the call that creates, and so many stops further.
        creator.run_to(libc::SYS_semget);
        if (0..calls).any(|_| creator.step().is_none()) {
            assert!(half_made > 0 && ready > 0, "{half_made} {ready}");
            return;
        }
        creator.kill();
        let left = Table::Sets.by_key(own.value());
        let semaphore =
            options(&own).open_or_create(5).unwrap_or_else(|error| panic!("stop {calls}: {error}"));
        let value = semaphore.value().unwrap();
        match left {
            // Created, and given its value.
            Some(row) if row.otime != 0 => {
                ready += 1;
                assert_eq!((semaphore.id(), value), (row.id, 3), "stop {calls}");
            }
            Some(row) => {
                half_made += 1;
                assert_ne!(semaphore.id(), row.id, "stop {calls}");
                assert_eq!(value, 5, "stop {calls}");
            }
            None => assert_eq!(value, 5, "stop {calls}"),
        }
        assert_eq!(options(&own).open().unwrap().id(), semaphore.id(), "stop {calls}");
    }
}

#[test]
fn a_creator_that_is_stopped_is_not_taken_for_dead_and_goes_on() {
    let own = OwnKey::new();
    let Some(mut creator) = creator(&own) else { return };
    let id = creator.run_to_the_end_of(libc::SYS_semget).to_string();
    for _ in 0..3 {
        let error = options(&own).open_or_create(5).unwrap_err();
        assert!(why_kept(&error).contains("its creator is alive"), "{error}");
        let text = error.to_string();
        for part in [&format!("semid {id}"), &format!("`ipcrm -s {id}`")] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
    let mut waiting = peer!().ipc();
    waiting.send(format!("open_patiently {}", own.value()));
    assert_eq!(creator.finish(), format!("ok\t{id}\n"));
    assert_eq!(waiting.answer().unwrap(), id);
    let semaphore = options(&own).open_or_create(5).unwrap();
    assert_eq!((semaphore.id().to_string(), semaphore.value().unwrap()), (id, 3));
}

#[test]
fn a_creator_that_is_done_while_its_set_is_about_to_be_replaced_is_not_taken_for_a_program_that_uses_setval()
{
    let own = OwnKey::new();
    let Some(mut creator) = creator(&own) else { return };
    let id = creator.run_to_the_end_of(libc::SYS_semget).to_string();
    // To where it asks for the lock of the creator, having found a set that is not ready, and waited long enough.
    let command = ["ipc", "open_or_create_within", &own.value().to_string(), "5", "0"];
    let mut second = Traced::start(peer!().command(&command)).expect("to trace is allowed");
    for call in [libc::SYS_semget, libc::SYS_fcntl] {
        second.run_to(call);
    }
    assert_eq!(creator.finish(), format!("ok\t{id}\n"));
    assert_eq!(second.finish(), format!("ok\t{id}\n"));
    assert_eq!(Semaphore::open(own.key()).unwrap().value().unwrap(), 3);
}

#[test]
fn a_creator_that_is_stopped_is_in_the_way_of_no_other_key() {
    let (own, other) = (OwnKey::new(), OwnKey::new());
    let Some(mut creator) = creator(&own) else { return };
    creator.run_to_the_end_of(libc::SYS_semget);
    let id = half_made(&other, 1, 0o600);
    let semaphore = options(&other).open_or_create(2).unwrap();
    assert_eq!(semaphore.value().unwrap(), 2);
    assert_ne!(semaphore.id(), id);
    creator.finish();
}

/// semget(2) at its start; then SETVAL at `v`, semop(2) at `o`, and says what each returned.
const CREATOR: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>

int main(int argc, char **argv)
{
    char line[16];
    struct sembuf give = {0, 4, 0};
    int key = 0, count = 1, mode = 0600;
    if (argc > 1)
        sscanf(argv[1], "%d %d %d", &key, &count, &mode);
    int id = semget(key, count, IPC_CREAT | IPC_EXCL | mode);
    printf("%d\n", id);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        printf("%d\n", line[0] == 'v' ? semctl(id, 0, SETVAL, 4) : semop(id, &give, 1));
        fflush(stdout);
    }
    return id < 0;
}
"#;

#[test]
fn what_a_dead_creator_left_is_replaced_by_open_or_create_whatever_its_number_of_semaphores() {
    let own = OwnKey::new();
    let id = half_made(&own, 1, 0o600);
    let semaphore = options(&own).open_or_create(2).unwrap();
    assert_eq!(semaphore.value().unwrap(), 2);
    assert_ne!(semaphore.id(), id);
    // Once: not each time.
    assert_eq!(options(&own).open_or_create(7).unwrap().id(), semaphore.id());

    let own = OwnKey::new();
    half_made(&own, 3, 0o600);
    let set = SemaphoreSet::<3>::options(own.key()).wait(WAIT).open_or_create_set([0, 4, 2]).unwrap();
    assert_eq!(set.state().unwrap().map(|state| state.value), [0, 4, 2]);
}

#[test]
fn zeros_are_given_in_place_also_while_a_process_waits() {
    let own = OwnKey::new();
    let id = half_made(&own, 1, 0o600);
    let mut waiter = peer!().ipc();
    waiter.ask(format!("open_unused {}", own.value()));
    waiter.send("acquire");
    let watch = options(&own).allow_unused(true).open().unwrap();
    eventually(|| watch.waiting().unwrap() == 1);
    let semaphore = options(&own).open_or_create(0).unwrap();
    assert_eq!(semaphore.id(), id);
    // Ready for all.
    assert_eq!(options(&own).wait(Duration::ZERO).open().unwrap().id(), id);
    semaphore.release().unwrap();
    waiter.answer().unwrap();
}

#[test]
fn a_slow_creator_in_c_finds_its_set_removed_and_gives_no_value_twice() {
    for command in ["v", "o"] {
        let (own, program) = (OwnKey::new(), Program::compile(CREATOR));
        let mut creator = program.start(&[own.value()]);
        let id = creator.line();
        let semaphore = options(&own).open_or_create(2).unwrap();
        assert_ne!(semaphore.id().to_string(), id);
        let permit = semaphore.acquire().unwrap();
        creator.send(command);
        assert_eq!(creator.line(), "-1");
        assert_eq!(semaphore.value().unwrap(), 1);
        permit.release().unwrap();
        assert_eq!(semaphore.value().unwrap(), 2);
    }
}

#[test]
fn a_set_with_values_by_setval_is_never_replaced() {
    let (own, program) = (OwnKey::new(), Program::compile(CREATOR));
    let mut creator = program.start(&[own.value()]);
    let id = creator.line();
    creator.send("v");
    assert_eq!(creator.line(), "0");
    creator.kill();
    let error = options(&own).open_or_create(2).unwrap_err();
    assert!(why_kept(&error).contains("SETVAL"), "{error}");
    assert!(error.to_string().contains("allow_unused(true)"), "{error}");
    let semaphore = options(&own).allow_unused(true).open_or_create(2).unwrap();
    assert_eq!((semaphore.id().to_string(), semaphore.value().unwrap()), (id, 4));
}

#[test]
fn a_set_at_which_a_process_waits_is_not_replaced_until_that_ends() {
    let own = OwnKey::new();
    let id = half_made(&own, 1, 0o600);
    let mut waiter = peer!().ipc();
    // Without undo: the kernel takes the undoing for an operation, and the set counts as ready from then on.
    waiter.ask(format!("open_unused {}", own.value()));
    waiter.send("acquire");
    let watch = options(&own).allow_unused(true).open().unwrap();
    eventually(|| watch.waiting().unwrap() == 1);
    let error = options(&own).open_or_create(2).unwrap_err();
    assert!(why_kept(&error).contains("a process waits at it"), "{error}");
    waiter.kill();
    let semaphore = options(&own).open_or_create(2).unwrap();
    assert_ne!(semaphore.id(), id);
}

#[test]
fn another_users_half_made_set_stays_and_the_error_says_that_its_owner_can_replace_it() {
    let own = OwnKey::new();
    let id = half_made(&own, 1, 0o666);
    let Some(mut nobody) = peer!().as_nobody().map(Peer::ipc) else {
        return;
    };
    let Failure { kind: kind_of, text, .. } =
        nobody.failure(format!("open_or_create_within {} 2 30", own.value()));
    assert_eq!(kind_of, "Uninitialised");
    for part in ["only its owner", &format!("`ipcrm -s {id}`"), &format!("semid {id}, owner uid")] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains(&NOBODY.to_string()), "{text}");
    assert_eq!(Table::Sets.by_key(own.value()).unwrap().id, id);
    assert_eq!(options(&own).open_or_create(2).unwrap().value().unwrap(), 2);
}

#[test]
fn a_process_that_waits_for_a_set_which_is_replaced_gets_its_successor() {
    let own = OwnKey::new();
    let id = half_made(&own, 1, 0o600);
    let mut waiting = peer!().ipc();
    waiting.send(format!("open_patiently {}", own.value()));
    assert!(waiting.is_silent(WAIT));
    let semaphore = options(&own).open_or_create(2).unwrap();
    assert_eq!(waiting.answer().unwrap(), semaphore.id().to_string());
    assert_ne!(semaphore.id(), id);
}

#[test]
fn a_half_made_set_of_another_number_of_semaphores_is_left_alone() {
    let own = OwnKey::new();
    let id = half_made(&own, 2, 0o600);
    assert_eq!(kind(options(&own).open_or_create(2)), "SizeDiffers");
    assert_eq!(Table::Sets.by_key(own.value()).unwrap().id, id);
}

const ROUNDS: usize = 300;
const PEERS: usize = 6;

#[test]
fn racers_agree_on_one_semaphore_with_its_initial_value_whichever_of_them_are_killed() {
    let soon = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_micros(300);
    // xorshift: another sequence in every run, and printed, so that a failure can be looked into.
    let mut random = u64::from(soon().subsec_nanos()) | 1;
    println!("seed {random}");
    let mut below = |limit: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % limit
    };
    let mut peers: Vec<Child> = (0..PEERS).map(|_| peer!().ipc()).collect();
    let mut killed = 0;
    for round in 0..ROUNDS {
        let own = OwnKey::new();
        // In every second round, one is ahead, so that it creates and its death leaves something.
        let (start, lead) = (soon(), Duration::from_micros(if round % 2 == 0 { 0 } else { 100 }));
        for (i, peer) in peers.iter_mut().enumerate() {
            let kill = if i < PEERS / 2 { 1 + below(60_000) } else { 0 };
            let start = if i == 0 { start } else { start + lead };
            peer.send(format!("race {} 3 {} {kill}", own.value(), start.as_nanos()));
        }
        let mut found = Vec::new();
        for peer in &mut peers {
            match peer.answer_or_end() {
                Some(answer) => {
                    found.push(answer.unwrap_or_else(|failure| panic!("round {round}: {failure:?}")))
                }
                None => {
                    killed += 1;
                    assert_eq!(peer.reap(), Some(libc::SIGKILL), "round {round}");
                    *peer = peer!().ipc();
                }
            }
        }
        assert!(found.len() >= PEERS / 2, "round {round}");
        let row = Table::Sets.by_key(own.value()).unwrap();
        assert!(
            found.iter().all(|found| *found == format!("{} 3", row.id)),
            "round {round}: {found:?} {row:?}"
        );
    }
    println!("{killed} killed");
    assert!(killed > ROUNDS / 2, "only {killed} were killed: the race was not one");
}
