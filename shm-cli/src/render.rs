//! Live values in words: one line a field, long arrays folded.

use std::fmt::{Display, Write as _};
use std::io;

use shm_runtime::inspect::{Array, Attached, Builtin, Process, Type, Value, View};

use crate::process::Programs;
use crate::terminal::{Printable, Terminal};
use crate::words::{mutex_words, push_value, role_words, writer_words};

/// What is shown of an array before it is folded: so many runs of equal elements at its start, and at its end.
const FRONT: usize = 8;
const BACK: usize = 3;

/// Bytes of an array that are looked at from either end to fold it: more would take seconds, and touch pages that no process has
/// used.
const LOOKED_AT: usize = 8 << 20;

/// Equal elements from which on they are folded.
const RUN: usize = 4;

/// Characters of a text.
const TEXT: usize = 200;

/// Elements in a line, of an array that is not folded.
const ROW: usize = 8;

/// The role of one that writes, and what it does.
const WRITER: [&str; 2] = ["writer", "written"];

/// Prints views.
pub(crate) struct Renderer<'t> {
    attached: &'t Attached,
    terminal: &'t mut Terminal,
    programs: Programs,
    all: bool,
    line: String,
}

impl<'t> Renderer<'t> {
    pub(crate) fn new(attached: &'t Attached, all: bool, terminal: &'t mut Terminal) -> Self {
        Self { attached, terminal, programs: Programs::default(), all, line: String::new() }
    }

    /// The whole of it: a struct's fields without a heading, a scalar by itself.
    pub(crate) fn print(&mut self, view: View<'_>, path: &str) -> io::Result<()> {
        match view.ty() {
            Type::Struct(of) if !of.is_builtin() && of.counted().is_none() => {
                view.fields().try_for_each(|(name, field)| self.part(field, &name, 0))
            }
            ty if is_inline(ty) && !self.is_in_rows(view) => {
                self.inline(view);
                self.end_line()
            }
            _ => self.part(view, &if path.is_empty() { "value" } else { path }, 0),
        }
    }

    /// A line with its name, and lines of what is in it.
    fn part(&mut self, view: View<'_>, name: &dyn Display, depth: usize) -> io::Result<()> {
        self.begin(name, depth);
        match view.ty() {
            Type::Struct(of) if of.is_builtin() => self.builtin(view, of.name(), depth),
            Type::Struct(of) if of.counted().is_none() => {
                self.line.push_str(of.name());
                self.fields(view, depth)
            }
            ty if is_inline(ty) && !self.is_in_rows(view) => {
                self.inline(view);
                self.end_line()
            }
            ty => {
                self.add(ty);
                self.end_line()?;
                self.elements(view, depth + 1)
            }
        }
    }

    fn fields(&mut self, view: View<'_>, depth: usize) -> io::Result<()> {
        self.end_line()?;
        view.fields().try_for_each(|(name, field)| self.part(field, &name, depth + 1))
    }

    fn begin(&mut self, name: &dyn Display, depth: usize) {
        (0..depth).for_each(|_| self.line.push_str("  "));
        self.add(format_args!("{name}: "));
    }

    fn add(&mut self, text: impl Display) {
        // Writing to a string does not fail.
        let _ = write!(self.line, "{text}");
    }

    fn end_line(&mut self) -> io::Result<()> {
        let done = self.terminal.line(&self.line);
        self.line.clear();
        done
    }

    fn builtin(&mut self, view: View<'_>, name: &str, depth: usize) -> io::Result<()> {
        self.line.push_str(name);
        match self.attached.builtin(view) {
            Some(Builtin::Mutex(mutex)) => {
                let state = mutex_words(&mutex, &mut self.programs);
                self.add(format_args!(", {state}"));
                self.end_line()?;
                self.part(mutex.value(), &"value", depth + 1)
            }
            Some(Builtin::SeqLock(lock) | Builtin::Latest(lock)) => {
                let writer = writer_words(&lock, &mut self.programs);
                self.add(format_args!(", {} published, {writer}", count(lock.version(), "value")));
                self.end_line()?;
                match lock.read() {
                    Ok(copy) => self.part(copy.view(), &"value", depth + 1),
                    Err(error) => {
                        self.begin(&"value", depth + 1);
                        self.add(Printable(error));
                        self.end_line()
                    }
                }
            }
            Some(Builtin::Event { count: announced, .. }) => {
                self.add(format_args!(", {}", count(announced.into(), "announcement")));
                self.end_line()
            }
            Some(Builtin::Ring { written, writer, slots, .. }) => {
                let writer = role_words(WRITER, writer, &mut self.programs);
                self.add(format_args!(", {} written, {writer}", count(written, "value")));
                self.slots(slots, "slots", depth)
            }
            Some(Builtin::ByteRing { written, writer, bytes, .. }) => {
                let writer = role_words(WRITER, writer, &mut self.programs);
                self.add(format_args!(", {} written, {writer}", count(written, "message")));
                self.slots(bytes, "bytes", depth)
            }
            Some(Builtin::SpscQueue { sent, received, sender, receiver, slots, .. }) => {
                self.ends([sent, received], "value", [sender, receiver]);
                self.slots(slots, "slots", depth)
            }
            Some(Builtin::ByteQueue { sent, received, sender, receiver, bytes, .. }) => {
                self.ends([sent, received], "byte", [sender, receiver]);
                self.slots(bytes, "bytes", depth)
            }
            Some(Builtin::Queue { lock, accepted, given, slots, .. }) => {
                let state = mutex_words(&lock, &mut self.programs);
                self.add(format_args!(
                    ", {} accepted, {given} given, its lock is {state}",
                    count(accepted, "value")
                ));
                self.slots(slots, "slots", depth)
            }
            // Parts of a `Latest` and a `Queue`, and what is a slot of a `QueueHead`.
            None if matches!(name, "Stamped" | "Slot" | "QueueSlot") => self.fields(view, depth),
            _ => {
                self.line.push_str(", of a version of shm_runtime that this tool does not know");
                self.fields(view, depth)
            }
        }
    }

    /// What there is of the two ends of a queue.
    fn ends(&mut self, [sent, received]: [u64; 2], what: &str, ends: [Option<Process>; 2]) {
        let [sender, receiver] = ends;
        let sender = role_words(["sender", "sent"], sender, &mut self.programs);
        let receiver = role_words(["receiver", "received"], receiver, &mut self.programs);
        self.add(format_args!(", {} sent, {received} received, {sender}, {receiver}", count(sent, what)));
    }

    /// Ends the line, and shows what is in a ring or queue, if it is not a head.
    fn slots(&mut self, slots: Option<View<'_>>, name: &str, depth: usize) -> io::Result<()> {
        self.end_line()?;
        slots.map_or(Ok(()), |slots| self.part(slots, &name, depth + 1))
    }

    /// The elements, in lines of their own.
    fn elements(&mut self, view: View<'_>, depth: usize) -> io::Result<()> {
        let Some(array) = array(view.ty()) else { return Ok(()) };
        if !self.all {
            let folded = Folded::of(view);
            for run in folded.front {
                self.run(run, depth)?;
            }
            if folded.between > 0 {
                (0..depth).for_each(|_| self.line.push_str("  "));
                self.add(format_args!(".. {} more ..", folded.between));
                self.end_line()?;
            }
            return folded.back.into_iter().rev().try_for_each(|run| self.run(run, depth));
        }
        if let Type::Array(_) | Type::Struct(_) = array.of() {
            let mut numbered = view.elements().enumerate();
            return numbered.try_for_each(|(i, element)| self.part(element, &format_args!("[{i}]"), depth));
        }
        for (i, element) in view.elements().enumerate() {
            match i % ROW {
                0 => self.begin(&format_args!("[{i}]"), depth),
                _ => self.line.push_str(", "),
            }
            push_value(&mut self.line, element.get());
            if i % ROW == ROW - 1 {
                self.end_line()?;
            }
        }
        if self.line.is_empty() { Ok(()) } else { self.end_line() }
    }

    fn run(&mut self, run: Run<'_>, depth: usize) -> io::Result<()> {
        let (first, last) = (run.at, run.at + run.len - 1);
        match run.len {
            1 => self.part(run.first, &format_args!("[{first}]"), depth),
            _ => self.part(run.first, &format_args!("[{first}] to [{last}]"), depth),
        }
    }

    /// Whether it is an array that takes several lines because it is not folded.
    fn is_in_rows(&self, view: View<'_>) -> bool {
        let is_long = |len: usize, of: Type<'_>| len > ROW || matches!(of, Type::Array(_));
        array(view.ty())
            .is_some_and(|array| self.all && is_long(array.len(), array.of()) && self.text(view).is_none())
    }

    /// A scalar, a text, or an array of such, folded.
    fn inline(&mut self, view: View<'_>) {
        if array(view.ty()).is_none() {
            return push_value(&mut self.line, view.get());
        }
        if let Some(text) = self.text(view) {
            let short: String = text.chars().take(if self.all { usize::MAX } else { TEXT }).collect();
            self.add(format_args!("{short:?}"));
            if short.len() < text.len() {
                self.add(format_args!(".. {} bytes", text.len()));
            }
            return;
        }
        let Folded { front, between, back } = Folded::of(view);
        match front[..] {
            [run] if run.len == view.elements().len() && run.len >= RUN && back.is_empty() => {
                self.line.push('[');
                self.element(run);
                self.add(format_args!("; {}]", run.len));
            }
            _ => {
                self.line.push('[');
                self.runs(front.iter());
                if between > 0 {
                    self.add(format_args!(", .. {between} more .., "));
                }
                self.runs(back.iter().rev());
                self.line.push(']');
            }
        }
    }

    fn runs<'r, 'v: 'r>(&mut self, runs: impl Iterator<Item = &'r Run<'v>>) {
        let mut separator =
            if self.line.ends_with([']', ' ', '[']) || self.line.is_empty() { "" } else { ", " };
        for run in runs {
            let times = if run.len < RUN { run.len } else { 1 };
            for _ in 0..times {
                self.line.push_str(separator);
                self.element(*run);
                separator = ", ";
            }
            if run.len >= RUN {
                self.add(format_args!(" (x {})", run.len));
            }
        }
    }

    /// The first of a run: as it was when the others were compared with it, if it is a scalar.
    fn element(&mut self, run: Run<'_>) {
        match run.value {
            Value::Array => self.inline(run.first),
            value => push_value(&mut self.line, value),
        }
    }

    /// What is text, rather than bytes that happen to be.
    fn text(&self, view: View<'_>) -> Option<String> {
        if array(view.ty())?.len() > LOOKED_AT && !self.all {
            return None;
        }
        let text = view.text()?;
        if let Type::Struct(_) = view.ty() {
            return Some(text);
        }
        let controls = text.chars().filter(|char| char.is_control()).count();
        (!text.is_empty() && controls * 2 <= text.chars().count()).then_some(text)
    }
}

/// Whether it is shown in its field's line.
fn is_inline(ty: Type<'_>) -> bool {
    match ty {
        Type::Array(array) => is_inline(array.of()),
        Type::Struct(of) => of.counted().is_some_and(|array| is_inline(array.of())),
        _ => true,
    }
}

/// The array that it is, or, of a `Text` or a `List`, that of what it has room for.
fn array(ty: Type<'_>) -> Option<Array<'_>> {
    match ty {
        Type::Array(array) => Some(array),
        Type::Struct(of) => of.counted(),
        _ => None,
    }
}

/// An array's elements as runs of equal ones.
struct Folded<'a> {
    front: Vec<Run<'a>>,
    /// Elements that are not shown.
    between: usize,
    /// The last run first.
    back: Vec<Run<'a>>,
}

#[derive(Clone, Copy)]
struct Run<'a> {
    first: View<'a>,
    value: Value<'a>,
    at: usize,
    len: usize,
}

impl<'a> Folded<'a> {
    fn of(view: View<'a>) -> Self {
        let len = view.elements().len();
        // One at least, to say of which kind they are.
        let looked_at = (LOOKED_AT / (view.ty().size() / len.max(1)).max(1)).max(1);
        let forwards = view.elements().enumerate().take(looked_at);
        let (front, taken) = runs(forwards, FRONT);
        // Backwards, an element is reached by its index.
        let rest = len - taken;
        let backwards = (taken..len).rev().take(looked_at);
        let backwards = backwards.filter_map(|i| Some((i, view.element(i).ok()?)));
        let (back, taken) = runs(backwards, BACK);
        Self { front, between: rest - taken, back }
    }
}

/// As many runs as `most`, and how many elements are in them.
fn runs<'a>(elements: impl Iterator<Item = (usize, View<'a>)>, most: usize) -> (Vec<Run<'a>>, usize) {
    let (mut runs, mut taken) = (Vec::<Run<'a>>::new(), 0);
    for (at, element) in elements {
        let value = element.get();
        let is_full = runs.len() == most;
        match runs.last_mut() {
            Some(run) if is_same(run.first, run.value, element, value) => {
                run.len += 1;
                run.at = run.at.min(at);
            }
            _ if is_full => break,
            _ => runs.push(Run { first: element, value, at, len: 1 }),
        }
        taken += 1;
    }
    (runs, taken)
}

/// Whether two parts of one type are equal now.
fn is_same(a: View<'_>, a_value: Value<'_>, b: View<'_>, b_value: Value<'_>) -> bool {
    let same = |(a, b): (View<'_>, View<'_>)| is_same(a, a.get(), b, b.get());
    match (a_value, b_value) {
        (Value::Struct, _) => a.fields().zip(b.fields()).all(|((_, a), (_, b))| same((a, b))),
        // Lists may have different lengths.
        (Value::Array, _) => {
            a.elements().len() == b.elements().len() && a.elements().zip(b.elements()).all(same)
        }
        // As they are shown: any NaN is as another.
        (Value::F32(a), Value::F32(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        (Value::F64(a), Value::F64(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
        _ => a_value == b_value,
    }
}

fn count(number: u64, of: &str) -> String {
    format!("{number} {of}{}", if number == 1 { "" } else { "s" })
}
