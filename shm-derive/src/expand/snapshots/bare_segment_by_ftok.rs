///The fields of a [`Counter`] in shared memory, reached with access `A`.
#[repr(C, align(64))]
struct Counters<A = ::shm_runtime::ReadWrite> {
    ///[`Counter::count`], in shared memory.
    count: ::shm_runtime::Shared<u32, A>,
}
const _: () = {
    use ::shm_runtime::__private as __shm;
    #[automatically_derived]
    unsafe impl ::shm_runtime::Shareable for Counter {
        type __Parts<A: ::shm_runtime::Access> = Counters<A>;
        type __Member = __shm::Member<Self>;
        const __MEMBERS: __shm::Fields = ::shm_runtime::__private::Fields::now(|
                (__shm_0,)|
            Self { count: __shm_0 })
            .are::<(<u32 as ::shm_runtime::Shareable>::__Member,)>();
        const __NAMES: &'static [&'static __shm::core::primitive::str] = &["count"];
        const __OFFSETS: &'static [__shm::core::primitive::usize] = &{
            __shm::assert_can_be_placed::<Self>();
            let __shm_place = __shm::core::mem::MaybeUninit::<Self>::uninit();
            let __shm_base = __shm::core::mem::MaybeUninit::as_ptr(&__shm_place);
            unsafe {
                __shm::offsets(
                    __shm_base,
                    [&raw const (*__shm_base).count as *const __shm::core::primitive::u8],
                )
            }
        };
        const __LAYOUT: __shm::Declared = __shm::Declared::structure::<
            Self,
            1,
        >("Counter");
    }
    #[automatically_derived]
    unsafe impl<'__shm> ::shm_runtime::AlwaysValid for Counter
    where
        __shm::If<'__shm, (u32,)>: ::shm_runtime::AlwaysValid,
    {}
    const _: () = {
        ::shm_runtime::__private::assert_segment::<Counter>();
    };
    #[automatically_derived]
    impl ::shm_runtime::SharedSegment for Counter {
        const SETTINGS: __shm::Settings = __shm::Settings {
            name: "Counter",
            key_name: "",
            mode: 0o600,
            bare: true,
            trust: __shm::Trust::Nobody,
        };
        fn key() -> ::shm_runtime::Key {
            __shm::ftok_key("/var/lib/weather", 87u8)
        }
    }
};
