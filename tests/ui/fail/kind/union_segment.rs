use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
union Bits {
    float: f32,
    bits: u32,
}

fn main() {}
