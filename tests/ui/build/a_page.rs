use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[repr(C, align(4096))]
#[shm(private)]
struct Station<T> {
    celsius: T,
}

fn main() {
    let station = Station::<f64>::create_with(|new| new.celsius.set(21.5)).unwrap().remove_on_drop();
    assert_eq!(station.attach().unwrap().celsius.get(), 21.5);
}
