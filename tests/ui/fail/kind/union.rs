use shm_runtime::Shareable;

#[derive(Shareable)]
#[repr(C)]
union Bits {
    float: f32,
    bits: u32,
}

fn main() {}
