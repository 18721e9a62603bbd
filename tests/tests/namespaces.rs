//! Ids belong to an IPC namespace, and a namespace to a thread, which can change its own: what was known of an id before
//! is not believed.

use std::thread;

use shm_runtime::{Attached, Error, ErrorKind, Permissions, Segment, SharedSegment};
use shm_tests::{oracle, reserve, skip};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Big {
    bytes: [u8; 1 << 20],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Small {
    byte: u8,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct BigSealed {
    bytes: [u8; 1 << 20],
}

/// Runs it by a thread in an IPC namespace of its own, which has no segments and goes with the thread. Says so if this
/// process may not make one.
fn in_a_namespace(run: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let ran = scope.spawn(|| {
            let may = enter_another();
            if may {
                run();
            }
            may
        });
        match ran.join() {
            Ok(true) => {}
            Ok(false) => skip("making an IPC namespace takes root"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
}

/// Has this thread, and no other, go on in a new IPC namespace.
fn enter_another() -> bool {
    // SAFETY: takes a number only, and changes which ids there are for this thread.
    unsafe { libc::unshare(libc::CLONE_NEWIPC) == 0 }
}

/// A segment of one byte under the id, which is that of the first segment of each namespace.
fn small(id: i32) -> Segment<Small> {
    let small = Small::create().unwrap();
    assert_eq!(small.id(), id, "the first of its namespace");
    small
}

#[track_caller]
fn says_it_is_another<T>(result: Result<T, Error>, operation: &str) {
    let error = result.err().expect("it is another segment");
    assert!(matches!(error.kind(), ErrorKind::Removed), "{error}");
    assert_eq!(error.operation(), operation);
    let text = error.to_string();
    for part in ["shmid 0", "another segment now: 1 bytes, created by uid 0", "unshare(2)"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(text.contains("and not 104"), "{text}");
}

fn each_attachment_fails<T: SharedSegment>(big: &Segment<T>) {
    says_it_is_another(big.attach(), "attach");
    says_it_is_another(big.attach_read_only(), "attach");
    says_it_is_another(big.attach_write_only(), "attach");
    let address = reserve(big.size());
    // SAFETY: reserved above, and not used by anything else.
    says_it_is_another(unsafe { big.attach_at(address) }, "attach");
    assert_eq!(oracle::attached(big.id()), 0, "nothing of the other segment stays mapped");
}

#[test]
fn a_segment_that_was_found_by_its_id_is_not_attached_where_that_id_means_another() {
    in_a_namespace(|| {
        let created = Big::create().unwrap();
        let big = Segment::<Big>::from_id(created.id()).unwrap();
        assert!(enter_another());
        let _small = small(big.id());
        each_attachment_fails(&big);
        each_attachment_fails(&created);
    });
}

#[test]
fn a_sealed_segment_is_not_looked_for_in_another_one() {
    in_a_namespace(|| {
        let created = BigSealed::create().unwrap();
        let big = Segment::<BigSealed>::from_id(created.id()).unwrap();
        assert!(enter_another());
        let _small = small(big.id());
        each_attachment_fails(&big);
    });
}

#[test]
fn a_segment_may_be_sent_to_a_thread_of_another_namespace_and_is_not_mistaken_there() {
    in_a_namespace(|| {
        let big = Big::create().unwrap();
        big.attach().unwrap().bytes[7].set(7);
        thread::scope(|scope| {
            let other = scope.spawn(|| {
                assert!(enter_another());
                let _small = small(big.id());
                each_attachment_fails(&big);
            });
            other.join().unwrap();
        });
        // To this thread, it is what it was.
        assert_eq!(big.attach().unwrap().bytes[7].get(), 7);
    });
}

#[test]
fn the_mapping_in_which_a_creator_wrote_the_seal_is_good_in_any_namespace_and_vouches_for_no_other() {
    in_a_namespace(|| {
        let created = BigSealed::create_with(|new| new.bytes[1 << 19].set(9)).unwrap();
        assert!(enter_another());
        let other = small(created.id());
        let address = reserve(created.size());
        // SAFETY: reserved above, and not used by anything else.
        says_it_is_another(unsafe { created.attach_at(address) }, "attach");
        let attached: Attached<BigSealed> = created.attach().unwrap();
        assert_eq!(attached.bytes[1 << 19].get(), 9);
        assert_eq!(oracle::attached(other.id()), 0);
    });
}

#[test]
fn what_a_guard_removes_and_what_a_handle_changes_is_its_own_segment() {
    in_a_namespace(|| {
        let guard = Big::create().unwrap().remove_on_drop();
        let sealed = BigSealed::create().unwrap();
        assert!(enter_another());
        let other = small(guard.id());
        let before = oracle::by_id(other.id()).unwrap();
        let given = Permissions { uid: 4242, gid: 4242, mode: 0o666 };
        says_it_is_another(guard.set_permissions(given), "set the permissions of");
        says_it_is_another(guard.lock(), "lock");
        says_it_is_another(guard.unlock(), "unlock");
        says_it_is_another(guard.stat(), "stat");
        assert!(!guard.is_current().unwrap());
        drop(guard);
        assert_eq!(oracle::by_id(other.id()).unwrap(), before);
        // Of this one's id there is none here.
        assert!(matches!(sealed.remove_on_drop().stat().unwrap_err().kind(), ErrorKind::Removed));
    });
}

#[test]
fn a_segment_of_the_same_size_that_belongs_to_a_stranger_is_not_attached() {
    in_a_namespace(|| {
        let created = Small::create().unwrap();
        let opened = Segment::<Small>::from_id(created.id()).unwrap();
        assert!(enter_another());
        let given = small(created.id());
        given.set_permissions(Permissions { uid: 4242, gid: 4242, mode: 0o666 }).unwrap();
        for handle in [&created, &opened] {
            let error = handle.attach().unwrap_err();
            assert!(matches!(error.kind(), ErrorKind::Untrusted { owner: 4242, .. }), "{error}");
        }
        // The handle that gave it away goes on.
        given.attach().unwrap().byte.set(1);
        let trusting = Small::options().trust_owner(4242).open_id(given.id()).unwrap();
        assert_eq!(trusting.attach().unwrap().byte.get(), 1);
    });
}

#[test]
fn an_initialiser_that_changes_the_namespace_and_panics_removes_nothing_there() {
    in_a_namespace(|| {
        let init = |_: &_| {
            assert!(enter_another());
            let other = small(0);
            std::panic::resume_unwind(Box::new(other));
        };
        let other = std::panic::catch_unwind(|| BigSealed::create_with(init)).unwrap_err();
        let other = other.downcast::<Segment<Small>>().unwrap();
        assert!(other.is_current().unwrap());
    });
}
