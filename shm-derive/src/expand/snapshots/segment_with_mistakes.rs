::core::compile_error! {
    "the layout of this struct is the compiler's choice, and may differ between two builds: add `#[repr(C)]`"
}
::core::compile_error! {
    "key 0 is IPC_PRIVATE, a new segment every time: write `private` if that is meant"
}
::core::compile_error! {
    "a mode is written in octal: did you mean `0o660`?"
}
///The fields of a [`Wrong`] in shared memory, reached with access `A`.
struct WrongFields<A = ::shm_runtime::ReadWrite> {
    ///[`Wrong::count`], in shared memory.
    count: ::shm_runtime::Shared<u32, A>,
}
const _: () = {
    use ::shm_runtime::__private as __shm;
    unsafe impl ::shm_runtime::Shareable for Wrong {
        type __Parts<A: ::shm_runtime::Access> = WrongFields<A>;
        type __Member = __shm::Member<Self>;
        const __LAYOUT: __shm::Declared = __shm::core::panic!();
        unsafe fn __copy<D: __shm::Direction>(_: *const Self, _: *mut Self) {}
    }
    unsafe impl ::shm_runtime::AlwaysValid for Wrong {}
    impl ::shm_runtime::SharedSegment for Wrong {
        const SETTINGS: __shm::Settings = __shm::core::panic!();
        fn key() -> ::shm_runtime::Key {
            __shm::core::panic!()
        }
    }
};
