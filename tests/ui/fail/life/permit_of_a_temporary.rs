use shm_runtime::{Error, Key, sem::Semaphore};

fn use_it() -> Result<(), Error> {
    let permit = Semaphore::create(Key::private(), 1)?.remove_on_drop().acquire()?;
    permit.release()
}

fn main() {}
