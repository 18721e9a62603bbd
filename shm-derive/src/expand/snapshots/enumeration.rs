const _: () = {
    use ::shm_runtime::__private as __shm;
    #[automatically_derived]
    unsafe impl ::shm_runtime::Shareable for Mode {
        type __Parts<A: ::shm_runtime::Access> = __shm::Opaque;
        type __Member = __shm::Member<Self>;
        const __LAYOUT: __shm::Declared = {
            const __SHM_REPR: __shm::Scalar = __shm::Scalar::U8;
            const __SHM_VARIANTS: &[(
                &__shm::core::primitive::str,
                __shm::core::primitive::i128,
            )] = &__shm::variants(
                __SHM_REPR,
                [("Off", &Mode::Off {}), ("On", &Mode::On {})],
            );
            let _: fn(&Self) = |__shm_value| match __shm_value {
                Self::Off {} => {}
                Self::On {} => {}
            };
            __shm::Declared::enumeration("Mode", __SHM_REPR, __SHM_VARIANTS)
        };
        #[inline]
        unsafe fn __copy<D: __shm::Direction>(
            __shm_from: *const Self,
            __shm_to: *mut Self,
        ) {
            unsafe {
                <__shm::core::primitive::u8 as ::shm_runtime::Shareable>::__copy::<
                    D,
                >(__shm_from.cast(), __shm_to.cast())
            }
        }
    }
};
