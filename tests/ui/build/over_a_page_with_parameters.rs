use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C, align(65536))]
#[shm(private)]
struct Station<T> {
    celsius: T,
}

fn main() {
    let _ = Station::<f64>::create_with(|new| new.celsius.set(21.5));
}
