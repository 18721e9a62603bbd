//! A process in a namespace, perhaps, and with an old kernel, perhaps: told line by line what to do with the segments that
//! have the key in its argument.

use std::fmt::Display;
use std::io::Write as _;
use std::time::Duration;

use shm_runtime::msg::Queue;
use shm_runtime::sem::SemaphoreSet;
use shm_runtime::{Attached, Key, Options, SharedSegment, sync};

use shm_tests::seccomp::{Refused, refuse};
use shm_tests::structs::processes::{Bank, Station};

fn main() {
    if std::env::args().nth(2).is_none() {
        return serve();
    }
    // A process whose first thread has ended, and looks like a zombie.
    std::thread::spawn(serve);
    // SAFETY: ends this thread and no other; nothing that it borrowed is used by another.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

fn serve() {
    let key: i32 = std::env::args().nth(1).and_then(|key| key.parse().ok()).expect("a key");
    let key = Key::fixed(key.cast_unsigned());
    say("ready");
    loop {
        // Not `lines`, which would keep standard input from a command.
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line).expect("a line") == 0 {
            std::process::exit(0);
        }
        let line = line.trim_end();
        match follow(line, &key) {
            Ok(value) => say(&format!("ok\t{value}")),
            Err((debug, text)) => {
                let kind = debug.split([' ', '{']).next().unwrap_or_default();
                say(&format!("err\t{kind}\t{debug}\t{text}").replace('\n', "\\n"));
            }
        }
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("the test listens");
}

/// An error, as the harness wants it.
fn failure(error: &shm_runtime::Error) -> (String, String) {
    (format!("{:?}", error.kind()), error.to_string())
}

fn options<T: SharedSegment>(key: &Key) -> Options<T> {
    let mut options = T::options();
    options.key(key.clone()).wait(Duration::from_millis(50));
    options
}

fn follow(line: &str, key: &Key) -> Result<String, (String, String)> {
    let station = || options::<Station>(key);
    let number = |attached: &Attached<Station>| attached.number.get().to_string();
    let result = match line {
        "old kernel" => {
            // As one before 5.3.
            let pidfds = [Refused::call(libc::SYS_pidfd_open)];
            return Ok(refuse(&pidfds, libc::ENOSYS).to_string());
        }
        // One from 5.3 to 6.8, which has pidfds but not their file system: so what that says is not told.
        "no pidfs" => return Ok(refuse(&[Refused::call(libc::SYS_fstatfs)], libc::ENOSYS).to_string()),
        "create" => station().create_with(|station| station.number.set(42)).map(|_| String::new()),
        "abandon" => station().create_with(|_| std::process::abort()).map(|_| String::new()),
        "slow" => {
            let made = station().create_with(|station| {
                say("begun");
                std::io::stdin().read_line(&mut String::new()).expect("a line");
                station.number.set(42);
            });
            made.map(|_| String::new())
        }
        "open" => station().open().and_then(|segment| segment.attach()).map(|attached| number(&attached)),
        "wait" => {
            let opened = station().wait(Duration::from_secs(30)).open();
            opened.and_then(|segment| segment.attach()).map(|attached| number(&attached))
        }
        // Of the same struct, it is opened; so to replace it is to create it.
        "replace" => station()
            .reclaim_stale(true)
            .create()
            .or_else(|_| station().open_or_create())
            .and_then(|segment| segment.attach())
            .map(|attached| number(&attached)),
        "again" => station().create().map(|_| String::new()),
        "shares" => station()
            .open()
            .and_then(|segment| segment.attach())
            .map(|attached| format!("{:?}", attached.shares_pid_namespace())),
        // Whether the writer is alive, and for how many seconds it has been running, with both as they are known here.
        "writer" => {
            let attached = station().open().and_then(|segment| segment.attach_read_only());
            let info = attached.map_err(|error| failure(&error))?.wind.writer_info();
            let started = info.and_then(|info| info.started);
            let age = started.map(|time| time.elapsed().unwrap_or_default().as_secs());
            Ok(format!("{:?} {age:?}", info.and_then(|info| info.alive)))
        }
        "write" => {
            let attached =
                station().open().and_then(|segment| segment.attach()).map_err(|error| failure(&error))?;
            let written = attached.wind.writer().and_then(|mut writer| {
                writer.write(&1)?;
                std::mem::forget(writer);
                Ok(())
            });
            // It stays the writer until it ends.
            return match written {
                Ok(()) => {
                    std::mem::forget(attached);
                    Ok(String::new())
                }
                Err(error) => Err((format!("{error:?}"), error.to_string())),
            };
        }
        "bank" => options::<Bank>(key).create().and_then(|segment| segment.attach()).map(|_| String::new()),
        "use bank" => use_bank(options::<Bank>(key).open().and_then(|segment| segment.attach())),
        "look into bank" => options::<Bank>(key)
            .open()
            .and_then(|segment| segment.attach_read_only())
            .map(|bank| format!("{:?}", bank.shares_pid_namespace())),
        "use bank anyway" => {
            let opened = options::<Bank>(key).allow_other_pid_namespace().open();
            use_bank(opened.and_then(|segment| segment.attach()))
        }
        "send" => Queue::<[u8; 16384]>::create(Key::private()).and_then(|queue| {
            let queue = queue.remove_on_drop();
            queue.try_send(1, &[0; 16384]).map(|_| String::new())
        }),
        "many semaphores" => {
            SemaphoreSet::<60000>::options(Key::private()).create_set([0; 60000]).map(|_| String::new())
        }
        "attach at 1" => station().open().and_then(|segment| {
            // SAFETY: nothing is mapped there, and nothing will be: the call fails.
            unsafe { segment.attach_at(1) }.map(|_| String::new())
        }),
        _ => panic!("{line} is no command"),
    };
    result.map_err(|error| failure(&error))
}

fn use_bank(bank: Result<Attached<Bank>, shm_runtime::Error>) -> Result<String, shm_runtime::Error> {
    let bank = bank?;
    let locked = bank.accounts[1].balance.try_lock().map_err(sync::LockError::release);
    Ok(locked.map_or_else(|error: sync::LockError| shown(&error), |balance| shown(&balance.get())))
}

fn shown(value: &impl Display) -> String {
    value.to_string()
}
