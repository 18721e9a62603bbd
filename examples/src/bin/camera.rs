//! A camera and its viewers: one process writes frames, three read them, each frame whole, and nobody waits for
//! anybody. Half-way the camera is killed, and another one takes its place.
//!
//! ```text
//! cargo run --bin camera
//! ```

#![forbid(unsafe_code)]

use std::env;
use std::error::Error;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

use shm_runtime::{Segment, Shareable, SharedSegment, sync};

/// What camera and viewers share.
#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Video {
    frame: sync::SeqLock<Frame>,
    /// There is a new frame.
    taken: sync::Event,
}

/// 64 by 64 pixels, and what is needed to see that they belong together.
#[derive(Clone, Copy, Shareable)]
#[repr(C)]
struct Frame {
    number: u64,
    last: bool,
    brightness: u8,
    pixels: [[u8; 64]; 64],
}

/// Each camera takes this many.
const FRAMES: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => run(),
        ["camera", id] => camera(id.parse()?),
        ["viewer", id] => viewer(id.parse()?),
        _ => Err("camera takes no arguments".into()),
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let segment = Video::create()?.remove_on_drop();
    let video = segment.attach_read_only()?;
    let start = |role: &str| {
        let mut command = Command::new(env::current_exe()?);
        command.args([role, &segment.id().to_string()]).spawn()
    };
    let viewers: Vec<Child> = (0..3).map(|_| start("viewer")).collect::<Result<_, _>>()?;

    let mut first = start("camera")?;
    loop {
        let taken = video.taken.listen();
        if video.frame.version() >= FRAMES / 2 {
            break;
        }
        if !taken.wait_timeout(Duration::from_secs(10)) {
            return Err("the camera takes no frames".into());
        }
    }
    first.kill()?;
    first.wait()?;
    println!("killed the camera after frame {}, which can still be read", video.frame.read()?.number);

    for mut child in [start("camera")?].into_iter().chain(viewers) {
        let status = child.wait()?;
        if !status.success() {
            return Err(format!("a process failed: {status}").into());
        }
    }
    Ok(())
}

/// Takes frames, and tells the viewers.
fn camera(id: i32) -> Result<(), Box<dyn Error>> {
    let video = Segment::<Video>::from_id(id)?.attach()?;
    // An error if another camera is alive; a dead one is replaced.
    let mut writer = video.frame.writer()?;
    let first = video.frame.version() + 1;
    println!("camera {}: begins with frame {first}", std::process::id());
    for number in first..first + FRAMES {
        let brightness = u8::try_from(number % 256)?;
        writer.write(&Frame {
            number,
            last: number == first + FRAMES - 1,
            brightness,
            pixels: [[brightness; 64]; 64],
        })?;
        video.taken.notify_all();
        sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// Looks at frames until the last one.
fn viewer(id: i32) -> Result<(), Box<dyn Error>> {
    let video = Segment::<Video>::from_id(id)?.attach_read_only()?;
    let (mut seen, mut torn) = (0, 0);
    loop {
        // First listen, then look: a frame that is taken in between ends the wait at once.
        let taken = video.taken.listen();
        let frame = video.frame.read()?;
        if frame.number > 0 {
            seen += 1;
            torn += u32::from(frame.pixels.as_flattened().iter().any(|&pixel| pixel != frame.brightness));
        }
        if frame.last {
            println!(
                "viewer {}: looked {seen} times at {} frames, {torn} of them torn",
                std::process::id(),
                frame.number
            );
            return Ok(());
        }
        if !taken.wait_timeout(Duration::from_secs(10)) {
            return Err("no camera for 10 seconds".into());
        }
    }
}
