//! One step of a scene, by a process of its own: makes, opens or removes something, says in one line what came of it, `ok
//! VALUE` or `err KIND TEXT` with tabs between, and ends.
//!
//! `who-peer WHAT KIND KEY WORD...`; KIND is `segment`, `companion`, `set` or `queue`, KEY as `key` reads it. A segment is
//! a struct: `segment` itself, `grown`, which is the same with more elements, `other`, which is another of the same size,
//! or `bare`.

use shm_runtime::msg::{self, Queue};
use shm_runtime::sem::{self, Semaphore};
use shm_runtime::{Error, Key, Options, SharedSegment};

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Accounts")]
struct Accounts {
    balance: u64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, type_name = "Accounts")]
struct Grown {
    balance: u64,
    more: [u64; 100],
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private)]
struct Scratch {
    balance: u64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, bare)]
struct Bare {
    balance: u64,
}

#[derive(SharedSegment)]
#[repr(C)]
#[shm(private, trust = "nobody", type_name = "Accounts")]
struct TrustsNobody {
    balance: u64,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [what, kind, key_words, ref rest @ ..] = words[..] else { panic!("{words:?}") };
    let result = match kind {
        "segment" => segment::<Accounts>(what, key(key_words), rest),
        "grown" => segment::<Grown>(what, key(key_words), rest),
        "other" => segment::<Scratch>(what, key(key_words), rest),
        "bare" => segment::<Bare>(what, key(key_words), rest),
        "named" => segment::<TrustsNobody>(what, key(key_words), rest),
        "companion" => {
            let mut options = Accounts::options();
            options.key(key(key_words));
            set(what, options.semaphore(), rest)
        }
        // The trust is that of the segment's options, or of its attribute.
        "trusting-companion" => {
            let mut options = Accounts::options();
            set(what, options.key(key(key_words)).trust_anybody().semaphore(), rest)
        }
        "named-companion" => {
            let mut options = TrustsNobody::semaphore();
            options.key(key(key_words));
            set(what, options, rest)
        }
        "set" => set(what, Semaphore::options(key(key_words)), rest),
        "queue" => queue(what, Queue::options(key(key_words)), rest),
        _ => panic!("{kind} is no kind"),
    };
    match result {
        Ok(value) => println!("ok\t{value}"),
        Err(error) => {
            let kind = format!("{:?}", error.kind());
            println!("err\t{}\t{error}", kind.split([' ', '{']).next().unwrap_or_default());
        }
    }
}

fn key(words: &str) -> Key {
    match words.split_once(':') {
        Some(("name", name)) => Key::name(name.to_owned()),
        Some(("number", number)) => Key::fixed(number.parse::<i32>().expect("a number").cast_unsigned()),
        Some(("ftok", path)) => Key::ftok(path, b'W'),
        _ => Key::private(),
    }
}

/// The mode of `make`, in octal.
fn mode(words: &[&str]) -> Option<u32> {
    words.iter().find_map(|word| u32::from_str_radix(word.strip_prefix("mode=")?, 8).ok())
}

/// Whom to trust, word by word.
macro_rules! trust {
    ($options:expr, $words:expr) => {
        for word in $words {
            match word.split_once('=') {
                Some(("uid", uid)) => drop($options.trust_owner(uid.parse().expect("a number"))),
                Some(("user", name)) => drop($options.trust_owner_named(name.to_owned())),
                _ if *word == "anybody" => drop($options.trust_anybody()),
                _ => {}
            }
        }
    };
}

/// What all segments here begin with.
trait Balance: SharedSegment {
    fn balance(shared: &shm_runtime::Shared<Self>) -> u64;
    fn set(shared: &shm_runtime::Shared<Self>, balance: u64);
}

macro_rules! balance {
    ($($type:ident)*) => {$(
        impl Balance for $type {
            fn balance(shared: &shm_runtime::Shared<Self>) -> u64 {
                shared.balance.get()
            }

            fn set(shared: &shm_runtime::Shared<Self>, balance: u64) {
                shared.balance.set(balance);
            }
        }
    )*};
}
balance! { Accounts Grown Scratch Bare TrustsNobody }

fn segment<T: Balance>(what: &str, key: Key, words: &[&str]) -> Result<String, Error> {
    let mut options: Options<T> = T::options();
    options.key(key).reclaim_stale(words.contains(&"reclaim"));
    options.wait(std::time::Duration::from_millis(50));
    trust!(options, words);
    if let Some(mode) = mode(words) {
        options.mode(mode);
    }
    let made = |shared: &shm_runtime::Shared<T>| T::set(shared, 1000);
    let segment = match what {
        "make" => options.create_with(made)?,
        // Killed when it has begun.
        "half-make" => options.create_with(|_| std::process::abort())?,
        // Nothing is filled in.
        "make-only" => options.create()?,
        // By a program that does not seal, and happens to need as many bytes; with a balance, or without.
        "make-raw" => {
            let sealed = options.create()?;
            let (key, size) = (sealed.key(), sealed.size());
            sealed.remove()?;
            raw(key, size, if words.contains(&"empty") { 0 } else { 1000 });
            return Ok("1000".to_owned());
        }
        "create" => options.create()?,
        "open" => options.open()?,
        "open-or-create" => options.open_or_create()?,
        "from-id" => options.open_id(0)?,
        "remove" => return options.remove().map(|()| String::new()),
        _ => panic!("{what} is nothing to do"),
    };
    match what == "make-only" {
        true => Ok(String::new()),
        false => Ok(T::balance(&*segment.attach()?).to_string()),
    }
}

/// shmget, shmat, and a number at the start.
fn raw(key: i32, size: usize, balance: u64) {
    // SAFETY: takes numbers only.
    let id = unsafe { libc::shmget(key, size, libc::IPC_CREAT | libc::IPC_EXCL | 0o600) };
    // SAFETY: without an address, the kernel maps where nothing else is.
    let address = unsafe { libc::shmat(id, std::ptr::null(), 0) };
    assert!(id >= 0 && address.addr() != usize::MAX, "{}", std::io::Error::last_os_error());
    // SAFETY: at least eight bytes are mapped there, at the start of a page, and no other process uses them.
    unsafe { address.cast::<u64>().write_volatile(balance) };
}

fn set(what: &str, mut options: sem::Options<1>, words: &[&str]) -> Result<String, Error> {
    trust!(options, words);
    if let Some(mode) = mode(words) {
        options.mode(mode);
    }
    let units = words.iter().find_map(|word| word.strip_prefix("units=")?.parse().ok()).unwrap_or(1);
    let set = match what {
        "make" | "create" => options.create(units)?,
        "open" | "value" => options.open()?,
        "open-or-create" => options.open_or_create(units)?,
        "from-id" => options.open_id(0)?,
        "remove" => return options.remove().map(|()| String::new()),
        _ => panic!("{what} is nothing to do"),
    };
    match what {
        "value" => Ok(set.value()?.to_string()),
        _ if units == 0 => Ok("0".to_owned()),
        _ => Ok(set.try_acquire()?.is_some().to_string()),
    }
}

fn queue(what: &str, mut options: msg::Options<u64>, words: &[&str]) -> Result<String, Error> {
    trust!(options, words);
    if let Some(mode) = mode(words) {
        options.mode(mode);
    }
    let queue = match what {
        "make" | "create" => options.create()?,
        "open" => options.open()?,
        "open-or-create" => options.open_or_create()?,
        "from-id" => options.open_id(0)?,
        "remove" => return options.remove().map(|()| String::new()),
        _ => panic!("{what} is nothing to do"),
    };
    Ok(queue.try_send(1, &1)?.to_string())
}
