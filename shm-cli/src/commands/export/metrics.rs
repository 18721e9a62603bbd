//! Values as metrics, in the text format of Prometheus, version 0.0.4.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write as _};

use shm_runtime::inspect::{Attached, Builtin, Scalar, Type, Value, View};

/// Metrics by their names.
#[derive(Default)]
pub(super) struct Metrics {
    families: BTreeMap<String, Family>,
}

/// The samples of one name.
struct Family {
    /// What it was first made for: struct and path, without indices. Another of the same name gets a label that tells them apart.
    origin: String,
    help: String,
    kind: &'static str,
    /// Lines without the name.
    samples: String,
    /// The labels that they have: two samples with the same would be refused. Paths may overlap.
    labels: HashSet<String>,
}

/// The segment that is walked.
struct Walk<'a> {
    metrics: &'a mut Metrics,
    attached: &'a Attached,
    segment: &'a str,
    type_name: &'a str,
}

/// Where the walk is.
#[derive(Clone, Default)]
struct Place {
    /// `cells.mode`.
    path: String,
    indices: Vec<usize>,
}

impl Metrics {
    /// Whether the segment could be read.
    pub(super) fn up(&mut self, segment: &str, is_up: bool) {
        let help = "Whether the segment could be read.";
        let labels = format!("segment=\"{}\"", Label(segment));
        self.sample("shm_up".to_owned(), "", (help, "gauge"), &labels, u8::from(is_up));
    }

    /// The numbers in the part that has this path.
    pub(super) fn add(&mut self, attached: &Attached, view: View<'_>, segment: &str, path: &str) {
        let root = attached.schema().ok().map(|schema| schema.root().ty());
        let type_name = match root {
            Some(Type::Struct(of)) => of.name(),
            _ => "",
        };
        let place = Place::of(path);
        Walk { metrics: self, attached, segment, type_name }.part(view, &place);
    }

    fn sample(
        &mut self,
        name: String,
        origin: &str,
        (help, kind): (&str, &'static str),
        labels: &str,
        value: impl fmt::Display,
    ) {
        let family = self.families.entry(name).or_insert_with(|| Family {
            origin: origin.to_owned(),
            help: help.to_owned(),
            kind,
            samples: String::new(),
            labels: HashSet::new(),
        });
        let labels = match family.origin == origin {
            true => format!("{{{labels}}}"),
            false => format!("{{{labels},field=\"{}\"}}", Label(origin)),
        };
        if !family.labels.contains(&labels) {
            // Writing to a string does not fail.
            let _ = writeln!(family.samples, "{labels} {value}");
            family.labels.insert(labels);
        }
    }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, Family { help, kind, samples, .. }) in &self.families {
            writeln!(f, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"))?;
            writeln!(f, "# TYPE {name} {kind}")?;
            for sample in samples.lines() {
                writeln!(f, "{name}{sample}")?;
            }
        }
        Ok(())
    }
}

impl Walk<'_> {
    fn part(&mut self, view: View<'_>, place: &Place) {
        match view.ty() {
            Type::Struct(_) => match self.attached.builtin(view) {
                Some(builtin) => self.builtin(&builtin, place),
                None if view.location().builtin().is_some() => {}
                None => view.fields().for_each(|(name, field)| self.part(field, &place.field(name))),
            },
            // Text, and other bytes.
            Type::Array(array) if matches!(array.of(), Type::Scalar(Scalar::U8)) => {}
            Type::Array(_) => {
                let mut place = place.clone();
                place.indices.push(0);
                let last = place.indices.len() - 1;
                for (i, element) in view.elements().enumerate() {
                    place.indices[last] = i;
                    self.part(element, &place);
                }
            }
            ty => {
                if let Some(number) = Number::of(view.get()) {
                    let more = match ty {
                        Type::Enum(of) => of
                            .variants()
                            .map(|variant| format!(", {} = {}", variant.name, variant.value))
                            .collect(),
                        _ => String::new(),
                    };
                    self.sample(place, "gauge", &format!(", {ty}{more}"), number);
                }
            }
        }
    }

    fn builtin(&mut self, builtin: &Builtin<'_>, place: &Place) {
        match builtin {
            Builtin::Mutex(mutex) => {
                let is_held = u8::from(mutex.holder().is_some());
                self.sample(&place.field("held"), "gauge", ", whether the lock is held", is_held);
                self.part(mutex.value(), &place.field("value"));
            }
            Builtin::SeqLock(lock) | Builtin::Latest(lock) => {
                let help = ", how many values were published";
                self.sample(&place.field("version"), "counter", help, lock.version());
                // A writer that is too fast: the next scrape may have it.
                if let Ok(copy) = lock.read() {
                    self.part(copy.view(), &place.field("value"));
                }
            }
            Builtin::Ring { written, .. } | Builtin::ByteRing { written, .. } => {
                self.sample(&place.field("written"), "counter", ", how many were written", written);
            }
            Builtin::SpscQueue { sent, received, .. } | Builtin::ByteQueue { sent, received, .. } => {
                self.sample(&place.field("sent"), "counter", ", how many were sent", sent);
                self.sample(&place.field("received"), "counter", ", how many were received", received);
            }
            Builtin::Queue { accepted, given, .. } => {
                self.sample(&place.field("accepted"), "counter", ", how many were accepted", accepted);
                self.sample(&place.field("given"), "counter", ", how many were given to a receiver", given);
            }
            Builtin::Event { count, .. } => {
                let help = ", how many announcements there were, modulo 2^32";
                self.sample(&place.field("count"), "counter", help, count);
            }
            _ => {}
        }
    }

    fn sample(&mut self, place: &Place, kind: &'static str, more: &str, value: impl fmt::Display) {
        let Place { path, indices } = place;
        let type_name = self.type_name;
        let mut name = "shm".to_owned();
        push_snake_case(&mut name, type_name);
        path.split('.').for_each(|part| push_plain(&mut name, part));
        let origin = format!("{type_name}.{path}");
        let mut labels = format!("segment=\"{}\"", Label(self.segment));
        for (i, index) in indices.iter().enumerate() {
            // Writing to a string does not fail.
            let _ = match i {
                0 => write!(labels, ",index=\"{index}\""),
                _ => write!(labels, ",index_{}=\"{index}\"", i + 1),
            };
        }
        self.metrics.sample(name, &origin, (&format!("{origin}{more}"), kind), &labels, value);
    }
}

impl Place {
    /// That of a path that was found.
    fn of(path: &str) -> Self {
        let mut place = Self::default();
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            match step.strip_suffix(']') {
                Some(index) => place.indices.push(index.parse().unwrap_or_default()),
                None => place = place.field(step),
            }
        }
        place
    }

    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, indices: self.indices.clone() }
    }
}

/// What a number looks like to Prometheus.
enum Number {
    Int(i128),
    F32(f32),
    F64(f64),
}

impl Number {
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(Self::Int(value.into())),
            Value::Int(value) => Some(Self::Int(value)),
            Value::F32(value) => Some(Self::F32(value)),
            Value::F64(value) => Some(Self::F64(value)),
            Value::Enum { number, .. } => Some(Self::Int(number)),
            Value::Invalid { number, ty } if ty != "char" => Some(Self::Int(number)),
            _ => None,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Int(value) => value.fmt(f),
            Self::F32(value) if value.is_finite() => write!(f, "{value:?}"),
            Self::F64(value) if value.is_finite() => write!(f, "{value:?}"),
            Self::F32(value) => not_finite(value.into(), f),
            Self::F64(value) => not_finite(value, f),
        }
    }
}

fn not_finite(value: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(match value {
        _ if value.is_nan() => "NaN",
        _ if value > 0.0 => "+Inf",
        _ => "-Inf",
    })
}

/// A label's value, escaped.
struct Label<'a>(&'a str);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| match char {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            _ => f.write_char(char),
        })
    }
}

/// `_` and a field's name, of which letters that a metric's name cannot have are `_`.
fn push_plain(to: &mut String, name: &str) {
    if !name.is_empty() {
        to.push('_');
        to.extend(name.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }));
    }
}

/// `_wind_station` of `WindStation`.
fn push_snake_case(to: &mut String, name: &str) {
    let mut before = '_';
    let mut snake = String::new();
    for char in name.chars() {
        if char.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
        before = char;
    }
    push_plain(to, &snake);
}
