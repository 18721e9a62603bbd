use shm_runtime::Key;
use shm_runtime::msg::Queue;

fn main() {
    let queue = Queue::<String>::create(Key::private());
    drop(queue);
}
