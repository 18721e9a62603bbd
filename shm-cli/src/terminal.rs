//! Output: nothing that came from memory reaches the terminal with a control character.
//!
//! By construction: a [`Terminal`] writes no control character but the line feeds and the colours that are its own, whatever
//! a command hands it. [`Printable`] is for text in a line or a table, where a line feed would forge a line.

use std::env;
use std::fmt::{self, Display, Write as _};
use std::io::{self, BufWriter, IsTerminal as _, Write as _};

use serde::Serialize;

/// Standard output, or another.
pub(crate) struct Terminal {
    out: BufWriter<Box<dyn io::Write>>,
    colours: bool,
}

/// How a text looks, where there are colours.
#[derive(Clone, Copy)]
pub(crate) enum Style {
    /// A heading.
    Bold,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let stdout = io::stdout();
        // https://no-color.org: set and not empty.
        let no_colours = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colours = stdout.is_terminal() && !no_colours && !dumb;
        Self::to(stdout.lock(), colours)
    }

    /// Another output, a file for one, which may be shown on a terminal later.
    pub(crate) fn other(out: impl io::Write + 'static) -> Self {
        Self::to(out, false)
    }

    fn to(out: impl io::Write + 'static, colours: bool) -> Self {
        Self { out: BufWriter::with_capacity(1 << 16, Box::new(out)), colours }
    }

    /// Whether it shows colours, and the user wants them.
    pub(crate) fn has_colours(&self) -> bool {
        self.colours
    }

    /// A line of text, or several: line feeds in it are kept.
    pub(crate) fn line(&mut self, text: impl Display) -> io::Result<()> {
        self.write(text)?;
        self.out.write_all(b"\n")
    }

    /// Text without the end of the line.
    pub(crate) fn write(&mut self, text: impl Display) -> io::Result<()> {
        write!(self.out, "{}", Lines(text))
    }

    /// Text that stands out, where there are colours.
    pub(crate) fn styled(&mut self, style: Style, text: impl Display) -> io::Result<()> {
        let code = match style {
            Style::Bold => "1",
        };
        if !self.colours {
            return self.write(text);
        }
        write!(self.out, "\x1b[{code}m{}\x1b[0m", Lines(text))
    }

    /// A value for programs, over several lines.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.out.write_all(json_escaped(&text).as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// The same in one line.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        self.out.write_all(json_escaped(&text).as_bytes())?;
        self.out.write_all(b"\n")
    }

    /// Bytes that are none of a memory's: a script of completions, a manual page.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    /// Writes what is still to be written. `main` does this at the end; a command that goes on for ever, after each sample.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Says on stderr what went wrong, for a command that goes on with the rest.
pub(crate) fn complain(message: impl Display) {
    // There is nothing to be done if it cannot be said.
    let _ = writeln!(io::stderr(), "shm: {}", Lines(message));
}

/// Text for one line: control characters, and others that show nothing or turn the text around, as Rust escapes them.
pub(crate) struct Printable<T>(pub(crate) T);

/// The same of text of several lines.
pub(crate) struct Lines<T>(pub(crate) T);

impl<T: Display> Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape { to: f, keeps_lines: false }, "{}", self.0)
    }
}

impl<T: Display> Display for Lines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape { to: f, keeps_lines: true }, "{}", self.0)
    }
}

struct Escape<'a, 'b> {
    to: &'a mut fmt::Formatter<'b>,
    keeps_lines: bool,
}

impl fmt::Write for Escape<'_, '_> {
    fn write_str(&mut self, mut text: &str) -> fmt::Result {
        // Most texts, and faster than character by character.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return self.to.write_str(text);
        }
        while let Some((at, char)) = text.char_indices().find(|&(_, char)| !self.is_plain(char)) {
            self.to.write_str(&text[..at])?;
            write!(self.to, "{}", char.escape_debug())?;
            text = &text[at + char.len_utf8()..];
        }
        self.to.write_str(text)
    }
}

impl Escape<'_, '_> {
    fn is_plain(&self, char: char) -> bool {
        match char {
            '\n' => self.keeps_lines,
            ' '..='~' => true,
            // Of the letters of the world, those that are shown by themselves.
            _ => char.escape_debug().len() == 1,
        }
    }
}

/// JSON escapes the control characters of ASCII, and leaves others to be shown. They can be in its strings only.
fn json_escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '\n' | ' '..='~' => escaped.push(char),
            _ if char.escape_debug().len() == 1 => escaped.push(char),
            _ => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    // Writing to a string does not fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a hostile program may put into a name: to colour, to clear, to title, to turn around, to hide.
    const HOSTILE: &str = "a\x1b[31m\u{9b}2J\x07\r\n\u{202e}b\u{200b}\x7f\u{0}\u{e0041}\\ß\"日";

    fn is_harmless(text: &str) -> bool {
        text.chars().all(|char| !char.is_control() && !"\u{202e}\u{200b}\u{e0041}".contains(char))
    }

    #[test]
    fn no_control_character_is_printed() {
        let printed = Printable(HOSTILE).to_string();
        assert!(is_harmless(&printed), "{printed}");
        assert!(printed.starts_with("a\\u{1b}[31m\\u{9b}2J\\u{7}\\r\\n\\u{202e}b\\u{200b}"), "{printed}");
        assert!(printed.ends_with("\\ß\"日"), "{printed}");
        assert!(Lines(HOSTILE).to_string().split('\n').all(is_harmless));
        assert_eq!(Lines(HOSTILE).to_string().lines().count(), 2);
    }

    #[test]
    fn no_control_character_is_printed_as_json_and_every_one_is_read_back() {
        let json = json_escaped(&serde_json::to_string(HOSTILE).unwrap());
        assert!(is_harmless(&json), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), HOSTILE);
    }
}
