//! Where in a segment a part of its struct is: paths, resolved.

use core::fmt;

use super::parse::excerpt;
use super::types::{Array, Struct, Type};

/// A part of a struct: where it is, and of which type.
///
/// [`Schema::root`](crate::Schema::root) is the whole, [`Schema::resolve`](crate::Schema::resolve) finds a part by its path.
///
/// ```
/// use shm_runtime::Schema;
///
/// let schema = Schema::parse(
///     "struct Station size 40 align 8\n  wind @0 struct Wind size 8 align 4\n    speed @0 f32\n    degrees @4 u16\n  series @8 [4] f64\n",
/// )?;
/// let element = schema.resolve("series[3]")?;
/// assert_eq!((element.offset(), element.ty().to_string()), (32, "f64".to_owned()));
///
/// let error = schema.resolve("wind.sped").unwrap_err();
/// assert_eq!(error.to_string(), "`wind` (Wind) has no field `sped`: it has `speed`, `degrees`");
/// let error = schema.resolve("series[4]").unwrap_err();
/// assert_eq!(error.to_string(), "`series` has 4 elements, and none with the index 4");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Location<'a> {
    offset: usize,
    ty: Type<'a>,
    /// The name of the outermost of this crate's own types that this is, or is in.
    builtin: Option<&'a str>,
}

impl<'a> Location<'a> {
    pub(crate) fn root(ty: Type<'a>) -> Self {
        Self::new(0, ty, None)
    }

    pub(crate) fn new(offset: usize, ty: Type<'a>, around: Option<&'a str>) -> Self {
        let own = match ty {
            Type::Struct(of) if of.is_builtin() => Some(of.name()),
            _ => None,
        };
        Self { offset, ty, builtin: around.or(own) }
    }

    /// Bytes from the start of the segment.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Its type.
    pub fn ty(&self) -> Type<'a> {
        self.ty
    }

    /// The name of the type of this crate that it is or is a part of, the outermost one: `Mutex`. Such a part is not written
    /// by its location, which would go past the protocol. A [`Text`](crate::Text) and a [`List`](crate::List) have none, and so
    /// are not meant.
    pub fn builtin(&self) -> Option<&'a str> {
        self.builtin
    }

    /// The fields of a struct, with their names; of other types, none.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let (offset, builtin) = (self.offset, self.builtin);
        let fields = match self.ty {
            Type::Struct(of) => Some(of.fields()),
            _ => None,
        };
        fields
            .into_iter()
            .flatten()
            .map(move |field| (field.name, Self::new(offset.saturating_add(field.offset), field.ty, builtin)))
    }

    /// The elements of an array, and all those that a [`List`](crate::List) or a [`Text`](crate::Text) has room for; of other types, none. Elements without a size are left out: in another process's schema
    /// there may be any number of them, and there is nothing in them. So to walk all parts takes no longer than the bytes
    /// and the schema are long.
    pub fn elements(&self) -> impl ExactSizeIterator<Item = Self> + use<'a> {
        let (offset, len, of) = match self.array() {
            Some((offset, array)) => (offset, array.len(), array.of()),
            None => (self.offset, 0, self.ty),
        };
        let (builtin, size) = (self.builtin, of.size());
        let len = if size == 0 { 0 } else { len };
        (0..len).map(move |i| Self::new(offset.saturating_add(i.saturating_mul(size)), of, builtin))
    }

    /// The field with this name.
    ///
    /// # Errors
    ///
    /// If there is none. The error says which there are, or which of them have nearly this name.
    pub fn field(&self, name: &str) -> Result<Self, PathError> {
        let Type::Struct(of) = self.ty else {
            return Err(PathError::new(Problem::NotAStruct {
                field: excerpt(name),
                found: self.ty.to_string(),
            }));
        };
        match of.field(name) {
            Some(field) => Ok(Self::new(self.offset.saturating_add(field.offset), field.ty, self.builtin)),
            None => Err(PathError::new(Problem::NoField {
                field: excerpt(name),
                of: excerpt(of.name()),
                near: near(of, name),
            })),
        }
    }

    /// The element with this index; of a [`List`](crate::List) or a [`Text`](crate::Text), one that it has room for.
    ///
    /// # Errors
    ///
    /// If it is not an array, or has no such element. The error says how many there are.
    pub fn element(&self, index: usize) -> Result<Self, PathError> {
        let Some((offset, array)) = self.array() else {
            return Err(PathError::new(Problem::NotAnArray { found: self.ty.to_string() }));
        };
        if index >= array.len() {
            return Err(PathError::new(Problem::Index { index, len: array.len() }));
        }
        let of = array.of();
        Ok(Self::new(offset.saturating_add(index.saturating_mul(of.size())), of, self.builtin))
    }

    /// The array that it is, and where; of a `List` or a `Text`, that of its values.
    fn array(&self) -> Option<(usize, Array<'a>)> {
        match (self.ty, self.counted()) {
            (Type::Array(array), _) => Some((self.offset, array)),
            (_, Some([_, Self { offset, ty: Type::Array(array), .. }])) => Some((offset, array)),
            _ => None,
        }
    }

    /// The count of a `Text` or a `List`, and the array of what it counts; `None` if it is another type.
    pub(super) fn counted(&self) -> Option<[Self; 2]> {
        let Type::Struct(of) = self.ty else { return None };
        of.counted()?;
        let mut fields = self.fields().map(|(_, field)| field);
        Some([fields.next()?, fields.next()?])
    }

    /// The part with this path, from here: `wind.speed`, `series[3]`, `[0].x` of an array. An empty path is the whole.
    ///
    /// # Errors
    ///
    /// [`PathError`] says which part of the path was not found, and what there is instead.
    pub fn resolve(&self, path: &str) -> Result<Self, PathError> {
        let mut found = *self;
        let mut rest = path;
        while !rest.is_empty() {
            let done = &path[..path.len() - rest.len()];
            let step = match rest.strip_prefix('[') {
                Some(index) => index.split_once(']').and_then(|(index, after)| {
                    let digits = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
                    // A number that is too large is an index that no array has.
                    digits.then(|| (found.element(index.parse().unwrap_or(usize::MAX)), after))
                }),
                None => {
                    let name = match done.is_empty() {
                        true => Some(rest),
                        false => rest.strip_prefix('.'),
                    };
                    name.and_then(|name| {
                        let end = name.find(['.', '[']).unwrap_or(name.len());
                        let (name, after) = name.split_at(end);
                        (!name.is_empty()).then(|| (found.field(name), after))
                    })
                }
            };
            let Some((step, after)) = step else {
                return Err(PathError {
                    path: excerpt(done),
                    problem: Problem::Syntax { rest: excerpt(rest) },
                });
            };
            found = step.map_err(|error| PathError {
                path: if done.is_empty() { String::new() } else { excerpt(done) },
                ..error
            })?;
            rest = after;
        }
        Ok(found)
    }
}

/// A path that leads nowhere: what [`Schema::resolve`](crate::Schema::resolve) returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// Of what was found, in quotes; empty if that is the whole.
    path: String,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    NoField { field: String, of: String, near: Vec<String> },
    NotAStruct { field: String, found: String },
    NotAnArray { found: String },
    Index { index: usize, len: usize },
    Syntax { rest: String },
}

impl PathError {
    fn new(problem: Problem) -> Self {
        Self { path: String::new(), problem }
    }

    /// The names of fields that may have been meant.
    pub fn suggestions(&self) -> &[String] {
        match &self.problem {
            Problem::NoField { near, .. } => near,
            _ => &[],
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the whole" } else { &self.path };
        match &self.problem {
            Problem::NoField { field, of, near } => {
                match self.path.is_empty() {
                    true => write!(f, "{of} has no field {field}")?,
                    false => write!(f, "{path} ({}) has no field {field}", of.trim_matches('`'))?,
                }
                for (i, name) in near.iter().enumerate() {
                    write!(f, "{} `{name}`", if i == 0 { ": it has" } else { "," })?;
                }
                Ok(())
            }
            Problem::NotAStruct { field, found } => {
                write!(f, "{path} is {}, which has no field {field}", excerpt(found))
            }
            Problem::NotAnArray { found } => write!(f, "{path} is {}, which has no elements", excerpt(found)),
            Problem::Index { index, len } => {
                write!(f, "{path} has {len} elements, and none with the index {index}")
            }
            Problem::Syntax { rest } => write!(
                f,
                "{rest} is not a path: it is made of names and indices, as in `wind.speed` and `series[3]`"
            ),
        }
    }
}

impl core::error::Error for PathError {}

/// The names of the fields that are most like `name`; of a struct with few fields, of all.
fn near(of: Struct<'_>, name: &str) -> Vec<String> {
    /// As many as one would read, of names as long as one would, ...
    const MOST: usize = 8;
    const LONGEST: usize = 64;
    /// ... among as many fields as a program has, and another process's text may have more.
    const LOOKED_AT: usize = 10_000;
    let fields = || of.fields().map(|field| field.name).filter(|name| name.len() <= LONGEST).take(LOOKED_AT);
    if of.fields().nth(MOST).is_none() {
        return fields().map(str::to_owned).collect();
    }
    let name: String = name.chars().take(LONGEST).collect();
    let mut all: Vec<(usize, &str)> = fields().map(|field| (distance(&name, field), field)).collect();
    all.sort_by_key(|&(distance, _)| distance);
    let close = |&&(distance, field): &&(usize, &str)| distance <= 1 + field.len() / 3;
    all.iter().filter(close).take(MOST).map(|&(_, field)| field.to_owned()).collect()
}

/// How many characters have to be put in, left out or changed to make one of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, &b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
