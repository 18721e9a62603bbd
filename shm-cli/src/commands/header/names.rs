//! Names of a schema, which may be any program's words, as identifiers of other languages.
//!
//! An identifier is letters, digits and underscores of ASCII only: whatever a schema says, nothing else gets into a declaration.
//! One that the language has for itself, or that a macro or a part of what is generated has, is changed; so is one that stands for
//! two things. What was changed is said in a comment.

use std::collections::{HashMap, HashSet};

/// A language that layouts are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    C,
    Cpp,
    Python,
}

const C_KEYWORDS: &str = "alignas alignof asm auto bool break case char const constexpr continue default do double else enum \
    extern false float for fortran goto if inline int long nullptr register restrict return short signed sizeof static \
    static_assert struct switch thread_local true typedef typeof typeof_unqual union unsigned void volatile while";

/// Beyond those of C. `std` is none, but no struct can have that name.
const CPP_KEYWORDS: &str = "and and_eq bitand bitor catch char16_t char32_t char8_t class co_await co_return co_yield compl \
    concept consteval constinit const_cast decltype delete dynamic_cast explicit export friend mutable namespace new noexcept \
    not not_eq operator or or_eq private protected public reinterpret_cast requires static_cast std template this throw try \
    typeid typename using virtual wchar_t xor xor_eq";

/// Of GCC and Clang, unless told to be strict; of the headers that are included, and of some that often are before.
const LOWERCASE_MACROS: &str = "assert complex errno i386 imaginary linux noreturn offsetof sa_handler sa_sigaction st_atime st_ctime \
    st_mtime stderr stdin stdout unix";

/// Types and functions of the headers that are included, beside whose names no other of file scope can be.
const C_FILE_SCOPE: &str = "intptr_t max_align_t memory_order ptrdiff_t size_t uintptr_t";

const PYTHON_KEYWORDS: &str = "False None True and as assert async await break class continue def del elif else except finally \
    for from global if import in is lambda nonlocal not or pass raise return try while with yield";

/// What the classes that are generated have besides the fields.
const PYTHON_ATTRIBUTES: &str =
    "KEY SCHEMA detach from_address from_buffer from_buffer_copy from_param in_dll mro open read";

/// What a module uses, and would not find if a class had that name.
const PYTHON_BUILTINS: &str = "BaseException BlockingIOError IndexError OSError PermissionError ValueError ascii classmethod dict int \
    isinstance len map next open range type zip";

fn is_one_of(name: &str, words: &str) -> bool {
    words.split_ascii_whitespace().any(|word| word == name)
}

/// Whether a name begins with a word in capital letters, as macros do (`EOF`, `SYS_write`, `PRId64`), and fields and structs do
/// not in Rust.
fn looks_like_macro(name: &str) -> bool {
    let first = name.split('_').next().unwrap_or_default();
    let is_upper = !first.is_empty() && !first.contains(|char: char| char.is_ascii_lowercase());
    is_upper || first.starts_with("PRI") || first.starts_with("SCN")
}

impl Language {
    /// What `name` is called in the language, with characters that are not of ASCII spelt by their numbers.
    fn identifier(self, name: &str) -> String {
        let mut spelt = String::with_capacity(name.len());
        for char in name.chars() {
            match char {
                '_' | '0'..='9' | 'a'..='z' | 'A'..='Z' => spelt.push(char),
                other => {
                    if !spelt.is_empty() && !spelt.ends_with('_') {
                        spelt.push('_');
                    }
                    spelt.push_str(&format!("u{:04x}_", u32::from(other)));
                }
            }
        }
        // Those that begin with two underscores, or with one and a capital letter, are the compiler's in C, and those between
        // underscores Python's.
        let hidden = spelt.strip_prefix('_').is_some_and(|rest| match self {
            Self::C | Self::Cpp => rest.starts_with(|first: char| first == '_' || first.is_ascii_uppercase()),
            Self::Python => rest.is_empty() || rest.ends_with('_') || rest.starts_with('_'),
        });
        if hidden || !spelt.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic()) {
            spelt.insert(0, 'x');
        }
        if self.has(&spelt) {
            spelt.push('_');
        }
        spelt
    }

    /// Whether this is a word of the language.
    fn has(self, name: &str) -> bool {
        match self {
            Self::C | Self::Cpp => {
                is_one_of(name, C_KEYWORDS)
                    || (self == Self::Cpp && is_one_of(name, CPP_KEYWORDS))
                    || is_one_of(name, LOWERCASE_MACROS)
                    || looks_like_macro(name)
            }
            Self::Python => is_one_of(name, PYTHON_KEYWORDS) || is_one_of(name, PYTHON_ATTRIBUTES),
        }
    }

    /// Whether a type or function cannot have this name, because a type or function that is used has it.
    fn has_outermost(self, name: &str) -> bool {
        match self {
            Self::C | Self::Cpp => {
                is_one_of(name, C_FILE_SCOPE)
                    || ["int", "uint", "atomic_"].iter().any(|start| name.starts_with(start))
            }
            Self::Python => is_one_of(name, PYTHON_BUILTINS),
        }
    }
}

/// Names that are seen at one place, each once.
pub(super) struct Scope {
    language: Language,
    outermost: bool,
    taken: HashSet<String>,
    /// The number that was last put after a name that was taken.
    numbers: HashMap<String, u32>,
}

impl Scope {
    /// Of the fields of a struct, or of an enum's variants.
    pub(super) fn inner(language: Language) -> Self {
        Self { language, outermost: false, taken: HashSet::new(), numbers: HashMap::new() }
    }

    /// Of types and functions.
    pub(super) fn outermost(language: Language) -> Self {
        Self { outermost: true, ..Self::inner(language) }
    }

    fn identifier(&self, name: &str) -> String {
        let mut identifier = self.language.identifier(name);
        if self.outermost && self.language.has_outermost(&identifier) {
            identifier.push('_');
        }
        identifier
    }

    /// An identifier for `name` that nothing else has here.
    pub(super) fn claim(&mut self, name: &str) -> String {
        let identifier = self.identifier(name);
        let mut free = identifier.clone();
        while !self.taken.insert(free.clone()) {
            let number = self.numbers.entry(identifier.clone()).or_insert(1);
            *number += 1;
            free = format!("{identifier}_{number}");
        }
        free
    }

    /// Identifiers for all of these: those that can be kept as they are, are.
    pub(super) fn claim_all<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let names: Vec<&str> = names.into_iter().collect();
        let kept: Vec<bool> = names
            .iter()
            .map(|&name| self.identifier(name) == name && self.taken.insert(name.to_owned()))
            .collect();
        let claim = |(&name, kept): (&&str, bool)| match kept {
            true => name.to_owned(),
            false => self.claim(name),
        };
        names.iter().zip(kept).map(claim).collect()
    }
}

/// A text as a literal in double quotes, of C as well as of Python's bytes: with octal escapes for what is not plain.
pub(super) fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    for byte in text.bytes() {
        match byte {
            // `?` begins trigraphs.
            b' '..=b'~' if !matches!(byte, b'"' | b'\\' | b'?') => literal.push(byte.into()),
            b'\n' => literal.push_str("\\n"),
            _ => literal.push_str(&format!("\\{byte:03o}")),
        }
    }
    literal.push('"');
    literal
}

/// A text within a comment, which it cannot end: in one line, and without `*`.
pub(super) fn comment(text: &str) -> String {
    let mut comment = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            ' '..='~' if !matches!(char, '*' | '\\' | '?') => comment.push(char),
            // Letters, which show as such and turn nothing around.
            _ if char.is_alphabetic() => comment.push(char),
            _ => comment.extend(char.escape_unicode()),
        }
    }
    comment
}
