//! One field, sixteen, one more, and hundreds; elements without a size; and as deep as is said.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::marker::PhantomData;

use shm_runtime::{Schema, Shareable, SharedSegment};

macro_rules! fields {
    ($name:ident: $($field:ident)*) => {
        #[derive(Clone, Copy, SharedSegment)]
        #[repr(C)]
        #[shm(private)]
        struct $name { $($field: u16,)* }

        impl $name {
            fn check() {
                let segment = $name::create().unwrap().remove_on_drop();
                let shared = segment.attach().unwrap();
                let mut n = 0;
                $(n += 1; shared.$field.set(n);)*
                let got = shared.get();
                let mut n = 0;
                $(n += 1; assert_eq!(got.$field, n);)*
                assert_eq!(size_of::<$name>(), 2 * usize::from(n));
                let schema = Schema::of::<$name>().to_string();
                assert_eq!(schema.lines().count(), 1 + usize::from(n), "{schema}");
            }
        }
    };
}
fields!(One: a);
fields!(Fifteen: a b c d e f g h i j k l m n o);
fields!(Sixteen: a b c d e f g h i j k l m n o p);
fields!(Seventeen: a b c d e f g h i j k l m n o p q);
fields!(ThirtyThree: a b c d e f g h i j k l m n o p q r s t u v w x y z aa bb cc dd ee ff gg);

fields!(Exactly256: f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49 f50 f51 f52 f53 f54 f55 f56 f57 f58 f59 f60 f61 f62 f63 f64 f65 f66 f67 f68 f69 f70 f71 f72 f73 f74 f75 f76 f77 f78 f79 f80 f81 f82 f83 f84 f85 f86 f87 f88 f89 f90 f91 f92 f93 f94 f95 f96 f97 f98 f99 f100 f101 f102 f103 f104 f105 f106 f107 f108 f109 f110 f111 f112 f113 f114 f115 f116 f117 f118 f119 f120 f121 f122 f123 f124 f125 f126 f127 f128 f129 f130 f131 f132 f133 f134 f135 f136 f137 f138 f139 f140 f141 f142 f143 f144 f145 f146 f147 f148 f149 f150 f151 f152 f153 f154 f155 f156 f157 f158 f159 f160 f161 f162 f163 f164 f165 f166 f167 f168 f169 f170 f171 f172 f173 f174 f175 f176 f177 f178 f179 f180 f181 f182 f183 f184 f185 f186 f187 f188 f189 f190 f191 f192 f193 f194 f195 f196 f197 f198 f199 f200 f201 f202 f203 f204 f205 f206 f207 f208 f209 f210 f211 f212 f213 f214 f215 f216 f217 f218 f219 f220 f221 f222 f223 f224 f225 f226 f227 f228 f229 f230 f231 f232 f233 f234 f235 f236 f237 f238 f239 f240 f241 f242 f243 f244 f245 f246 f247 f248 f249 f250 f251 f252 f253 f254 f255);
fields!(One257: f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49 f50 f51 f52 f53 f54 f55 f56 f57 f58 f59 f60 f61 f62 f63 f64 f65 f66 f67 f68 f69 f70 f71 f72 f73 f74 f75 f76 f77 f78 f79 f80 f81 f82 f83 f84 f85 f86 f87 f88 f89 f90 f91 f92 f93 f94 f95 f96 f97 f98 f99 f100 f101 f102 f103 f104 f105 f106 f107 f108 f109 f110 f111 f112 f113 f114 f115 f116 f117 f118 f119 f120 f121 f122 f123 f124 f125 f126 f127 f128 f129 f130 f131 f132 f133 f134 f135 f136 f137 f138 f139 f140 f141 f142 f143 f144 f145 f146 f147 f148 f149 f150 f151 f152 f153 f154 f155 f156 f157 f158 f159 f160 f161 f162 f163 f164 f165 f166 f167 f168 f169 f170 f171 f172 f173 f174 f175 f176 f177 f178 f179 f180 f181 f182 f183 f184 f185 f186 f187 f188 f189 f190 f191 f192 f193 f194 f195 f196 f197 f198 f199 f200 f201 f202 f203 f204 f205 f206 f207 f208 f209 f210 f211 f212 f213 f214 f215 f216 f217 f218 f219 f220 f221 f222 f223 f224 f225 f226 f227 f228 f229 f230 f231 f232 f233 f234 f235 f236 f237 f238 f239 f240 f241 f242 f243 f244 f245 f246 f247 f248 f249 f250 f251 f252 f253 f254 f255 f256);

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Empties {
    none: [u64; 0],
    nested: [[u8; 0]; 4],
    marker: PhantomData<String>,
    markers: [PhantomData<String>; 5],
    of_structs: [One; 0],
    deeper: [[[One; 0]; 3]; 2],
    value: u8,
    last: [u32; 0],
}

#[derive(Clone, Copy, SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Grid<T: Copy, const W: usize, const H: usize> {
    grid: [[T; W]; H],
    row: [T; W],
    first: T,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S1 {
    a: u8,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S2 {
    s: S1,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S3 {
    s: S2,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S4 {
    s: S3,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S5 {
    s: S4,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S6 {
    s: S5,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S7 {
    s: S6,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S8 {
    s: S7,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S9 {
    s: S8,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S10 {
    s: S9,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S11 {
    s: S10,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S12 {
    s: S11,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S13 {
    s: S12,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S14 {
    s: S13,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S15 {
    s: S14,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S16 {
    s: S15,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S17 {
    s: S16,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S18 {
    s: S17,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S19 {
    s: S18,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S20 {
    s: S19,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S21 {
    s: S20,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S22 {
    s: S21,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S23 {
    s: S22,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S24 {
    s: S23,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S25 {
    s: S24,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S26 {
    s: S25,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S27 {
    s: S26,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S28 {
    s: S27,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S29 {
    s: S28,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S30 {
    s: S29,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S31 {
    s: S30,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S32 {
    s: S31,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S33 {
    s: S32,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S34 {
    s: S33,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S35 {
    s: S34,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S36 {
    s: S35,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S37 {
    s: S36,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S38 {
    s: S37,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S39 {
    s: S38,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S40 {
    s: S39,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S41 {
    s: S40,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S42 {
    s: S41,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S43 {
    s: S42,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S44 {
    s: S43,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S45 {
    s: S44,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S46 {
    s: S45,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S47 {
    s: S46,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S48 {
    s: S47,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S49 {
    s: S48,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S50 {
    s: S49,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S51 {
    s: S50,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S52 {
    s: S51,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S53 {
    s: S52,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S54 {
    s: S53,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S55 {
    s: S54,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S56 {
    s: S55,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S57 {
    s: S56,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S58 {
    s: S57,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S59 {
    s: S58,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S60 {
    s: S59,
}

#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct S61 {
    s: S60,
}

#[derive(Clone, Copy, SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Deepest {
    s: S61,
    b: u8,
}

fn main() {
    One::check();
    Fifteen::check();
    Sixteen::check();
    Seventeen::check();
    ThirtyThree::check();
    Exactly256::check();
    One257::check();

    let segment = Grid::<Empties, 2, 2>::create().unwrap().remove_on_drop();
    let grid = segment.attach().unwrap();
    grid.grid[1][1].value.set(8);
    assert_eq!(grid.get().grid[1][1].value, 8);
    println!("{:?}", *grid);

    let segment = Deepest::create().unwrap().remove_on_drop();
    let deepest = segment.attach().unwrap();
    deepest.b.set(3);
    assert_eq!(deepest.get().b, 3);
}
