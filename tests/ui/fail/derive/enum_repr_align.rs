#[derive(Clone, Copy, shm_runtime::Shareable)]
#[repr(u8, align(4))]
enum Lane {
    Left = 1,
    Right = 2,
}

#[derive(Clone, Copy, shm_runtime::Shareable)]
#[r#repr(align(8))]
#[repr(u32)]
enum Side {
    Left,
    Right,
}

fn main() {}
