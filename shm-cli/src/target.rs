//! How an object is named on the command line.

use std::str::FromStr;

use shm_runtime::{ErrorKind, Key, Object, ObjectKind};

use crate::failure::Failure;
use crate::kinds::Kinds;
use crate::sealed::Sealed;

/// A NAME: a key, an id, the name of a key, or the name of a struct.
///
/// `0x53480001` and `key:1397227521` are keys, `id:12` is an id, `name:org.example.weather` is a name. A number only can be an id
/// or a key, and other text a name or a struct's: if several objects fit, it is an error that lists them.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    text: String,
    meaning: Meaning,
}

#[derive(Clone, Debug)]
enum Meaning {
    Key(i32),
    Id(i32),
    Name(String),
    /// `12`.
    Number(i32),
    /// `Station`.
    Text(String),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let id = |id: &str| match id.parse() {
            Ok(id @ 0..) => Ok(Meaning::Id(id)),
            _ => Err(format!("{id:?} is not an id, which is a number from 0 to {}", i32::MAX)),
        };
        let meaning = match text.split_once(':') {
            Some(("key", key)) => parse_key(key).map(Meaning::Key),
            Some(("id", number)) => id(number),
            Some(("name", name)) => Ok(Meaning::Name(name.to_owned())),
            _ if text.starts_with("0x") => parse_key(text).map(Meaning::Key),
            _ if text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) => {
                parse_key(text).map(Meaning::Number)
            }
            _ => Ok(Meaning::Text(text.to_owned())),
        };
        Ok(Self { text: text.to_owned(), meaning: meaning? })
    }
}

/// A `key_t`, as `ipcs` shows it, or as a number with or without a sign.
pub(crate) fn parse_key(text: &str) -> Result<i32, String> {
    let key = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with(['+', '-'])),
        None => text.parse::<i64>().ok(),
    };
    // 32 bits, whichever sign they are given.
    let bits =
        key.and_then(|key| i32::try_from(key).or_else(|_| u32::try_from(key).map(u32::cast_signed)).ok());
    bits.ok_or_else(|| {
        format!("{text:?} is not a key, which has 32 bits: 0x0 to 0xffffffff, or a decimal number")
    })
}

impl Target {
    /// As it was said.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The one object of these kinds that it names.
    pub(crate) fn find(&self, kinds: Kinds) -> Result<Object, Failure> {
        self.find_if_any(kinds)?.ok_or_else(|| Failure::new(self.not_found(kinds)))
    }

    /// The same, or `None` if there is none.
    pub(crate) fn find_if_any(&self, kinds: Kinds) -> Result<Option<Object>, Failure> {
        let mut candidates = Vec::new();
        for kind in kinds.asked() {
            self.find_of(kind, &mut candidates)?;
        }
        let mut found = candidates.into_iter();
        match (found.next(), found.next()) {
            (Some(first), Some(second)) => Err(self.ambiguous([first, second].into_iter().chain(found))),
            (object, _) => Ok(object),
        }
    }

    /// The key that it is the name of, if it can be one.
    pub(crate) fn named_key(&self) -> Option<Key> {
        match &self.meaning {
            Meaning::Name(name) | Meaning::Text(name) => Some(Key::name(name.clone())),
            _ => None,
        }
    }

    /// The one segment that it names.
    pub(crate) fn segment(&self) -> Result<Object, Failure> {
        self.find(Kinds::SEGMENTS)
    }

    /// Those of this kind that it names, each once.
    fn find_of(&self, kind: ObjectKind, found: &mut Vec<Object>) -> Result<(), Failure> {
        let by_id = |id: i32| match id {
            0.. => present(Object::from_id(kind, id)),
            _ => Ok(None),
        };
        let by_key = |key: i32| match key {
            // IPC_PRIVATE is no object's key.
            0 => Ok(None),
            _ => present(Object::from_key(kind, Key::fixed(key.cast_unsigned()))),
        };
        let by_name = |name: &str| present(Object::from_key(kind, Key::name(name.to_owned())));
        let mut fitting = Vec::new();
        match &self.meaning {
            Meaning::Id(id) => fitting.extend(by_id(*id)?),
            Meaning::Key(key) => fitting.extend(by_key(*key)?),
            Meaning::Number(number) => fitting.extend(by_id(*number)?.into_iter().chain(by_key(*number)?)),
            Meaning::Name(name) => fitting.extend(by_name(name)?),
            Meaning::Text(name) => {
                fitting.extend(by_name(name)?);
                if kind == ObjectKind::Segment {
                    fitting.extend(Object::all(kind)?.into_iter().filter(|object| is_struct(object, name)));
                }
            }
        }
        for object in fitting {
            let same = |other: &Object| (other.kind(), other.id()) == (object.kind(), object.id());
            if !found.iter().any(same) {
                found.push(object);
            }
        }
        Ok(())
    }

    fn ambiguous(&self, objects: impl Iterator<Item = Object>) -> Failure {
        let lines: String = objects.map(|object| format!("\n  {}", describe(&object))).collect();
        let text = &self.text;
        Failure::new(format!(
            "several objects are named by {text:?}. Say which by id:ID or key:KEY, and -m, -q or -s:{lines}"
        ))
    }

    /// That there is none, and where it was looked for.
    pub(crate) fn not_found(&self, kinds: Kinds) -> String {
        let nouns: Vec<_> = kinds.asked().map(ObjectKind::noun).collect();
        let nouns = nouns.join(", ");
        let text = &self.text;
        match &self.meaning {
            Meaning::Key(key) => format!("no {nouns} has the key {key:#010x} in this IPC namespace"),
            Meaning::Id(id) => format!("no {nouns} has the id {id} in this IPC namespace"),
            Meaning::Number(_) => format!("no {nouns} has the id or the key {text} in this IPC namespace"),
            Meaning::Name(name) => {
                format!("no {nouns} has the key of the name {name:?} in this IPC namespace")
            }
            Meaning::Text(name) => format!(
                "no {nouns} has the key of the name {name:?} in this IPC namespace, and no segment that this user may \
                 read holds a struct of that name"
            ),
        }
    }
}

/// Whether it is a sealed segment of the struct with this name.
fn is_struct(object: &Object, name: &str) -> bool {
    Sealed::of(object).and_then(|sealed| sealed.type_name).is_some_and(|type_name| type_name == name)
}

/// Which object it is, for a line: `segment, shmid 12, key 0x53480001`.
pub(crate) fn describe(object: &Object) -> String {
    let (noun, id_name, id) = (object.kind().noun(), object.kind().id_name(), object.id());
    match object.record().key() {
        0 => format!("{noun}, {id_name} {id}, without a key"),
        key => format!("{noun}, {id_name} {id}, key {key:#010x}"),
    }
}

/// What was looked up; `None` if it is not there, which a candidate may well not be.
fn present(found: Result<Object, shm_runtime::Error>) -> Result<Option<Object>, Failure> {
    match found {
        Ok(object) => Ok(Some(object)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NoSuchId { .. } | ErrorKind::Removed => Ok(None),
            // What the kernel says of an id below 0, say.
            ErrorKind::Os { source, .. } if source.kind() == std::io::ErrorKind::InvalidInput => Ok(None),
            _ => Err(error.into()),
        },
    }
}
