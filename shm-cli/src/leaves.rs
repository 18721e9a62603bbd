//! The parts of a segment that have one value each, in the order of memory: what is shown, watched and recorded.

use std::collections::HashSet;

use shm_runtime::inspect::{Attached, Builtin, Mutex, Scalar, SeqLock, Type, View};

use crate::failure::Failure;
use crate::opened;

/// A part with one value.
pub(crate) struct Leaf<'a> {
    pub(crate) path: String,
    pub(crate) place: Place<'a>,
}

/// Where the value is.
pub(crate) enum Place<'a> {
    /// A scalar, an atomic or an enum.
    Value(View<'a>),
    /// A [text](is_text).
    Bytes(View<'a>),
    /// The state of a mutex, whose value's leaves follow; and the words that this state is made of.
    Mutex(Mutex<'a>, Vec<View<'a>>),
    /// The state of a [`Leaves::locks`], whose value's leaves follow.
    SeqLock(usize),
    /// The count of an event.
    Event(View<'a>),
    /// In the last whole value of a [`Leaves::locks`].
    Published {
        /// Which.
        lock: usize,
        ty: Type<'a>,
        /// Where in the leaf's path its path from the whole value starts.
        within: usize,
    },
}

/// The leaves that were chosen.
pub(crate) struct Leaves<'a> {
    pub(crate) list: Vec<Leaf<'a>>,
    pub(crate) locks: Vec<Lock<'a>>,
    /// Whether there are more, which were left out.
    pub(crate) is_cut: bool,
    /// What is left of [`MOST`], and of [`MOST_TEXT`].
    budget: usize,
    text: usize,
}

/// A `SeqLock` of whose value there are leaves.
pub(crate) struct Lock<'a> {
    pub(crate) lock: SeqLock<'a>,
    /// Where it is.
    offset: usize,
    /// The parts that were chosen: their paths from the whole value, and of the leaves of each the first.
    pub(crate) parts: Vec<(String, usize)>,
}

/// So many values are read a few times a second without being noticed. Another process's schema may have a thousand millions.
pub(crate) const MOST: usize = 100_000;

/// Bytes of all paths: names in another process's schema may be long.
const MOST_TEXT: usize = 64 << 20;

/// Of an array of bytes, the ones that are looked at.
pub(crate) const MOST_BYTES: usize = 4096;

impl<'a> Leaves<'a> {
    /// Those of the parts with these paths; without any, all.
    pub(crate) fn of(attached: &'a Attached, paths: &[String]) -> Result<Self, Failure> {
        let mut leaves =
            Self { list: Vec::new(), locks: Vec::new(), is_cut: false, budget: MOST, text: MOST_TEXT };
        let root = opened::root(attached)?;
        match paths {
            [] => leaves.walk(attached, root, &mut String::new()),
            _ => paths.iter().try_for_each(|path| leaves.choose(attached, root, path))?,
        }
        // Which may have been chosen twice; those of a lock's value stay together.
        let mut seen = HashSet::new();
        if paths.len() > 1 && !leaves.list.iter().all(|leaf| seen.insert(&leaf.path)) {
            return Err(Failure::new("the paths overlap: a field was chosen twice. Name each part once"));
        }
        Ok(leaves)
    }

    fn choose(&mut self, attached: &'a Attached, root: View<'a>, path: &str) -> Result<(), Failure> {
        let error = match root.resolve(path) {
            Ok(view) => {
                self.walk(attached, view, &mut path.to_owned());
                return Ok(());
            }
            Err(error) => error,
        };
        // The value of a `SeqLock` is not a field, but one of two copies.
        let Some((view, lock, part)) = opened::seqlock(attached, root, path) else {
            return Err(Failure::new(error.to_string()));
        };
        let snapshot = lock.read().map_err(|error| Failure::new(format!("{path}: {error}")))?;
        let wrong = |error| Failure::new(format!("in the value of a SeqLock, {error}"));
        snapshot.view().resolve(part).map_err(wrong)?;
        if let (Some(ty), Some(number)) = (type_at(lock.ty(), part), self.lock(lock, view)) {
            self.publish(number, part, ty, &mut path.to_owned());
        }
        Ok(())
    }

    /// Adds the leaves of a part.
    fn walk(&mut self, attached: &'a Attached, view: View<'a>, path: &mut String) {
        match attached.builtin(view) {
            Some(Builtin::Mutex(mutex)) => {
                let is_word = |view: &View<'_>| matches!(view.ty(), Type::Atomic(_));
                // The holder, and whether one died.
                let words = view.fields().map(|(_, field)| field).filter(is_word).take(2).collect();
                self.add(path, Place::Mutex(mutex, words), 1);
                return self.below(path, ".value", |leaves, path| leaves.walk(attached, mutex.value(), path));
            }
            Some(Builtin::SeqLock(lock) | Builtin::Latest(lock)) => {
                let Some(number) = self.lock(lock, view) else { return };
                self.add(path, Place::SeqLock(number), 1);
                return self.below(path, ".value", |leaves, path| {
                    leaves.publish(number, "", lock.ty(), path);
                });
            }
            Some(Builtin::Event { .. }) => {
                if let Some((_, count)) = view.fields().next() {
                    self.add(path, Place::Event(count), 1);
                }
                return;
            }
            Some(Builtin::Ring { slots, .. }) => {
                return self.stream(attached, view, &["head.count"], slots, path);
            }
            Some(Builtin::ByteRing { bytes, .. }) => {
                return self.stream(attached, view, &["head.count"], bytes, path);
            }
            Some(Builtin::SpscQueue { slots: values, .. } | Builtin::ByteQueue { bytes: values, .. }) => {
                return self.stream(
                    attached,
                    view,
                    &["ends.sender.count", "ends.receiver.count"],
                    values,
                    path,
                );
            }
            _ => {}
        }
        match view.ty() {
            ty if is_text(ty) => self.add(path, Place::Bytes(view), bytes_cost(ty)),
            Type::Array(_) => {
                for (i, element) in view.elements().enumerate() {
                    self.below(path, &format!("[{i}]"), |leaves, path| leaves.walk(attached, element, path));
                    if self.is_cut {
                        return;
                    }
                }
            }
            Type::Struct(_) => {
                for (name, field) in view.fields() {
                    let step = if path.is_empty() { name.to_owned() } else { format!(".{name}") };
                    self.below(path, &step, |leaves, path| leaves.walk(attached, field, path));
                    if self.is_cut {
                        return;
                    }
                }
            }
            _ => self.add(path, Place::Value(view), 1),
        }
    }

    /// Adds what changes in a ring or a queue: its counts, and the last of its values.
    fn stream(
        &mut self,
        attached: &'a Attached,
        view: View<'a>,
        counts: &[&str],
        values: Option<View<'a>>,
        path: &mut String,
    ) {
        for count in counts {
            if let Ok(place) = view.resolve(count) {
                self.below(path, &format!(".{count}"), |leaves, path| {
                    leaves.add(path, Place::Value(place), 1)
                });
            }
        }
        if let (Some(values), Some((name, _))) = (values, view.fields().last()) {
            self.below(path, &format!(".{name}"), |leaves, path| leaves.walk(attached, values, path));
        }
    }

    /// The number of this lock; `None` if its value is too large to be copied each time.
    fn lock(&mut self, lock: SeqLock<'a>, view: View<'a>) -> Option<usize> {
        let offset = view.location().offset();
        if let Some(number) = self.locks.iter().position(|lock| lock.offset == offset) {
            return Some(number);
        }
        match self.budget.checked_sub(lock.ty().size() / 8) {
            Some(budget) => self.budget = budget,
            None => {
                self.is_cut = true;
                return None;
            }
        }
        self.locks.push(Lock { lock, offset, parts: Vec::new() });
        Some(self.locks.len() - 1)
    }

    /// Adds the leaves of a part of a lock's value, whose path from the whole value and whose type these are.
    fn publish(&mut self, lock: usize, part: &str, ty: Type<'a>, path: &mut String) {
        self.locks[lock].parts.push((part.to_owned(), self.list.len()));
        self.walk_type(ty, lock, path.len() - part.len(), path);
    }

    fn walk_type(&mut self, ty: Type<'a>, lock: usize, within: usize, path: &mut String) {
        match ty {
            _ if is_text(ty) => self.add(path, Place::Published { lock, ty, within }, bytes_cost(ty)),
            Type::Array(array) => {
                // As `View::elements` has them.
                let len = if array.of().size() == 0 { 0 } else { array.len() };
                for i in 0..len {
                    self.below(path, &format!("[{i}]"), |leaves, path| {
                        leaves.walk_type(array.of(), lock, within, path);
                    });
                    if self.is_cut {
                        return;
                    }
                }
            }
            Type::Struct(of) => {
                for field in of.fields() {
                    self.below(path, &format!(".{}", field.name), |leaves, path| {
                        leaves.walk_type(field.ty, lock, within, path);
                    });
                    if self.is_cut {
                        return;
                    }
                }
            }
            _ => self.add(path, Place::Published { lock, ty, within }, bytes_cost(ty)),
        }
    }

    /// Goes on with a longer path.
    fn below(&mut self, path: &mut String, step: &str, go_on: impl FnOnce(&mut Self, &mut String)) {
        let len = path.len();
        path.push_str(step);
        go_on(self, path);
        path.truncate(len);
    }

    fn add(&mut self, path: &str, place: Place<'a>, cost: usize) {
        match (self.budget.checked_sub(cost), self.text.checked_sub(path.len())) {
            (Some(budget), Some(text)) if !self.is_cut => {
                (self.budget, self.text) = (budget, text);
                self.list.push(Leaf { path: path.to_owned(), place });
            }
            _ => self.is_cut = true,
        }
    }
}

impl<'a> Leaf<'a> {
    /// The type of the value, in words.
    pub(crate) fn type_name(&self) -> String {
        match &self.place {
            Place::Value(view) | Place::Bytes(view) => view.ty().to_string(),
            Place::Published { ty, .. } => ty.to_string(),
            Place::Mutex(..) => "Mutex".to_owned(),
            Place::SeqLock(_) => "SeqLock".to_owned(),
            Place::Event(_) => "Event".to_owned(),
        }
    }

    /// Its path from the whole value of its lock, if it is in one.
    pub(crate) fn within(&self) -> &str {
        match self.place {
            Place::Published { within, .. } => self.path[within..].trim_start_matches('.'),
            _ => "",
        }
    }
}

/// As many values as it takes as long to read.
fn bytes_cost(ty: Type<'_>) -> usize {
    match ty {
        Type::Array(array) => 1 + array.len().min(MOST_BYTES) / 8,
        Type::Struct(of) => of.counted().map_or(1, |array| bytes_cost(Type::Array(array))),
        _ => 1,
    }
}

/// Whether it is a `Text`, or a `[u8; N]`, which often is text.
pub(crate) fn is_text(ty: Type<'_>) -> bool {
    match ty {
        Type::Array(array) => matches!(array.of(), Type::Scalar(Scalar::U8)),
        Type::Struct(of) => of.is_text(),
        _ => false,
    }
}

/// The type of the part with this path, which was resolved.
fn type_at<'a>(ty: Type<'a>, path: &str) -> Option<Type<'a>> {
    let mut found = ty;
    for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
        found = match found {
            Type::Struct(of) => of.field(step)?.ty,
            Type::Array(of) => of.of(),
            _ => return None,
        };
    }
    Some(found)
}
