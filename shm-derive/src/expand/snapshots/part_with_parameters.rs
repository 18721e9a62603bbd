///The fields of a [`Ring`] in shared memory, reached with access `A`.
#[repr(C)]
pub struct RingFields<T: Copy, const N: usize, M = (), A = ::shm_runtime::ReadWrite>
where
    T: Default,
{
    ///[`Ring::slots`], in shared memory.
    slots: ::shm_runtime::Shared<[T; N], A>,
    ///[`Ring::next`], in shared memory.
    next: ::shm_runtime::Shared<<T as Numbered>::Number, A>,
    ///[`Ring::marker`], in shared memory.
    marker: ::shm_runtime::Shared<PhantomData<M>, A>,
}
const _: () = {
    use ::shm_runtime::__private as __shm;
    #[automatically_derived]
    unsafe impl<T: Copy, const N: usize, M> ::shm_runtime::Shareable
    for Ring<T, { N }, M>
    where
        T: Default,
        T: ::shm_runtime::Shareable,
        <T as Numbered>::Number: ::shm_runtime::Shareable,
        T: 'static,
        M: 'static,
    {
        type __Parts<A: ::shm_runtime::Access> = RingFields<T, { N }, M, A>;
        type __Member = __shm::Member<Self>;
        const __MEMBERS: __shm::Fields = ::shm_runtime::__private::Fields::now(|
                (__shm_0, __shm_1, __shm_2)|
            Self {
                slots: __shm_0,
                next: __shm_1,
                marker: __shm_2,
            })
            .are::<
                (
                    <[T; N] as ::shm_runtime::Shareable>::__Member,
                    <<T as Numbered>::Number as ::shm_runtime::Shareable>::__Member,
                    <PhantomData<M> as ::shm_runtime::Shareable>::__Member,
                ),
            >();
        const __NAMES: &'static [&'static __shm::core::primitive::str] = &[
            "slots",
            "next",
            "marker",
        ];
        const __OFFSETS: &'static [__shm::core::primitive::usize] = &{
            __shm::assert_can_be_placed::<Self>();
            let __shm_place = __shm::core::mem::MaybeUninit::<Self>::uninit();
            let __shm_base = __shm::core::mem::MaybeUninit::as_ptr(&__shm_place);
            unsafe {
                __shm::offsets(
                    __shm_base,
                    [
                        &raw const (*__shm_base).slots
                            as *const __shm::core::primitive::u8,
                        &raw const (*__shm_base).next
                            as *const __shm::core::primitive::u8,
                        &raw const (*__shm_base).marker
                            as *const __shm::core::primitive::u8,
                    ],
                )
            }
        };
        const __LAYOUT: __shm::Declared = __shm::Declared::structure::<Self, 3>("Ring");
    }
    #[automatically_derived]
    unsafe impl<'__shm, T: Copy, const N: usize, M> ::shm_runtime::AlwaysValid
    for Ring<T, { N }, M>
    where
        T: Default,
        T: ::shm_runtime::Shareable,
        <T as Numbered>::Number: ::shm_runtime::Shareable,
        T: 'static,
        M: 'static,
        __shm::If<
            '__shm,
            ([T; N], <T as Numbered>::Number, PhantomData<M>),
        >: ::shm_runtime::AlwaysValid,
    {}
};
