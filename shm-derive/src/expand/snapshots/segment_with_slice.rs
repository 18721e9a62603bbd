///The fields of a [`Log`] in shared memory, reached with access `A`.
#[repr(C)]
pub struct LogFields<T, A = ::shm_runtime::ReadWrite> {
    ///[`Log::head`], in shared memory.
    pub head: ::shm_runtime::Shared<AtomicU64, A>,
    ///[`Log::records`], in shared memory.
    pub records: ::shm_runtime::SharedSlice<T, A>,
}
const _: () = {
    use ::shm_runtime::__private as __shm;
    #[repr(C)]
    pub struct __ShmHead<T> {
        head: AtomicU64,
        records: __shm::Tail<T>,
    }
    ///The fields of a [`__ShmHead`] in shared memory, reached with access `A`.
    #[repr(C)]
    pub struct __ShmHeadFields<T, A = ::shm_runtime::ReadWrite> {
        ///[`__ShmHead::head`], in shared memory.
        pub head: ::shm_runtime::Shared<AtomicU64, A>,
        ///[`__ShmHead::records`], in shared memory.
        pub records: ::shm_runtime::Shared<__shm::Tail<T>, A>,
    }
    #[automatically_derived]
    unsafe impl<T> ::shm_runtime::Shareable for __ShmHead<T>
    where
        T: ::shm_runtime::Shareable,
        T: 'static,
    {
        type __Parts<A: ::shm_runtime::Access> = __ShmHeadFields<T, A>;
        type __Member = __shm::Member<Self>;
        const __MEMBERS: __shm::Fields = ::shm_runtime::__private::Fields::now(|
                (__shm_0, __shm_1)|
            Self {
                head: __shm_0,
                records: __shm_1,
            })
            .are::<
                (
                    <AtomicU64 as ::shm_runtime::Shareable>::__Member,
                    <__shm::Tail<T> as ::shm_runtime::Shareable>::__Member,
                ),
            >();
        const __NAMES: &'static [&'static __shm::core::primitive::str] = &[
            "head",
            "records",
        ];
        const __WAS: &'static [(
            __shm::core::primitive::usize,
            &'static __shm::core::primitive::str,
        )] = &[(1, "entries")];
        const __OFFSETS: &'static [__shm::core::primitive::usize] = &{
            __shm::assert_can_be_placed::<Self>();
            let __shm_place = __shm::core::mem::MaybeUninit::<Self>::uninit();
            let __shm_base = __shm::core::mem::MaybeUninit::as_ptr(&__shm_place);
            unsafe {
                __shm::offsets(
                    __shm_base,
                    [
                        &raw const (*__shm_base).head
                            as *const __shm::core::primitive::u8,
                        &raw const (*__shm_base).records
                            as *const __shm::core::primitive::u8,
                    ],
                )
            }
        };
        const __LAYOUT: __shm::Declared = __shm::Declared::structure::<Self, 2>("Log");
    }
    #[automatically_derived]
    unsafe impl<'__shm, T> ::shm_runtime::AlwaysValid for __ShmHead<T>
    where
        T: ::shm_runtime::Shareable,
        T: 'static,
        __shm::If<'__shm, (AtomicU64, __shm::Tail<T>)>: ::shm_runtime::AlwaysValid,
    {}
    #[automatically_derived]
    unsafe impl<T> ::shm_runtime::Whole for Log<T>
    where
        T: ::shm_runtime::Shareable,
        T: 'static,
    {
        type __Head = __ShmHead<T>;
        type __View<A: ::shm_runtime::Access> = LogFields<T, A>;
        #[inline]
        fn __view<A: ::shm_runtime::Access>(
            __shm_at: *const __shm::core::primitive::u8,
            __shm_len: __shm::core::primitive::usize,
        ) -> *const LogFields<T, A> {
            let _ = |
                __shm_this: &Self,
                __shm_twin: &LogFields<T, A>,
                __shm_head: &__ShmHeadFields<T, A>|
            {
                let _: &AtomicU64 = &__shm_this.head;
                let _: &[T] = &__shm_this.records;
                __shm::same(&__shm_twin.head, &__shm_head.head);
                __shm::same_elements(&__shm_twin.records, &__shm_head.records);
            };
            __shm::core::ptr::slice_from_raw_parts(__shm_at, __shm_len)
                as *const LogFields<T, A>
        }
    }
    #[automatically_derived]
    impl<T, A: ::shm_runtime::Access> __shm::core::fmt::Debug for LogFields<T, A>
    where
        T: ::shm_runtime::Shareable,
        T: 'static,
    {
        fn fmt(
            &self,
            __shm_f: &mut __shm::core::fmt::Formatter<'_>,
        ) -> __shm::core::fmt::Result {
            __shm::debug_tailed::<
                Log<T>,
                A,
            >(self, __shm::core::ops::Deref::deref(&self.records).len(), __shm_f)
        }
    }
    #[automatically_derived]
    impl<T> ::shm_runtime::TailedSegment for Log<T>
    where
        T: ::shm_runtime::Shareable,
        T: 'static,
    {
        const SETTINGS: __shm::Settings = __shm::Settings {
            name: "Log",
            key_name: "org.example.log",
            mode: 0o600,
            bare: false,
            trust: __shm::Trust::Nobody,
        };
        fn key() -> ::shm_runtime::Key {
            __shm::name_key_of_tailed::<Self>()
        }
    }
};
