//! A service that is upgraded while its reader runs: its new version has more fields, takes over what the old one counted,
//! and the reader, which knows the old fields only, goes on.
//!
//! ```text
//! cargo run --bin upgrade
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::process::{Child, Command, id};
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::Duration;

use shm_runtime::{Attached, ErrorKind, Key, Options, ReadOnly, SharedSegment};

mod v1 {
    use std::sync::atomic::AtomicU64;

    /// What the service shared in its first version: the reader was built with this.
    #[derive(shm_runtime::SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    pub(crate) struct Service {
        pub(crate) requests: AtomicU64,
        pub(crate) version: u32,
    }
}

mod v2 {
    use std::sync::atomic::AtomicU64;

    /// What it shares now: new fields, after all of the old ones.
    #[derive(shm_runtime::SharedSegment)]
    #[repr(C)]
    #[shm(private)]
    pub(crate) struct Service {
        pub(crate) requests: AtomicU64,
        pub(crate) version: u32,
        pub(crate) slowest_ms: f32,
        pub(crate) errors: AtomicU64,
    }
}

/// How many requests each version serves at least, and the reader waits for.
const REQUESTS: u64 = 50;
const PAUSE: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(),
        ["service-1", name] => first_service(name),
        ["service-2", name] => second_service(name),
        ["reader", name] => reader(name),
        _ => Err("upgrade takes no arguments".into()),
    }
}

/// Of a run of its own, so that several can run beside each other.
fn options<T: SharedSegment>(name: &str) -> Options<T> {
    let mut options = T::options();
    options.key(Key::name(name.to_owned()));
    options
}

fn run() -> Result<(), Box<dyn Error>> {
    let name = &format!("org.example.upgrade.{}", id());
    let managed = manage(name);
    // Whichever version it is of; the programs that are left end when it is gone.
    options::<v1::Service>(name).remove()?;
    managed
}

/// What a service manager does: it stops the old version, and starts the new one.
fn manage(name: &str) -> Result<(), Box<dyn Error>> {
    let start = |role: &str| Command::new(env::current_exe()?).args([role, name]).spawn();
    let mut service = start("service-1")?;
    let mut reader = start("reader")?;
    let seen = current(name)?;
    while seen.requests.load(Relaxed) < REQUESTS {
        sleep(PAUSE);
    }
    stop(&mut service)?;

    let mut service = start("service-2")?;
    let read = reader.wait()?;
    stop(&mut service)?;
    if read.success() { Ok(()) } else { Err("the reader failed".into()) }
}

fn stop(service: &mut Child) -> Result<(), Box<dyn Error>> {
    service.kill()?;
    service.wait()?;
    Ok(())
}

fn first_service(name: &str) -> Result<(), Box<dyn Error>> {
    let service = options::<v1::Service>(name).open_or_create()?.attach()?;
    service.version.set(1);
    while service.is_current()? {
        service.requests.fetch_add(1, Relaxed);
        sleep(PAUSE);
    }
    Ok(())
}

fn second_service(name: &str) -> Result<(), Box<dyn Error>> {
    let mut options = options::<v2::Service>(name);
    // Called if an older segment is there, when its values have been copied: this is for the new fields.
    let service = options.upgrade(|service| service.slowest_ms.set(-1.0)).open_or_create()?.attach()?;
    println!("service 2: takes over after {} requests", service.requests.load(Relaxed));
    service.version.set(2);
    while service.is_current()? {
        service.requests.fetch_add(1, Relaxed);
        sleep(PAUSE);
    }
    Ok(())
}

/// Knows the first version only, and was never stopped.
fn reader(name: &str) -> Result<(), Box<dyn Error>> {
    let mut service = current(name)?;
    let (mut last, mut end) = (0, None);
    loop {
        // The old segment stays as it is for those who are attached; this says that there is another one.
        if !service.is_current()? {
            service = current(name)?;
            println!("reader: there is a new segment, shmid {}", service.segment().id());
        }
        let (requests, version) = (service.requests.load(Relaxed), service.version.get());
        if requests < last {
            return Err(format!("requests were lost: {last}, and then {requests}").into());
        }
        last = requests;
        if version == 2 {
            let end = *end.get_or_insert(requests + REQUESTS);
            if requests >= end {
                println!("reader: version 2 goes on from what version 1 counted");
                return Ok(());
            }
        }
        sleep(PAUSE);
    }
}

/// The segment that has the key, with our fields and perhaps more. For a moment of an upgrade, there is none.
fn current(name: &str) -> Result<Attached<v1::Service, ReadOnly>, Box<dyn Error>> {
    loop {
        match options::<v1::Service>(name).open_compatible().and_then(|segment| segment.attach_read_only()) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => sleep(PAUSE),
            opened => return Ok(opened?),
        }
    }
}
