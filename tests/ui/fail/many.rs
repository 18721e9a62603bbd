use shm_runtime::SharedSegment;

#[derive(SharedSegment)]
#[shm(key = 0, mode = 660, naem = "org.example.weather")]
struct Station<'a> {
    celsius: f64,
    name: String,
    log: Vec<u32>,
    #[shm(ofset = 0)]
    best: Option<f64>,
    place: &'a str,
}

fn main() {
    Station::create().unwrap().attach().unwrap().celsius.set(21.5);
}
