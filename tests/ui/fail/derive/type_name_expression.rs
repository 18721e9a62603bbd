use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = concat!("two", " words"))]
struct S {
    a: u8,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = NUMBER)]
struct T {
    a: u8,
}

const NUMBER: u32 = 3;

fn main() {}
