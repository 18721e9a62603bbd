//! Semaphores: what is acquired is given back, whatever happens, and no process finds one half-made.

use std::time::{Duration, Instant, SystemTime};

use shm_runtime::sem::{Op, Semaphore, SemaphoreSet};
use shm_runtime::{ErrorKind, Key, Permissions, Record, SharedSegment};
use shm_tests::c::Program;
use shm_tests::child::{Child, Failure, NOBODY, Peer};
use shm_tests::key::OwnKey;
use shm_tests::oracle::Table;
use shm_tests::structs::ipc::Counter;
use shm_tests::{eventually, kind, peer, skip};

fn private(units: u16) -> shm_runtime::RemoveOnDrop<Semaphore> {
    Semaphore::create(Key::private(), units).unwrap().remove_on_drop()
}

#[test]
fn a_killed_holder_gives_back() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let (mut holder, mut waiter) = (peer!().ipc(), peer!().ipc());
    holder.ask(format!("open {}", own.value()));
    assert_eq!(holder.ask("try_acquire"), "true");
    waiter.ask(format!("open {}", own.value()));
    waiter.send("acquire");
    eventually(|| semaphore.waiting().unwrap() == 1);
    holder.kill();
    assert_eq!(waiter.answer().unwrap(), "true");
    assert_eq!(semaphore.value().unwrap(), 0);
    waiter.kill();
    assert_eq!(semaphore.value().unwrap(), 1);
}

#[test]
fn a_killed_holder_of_several_semaphores_gives_back_all() {
    let own = OwnKey::new();
    let set = SemaphoreSet::<2>::options(own.key()).create_set([3, 5]).unwrap();
    let mut holder = peer!().ipc();
    holder.ask(format!("pair {} 2 4", own.value()));
    assert_eq!(set.state().unwrap().map(|state| state.value), [1, 1]);
    holder.kill();
    assert_eq!(set.state().unwrap().map(|state| state.value), [3, 5]);
}

#[test]
fn no_increment_is_lost_while_holders_are_killed() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let counter = Counter::create().unwrap().remove_on_drop();
    let mut counting: Vec<Child> = (0..3).map(|_| peer!().ipc()).collect();
    for peer in &mut counting {
        peer.ask(format!("open {}", own.value()));
        peer.send(format!("count {} 3000", counter.id()));
    }
    for _ in 0..20 {
        let mut holder = peer!().ipc();
        holder.ask(format!("open {}", own.value()));
        holder.ask("acquire");
        holder.kill();
    }
    for peer in &mut counting {
        peer.answer().unwrap();
    }
    assert_eq!(counter.attach_read_only().unwrap().count.get(), 9000);
    assert_eq!(semaphore.value().unwrap(), 1);
}

#[test]
fn without_undo_a_killed_holder_keeps_and_another_process_may_release() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let mut holder = peer!().ipc();
    holder.ask(format!("open_without_undo {}", own.value()));
    assert_eq!(holder.ask("try_acquire"), "true");
    holder.kill();
    assert_eq!(semaphore.value().unwrap(), 0);
    let mut other = peer!().ipc();
    other.ask(format!("open_without_undo {}", own.value()));
    other.ask("release");
    other.kill();
    assert_eq!(semaphore.value().unwrap(), 1);
}

#[test]
fn a_thread_that_ends_gives_nothing_back_and_its_process_does() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let mut holder = peer!().ipc();
    holder.ask(format!("open {}", own.value()));
    holder.ask("acquire_in_a_thread");
    assert_eq!(semaphore.value().unwrap(), 0);
    holder.kill();
    assert_eq!(semaphore.value().unwrap(), 1);
}

#[test]
fn a_forked_child_releases_nothing_that_its_parent_acquired() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    for open in ["open", "open_without_undo"] {
        let mut holder = peer!().ipc();
        holder.ask(format!("{open} {}", own.value()));
        holder.ask("acquire");
        holder.ask("drop_in_a_forked_child");
        // Neither by dropping the guard, nor by ending: a child has nothing to undo.
        assert_eq!(semaphore.value().unwrap(), 0, "{open}");
        holder.ask("drop");
        assert_eq!(semaphore.value().unwrap(), 1, "{open}");
    }
}

#[test]
fn none_of_eight_racing_processes_finds_a_semaphore_without_its_initial_value() {
    let mut peers: Vec<Child> = (0..8).map(|_| peer!().ipc()).collect();
    for _ in 0..200 {
        let own = OwnKey::new();
        for peer in &mut peers {
            peer.send(format!("open_or_create {} 3", own.value()));
        }
        let found: Vec<String> = peers.iter_mut().map(|peer| peer.answer().unwrap()).collect();
        let id = Table::Sets.by_key(own.value()).unwrap().id;
        assert_eq!(found, vec![format!("{id} 3"); 8]);
    }
}

/// semget(2) at its start; then, told by a line each, SETVAL and semop(2).
const CREATOR: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>

int main(int argc, char **argv)
{
    char line[16];
    struct sembuf nothing[2] = {{0, 1, 0}, {0, -1, 0}};
    int id = semget(argc > 1 ? atoi(argv[1]) : 0, 1, IPC_CREAT | IPC_EXCL | 0600);
    printf("%d\n", id);
    fflush(stdout);
    if (id < 0 || !fgets(line, sizeof line, stdin))
        return 1;
    printf("%d\n", semctl(id, 0, SETVAL, 4));
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 1;
    printf("%d\n", semop(id, nothing, 2));
    fflush(stdout);
    return fgets(line, sizeof line, stdin) != NULL;
}
"#;

#[test]
fn opening_waits_until_the_creator_has_given_the_initial_value() {
    let (own, program) = (OwnKey::new(), Program::compile(CREATOR));
    let mut creator = program.start(&[own.value()]);
    let id = creator.line();
    let mut peer = peer!().ipc();
    peer.send(format!("open_patiently {}", own.value()));
    assert!(peer.is_silent(Duration::from_millis(30)));
    creator.send("setval");
    assert_eq!(creator.line(), "0");
    assert!(peer.is_silent(Duration::from_millis(30)));
    creator.send("semop");
    assert_eq!(creator.line(), "0");
    assert_eq!(peer.answer().unwrap(), id);
    assert_eq!(peer.ask("value"), "4");
}

#[test]
fn one_that_never_gets_its_initial_value_is_an_error_that_says_who_created_it_and_when() {
    let (own, program) = (OwnKey::new(), Program::compile(CREATOR));
    let mut creator = program.start(&[own.value()]);
    let id = creator.line();
    creator.kill();
    let mut options = Semaphore::options(own.key());
    options.wait(Duration::from_millis(20));
    let error = options.open().unwrap_err();
    let ErrorKind::Uninitialised { existing, waited, .. } = error.kind() else { panic!("{error}") };
    assert!(*waited >= Duration::from_millis(20) && *waited < Duration::from_secs(20));
    let Some(Record::Semaphore(stat)) = existing.as_deref() else { panic!("{error}") };
    assert!(stat.changed_at.unwrap() <= SystemTime::now());
    let text = error.to_string();
    let uid = Table::Sets.by_key(own.value()).unwrap().cuid;
    for part in [
        &format!("semid {id}"),
        &format!("created by uid {uid}, last changed "),
        " s ago",
        "allow_unused",
        "Semaphore::options(key).open_or_create(initial)",
        &format!("`ipcrm -s {id}`"),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("remove()"), "by its key, a successor could be hit: {text}");
    // It may be meant so.
    assert_eq!(options.allow_unused(true).open().unwrap().value().unwrap(), 0);
}

#[test]
fn an_initial_value_of_zero_counts_as_one() {
    let own = OwnKey::new();
    Semaphore::create(own.key(), 0).unwrap();
    let opened = Semaphore::options(own.key()).wait(Duration::ZERO).open().unwrap();
    assert_eq!(opened.value().unwrap(), 0);
}

/// Acquires at its start and at `a`, releases at `r`, says the value at `v`.
const USER: &str = r#"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>

int main(int argc, char **argv)
{
    char line[16] = "a";
    int id = semget(argc > 1 ? atoi(argv[1]) : 0, 1, 0);
    do {
        struct sembuf take = {0, -1, SEM_UNDO | IPC_NOWAIT}, give = {0, 1, SEM_UNDO};
        int result = line[0] == 'v' ? semctl(id, 0, GETVAL)
            : semop(id, line[0] == 'a' ? &take : &give, 1);
        printf("%d\n", result == -1 && errno == EAGAIN ? -11 : result);
        fflush(stdout);
    } while (fgets(line, sizeof line, stdin));
    return 0;
}
"#;

#[test]
fn a_c_program_takes_the_same_semaphore() {
    let (own, program) = (OwnKey::new(), Program::compile(USER));
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let mut c = program.start(&[own.value()]);
    assert_eq!(c.line(), "0");
    assert!(semaphore.try_acquire().unwrap().is_none());
    c.send("r");
    assert_eq!(c.line(), "0");
    let permit = semaphore.try_acquire().unwrap().unwrap();
    c.send("a");
    assert_eq!(c.line(), "-11");
    permit.release().unwrap();
    c.send("v");
    assert_eq!(c.line(), "1");
    c.send("a");
    assert_eq!(c.line(), "0");
    c.kill();
    assert!(semaphore.try_acquire().unwrap().is_some());
}

#[test]
fn signals_do_not_put_off_the_end_of_a_time_out() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let _permit = semaphore.acquire().unwrap();
    let mut peer = peer!().ipc();
    peer.ask(format!("open {}", own.value()));
    peer.ask("say_signals");
    peer.send("acquire_timeout 300");
    // If each began the time anew, there would be no end.
    let mut signals = 0;
    let answer = loop {
        peer.interrupt();
        match peer.line() {
            line if line == "signal" => signals += 1,
            answer => break answer,
        }
        assert!(signals < 1000, "no end");
        std::thread::sleep(Duration::from_millis(20));
    };
    let ms = answer.strip_prefix("ok\tfalse ").unwrap();
    assert!(ms.parse::<u32>().unwrap() >= 300, "{answer}");
    assert!(signals > 1);
}

#[test]
fn a_signal_does_not_end_the_waiting() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let permit = semaphore.acquire().unwrap();
    let mut peer = peer!().ipc();
    peer.ask(format!("open {}", own.value()));
    peer.ask("say_signals");
    peer.send("acquire");
    eventually(|| semaphore.waiting().unwrap() == 1);
    peer.interrupt();
    assert_eq!(peer.line(), "signal");
    eventually(|| semaphore.waiting().unwrap() == 1);
    drop(permit);
    assert_eq!(peer.answer().unwrap(), "true");
}

#[test]
fn a_signal_ends_the_waiting_of_an_interruptible_handle_and_nothing_was_acquired() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let permit = semaphore.acquire().unwrap();
    for signals in ["say_signals", "say_signals_and_restart"] {
        let mut peer = peer!().ipc();
        peer.ask(format!("open {}", own.value()));
        peer.ask("interruptible_semaphore");
        peer.ask(signals);
        for wait in ["acquire", "acquire_timeout 60000"] {
            peer.send(wait);
            eventually(|| semaphore.waiting().unwrap() == 1);
            peer.interrupt();
            assert_eq!(peer.line(), "signal");
            let Failure { kind: kind_of, text, .. } = peer.answer().unwrap_err();
            assert_eq!(kind_of, "Interrupted", "{signals} {wait}");
            assert!(text.contains("a signal came while it waited, and nothing was done"), "{text}");
            assert_eq!(semaphore.waiting().unwrap(), 0);
        }
        peer.send("wait_for_zero");
        let waiting = semaphore.waiting_for_zero().unwrap();
        // There are no units: it does not wait.
        assert_eq!((waiting, peer.answer().unwrap()), (0, String::new()));
    }
    drop(permit);
    assert_eq!(semaphore.value().unwrap(), 1);
}

#[test]
fn values_are_set_and_read_all_at_once() {
    let set = SemaphoreSet::<3>::options(Key::private()).create_set([1, 2, 3]).unwrap().remove_on_drop();
    assert_eq!(set.values().unwrap(), [1, 2, 3]);
    set.set_values([32767, 0, 7]).unwrap();
    assert_eq!(set.values().unwrap(), [32767, 0, 7]);
    set.set_value_of(1, 9).unwrap();
    assert_eq!(set.values().unwrap(), set.state().unwrap().map(|state| state.value));
    assert_eq!(set.values().unwrap(), [32767, 9, 7]);
    // One that is too high, and none is set.
    let error = set.set_values([0, 0, 32768]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Limit { name: "SEMVMX", value: Some(32767), .. }), "{error}");
    let error = set.set_value_of(0, u16::MAX).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Limit { name: "SEMVMX", .. }), "{error}");
    assert_eq!(kind(set.set_value_of(3, 0)), "InvalidInput");
    assert_eq!(set.values().unwrap(), [32767, 9, 7]);
    set.remove().unwrap();
    for found in [kind(set.values()), kind(set.set_values([0; 3])), kind(set.set_value_of(0, 0))] {
        assert_eq!(found, "Removed");
    }
}

#[test]
fn a_value_that_is_set_wakes_those_that_wait_for_it() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 0).unwrap();
    let mut waiter = peer!().ipc();
    waiter.ask(format!("open {}", own.value()));
    waiter.send("acquire");
    eventually(|| semaphore.waiting().unwrap() == 1);
    semaphore.set_value(3).unwrap();
    assert_eq!(waiter.answer().unwrap(), "true");
    assert_eq!(semaphore.value().unwrap(), 2);
    waiter.send("wait_for_zero");
    eventually(|| semaphore.waiting_for_zero().unwrap() == 1);
    semaphore.set_values([0]).unwrap();
    waiter.answer().unwrap();
}

#[test]
fn a_value_that_is_set_clears_what_was_to_be_undone() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 2).unwrap();
    for set in [Semaphore::set_value, |semaphore: &Semaphore, value| semaphore.set_values([value])] {
        let mut holder = peer!().ipc();
        holder.ask(format!("open {}", own.value()));
        holder.ask("acquire");
        set(&semaphore, 5).unwrap();
        holder.kill();
        assert_eq!(semaphore.value().unwrap(), 5);
        // A permit that is dropped adds to the new value, and that is undone at the end.
        let mut holder = peer!().ipc();
        holder.ask(format!("open {}", own.value()));
        holder.ask("acquire");
        set(&semaphore, 5).unwrap();
        holder.ask("drop");
        assert_eq!(semaphore.value().unwrap(), 6);
        holder.kill();
        assert_eq!(semaphore.value().unwrap(), 5);
    }
}

#[test]
fn to_set_a_value_takes_the_permission_to_alter_and_to_read_one_that_to_read() {
    let own = OwnKey::new();
    let semaphore = Semaphore::options(own.key()).mode(0o642).create(2).unwrap();
    let Some(mut nobody) = peer!().as_nobody().map(Peer::ipc) else {
        return;
    };
    nobody.ask(format!("open {}", own.value()));
    nobody.ask("set_value 7");
    assert_eq!(semaphore.value().unwrap(), 7);
    assert_eq!(nobody.failure("value").kind, "Permission");
    let permissions = semaphore.stat().unwrap().permissions;
    semaphore.set_permissions(Permissions { mode: 0o644, ..permissions }).unwrap();
    assert_eq!(nobody.ask("value"), "7");
    let Failure { kind: kind_of, text, .. } = nobody.failure("set_value 8");
    assert_eq!(kind_of, "Permission");
    assert!(text.contains("cannot set a value of semaphore set") && text.contains("mode 0644"), "{text}");
}

#[test]
fn values_set_before_the_creator_gives_the_initial_ones_do_not_make_a_set_ready() {
    let own = OwnKey::new();
    // SAFETY: takes numbers only.
    let id = unsafe { libc::semget(own.value(), 1, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) };
    assert!(id >= 0);
    let early = Semaphore::options(own.key()).allow_unused(true).open().unwrap();
    early.set_values([4]).unwrap();
    let mut options = Semaphore::options(own.key());
    options.wait(Duration::from_millis(10));
    assert_eq!(kind(options.open()), "Uninitialised");
    // Nor is it taken for one that a dead creator left.
    let error = options.open_or_create(1).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Uninitialised { kept: Some(_), .. }), "{error}");
    assert!(error.to_string().contains("set a value by SETVAL or SETALL"), "{error}");
    assert_eq!(early.value().unwrap(), 4);
}

#[test]
fn values_of_a_set_of_another_size_under_the_same_id_are_an_error_and_not_too_many_bytes() {
    // In a namespace of its own, the first set has id 0. A thread takes all in it along: the process stays where it is.
    let other = |count| {
        std::thread::spawn(move || {
            let namespace = || {
                // SAFETY: takes a number only.
                unsafe { libc::unshare(libc::CLONE_NEWIPC) == 0 }
            };
            if !namespace() {
                return None;
            }
            let set = SemaphoreSet::<2>::options(Key::private()).create_set([1, 2]).unwrap();
            assert!(namespace());
            // SAFETY: takes numbers only.
            let id = unsafe { libc::semget(libc::IPC_PRIVATE, count, 0o600) };
            assert_eq!(id, set.id());
            Some([kind(set.values()), kind(set.set_values([3, 4]))])
        })
        .join()
        .unwrap()
    };
    let Some(found) = other(2) else {
        skip("making an IPC namespace takes root");
        return;
    };
    assert_eq!(found, ["none", "none"]);
    for count in [1, 3, 20_000] {
        assert_eq!(other(count), Some(["SizeDiffers"; 2].map(str::to_owned)), "{count}");
    }
}

#[test]
fn a_time_out_of_zero_and_one_beyond_the_clock_are_not_errors() {
    let semaphore = private(1);
    let permit = semaphore.acquire_timeout(Duration::MAX).unwrap().unwrap();
    let start = Instant::now();
    assert!(semaphore.acquire_timeout(Duration::ZERO).unwrap().is_none());
    assert!(start.elapsed() < Duration::from_secs(10));
    drop(permit);
    assert!(semaphore.acquire_timeout(Duration::ZERO).unwrap().is_some());
}

#[test]
fn a_forgotten_permit_stays_acquired_until_it_is_released() {
    let semaphore = private(2);
    semaphore.acquire().unwrap().forget();
    let [state] = semaphore.state().unwrap();
    assert_eq!(state.value, 1);
    assert_eq!(u32::try_from(state.last_pid), Ok(std::process::id()));
    semaphore.release().unwrap();
    assert_eq!(semaphore.value().unwrap(), 2);
}

#[test]
fn waiters_are_counted_by_what_they_wait_for() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let (mut more, mut zero) = (peer!().ipc(), peer!().ipc());
    zero.ask(format!("open {}", own.value()));
    zero.send("wait_for_zero");
    eventually(|| semaphore.waiting_for_zero().unwrap() == 1);
    assert_eq!(semaphore.waiting().unwrap(), 0);
    let permit = semaphore.acquire().unwrap();
    zero.answer().unwrap();
    more.ask(format!("open {}", own.value()));
    more.send("acquire");
    eventually(|| semaphore.waiting().unwrap() == 1);
    let [state] = semaphore.state().unwrap();
    assert_eq!((state.value, state.waiting, state.waiting_for_zero), (0, 1, 0));
    drop(permit);
    more.answer().unwrap();
}

#[test]
fn operations_on_several_semaphores_are_done_all_or_none() {
    let set = SemaphoreSet::<3>::options(Key::private()).create_set([1, 2, 0]).unwrap().remove_on_drop();
    let values = || set.state().unwrap().map(|state| state.value);
    let (first, second) = (Op::Acquire { index: 0, units: 1 }, Op::Acquire { index: 1, units: 3 });
    assert!(!set.try_perform(&[first, second]).unwrap());
    assert!(!set.perform_timeout(&[first, second], Duration::from_millis(5)).unwrap());
    assert!(set.try_acquire_units([1, 3, 0]).unwrap().is_none());
    assert_eq!(values(), [1, 2, 0]);
    let permit = set.try_acquire_units([1, 2, 0]).unwrap().unwrap();
    assert_eq!(values(), [0, 0, 0]);
    permit.release().unwrap();
    assert_eq!(values(), [1, 2, 0]);
    // In their order: what the first releases, the second acquires.
    let third = Op::Release { index: 1, units: 1 };
    assert!(set.try_perform(&[third, second, first]).unwrap());
    assert_eq!(values(), [0, 0, 0]);
    assert!(set.try_perform(&[Op::WaitForZero { index: 0 }, third]).unwrap());
    assert!(!set.try_perform(&[Op::WaitForZero { index: 1 }, third]).unwrap());
    assert_eq!(values(), [0, 1, 0]);
}

#[test]
fn a_set_of_another_number_of_semaphores_is_not_opened() {
    let own = OwnKey::new();
    let set = SemaphoreSet::<2>::options(own.key()).create_set([1, 1]).unwrap();
    let error = Semaphore::open(own.key()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::SizeDiffers { found: 2, expected: 1, .. }), "{error}");
    assert!(error.to_string().contains("the set has 2 semaphores, and this program expects 1"), "{error}");
    assert_eq!(kind(SemaphoreSet::<3>::open(own.key())), "SizeDiffers");
    assert_eq!(kind(SemaphoreSet::<3>::from_id(set.id())), "SizeDiffers");
    assert_eq!(SemaphoreSet::<2>::from_id(set.id()).unwrap().id(), set.id());
}

#[test]
fn no_semaphore_counts_beyond_32767() {
    let own = OwnKey::new();
    let error = Semaphore::create(own.key(), 32768).unwrap_err();
    let limit = |error: &shm_runtime::Error| {
        matches!(error.kind(), ErrorKind::Limit { name: "SEMVMX", value: Some(32767), .. })
    };
    assert!(limit(&error), "{error}");
    // What could not be initialised is not left.
    assert!(Table::Sets.by_key(own.value()).is_none());
    let semaphore = Semaphore::create(own.key(), 32767).unwrap();
    let error = semaphore.release().unwrap_err();
    assert!(limit(&error) && error.to_string().contains("more is released"), "{error}");
    assert_eq!(semaphore.value().unwrap(), 32767);
    let error = semaphore.perform(&[Op::Acquire { index: 0, units: 32768 }]).unwrap_err();
    assert!(limit(&error), "{error}");
}

#[test]
fn a_removal_ends_the_waiting_with_an_error() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 0).unwrap();
    let mut peer = peer!().ipc();
    peer.ask(format!("open {}", own.value()));
    peer.send("acquire");
    eventually(|| semaphore.waiting().unwrap() == 1);
    semaphore.remove().unwrap();
    let Failure { kind: kind_of, text, .. } = peer.answer().unwrap_err();
    assert_eq!(kind_of, "Removed");
    assert!(
        text.starts_with(&format!("cannot acquire semaphore set (key {:#010x}", own.value()))
            && text.contains("the semaphore set was removed"),
        "{text}"
    );
    assert_eq!(kind(semaphore.value()), "Removed");
    assert_eq!(kind(semaphore.stat()), "Removed");
    assert_eq!(kind(semaphore.remove()), "Removed");
    assert_eq!(kind(semaphore.try_acquire()), "Removed");
    assert_eq!(kind(Semaphore::from_id(semaphore.id())), "NoSuchId");
}

#[test]
fn removing_by_id_does_not_hit_a_successor_under_the_same_key() {
    let own = OwnKey::new();
    let first = Semaphore::create(own.key(), 1).unwrap();
    first.remove().unwrap();
    let second = Semaphore::create(own.key(), 1).unwrap();
    assert_eq!(kind(first.remove()), "Removed");
    assert_eq!(second.value().unwrap(), 1);
}

#[test]
fn a_guard_removes_and_a_kept_one_does_not() {
    let own = OwnKey::new();
    drop(Semaphore::create(own.key(), 1).unwrap().remove_on_drop());
    assert!(Table::Sets.by_key(own.value()).is_none());
    let id = Semaphore::create(own.key(), 1).unwrap().remove_on_drop().keep().id();
    assert_eq!(Table::Sets.by_key(own.value()).unwrap().id, id);
}

#[test]
fn errors_name_the_operation_the_key_the_id_and_the_way_out() {
    let own = OwnKey::new();
    let error = Semaphore::open(own.key()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::NotFound), "{error}");
    assert_eq!((error.operation(), error.key()), ("open", Some(own.key())));
    assert!(error.to_string().contains("options(key).create(initial)"), "{error}");

    let id = Semaphore::create(own.key(), 1).unwrap().id();
    let error = Semaphore::create(own.key(), 1).unwrap_err();
    assert_eq!((error.operation(), error.key(), error.id()), ("create", Some(own.key()), Some(id)));
    let text = error.to_string();
    for part in [
        "a semaphore set with this key already exists",
        "1 semaphore, created by uid ",
        "mode 0600",
        &format!("ipcrm -s {id}"),
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let ErrorKind::AlreadyExists { existing, .. } = error.kind() else { panic!("{error}") };
    assert!(matches!(existing.as_deref(), Some(Record::Semaphore(stat)) if stat.semaphores == 1));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let semaphore = private(1);
    for operations in [
        &[][..],
        &[Op::Acquire { index: 1, units: 1 }],
        &[Op::Acquire { index: 0, units: 0 }],
        &[Op::Release { index: 0, units: 0 }],
    ] {
        assert_eq!(kind(semaphore.perform(operations)), "InvalidInput", "{operations:?}");
    }
    assert_eq!(kind(semaphore.acquire_units([0])), "InvalidInput");
    assert_eq!(kind(Semaphore::open(Key::private())), "InvalidInput");
    assert_eq!(kind(Semaphore::options(Key::private()).remove()), "InvalidInput");
    let mut options = Semaphore::options(Key::private());
    assert_eq!(kind(options.mode(0o1000).create(1)), "InvalidInput");
    let permissions = semaphore.stat().unwrap().permissions;
    let permissions = Permissions { mode: 0o1000, ..permissions };
    assert_eq!(kind(semaphore.set_permissions(permissions)), "InvalidInput");
    assert_eq!(semaphore.value().unwrap(), 1);
    let missing = Key::ftok("/no such file", b's');
    assert_eq!(kind(Semaphore::create(missing, 1)), "KeyFile");
}

#[test]
fn stat_says_what_the_kernel_says() {
    let own = OwnKey::new();
    let set = SemaphoreSet::<3>::options(own.key()).mode(0o640).create_set([1; 3]).unwrap();
    let (stat, row) = (set.stat().unwrap(), Table::Sets.by_id(set.id()).unwrap());
    let seconds = |time: Option<SystemTime>| {
        let since = time.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        i64::try_from(since.as_secs()).unwrap()
    };
    let said: Vec<i64> = [stat.permissions.uid, stat.permissions.gid, stat.creator_uid, stat.creator_gid]
        .map(i64::from)
        .into_iter()
        .chain([seconds(stat.operated_at), seconds(stat.changed_at)])
        .collect();
    let mut shown = [row.uid, row.gid, row.cuid, row.cgid].map(i64::from).to_vec();
    shown.extend([row.otime, row.ctime].map(u64::cast_signed));
    assert_eq!(said, shown);
    assert_eq!((stat.key, stat.permissions.mode, stat.semaphores), (row.key, row.perms, 3));
    assert_eq!((row.perms, row.nsems), (0o640, 3));
    assert_eq!(i64::from(stat.sequence), i64::from(set.id()) >> 15);
    assert_eq!((set.key(), stat.key), (own.value(), own.value()));
}

#[test]
fn permissions_can_be_changed_and_hold_for_others() {
    let own = OwnKey::new();
    let semaphore = Semaphore::create(own.key(), 1).unwrap();
    let Some(mut nobody) = peer!().as_nobody().map(Peer::ipc) else {
        return;
    };
    let open = format!("open {}", own.value());
    let Failure { kind: kind_of, text, .. } = nobody.failure(&open);
    assert_eq!(kind_of, "Permission");
    assert!(
        text.contains("uid 65534") && text.contains("mode 0600") && text.contains("options(..).mode"),
        "{text}"
    );
    let set = |mode| {
        let permissions = semaphore.stat().unwrap().permissions;
        semaphore.set_permissions(Permissions { mode, ..permissions }).unwrap();
        assert_eq!(Table::Sets.by_id(semaphore.id()).unwrap().perms, mode);
    };
    set(0o604);
    nobody.ask(&open);
    assert_eq!(nobody.ask("value"), "1");
    assert_eq!(nobody.failure("try_acquire").kind, "Permission");
    set(0o606);
    assert_eq!(nobody.ask("try_acquire"), "true");
    let Failure { kind: kind_of, text, .. } = nobody.failure("remove");
    assert_eq!(kind_of, "NotOwner");
    assert!(text.contains("the semaphore set is semid"), "{text}");
    let permissions = Permissions { uid: NOBODY, gid: NOBODY, mode: 0o600 };
    semaphore.set_permissions(permissions).unwrap();
    nobody.ask("remove");
}

#[test]
fn each_limit_is_named() {
    // SEMMSL SEMMNS SEMOPM SEMMNI
    let named = |limits: &str, commands: &[&str], name: &str, numbers: &str| {
        let Some(mut peer) = peer!().in_namespace(&[("sem", limits)]).map(Peer::ipc) else {
            return;
        };
        let (last, before) = commands.split_last().unwrap();
        for command in before {
            peer.ask(command);
        }
        let Failure { kind: kind_of, text, .. } = peer.failure(last);
        assert_eq!(kind_of, "Limit", "{text}");
        assert!(text.contains(&format!("the limit {name} is reached, which is {numbers}.")), "{text}");
        let place = name.to_owned();
        assert!(!text.contains(&format!("\"{place}")) && text.contains("sysctl -w kernel.sem=\""), "{text}");
    };
    named("3 100 10 10", &["create_set_of_4 77"], "SEMMSL", "3 semaphores a set (asked for: 4)");
    named(
        "10 5 10 10",
        &["create 76 1", "create 75 1", "create_set_of_4 77"],
        "SEMMNS",
        "5 semaphores in all sets (asked for: 4; in use: 2)",
    );
    named(
        "10 100 10 2",
        &["create 76 1", "create 75 1", "create 77 1"],
        "SEMMNI",
        "2 semaphore sets (in use: 2)",
    );
    named("10 100 3 10", &["create_set_of_4 77"], "SEMOPM", "3 operations at once (asked for: 4)");
}

#[test]
fn a_segment_has_a_companion_under_its_key_and_of_its_mode() {
    #[derive(SharedSegment)]
    #[repr(C)]
    #[shm(name = "org.example.tests.companion", mode = 0o640)]
    struct Station {
        celsius: f64,
    }

    let own = OwnKey::new();
    assert_eq!(kind(Station::semaphore().remove()), "NotFound", "by the name's own key");
    let station = Station::options().key(own.key()).create().unwrap().remove_on_drop();
    let semaphore = Station::semaphore().key(own.key()).create(1).unwrap();
    assert_eq!(semaphore.key(), station.key());
    assert_eq!(semaphore.stat().unwrap().permissions.mode, 0o640);
    let error = Station::semaphore().key(own.key()).create(1).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("cannot create semaphore set of Station (key {:#010x}", own.value()))
            && text.contains("Station::semaphore().open()"),
        "{text}"
    );
    station.attach().unwrap().celsius.set(1.0);
}
