//! Where a layout comes from: a segment, or the text of a schema in a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use shm_runtime::inspect::{Seal, Segment};
use shm_runtime::{Object, Schema};

use crate::failure::Failure;
use crate::target::{Target, describe};

/// As much as a seal can hold.
const MAX_TEXT: u64 = 16 << 20;

/// NAME|FILE: a segment, as a [`Target`] names it, or a file with a schema.
///
/// What is written decides, and not what lies in the directory: a text with a `/` in it, or one that ends in `.schema`, is a
/// file, and `-` is the standard input. Other text is a NAME, and `name:a/b` is one too.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    File(PathBuf),
    Input,
    Segment { target: Target, text: String },
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let marked = ["name:", "key:", "id:"].iter().any(|mark| text.starts_with(mark));
        let is_file = text.contains('/') || Path::new(text).extension().is_some_and(|end| end == "schema");
        match text {
            "-" => Ok(Self::Input),
            _ if is_file && !marked => Ok(Self::File(text.into())),
            _ => text.parse().map(|target| Self::Segment { target, text: text.to_owned() }),
        }
    }
}

/// A layout, and the segment that has it.
pub(crate) struct Described {
    pub(crate) schema: Schema,
    /// What it is of, for a line: `segment, shmid 12, key 0x53480001`.
    pub(crate) of: String,
    pub(crate) segment: Option<Live>,
}

/// A sealed segment, as it was when it was looked at.
pub(crate) struct Live {
    pub(crate) object: Object,
    pub(crate) size: usize,
    /// `None` if the seal was overwritten since its schema was read.
    pub(crate) seal: Option<Seal>,
}

impl Source {
    pub(crate) fn read(&self) -> Result<Described, Failure> {
        match self {
            Self::File(path) => {
                let of = path.display().to_string();
                let file = File::open(path).map_err(|error| Failure::new(format!("{of}: {error}")))?;
                Described::from_text(file, of)
            }
            Self::Input => Described::from_text(io::stdin().lock(), "the standard input".to_owned()),
            Self::Segment { target, text } => {
                let object = target.segment().map_err(|failure| match failure {
                    Failure::Message(message) if Path::new(text).is_file() => Failure::new(format!(
                        "{message}\nThere is a file of that name: it is meant by ./{text}"
                    )),
                    failure => failure,
                })?;
                let segment = Segment::options().trust_anybody().open_id(object.id())?;
                let attached = segment.attach_read_only()?;
                let schema = attached.schema()?.clone();
                let live = Live { object, size: attached.size(), seal: attached.seal() };
                Ok(Described { schema, of: describe(&live.object), segment: Some(live) })
            }
        }
    }
}

impl Described {
    /// A schema that a program wrote: what `Display` of a [`Schema`] prints.
    pub(crate) fn from_text(from: impl Read, of: String) -> Result<Self, Failure> {
        let mut text = String::new();
        let read = from.take(MAX_TEXT + 1).read_to_string(&mut text);
        read.map_err(|error| Failure::new(format!("{of}: {error}")))?;
        if u64::try_from(text.len()).is_ok_and(|len| len > MAX_TEXT) {
            return Err(Failure::new(format!("{of} is longer than a schema can be, {MAX_TEXT} bytes")));
        }
        // `println!` of a schema ends it twice.
        let text = match text.strip_suffix("\n\n") {
            Some(schema) => format!("{schema}\n"),
            None => text,
        };
        let schema = Schema::parse(&text).map_err(|error| Failure::new(format!("{of}: {error}")))?;
        Ok(Self { schema, of, segment: None })
    }
}
