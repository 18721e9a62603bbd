///The fields of a [`Sample`] in shared memory, reached with access `__ShmAccess`.
#[allow(dead_code)]
#[repr(C)]
struct SampleFields<__ShmAccess = ::shm_runtime::ReadWrite> {
    ///[`Sample::value`], in shared memory.
    value: ::shm_runtime::Shared<number!(), __ShmAccess>,
}
#[allow(dead_code)]
const _: () = {
    use ::shm_runtime::__private as __shm;
    #[automatically_derived]
    unsafe impl ::shm_runtime::Shareable for Sample {
        type __Parts<__ShmAccess: ::shm_runtime::Access> = SampleFields<__ShmAccess>;
        type __Member = __shm::Member<Self>;
        const __MEMBERS: __shm::Fields = ::shm_runtime::__private::Fields::now(|
                (__shm_0,)|
            Self { value: __shm_0 })
            .with_twin(
                |(__shm_0,)| SampleFields { value: __shm_0 },
                |(__shm_0,)| SampleFields { value: __shm_0 },
                |(__shm_0,)| SampleFields { value: __shm_0 },
            )
            .are::<(<number!() as ::shm_runtime::Shareable>::__Member,)>();
        const __NAMES: &'static [&'static __shm::core::primitive::str] = &["value"];
        const __OFFSETS: &'static [__shm::core::primitive::usize] = &{
            __shm::assert_can_be_placed::<Self>();
            let __shm_place = __shm::core::mem::MaybeUninit::<Self>::uninit();
            let __shm_base = __shm::core::mem::MaybeUninit::as_ptr(&__shm_place);
            unsafe {
                __shm::offsets(
                    __shm_base,
                    [&raw const (*__shm_base).value as *const __shm::core::primitive::u8],
                )
            }
        };
        const __LAYOUT: __shm::Declared = __shm::Declared::structure::<
            Self,
            1,
        >("Sample");
    }
    #[automatically_derived]
    unsafe impl<'__shm> ::shm_runtime::AlwaysValid for Sample
    where
        __shm::If<'__shm, (number!(),)>: ::shm_runtime::AlwaysValid,
    {}
    const _: () = {
        ::shm_runtime::__private::assert_struct::<Sample>();
        ::shm_runtime::__private::assert_layout::<Sample>();
    };
};
