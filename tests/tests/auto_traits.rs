//! What may be sent, shared and copied, checked by the compiler: a change that takes one away does not build.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64};

use shm_runtime::sync::SeqWriter;
use shm_runtime::{
    Attached, Error, ErrorKind, InvalidValue, Key, Options, Permissions, ReadOnly, ReadWrite, RemoveOnDrop,
    Schema, Segment, Shared, Stat, TextError, WriteOnly,
};
use shm_tests::key::Own;
use shm_tests::structs::{Board, Part};
use static_assertions::{assert_impl_all, assert_not_impl_any};

// An attachment is one mapping: any thread may use it, and just one may end it.
assert_impl_all!(Attached<Board, ReadWrite>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_impl_all!(Attached<Board, ReadOnly>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_impl_all!(Attached<Board, WriteOnly>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(Attached<Board>: Clone, Copy);

// A value in shared memory exists only behind references.
assert_impl_all!(Shared<Part>: Send, Sync, UnwindSafe, RefUnwindSafe);
assert_impl_all!(Shared<[u64; 4], ReadOnly>: Send, Sync);
assert_impl_all!(Shared<AtomicU64, WriteOnly>: Send, Sync);
assert_impl_all!(Shared<AtomicBool>: Send, Sync);
assert_not_impl_any!(Shared<u64>: Clone, Copy, Default, PartialEq);
assert_not_impl_any!(Shared<[u64; 4]>: Clone, Copy, Default, PartialEq, AsRef<[u64]>);

// What keeps an attachment is used and ended by any thread, as the attachment is.
assert_impl_all!(shm_runtime::Part<f64>: Send, Sync, Clone, Unpin, UnwindSafe, RefUnwindSafe);
assert_impl_all!(shm_runtime::Part<AtomicU64, ReadOnly>: Send, Sync, Clone);
assert_impl_all!(SeqWriter<'static, f64>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(SeqWriter<'static, f64>: Clone, Copy);

// A segment is a number; to own its life takes the guard, which is one.
assert_impl_all!(Segment<Board>: Send, Sync, Clone, UnwindSafe, RefUnwindSafe);
assert_not_impl_any!(Segment<Board>: Copy);
assert_impl_all!(RemoveOnDrop<Segment<Board>>: Send, Sync);
assert_not_impl_any!(RemoveOnDrop<Segment<Board>>: Clone, Copy);

assert_impl_all!(Error: Send, Sync, std::error::Error);
assert_impl_all!(ErrorKind: Send, Sync);
assert_impl_all!(InvalidValue: Send, Sync, std::error::Error, Clone, Eq);
assert_impl_all!(TextError: Send, Sync, std::error::Error, Copy, Eq);
assert_impl_all!(Key: Send, Sync, Clone, Eq);
assert_impl_all!(Options<Board>: Send, Sync);
assert_impl_all!(Permissions: Send, Sync, Copy, Eq);
assert_impl_all!(Schema: Send, Sync, Clone, Eq);
assert_impl_all!(Stat: Send, Sync, Clone, Eq);

/// What the assertions above promise, once at run time.
#[test]
fn an_attachment_is_used_and_ended_by_another_thread() {
    let segment = Own::<Board>::create();
    let board = segment.attach().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| board.part.value.set(3));
    });
    let detached = std::thread::spawn(move || {
        assert_eq!(board.part.value.get(), 3);
        board.detach()
    });
    detached.join().unwrap().unwrap();
    assert_eq!(shm_tests::oracle::attached(segment.id()), 0);
}
