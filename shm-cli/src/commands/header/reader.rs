//! What both C and C++ have, in the same words: functions that read what Rust writes meanwhile, and those that say how long the
//! slice at the end of a segment is. GCC's atomics, which Clang has too, are the same in both.

use super::model::{Body, Copies, Declaration, Field, Kind, Messages, Model, Ty};
use super::names::Language;
use super::{FOOTER, Text};

/// C or C++, as functions are written in it.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    pub(super) language: Language,
    /// Before a function.
    pub(super) inline: &'static str,
    /// Before the name of a struct.
    pub(super) structure: &'static str,
    pub(super) u64: &'static str,
    pub(super) size: &'static str,
    /// Begins and ends a comment.
    pub(super) comment: (&'static str, &'static str),
    /// A declaration of a name, which may have a `*` and parentheses.
    pub(super) declare: fn(&Model, &Ty, &str) -> String,
}

/// How a function that reads a ring names its parts.
struct RingNames<'a> {
    parameters: String,
    count: &'a str,
    slots: &'a str,
    /// How many there are, and half of that.
    len: &'a str,
    half: &'a str,
}

impl Dialect {
    fn comment(self, text: &str) -> String {
        format!("{}{text}{}", self.comment.0, self.comment.1)
    }

    /// The function that copies a struct scalar by scalar, if a value that is read has one.
    pub(super) fn load(self, model: &Model, declaration: &Declaration, out: &mut Text) {
        let (Some(load), Body::Struct(fields)) = (&declaration.load, &declaration.body) else { return };
        let of = format!("{}{}", self.structure, declaration.ident);
        out.line("");
        out.line(format_args!("{} void {load}(const {of} *from, {of} *to) {{", self.inline));
        for Field { ident, ty, .. } in fields {
            self.copy(model, ty, &format!("from->{ident}"), &format!("to->{ident}"), 1, out);
        }
        out.line("}");
    }

    /// The function that reads a `SeqLock` or a `Ring`.
    pub(super) fn read(self, model: &Model, declaration: &Declaration, copies: &Copies, out: &mut Text) {
        let Copies { kind, value, read, len, .. } = copies;
        let (sign, arrow) = self.pointer();
        let parameter = format!("const {}{} {sign}", self.structure, declaration.ident);
        out.line("");
        match kind {
            Kind::SeqLock => self.read_seqlock(model, read, value, &parameter, out),
            Kind::Ring => {
                let ring = RingNames {
                    parameters: format!("{parameter}ring"),
                    count: &format!("ring{arrow}count"),
                    slots: &format!("ring{arrow}slots"),
                    len: &len.to_string(),
                    half: &(len / 2).to_string(),
                };
                self.read_ring(model, read, value, &ring, out);
            }
        }
    }

    fn read_seqlock(self, model: &Model, read: &str, value: &Ty, parameter: &str, out: &mut Text) {
        let Self { inline, u64, .. } = self;
        let (_, arrow) = self.pointer();
        let argument = self.argument(model, value);
        let sequence = self.number(&format!("lock{arrow}sequence"));
        let (to, must_use) = self.result();
        let fence = "__atomic_thread_fence(__ATOMIC_ACQUIRE);";
        out.line(self.comment(
            "Gives the last value that was written whole. False if the writer was faster every time; then try again later.",
        ));
        out.line(format_args!("{must_use}{inline} bool {read}({parameter}lock, {argument}) {{"));
        out.line("    for (int attempt = 0; attempt < 10000; attempt++) {");
        out.line(format_args!("        {u64} before = {sequence};"));
        out.line(format_args!("        {}", self.comment("Sees what was stored before this number.")));
        out.line(format_args!("        {fence}"));
        self.copy(model, value, &format!("lock{arrow}slots[before & 1]"), to, 2, out);
        out.line(format_args!(
            "        {}",
            self.comment("If any of that was of a later value, sees the number that was stored before it.")
        ));
        out.line(format_args!("        {fence}"));
        out.line(format_args!("        if ({sequence} == before)"));
        out.line("            return true;");
        out.line("    }");
        out.line("    return false;");
        out.line("}");
    }

    /// The function that reads the rings whose heads are in the whole, and whose values are in the slice at its end.
    pub(super) fn ring_head(self, model: &Model, out: &mut Text) {
        let (Some((index, read)), Some(value)) = (&model.ring_head, model.ring_values()) else { return };
        let Self { structure, size, .. } = self;
        let (sign, arrow) = self.pointer();
        let ident = &model.declarations[*index].ident;
        let slots = match value {
            Ty::Array(..) => "(*slots)",
            _ => "*slots",
        };
        let slots = (self.declare)(model, value, slots);
        out.line("");
        out.line(
            self.comment(
                "`slots` are the values of the ring, of which there are `len`, as this program knows.",
            ),
        );
        let ring = RingNames {
            parameters: format!("const {structure}{ident} {sign}ring, const {slots}, {size} len"),
            count: &format!("ring{arrow}head.count"),
            slots: "slots",
            len: "len",
            half: "len / 2",
        };
        self.read_ring(model, read, value, &ring, out);
    }

    /// How what a function is given is declared, and its members are reached: by address in C, by reference in C++.
    fn pointer(self) -> (&'static str, &'static str) {
        match self.language {
            Language::Cpp => ("&", "."),
            _ => ("*", "->"),
        }
    }

    /// An expression that loads a number.
    fn number(self, name: &str) -> String {
        match self.language {
            Language::Cpp => format!("__atomic_load_n(&{name}, __ATOMIC_RELAXED)"),
            _ => format!("atomic_load_explicit(&{name}, memory_order_relaxed)"),
        }
    }

    /// Where the value that is read is put, and what says that the other result is not to be ignored.
    fn result(self) -> (&'static str, &'static str) {
        match self.language {
            Language::Cpp => ("value", "[[nodiscard]] "),
            _ => ("(*value)", ""),
        }
    }

    /// A function that reads a value of a ring.
    fn read_ring(self, model: &Model, read: &str, value: &Ty, ring: &RingNames<'_>, out: &mut Text) {
        let Self { inline, u64, .. } = self;
        let RingNames { parameters, count, slots, len, half } = ring;
        let (sign, _) = self.pointer();
        let count = self.number(count);
        let (to, must_use) = self.result();
        let next = if self.language == Language::Cpp { "next" } else { "*next" };
        let argument = self.argument(model, value);
        let fence = "__atomic_thread_fence(__ATOMIC_ACQUIRE);";
        for line in [
            "Reads the value of which this is the number, counted from 0, and adds 1 to the number: 1 if it did. 0 if it was",
            "not written yet. -1 if it was overwritten: the number is then that of a later value. For the values that are",
            "written from now on, begin with `count`.",
        ] {
            out.line(self.comment(line));
        }
        out.line(format_args!(
            "{must_use}{inline} int {read}({parameters}, {u64} {sign}next, {argument}) {{"
        ));
        out.line(format_args!("    {u64} number = {next}, count = {count};"));
        out.line(format_args!("    {}", self.comment("Sees what was stored before this count.")));
        out.line(format_args!("    {fence}"));
        out.line("    if (count == number)");
        out.line("        return 0;");
        out.line(format_args!("    if (count - number < {len}) {{"));
        self.copy(model, value, &format!("{slots}[number % {len}]"), to, 2, out);
        out.line(format_args!(
            "        {}",
            self.comment("If any of that was of a later value, sees the count that was stored before it.")
        ));
        out.line(format_args!("        {fence}"));
        out.line(format_args!("        count = {count};"));
        out.line(format_args!("        if (count - number < {len}) {{"));
        out.line(format_args!("            {next} = number + 1;"));
        out.line("            return 1;");
        out.line("        }");
        out.line("    }");
        out.line(format_args!("    {}", self.comment("Not the oldest one, which is overwritten next.")));
        out.line(format_args!("    {next} = count > {half} ? count - {half} : 0;"));
        out.line("    return -1;");
        out.line("}");
    }

    /// The parameter for the value that is read.
    fn argument(self, model: &Model, value: &Ty) -> String {
        let (sign, _) = self.pointer();
        let argument = match value {
            Ty::Array(..) => format!("({sign}value)"),
            _ => format!("{sign}value"),
        };
        (self.declare)(model, value, &argument)
    }

    /// The functions that read the messages of a ring of bytes, if this is what one has beside them.
    pub(super) fn messages(self, declaration: &Declaration, out: &mut Text) {
        let Some(Messages { begin, read, newest, copy }) = &declaration.messages else { return };
        let integer = |bits: &str| self.u64.replace("64", bits);
        let names = [
            ("$inline", self.inline),
            ("$head", &format!("{}{}", self.structure, declaration.ident)),
            ("$u8", &integer("8")),
            ("$u32", &integer("32")),
            ("$u64", self.u64),
            ("$size", self.size),
            ("$begin", begin),
            ("$read", read),
            ("$newest", newest),
            ("$copy", copy),
        ];
        for line in MESSAGES.lines() {
            // In what is put in, there is no `$`.
            let line = names.iter().fold(line.to_owned(), |line, (name, text)| line.replace(name, text));
            match line.split_once("// ") {
                Some((indent, text)) => out.line(format_args!("{indent}{}", self.comment(text))),
                None => out.line(line),
            }
        }
    }

    /// Statements that copy a value scalar by scalar, each as one atomic step.
    fn copy(self, model: &Model, ty: &Ty, from: &str, to: &str, depth: usize, out: &mut Text) {
        let indent = "    ".repeat(depth);
        let address = match (self.language, to) {
            (Language::C, "(*value)") => "value".to_owned(),
            _ => format!("&{to}"),
        };
        let scalar = format!("{indent}__atomic_load(&{from}, {address}, __ATOMIC_RELAXED);");
        match ty {
            Ty::Scalar(_) => out.line(scalar),
            Ty::Array(len, of) => {
                let i = format!("i{depth}");
                out.line(format_args!("{indent}for ({} {i} = 0; {i} < {len}; {i}++) {{", self.size));
                self.copy(model, of, &format!("{from}[{i}]"), &format!("{to}[{i}]"), depth + 1, out);
                out.line(format_args!("{indent}}}"));
            }
            Ty::Declared(index) => match &model.declarations[*index].load {
                Some(load) => out.line(format_args!("{indent}{load}(&{from}, {address});")),
                // An enum, which is a scalar.
                None => out.line(scalar),
            },
            // Not in what can be copied.
            Ty::Atomic(_) | Ty::Opaque { .. } | Ty::Nothing(_) | Ty::Slice(_) => {}
        }
    }

    /// The functions that say how long the slice at the end of the whole is, with these names: in a segment that has a seal, and
    /// in one that has none.
    pub(super) fn lengths(
        self,
        slice: (&Field, usize),
        size: usize,
        (sealed, bare): (&str, Option<&str>),
        out: &mut Text,
    ) {
        let (Field { ident, .. }, element) = slice;
        let Self { inline, u64, size: size_t, .. } = self;
        out.line("");
        out.line(self.comment(&format!(
            "How many {ident} there are in a sealed segment of so many bytes, the `shm_segsz` of shmctl(2)."
        )));
        out.line(self.comment("Take it once, and keep it where no other process writes."));
        out.line(format_args!("{inline} {size_t} {sealed}(const void *segment, {size_t} size) {{"));
        out.line(format_args!("    if (size % 8 != 0 || size < {})", FOOTER + size));
        out.line("        return 0;");
        out.line(format_args!(
            "    {size_t} most = (size - {}) / {element}, at = size - {};",
            FOOTER + size,
            FOOTER - TAIL_LEN
        ));
        out.line(format_args!(
            "    const {u64} *len = (const {u64} *)((const unsigned char *)segment + at);"
        ));
        out.line(format_args!("    {u64} found = __atomic_load_n(len, __ATOMIC_RELAXED);"));
        out.line("    return found < most ? found : most;");
        out.line("}");
        let Some(bare) = bare else { return };
        out.line("");
        out.line(self.comment(&format!(
            "The same in a segment without a seal, which is {size} + n * {element} bytes."
        )));
        out.line(format_args!("{inline} {size_t} {bare}({size_t} size) {{"));
        out.line(format_args!("    return size < {size} ? 0 : (size - {size}) / {element};"));
        out.line("}");
    }
}

/// Where in the footer the length is.
pub(super) const TAIL_LEN: usize = 96;

/// The functions that read messages, as `Dialect::messages` completes them.
const MESSAGES: &str = r"
// Copies what is in a circle of so many bytes, from a position on, which counts bytes since the beginning.
$inline void $copy(const $u8 *bytes, $size size, $u64 at, void *to, $size len) {
    $size from = at % size;
    for ($size i = 0; i < len; i++) {
        ((unsigned char *)to)[i] = __atomic_load_n(&bytes[from], __ATOMIC_RELAXED);
        from = from + 1 < size ? from + 1 : 0;
    }
}

// The number of the message that is written next, its position, and that of one to go on with.
$inline bool $newest(const $head *head, $u64 newest[3]) {
    for (int attempt = 0; attempt < 10000; attempt++) {
        $u64 count = __atomic_load_n(&head->count, __ATOMIC_RELAXED);
        // Sees what was stored before this count.
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        newest[0] = count;
        newest[1] = __atomic_load_n(&head->marks[count & 1][0], __ATOMIC_RELAXED);
        newest[2] = __atomic_load_n(&head->marks[count & 1][1], __ATOMIC_RELAXED);
        // If any of that was of a later count, sees the one that was stored before it.
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&head->count, __ATOMIC_RELAXED) == count)
            return true;
    }
    return false;
}

// Begins with the message that is written next. False if the writer was faster every time; then try again later. For what was
// written before, begin with zeros.
$inline bool $begin(const $head *head, $u64 next[2]) {
    $u64 newest[3];
    if (!$newest(head, newest))
        return false;
    next[0] = newest[0];
    next[1] = newest[1];
    return true;
}

// Reads the message of which `next` has the number, counted from 0, and the position, and moves both on: 1 if it did. 0 if it
// was not written yet. -1 if it was overwritten: `next` is then that of a later message. `bytes` are those of the ring, of which
// there are `size`, as this program knows; `message` has room for `size` - 8.
$inline int $read(const $head *head, const $u8 *bytes, $size size, $u64 next[2], void *message, $size *len) {
    if (size < 9)
        return 0;
    if (size > UINT32_MAX)
        size = UINT32_MAX;
    $u64 at = next[1], count = __atomic_load_n(&head->count, __ATOMIC_RELAXED);
    // Sees what was stored before this count.
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    if (count == next[0])
        return 0;
    bool is_damaged = false;
    if (count - next[0] <= size / 8) {
        // The length, and the low bits of the number.
        $u32 header[2];
        $copy(bytes, size, at, header, 8);
        bool is_whole = header[0] <= size - 8 && header[1] == (next[0] & UINT32_MAX);
        if (is_whole)
            $copy(bytes, size, at + 8, message, header[0]);
        // If any of that was of a later message, sees the tail that was stored before it.
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        bool is_there = __atomic_load_n(&head->tail, __ATOMIC_RELAXED) <= at;
        if (is_there && is_whole) {
            *len = header[0];
            next[0]++;
            next[1] = at + 8 + header[0];
            return 1;
        }
        // What is there is not a message: another process wrote over it.
        is_damaged = is_there;
    }
    $u64 newest[3];
    if (!$newest(head, newest))
        return -1;
    // Not the oldest one, which is overwritten next.
    $u64 there = newest[1] - newest[2];
    if (!is_damaged && there != 0 && there <= size) {
        $u32 number;
        $copy(bytes, size, newest[2] + 4, &number, 4);
        $u64 behind = (newest[0] - number) & UINT32_MAX;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (behind != 0 && behind <= there / 8 && __atomic_load_n(&head->tail, __ATOMIC_RELAXED) <= newest[2]) {
            next[0] = newest[0] - behind;
            next[1] = newest[2];
            return -1;
        }
    }
    next[0] = newest[0];
    next[1] = newest[1];
    return -1;
}";
