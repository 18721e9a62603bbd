const _: () = {
    struct __ShmSizes(
        ::shm_runtime::__private::OfOneSize<Wind>,
        ::shm_runtime::__private::OfOneSize<Kind>,
    );
};
///The fields of a [`Station`] in shared memory, reached with access `A`.
#[repr(C)]
pub struct StationFields<A = ::shm_runtime::ReadWrite> {
    ///[`Station::readings`], in shared memory.
    pub readings: ::shm_runtime::Shared<AtomicU64, A>,
    ///[`Station::wind`], in shared memory.
    wind: ::shm_runtime::Shared<Wind, A>,
    ///[`Station::name`], in shared memory.
    pub(crate) name: ::shm_runtime::Shared<[u8; 32], A>,
    ///[`Station::type`], in shared memory.
    r#type: ::shm_runtime::Shared<Kind, A>,
}
const _: () = {
    use ::shm_runtime::__private as __shm;
    #[automatically_derived]
    unsafe impl ::shm_runtime::Shareable for Station {
        type __Parts<A: ::shm_runtime::Access> = StationFields<A>;
        type __Member = __shm::Member<Self>;
        const __MEMBERS: __shm::Fields = ::shm_runtime::__private::Fields::now(|
                (__shm_0, __shm_1, __shm_2, __shm_3)|
            Self {
                readings: __shm_0,
                wind: __shm_1,
                name: __shm_2,
                r#type: __shm_3,
            })
            .are::<
                (
                    <AtomicU64 as ::shm_runtime::Shareable>::__Member,
                    <Wind as ::shm_runtime::Shareable>::__Member,
                    <[u8; 32] as ::shm_runtime::Shareable>::__Member,
                    <Kind as ::shm_runtime::Shareable>::__Member,
                ),
            >();
        const __NAMES: &'static [&'static __shm::core::primitive::str] = &[
            "readings",
            "wind",
            "name",
            "type",
        ];
        const __WAS: &'static [(
            __shm::core::primitive::usize,
            &'static __shm::core::primitive::str,
        )] = &[(1, "breeze")];
        const __OFFSETS: &'static [__shm::core::primitive::usize] = &{
            __shm::assert_can_be_placed::<Self>();
            let __shm_place = __shm::core::mem::MaybeUninit::<Self>::uninit();
            let __shm_base = __shm::core::mem::MaybeUninit::as_ptr(&__shm_place);
            unsafe {
                __shm::offsets(
                    __shm_base,
                    [
                        &raw const (*__shm_base).readings
                            as *const __shm::core::primitive::u8,
                        &raw const (*__shm_base).wind
                            as *const __shm::core::primitive::u8,
                        &raw const (*__shm_base).name
                            as *const __shm::core::primitive::u8,
                        &raw const (*__shm_base).r#type
                            as *const __shm::core::primitive::u8,
                    ],
                )
            }
        };
        const __LAYOUT: __shm::Declared = __shm::Declared::structure::<
            Self,
            4,
        >("Station");
    }
    #[automatically_derived]
    unsafe impl<'__shm> ::shm_runtime::AlwaysValid for Station
    where
        __shm::If<'__shm, (AtomicU64, Wind, [u8; 32], Kind)>: ::shm_runtime::AlwaysValid,
    {}
    const _: () = {
        ::shm_runtime::__private::assert_segment::<Station>();
        ::shm_runtime::__private::assert_layout::<Station>();
    };
    const _: [(); 72] = [(); __shm::core::mem::size_of::<Station>()];
    const _: [(); 24] = [(); __shm::core::mem::offset_of!(Station, name)];
    #[automatically_derived]
    impl ::shm_runtime::SharedSegment for Station {
        const SETTINGS: __shm::Settings = __shm::Settings {
            name: "Station",
            key_name: "org.example.weather",
            mode: 0o660,
            bare: false,
            trust: __shm::Trust::User(1000),
        };
        fn key() -> ::shm_runtime::Key {
            __shm::name_key::<Self>()
        }
    }
};
