//! Creates a semaphore, `KEY UNITS`, and says its id: to be stopped and killed at any system call of that.

use shm_runtime::Key;
use shm_runtime::sem::Semaphore;

fn main() {
    let mut arguments = std::env::args().skip(1).map(|word| word.parse::<i32>().expect("a number"));
    let (key, units) = (arguments.next().expect("a key"), arguments.next().expect("units"));
    let created = Semaphore::create(Key::fixed(key), u16::try_from(units).expect("few"));
    match created {
        Ok(semaphore) => println!("{}", semaphore.id()),
        Err(error) => println!("{error}"),
    }
}
