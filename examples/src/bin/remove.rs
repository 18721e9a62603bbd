//! Removes the station's segment. Who is attached keeps it until the end; nobody finds it any more.
//!
//! ```text
//! cargo run --bin remove
//! ```

#![forbid(unsafe_code)]

use std::error::Error;

use shm_examples::describe;

fn main() -> Result<(), Box<dyn Error>> {
    // `shm_examples::station().remove()?` would do. Opening it first shows what is removed, and removing by id what
    // was shown: never a successor that got the key in between.
    let segment = shm_examples::station().open()?;
    let description = describe(&segment)?;
    segment.remove()?;
    println!("remove: removed {description}");
    Ok(())
}
