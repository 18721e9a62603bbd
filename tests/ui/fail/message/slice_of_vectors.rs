use shm_runtime::msg::Queue;

fn send(_: &Queue<[Vec<u8>]>) {}

fn main() {}
