//! Is an old or a new program of one that is upgraded.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use shm_runtime::{Attached, ErrorKind, Key, Options, SharedSegment, TailedSegment};
use shm_tests::HANGS;
use shm_tests::structs::upgrade::{ADDED, New, Old, Series, fill, init, is_whole};

use crate::clock::until;
use crate::{Answer, Domain, number, say};

/// What is attached until another is.
#[derive(Default)]
pub(crate) struct Peer {
    old: Option<Attached<Old>>,
    new: Option<Attached<New>>,
}

fn options<T: SharedSegment>(name: &str) -> Options<T> {
    let mut options = T::options();
    options.key(Key::name(name.to_owned())).wait(Duration::from_secs(20));
    options
}

impl Domain for Peer {
    fn follow(&mut self, words: &[&str]) -> Answer {
        match *words {
            ["create", name, count] => {
                let old = options::<Old>(name).create_with(|old| fill(old, number(count)))?.attach()?;
                let id = old.segment().id().to_string();
                self.old = Some(old);
                Ok(id)
            }
            // At this time, which may be past, and says `ID INITS WHOLE`.
            ["upgrade", way, name, start] => {
                until(Duration::from_nanos(number(start)));
                let mut options = options::<New>(name);
                options.upgrade(init);
                let segment = match way {
                    "open" => options.open()?,
                    _ => options.open_or_create()?,
                };
                let new = segment.attach()?;
                let whole = is_whole(new.count.load(Relaxed), &new.pattern)
                    && (0..new.added.len()).all(|i| new.added[i].get() == ADDED);
                let answer = format!("{} {} {whole}", segment.id(), new.inits.load(Relaxed));
                self.new = Some(new);
                Ok(answer)
            }
            // The same and nothing more: no answer.
            ["upgrade-only", name] => {
                drop(options::<New>(name).upgrade(init).open()?);
                Ok(String::new())
            }
            // Nothing more: no answer.
            ["resize-only", name, len] => {
                let mut options = Series::options();
                options.key(Key::name((*name).to_owned())).wait(Duration::from_secs(20));
                drop(options.successor(number(len))?);
                Ok(String::new())
            }
            ["open", name] => {
                let old = options::<Old>(name).open_compatible()?.attach()?;
                let answer = format!("{} {}", old.segment().id(), old.count.load(Relaxed));
                self.old = Some(old);
                Ok(answer)
            }
            ["current"] => {
                let old = self.old.as_ref().map(Attached::is_current).transpose()?;
                Ok(old.map_or_else(|| "nothing".to_owned(), |current| current.to_string()))
            }
            // Until it is killed.
            ["hold-lock"] => {
                let old = self.old.as_ref().ok_or("nothing is attached")?;
                let Ok(guard) = old.total.lock() else { return Err("the lock is not free".into()) };
                guard.low.set(1);
                std::mem::forget(guard);
                Ok(String::new())
            }
            // Opens the key again and again, as an old reader that asks which segment is current, until there was another one
            // for a hundred times; says `reading` when the first one was there, and how many there were.
            ["read", name] => {
                let (mut ids, mut since, end) = (Vec::new(), 0, Instant::now() + HANGS);
                while since < 100 && Instant::now() < end {
                    let opened = options::<Old>(name).open_compatible();
                    let old = match opened.and_then(|segment| segment.attach_read_only()) {
                        Ok(old) => old,
                        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Removed) => {
                            continue;
                        }
                        Err(error) => return Err(error.into()),
                    };
                    let (id, count) = (old.segment().id(), old.count.load(Relaxed));
                    if count == 0 || !is_whole(count, &old.pattern) {
                        return Err(format!("half of the values, in {id}").into());
                    }
                    if ids.last() != Some(&id) {
                        ids.push(id);
                        if ids.len() == 1 {
                            say("reading");
                        }
                    }
                    since += usize::from(ids.len() > 1);
                }
                Ok(ids.len().to_string())
            }
            _ => Err("no such command".into()),
        }
    }
}
