//! Objects of any kind, without their type: listed, found, changed and removed, as the kernel's tables say.

use shm_runtime::msg::Queue;
use shm_runtime::sem::SemaphoreSet;
use shm_runtime::{ErrorKind, Key, Object, ObjectKind, Permissions, Record, SharedSegment};
use shm_tests::key::OwnKey;
use shm_tests::oracle::Table;
use shm_tests::structs::Board;

/// One of each kind, with the key.
fn make(own: &OwnKey) -> [(ObjectKind, Table, i32); 3] {
    let segment = Board::options().key(own.key()).mode(0o640).create().unwrap().id();
    let queue = Queue::<u64>::options(own.key()).mode(0o640).create().unwrap();
    queue.try_send(1, &7).unwrap();
    let set = SemaphoreSet::<3>::options(own.key()).mode(0o640).create_set([1, 2, 3]).unwrap().id();
    [
        (ObjectKind::Segment, Table::Segments, segment),
        (ObjectKind::Queue, Table::Queues, queue.id()),
        (ObjectKind::Semaphore, Table::Sets, set),
    ]
}

#[test]
fn what_is_listed_is_what_the_kernels_tables_say() {
    let own = OwnKey::new();
    for (kind, table, id) in make(&own) {
        let row = table.by_id(id).unwrap();
        let all = Object::all(kind).unwrap();
        let listed: Vec<_> = all.iter().filter(|object| object.id() == id).collect();
        let [object] = listed[..] else { panic!("{listed:?}") };
        let record = object.record();
        assert_eq!((object.kind(), record.kind(), record.key()), (kind, kind, own.value()));
        let Permissions { uid, gid, mode } = record.permissions();
        assert_eq!((uid, gid, mode), (row.uid, row.gid, 0o640));
        assert_eq!(record.creator_uid(), row.cuid);
        match record {
            Record::Segment(stat) => assert_eq!((stat.size, stat.attached), (row.size, row.nattch)),
            Record::Queue(stat) => assert_eq!((stat.bytes, stat.messages), (row.cbytes, 1)),
            Record::Semaphore(stat) => assert_eq!(stat.semaphores, 3),
            other => panic!("{other:?}"),
        }
        assert_eq!(&Object::from_id(kind, id).unwrap(), object);
        assert_eq!(&Object::from_key(kind, own.key()).unwrap(), object);
    }
}

#[test]
fn an_object_is_changed_and_removed_without_its_type_and_then_is_gone() {
    let own = OwnKey::new();
    for (kind, table, id) in make(&own) {
        let object = Object::from_key(kind, own.key()).unwrap();
        let permissions = Permissions { mode: 0o600, ..object.record().permissions() };
        object.set_permissions(permissions).unwrap();
        assert_eq!(table.by_id(id).unwrap().perms & 0o777, 0o600);
        let error = object.set_permissions(Permissions { mode: 0o1000, ..permissions }).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidInput { .. }), "{error}");

        object.remove().unwrap();
        assert_eq!(table.by_id(id), None);
        let (removed, missing) = (object.remove().unwrap_err(), Object::from_id(kind, id).unwrap_err());
        assert!(matches!(removed.kind(), ErrorKind::Removed), "{removed}");
        assert!(matches!(missing.kind(), ErrorKind::NoSuchId { .. }), "{missing}");
        for error in [removed, missing] {
            let text = error.to_string();
            assert!(text.contains(&format!("{} (", kind.noun())) && text.contains(&id.to_string()), "{text}");
        }
        let error = Object::from_key(kind, own.key()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotFound), "{error}");
        let error = Object::from_key(kind, Key::private()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidInput { .. }), "{error}");
    }
}

#[test]
fn the_semaphores_of_a_set_of_any_size_are_those_that_the_typed_set_has() {
    let own = OwnKey::new();
    let [segment, queue, set] = make(&own).map(|(kind, _, id)| Object::from_id(kind, id).unwrap());
    let typed = SemaphoreSet::<3>::open(own.key()).unwrap();
    typed.acquire_units([0, 1, 3]).unwrap().forget();
    let semaphores = set.semaphores().unwrap();
    assert_eq!(semaphores, typed.state().unwrap());
    let values: Vec<_> = semaphores.iter().map(|semaphore| semaphore.value).collect();
    assert_eq!(values, [1, 1, 0]);
    let pids: Vec<_> = semaphores.iter().map(|semaphore| semaphore.last_pid.unsigned_abs()).collect();
    assert_eq!(pids[1..], [std::process::id(); 2]);
    assert!(segment.semaphores().unwrap().is_empty() && queue.semaphores().unwrap().is_empty());
    set.remove().unwrap();
    assert!(matches!(set.semaphores().unwrap_err().kind(), ErrorKind::Removed));
}
