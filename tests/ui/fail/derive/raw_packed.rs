#[derive(Clone, Copy, shm_runtime::Shareable)]
#[repr(C)]
#[r#repr(packed(1))]
struct Packed {
    a: u32,
    b: u8,
}

#[derive(Clone, Copy, shm_runtime::Shareable)]
#[repr(r#C, r#packed)]
struct Raw {
    a: u32,
}

fn main() {}
