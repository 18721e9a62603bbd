//! `shm header`: a layout in the words of other languages.

mod c;
mod cpp;
mod model;
mod names;
mod numpy;
mod python;
mod reader;

use std::fmt::Display;
use std::process::ExitCode;

use self::model::Model;
use self::names::{Language, comment};
use self::reader::Dialect;
use crate::failure::{Failure, Outcome};
use crate::source::{Described, Source};
use crate::terminal::Terminal;

/// Write a C header with the struct of a segment or of a schema, its key, and assertions of every offset.
///
/// A `SeqLock`, a `Latest` and a `Ring` get a function that reads them, and in C and C++ a `ByteRing` and the heads of rings; a
/// `Mutex`, a queue and an `Event` are bytes that only Rust code can use. A slice at the end is a flexible array member in C, and a function in C++.
#[derive(clap::Args)]
pub(crate) struct Header {
    /// A segment's NAME; or a file with a schema: a path with `/`, a name that ends in `.schema`, or `-` for the standard input.
    source: Source,
    #[command(flatten)]
    output: Output,
}

#[derive(clap::Args)]
#[group(multiple = false)]
struct Output {
    /// A header for C++20 instead, with `std::atomic_ref` for atomics.
    #[arg(long)]
    cpp: bool,
    /// A Python module instead, with a ctypes class that opens the segment if it has this layout.
    #[arg(long)]
    python: bool,
    /// A Python module with a NumPy dtype instead, and a function that attaches the segment as an array.
    #[arg(long)]
    numpy: bool,
}

/// Bytes of the seal's footer.
const FOOTER: usize = 112;

impl Header {
    pub(crate) fn run(self, terminal: &mut Terminal) -> Outcome {
        let about = About(self.source.read()?);
        let (language, write): (_, fn(&mut Model, &About, &mut Text)) = match self.output {
            Output { cpp: true, .. } => (Language::Cpp, cpp::header),
            Output { python: true, .. } => (Language::Python, python::module),
            Output { numpy: true, .. } => (Language::Python, numpy::module),
            Output { .. } => (Language::C, c::header),
        };
        let mut model = Model::new(&about.0.schema.of_any_len(), language)?;
        if language == Language::Python && model.slice().is_some() {
            return Err(Failure::new(format!(
                "{}: the struct ends in a slice, whose length is another one in each segment, and classes and dtypes of Python \
                 have one size. The headers for C and C++ can have it",
                about.0.of
            )));
        }
        let mut text = Text(String::new());
        write(&mut model, &about, &mut text);
        terminal.write(text.0)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What is written.
struct Text(String);

impl Text {
    fn line(&mut self, line: impl Display) {
        self.0.push_str(&line.to_string());
        self.0.push('\n');
    }

    /// Says in a comment what a type is called in Rust, if it is not called the same here.
    fn renamed(&mut self, begin: &str, what: &str, name: &str, ident: &str, end: &str) {
        if name != ident {
            self.line(format_args!("{begin}{what} {}{end}", comment(name)));
        }
    }
}

/// What the layout is of.
struct About(Described);

impl About {
    /// A comment at the beginning: where this comes from, and what is to be known.
    fn head(&self, out: &mut Text, first: &str, middle: &str, last: &str) {
        let root = self.0.schema.root().ty().to_string();
        out.line(format_args!("{first} {}, by `shm header` from {}.", comment(&root), comment(&self.0.of)));
        let mut say = |line: &str| out.line(format!("{middle} {line}").trim_end());
        if let Some(live) = &self.0.segment {
            say("");
            say(&format!(
                "The segment has {} bytes: the struct's {}, and then its schema and its seal.",
                live.size,
                self.0.schema.size()
            ));
            say(
                "shmget(2) opens it with the struct's size, or 0. It is created by Rust only, which seals it.",
            );
        }
        say("");
        say(
            "Other processes write here at any time, and anything: take nothing for an index or a length before it is",
        );
        say("checked, and read a value once.");
        if !last.is_empty() {
            out.line(last);
        }
    }

    /// The key, if it is known, with how it is derived, or why it is not.
    fn key(&self, out: &mut Text, mut define: impl FnMut(&str, u32) -> String) {
        let Some(live) = &self.0.segment else { return };
        let derivation = match live.seal.as_ref().map(|seal| &seal.key) {
            Some(Ok(key)) => comment(key),
            Some(Err(why)) => format!("of which {}", comment(why)),
            None => "as the kernel has it".to_owned(),
        };
        match live.object.record().key() {
            0 => {}
            key => out.line(define(&format!("The key: {derivation}."), key.cast_unsigned())),
        }
    }

    fn key_value(&self) -> Option<i32> {
        self.0.segment.as_ref().map(|live| live.object.record().key()).filter(|&key| key != 0)
    }

    /// The functions that say how long the slice at the end is, if there is one.
    fn lengths(&self, dialect: Dialect, root: &str, size: usize, model: &mut Model, out: &mut Text) {
        if model.slice().is_none() {
            return;
        }
        let sealed = model.scope.claim(&format!("{root}_sealed_len"));
        // What a segment has that is open is known; a schema may be of either.
        let bare = self.0.segment.is_none().then(|| model.scope.claim(&format!("{root}_len")));
        if let Some(slice) = model.slice() {
            dialect.lengths(slice, size, (&sealed, bare.as_deref()), out);
        }
        dialect.ring_head(model, out);
    }

    /// The schema, a line at a time.
    fn schema_lines(&self, out: &mut Text, write: impl Fn(&str, bool) -> String) {
        let schema = self.0.schema.of_any_len().to_string();
        let mut lines = schema.split_inclusive('\n').peekable();
        while let Some(line) = lines.next() {
            out.line(write(line, lines.peek().is_none()));
        }
    }
}
