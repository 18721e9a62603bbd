//! A schema as declarations: each type once, those that it is made of before it, with the names that it has in a language.

use std::collections::HashMap;

use shm_runtime::Schema;
use shm_runtime::inspect::{self, Array, Scalar, Struct, Type};

use super::names::{Language, Scope, comment};
use crate::failure::Failure;

/// As long as a name can be: longer ones are none of a program's, and stand in every name of a part.
const MAX_NAME: usize = 255;

/// A segment begins at a page.
const MAX_ALIGN: usize = 4096;

/// All declarations.
pub(super) struct Model {
    /// The last one is the whole.
    pub(super) declarations: Vec<Declaration>,
    /// Names of types and functions.
    pub(super) scope: Scope,
    /// The index of `RingHead`, if there are ones, and the name of the function that reads such a ring.
    pub(super) ring_head: Option<(usize, String)>,
}

/// A type with a name.
pub(super) struct Declaration {
    /// In the language.
    pub(super) ident: String,
    /// In the schema.
    pub(super) name: String,
    /// In names of what is made of it.
    word: String,
    pub(super) size: usize,
    pub(super) align: usize,
    /// Whether there are no atomics and no locks in it.
    pub(super) is_plain: bool,
    /// The name of the function that copies it scalar by scalar, if a `SeqLock` or a `Ring` has a struct of this type.
    pub(super) load: Option<String>,
    /// The names of the functions that read messages, if it is what a `ByteRing` has beside them.
    pub(super) messages: Option<Messages>,
    pub(super) body: Body,
}

pub(super) enum Body {
    Struct(Vec<Field>),
    Enum { repr: Scalar, variants: Vec<Variant> },
    Copies(Copies),
}

pub(super) struct Field {
    pub(super) ident: String,
    pub(super) name: String,
    pub(super) offset: usize,
    pub(super) size: usize,
    pub(super) ty: Ty,
}

pub(super) struct Variant {
    pub(super) ident: String,
    pub(super) name: String,
    pub(super) value: i128,
}

/// The functions that read the messages of a `ByteRing` or a `ByteRingHead`: two that a program calls, and their parts.
pub(super) struct Messages {
    pub(super) begin: String,
    pub(super) read: String,
    pub(super) newest: String,
    pub(super) copy: String,
}

/// A `SeqLock` or a `Ring` of the shape that the reader is for: a number of what was written, and slots for the values.
pub(super) struct Copies {
    pub(super) kind: Kind,
    pub(super) value: Ty,
    pub(super) value_size: usize,
    /// How many slots.
    pub(super) len: usize,
    pub(super) slots_offset: usize,
    /// Bytes after the slots.
    pub(super) rest: usize,
    /// The name of the function that reads it.
    pub(super) read: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    SeqLock,
    Ring,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SeqLock => "SeqLock",
            Self::Ring => "Ring",
        }
    }

    /// What the number at its beginning is called.
    pub(super) fn number(self) -> &'static str {
        match self {
            Self::SeqLock => "sequence",
            Self::Ring => "count",
        }
    }

    /// What the bytes between that and the slots are called.
    pub(super) fn between(self) -> &'static str {
        match self {
            Self::SeqLock => "padding",
            Self::Ring => "writer",
        }
    }
}

/// A type where it is used.
#[derive(Clone, Debug)]
pub(super) enum Ty {
    Scalar(Scalar),
    Atomic(Scalar),
    Array(usize, Box<Ty>),
    /// What the whole ends in: as many as a segment has room for.
    Slice(Box<Ty>),
    /// The index of a declaration.
    Declared(usize),
    /// What only Rust code of this crate can use: a `Mutex`, say.
    Opaque {
        name: String,
        size: usize,
        align: usize,
    },
    /// What has no bytes, and cannot be declared in C.
    Nothing(String),
}

impl Model {
    pub(super) fn new(schema: &Schema, language: Language) -> Result<Self, Failure> {
        let root = match schema.root().ty() {
            Type::Struct(root) if !root.is_builtin() => root,
            other => {
                return Err(Failure::new(format!(
                    "the schema is of {other}, and not of a struct, whose fields could be declared"
                )));
            }
        };
        let too_large = |what: &str, found: usize, most: usize| {
            Err(Failure::new(format!(
                "{} has {what} {found}, and a segment's has {most} at most",
                root.name()
            )))
        };
        match isize::try_from(root.size()) {
            Ok(0) => {
                return Err(Failure::new(format!("{} has no bytes, and nothing to declare", root.name())));
            }
            Ok(_) if root.align() > MAX_ALIGN => return too_large("alignment", root.align(), MAX_ALIGN),
            Ok(_) => {}
            Err(_) => return too_large("size", root.size(), isize::MAX.unsigned_abs()),
        }
        let mut model = Self { declarations: Vec::new(), scope: Scope::outermost(language), ring_head: None };
        let ends_in_a_slice = schema.ends_in_a_slice();
        let mut builder = Builder {
            model: &mut model,
            language,
            root: String::new(),
            known: HashMap::new(),
            ends_in_a_slice,
        };
        check_name(root.name())?;
        builder.root = builder.model.scope.claim(root.name());
        builder.declare_struct(root, "")?;
        model.name_loads();
        Ok(model)
    }

    pub(super) fn root(&self) -> Option<&Declaration> {
        self.declarations.last()
    }

    pub(super) fn align(&self, ty: &Ty) -> usize {
        match ty {
            Ty::Scalar(scalar) | Ty::Atomic(scalar) => scalar.size(),
            Ty::Array(_, of) | Ty::Slice(of) => self.align(of),
            Ty::Declared(index) => self.declarations[*index].align,
            Ty::Opaque { align, .. } => *align,
            Ty::Nothing(_) => 1,
        }
    }

    /// Whether there are ones of this kind.
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.declarations
            .iter()
            .any(|declaration| matches!(&declaration.body, Body::Copies(copies) if copies.kind == kind))
    }

    fn size(&self, ty: &Ty) -> usize {
        match ty {
            Ty::Scalar(scalar) | Ty::Atomic(scalar) => scalar.size(),
            Ty::Array(len, of) => len.saturating_mul(self.size(of)),
            Ty::Declared(index) => self.declarations[*index].size,
            Ty::Opaque { size, .. } => *size,
            Ty::Nothing(_) | Ty::Slice(_) => 0,
        }
    }

    /// The slice that the whole ends in, and the bytes of an element.
    pub(super) fn slice(&self) -> Option<(&Field, usize)> {
        let Body::Struct(fields) = &self.root()?.body else { return None };
        let field = fields.last()?;
        match &field.ty {
            Ty::Slice(of) => Some((field, self.size(of))),
            _ => None,
        }
    }

    /// The values of the rings whose heads are in the whole: what is in the slice at the end.
    pub(super) fn ring_values(&self) -> Option<&Ty> {
        match self.slice()?.0.ty {
            Ty::Slice(ref of) if self.ring_head.is_some() && self.is_plain(of) => Some(of),
            _ => None,
        }
    }

    fn is_plain(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Scalar(_) | Ty::Nothing(_) => true,
            Ty::Atomic(_) | Ty::Opaque { .. } => false,
            Ty::Array(_, of) | Ty::Slice(of) => self.is_plain(of),
            Ty::Declared(index) => self.declarations[*index].is_plain,
        }
    }

    /// Names the functions that copy the structs of which the values of `SeqLock`s and `Ring`s are made.
    fn name_loads(&mut self) {
        let mut read = vec![false; self.declarations.len()];
        let mut of_heads: Vec<&Ty> = self.ring_values().into_iter().collect();
        // Types stand before what has them.
        for (index, declaration) in self.declarations.iter().enumerate().rev() {
            let values: Vec<&Ty> = match &declaration.body {
                Body::Copies(copies) => vec![&copies.value],
                Body::Struct(fields) if read[index] => fields.iter().map(|field| &field.ty).collect(),
                _ => Vec::new(),
            };
            for mut ty in values.into_iter().chain(of_heads.drain(..)) {
                while let Ty::Array(_, of) = ty {
                    ty = of;
                }
                if let Ty::Declared(index) = ty {
                    read[*index] = true;
                }
            }
        }
        for (declaration, read) in self.declarations.iter_mut().zip(read) {
            if read && matches!(declaration.body, Body::Struct(_)) {
                declaration.load = Some(self.scope.claim(&format!("{}_load", declaration.ident)));
            }
        }
    }
}

impl Field {
    /// What is to be said of it beside its declaration, between the signs of a comment; nothing if there is nothing.
    pub(super) fn remark(&self, language: Language, begin: &str, end: &str) -> String {
        let mut of = &self.ty;
        while let Ty::Array(_, element) | Ty::Slice(element) = of {
            of = element;
        }
        let mut parts = Vec::new();
        if self.name != self.ident {
            parts.push(comment(&self.name));
        }
        // C says it by the type.
        if let (Ty::Atomic(_), Language::Cpp | Language::Python) = (of, language) {
            parts.push("atomic".to_owned());
        }
        match of {
            Ty::Scalar(Scalar::Bool) | Ty::Atomic(Scalar::Bool) if language != Language::Python => {
                parts.push("bool: whether it is not 0".to_owned());
            }
            Ty::Scalar(Scalar::Char) | Ty::Atomic(Scalar::Char) => {
                parts.push("char: the number of a character".to_owned());
            }
            Ty::Opaque { name, .. } => parts.push(format!("{}: for Rust only", comment(name))),
            _ => {}
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!("{begin}{}{end}", parts.join("; ")),
        }
    }
}

/// What stands in a struct: its fields, and bytes between them that have to be declared.
pub(super) enum Member<'a> {
    Field(&'a Field),
    Padding { ident: String, size: usize },
}

/// The bytes between fields that a declaration has to name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// Those that a compiler would not leave by itself.
    Unnatural,
    /// All, for what leaves none.
    All,
}

impl Model {
    /// The members of a struct of this language, and whether its first one has to be told the alignment.
    pub(super) fn members<'a>(
        &self,
        (size, align): (usize, usize),
        fields: &'a [Field],
        padding: Padding,
        language: Language,
    ) -> (Vec<Member<'a>>, bool) {
        let mut scope = Scope::inner(language);
        scope.claim_all(fields.iter().map(|field| field.ident.as_str()));
        let natural = |at: usize, align: usize| match padding {
            Padding::Unnatural => at.next_multiple_of(align),
            Padding::All => at,
        };
        let (mut members, mut end, mut most) = (Vec::new(), 0, 1);
        let mut pad = |members: &mut Vec<_>, size| {
            members.push(Member::Padding { ident: scope.claim("_padding"), size });
        };
        for field in fields {
            let field_align = self.align(&field.ty);
            if field.size != 0 {
                if natural(end, field_align) != field.offset {
                    pad(&mut members, field.offset - end);
                }
                end = field.offset + field.size;
                most = most.max(field_align);
            }
            if let Ty::Slice(_) = field.ty {
                if natural(end, field_align) != field.offset {
                    pad(&mut members, field.offset - end);
                }
                // After it, there is nothing to be declared.
                members.push(Member::Field(field));
                return (members, most.max(field_align) != align);
            }
            members.push(Member::Field(field));
        }
        // If it has no other members, there is one of padding.
        if natural(end, align) != size || end == 0 {
            pad(&mut members, size - end);
        }
        (members, most != align)
    }
}

struct Builder<'a> {
    model: &'a mut Model,
    language: Language,
    /// What the names of all types begin with, so that headers of two segments do not get in each other's way.
    root: String,
    /// Types that are declared, by all that is in them.
    known: HashMap<String, usize>,
    ends_in_a_slice: bool,
}

impl Builder<'_> {
    fn ty(&mut self, ty: Type<'_>) -> Result<Ty, Failure> {
        if ty.size() == 0 {
            return Ok(Ty::Nothing(ty.to_string()));
        }
        Ok(match ty {
            Type::Scalar(scalar) => Ty::Scalar(scalar),
            Type::Atomic(scalar) => Ty::Atomic(scalar),
            Type::Array(array) => Ty::Array(array.len(), Box::new(self.ty(array.of())?)),
            Type::Struct(of) if of.is_builtin() => self.builtin(of)?,
            Type::Struct(of) => Ty::Declared(self.declare_struct(of, of.name())?),
            Type::Enum(of) => {
                check_name(of.name())?;
                let (repr, mut key) = (of.repr(), format!("enum {} {}", of.name(), of.repr().name()));
                let mut listed = Vec::new();
                for variant in of.variants() {
                    check_name(variant.name)?;
                    if !is_in(repr, variant.value) {
                        return Err(Failure::new(format!(
                            "the enum {} cannot be declared: {}={} is not a {}",
                            of.name(),
                            variant.name,
                            variant.value,
                            repr.name()
                        )));
                    }
                    key.push_str(&format!(" {}={}", variant.name, variant.value));
                    listed.push(variant);
                }
                if let Some(&index) = self.known.get(&key) {
                    return Ok(Ty::Declared(index));
                }
                let ident = self.part(of.name());
                let idents = match self.language {
                    // In C, they are seen everywhere.
                    Language::C => {
                        let names = listed.iter().map(|variant| format!("{ident}_{}", variant.name));
                        let names: Vec<String> = names.collect();
                        self.model.scope.claim_all(names.iter().map(String::as_str))
                    }
                    language => Scope::inner(language).claim_all(listed.iter().map(|variant| variant.name)),
                };
                let variants = listed.iter().zip(idents).map(|(variant, ident)| Variant {
                    ident,
                    name: variant.name.to_owned(),
                    value: variant.value,
                });
                let body = Body::Enum { repr, variants: variants.collect() };
                Ty::Declared(self.add(key, ident, of.name(), (repr.size(), repr.size()), true, body))
            }
            // A kind of type that came after this was written.
            other => Ty::Opaque { name: other.to_string(), size: other.size(), align: other.align() },
        })
    }

    /// An identifier for a type within the whole.
    fn part(&mut self, name: &str) -> String {
        let name = format!("{}_{name}", self.root);
        self.model.scope.claim(&name)
    }

    fn add(
        &mut self,
        key: String,
        ident: String,
        name: &str,
        (size, align): (usize, usize),
        is_plain: bool,
        body: Body,
    ) -> usize {
        let index = self.model.declarations.len();
        self.model.declarations.push(Declaration {
            ident,
            name: name.to_owned(),
            word: name.to_owned(),
            size,
            align,
            is_plain,
            load: None,
            messages: None,
            body,
        });
        self.known.insert(key, index);
        index
    }

    /// `word` is what it is called as a part; the whole has none.
    fn declare_struct(&mut self, of: Struct<'_>, word: &str) -> Result<usize, Failure> {
        check_name(of.name())?;
        let mut fields = Vec::new();
        for field in of.fields() {
            check_name(field.name)?;
            fields.push((field, self.ty(field.ty)?));
        }
        let is_root = word.is_empty();
        if let (true, Some((field, ty))) = (is_root && self.ends_in_a_slice, fields.last_mut()) {
            *ty = self.slice(of, *field)?;
        }
        let mut key = format!("struct {} {} {}", of.name(), of.size(), of.align());
        for (field, ty) in &fields {
            key.push_str(&format!(" {} {} {ty:?}", field.name, field.offset));
        }
        if let (false, Some(&index)) = (is_root, self.known.get(&key)) {
            return Ok(index);
        }
        let is_plain = fields.iter().all(|(_, ty)| self.model.is_plain(ty));
        let ident = if is_root { self.root.clone() } else { self.part(word) };
        let idents = Scope::inner(self.language).claim_all(fields.iter().map(|(field, _)| field.name));
        let fields = fields.into_iter().zip(idents).map(|((field, ty), ident)| Field {
            ident,
            name: field.name.to_owned(),
            offset: field.offset,
            size: field.ty.size(),
            ty,
        });
        let body = Body::Struct(fields.collect());
        let index = self.add(key, ident, of.name(), (of.size(), of.align()), is_plain, body);
        word.clone_into(&mut self.model.declarations[index].word);
        Ok(index)
    }

    /// What the whole ends in, if C puts it at that place.
    fn slice(&mut self, whole: Struct<'_>, field: inspect::Field<'_>) -> Result<Ty, Failure> {
        let Type::Array(array) = field.ty else { return self.ty(field.ty) };
        match self.ty(array.of())? {
            Ty::Nothing(name) => {
                Err(Failure::new(format!("the slice `{}` is of {name}, which has no bytes", field.name)))
            }
            _ if field.offset.next_multiple_of(whole.align()) != whole.size() => Err(Failure::new(format!(
                "{} has {} bytes before its slice `{}` at {}, and a struct of C would not have",
                whole.name(),
                whole.size(),
                field.name,
                field.offset
            ))),
            of => Ok(Ty::Slice(Box::new(of))),
        }
    }

    /// A `SeqLock`, a `Latest`, a `Ring` and a `ByteRing` can be read, by a protocol that is part of their layout. The others need
    /// the kernel, and what tells processes apart.
    fn builtin(&mut self, of: Struct<'_>) -> Result<Ty, Failure> {
        check_name(of.name())?;
        let known = match of.name() {
            "SeqLock" => self.seqlock(of)?,
            "Ring" => self.ring(of)?,
            "Latest" => self.latest(of)?,
            "Stamped" => self.stamped(of)?,
            "RingHead" => self.ring_head(of)?,
            "Head" => self.head(of)?,
            "ByteRing" | "ByteRingHead" => self.byte_ring(of)?,
            "Frames" => self.frames(of)?,
            _ => None,
        };
        Ok(known.unwrap_or(Ty::Opaque { name: of.name().to_owned(), size: of.size(), align: of.align() }))
    }

    /// A value with the time of its writing.
    fn stamped(&mut self, of: Struct<'_>) -> Result<Option<Ty>, Failure> {
        let mut fields = of.fields();
        let (Some(value), Some(written), None) = (fields.next(), fields.next(), fields.next()) else {
            return Ok(None);
        };
        if (value.name, written.name) != ("value", "written") {
            return Ok(None);
        }
        let word = format!("Stamped_{}", self.field_word(value)?);
        Ok(Some(Ty::Declared(self.declare_struct(of, &word)?)))
    }

    /// A `SeqLock` of such a value, and a word on which readers sleep.
    fn latest(&mut self, of: Struct<'_>) -> Result<Option<Ty>, Failure> {
        let mut fields = of.fields();
        let (Some(lock), Some(bell), None) = (fields.next(), fields.next(), fields.next()) else {
            return Ok(None);
        };
        if (lock.name, bell.name) != ("lock", "bell") {
            return Ok(None);
        }
        let word = self.field_word(lock)?;
        let word = format!("Latest_{}", word.strip_prefix("SeqLock_Stamped_").unwrap_or(&word));
        Ok(Some(Ty::Declared(self.declare_struct(of, &word)?)))
    }

    fn field_word(&mut self, field: inspect::Field<'_>) -> Result<String, Failure> {
        let ty = self.ty(field.ty)?;
        Ok(self.word(&ty))
    }

    fn seqlock(&mut self, of: Struct<'_>) -> Result<Option<Ty>, Failure> {
        let mut fields = of.fields();
        let (Some(sequence), Some(slots)) = (fields.next(), fields.next()) else { return Ok(None) };
        let named = (sequence.name, slots.name) == ("sequence", "slots") && sequence.offset == 0;
        match (sequence.ty, slots.ty) {
            (Type::Atomic(Scalar::U64), Type::Array(copies)) if named && copies.len() == 2 => {
                self.copies(Kind::SeqLock, of, slots.offset, copies)
            }
            _ => Ok(None),
        }
    }

    fn ring(&mut self, of: Struct<'_>) -> Result<Option<Ty>, Failure> {
        let mut fields = of.fields();
        let (Some(head), Some(slots), None) = (fields.next(), fields.next(), fields.next()) else {
            return Ok(None);
        };
        let (Type::Struct(head_type), Type::Array(copies)) = (head.ty, slots.ty) else { return Ok(None) };
        let Some(count) = head_type.fields().next() else { return Ok(None) };
        let named = (head.name, count.name, slots.name) == ("head", "count", "slots");
        let is_count = matches!(count.ty, Type::Atomic(Scalar::U64)) && head.offset + count.offset == 0;
        match named && is_count && copies.len() > 1 {
            true => self.copies(Kind::Ring, of, slots.offset, copies),
            false => Ok(None),
        }
    }

    /// What a ring has beside its values.
    fn head(&mut self, of: Struct<'_>) -> Result<Option<Ty>, Failure> {
        // For Python, there are no slices.
        let first = of.fields().next().filter(|_| self.language != Language::Python);
        match first.map(|first| (first.name, first.offset, first.ty)) {
            Some(("count", 0, Type::Atomic(Scalar::U64))) => {
                Ok(Some(Ty::Declared(self.declare_struct(of, of.name())?)))
            }
            _ => Ok(None),
        }
    }

    fn ring_head(&mut self, of: Struct<'_>) -> Result<Option<Ty>, Failure> {
        let mut fields = of.fields();
        let (Some(head), None) = (fields.next(), fields.next()) else { return Ok(None) };
        if head.name != "head" || !matches!(self.ty(head.ty)?, Ty::Declared(_)) {
            return Ok(None);
        }
        let index = self.declare_struct(of, of.name())?;
        if self.model.ring_head.is_none() {
            let read = format!("{}_read", self.model.declarations[index].ident);
            self.model.ring_head = Some((index, self.model.scope.claim(&read)));
        }
        Ok(Some(Ty::Declared(index)))
    }

    /// The bytes are beside the head, or those of the slice that the whole ends in.
    fn byte_ring(&mut self, of: Struct<'_>) -> Result<Option<Ty>, Failure> {
        let mut fields = of.fields();
        let (Some(head), bytes, None) = (fields.next(), fields.next(), fields.next()) else {
            return Ok(None);
        };
        let has_bytes = match bytes.map(|bytes| (bytes.name, bytes.ty)) {
            Some((name, Type::Array(array))) => {
                name == "bytes" && matches!(array.of(), Type::Scalar(Scalar::U8)) && array.len() > 8
            }
            Some(_) => false,
            None => true,
        };
        let is_head = head.name == "head" && matches!(self.ty(head.ty)?, Ty::Declared(_));
        match has_bytes && is_head {
            true => Ok(Some(Ty::Declared(self.declare_struct(of, of.name())?))),
            false => Ok(None),
        }
    }

    /// What a ring of messages has beside their bytes.
    fn frames(&mut self, of: Struct<'_>) -> Result<Option<Ty>, Failure> {
        // Nothing in Python's memory is read in the order in which it is written there.
        if self.language == Language::Python {
            return Ok(None);
        }
        // Another process's schema may have millions.
        let fields: Vec<_> = of.fields().take(6).collect();
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        if names != ["count", "tail", "bell", "role", "marks"] {
            return Ok(None);
        }
        let types =
            [0, 1, 4].into_iter().map(|index| self.ty(fields[index].ty)).collect::<Result<Vec<_>, _>>()?;
        let is_marks = |ty: &Ty| match ty {
            Ty::Array(2, of) => {
                matches!(**of, Ty::Array(2, ref of) if matches!(**of, Ty::Atomic(Scalar::U64)))
            }
            _ => false,
        };
        match &types[..] {
            [Ty::Atomic(Scalar::U64), Ty::Atomic(Scalar::U64), marks] if is_marks(marks) => {}
            _ => return Ok(None),
        }
        let index = self.declare_struct(of, of.name())?;
        if self.model.declarations[index].messages.is_none() {
            let ident = self.model.declarations[index].ident.clone();
            let [begin, read, newest, copy] = ["begin", "read", "newest", "copy"]
                .map(|name| self.model.scope.claim(&format!("{ident}_{name}")));
            self.model.declarations[index].messages = Some(Messages { begin, read, newest, copy });
        }
        Ok(Some(Ty::Declared(index)))
    }

    fn copies(
        &mut self,
        kind: Kind,
        of: Struct<'_>,
        slots_offset: usize,
        slots: Array<'_>,
    ) -> Result<Option<Ty>, Failure> {
        let (len, value_size) = (slots.len(), slots.of().size());
        if value_size == 0 {
            return Ok(None);
        }
        let value = self.ty(slots.of())?;
        if !self.model.is_plain(&value) {
            return Ok(None);
        }
        // The schema was checked: what is in a struct ends in it.
        let rest = of.size() - slots_offset - len * value_size;
        let key = format!("{} {} {} {slots_offset} {len} {value:?}", kind.name(), of.size(), of.align());
        if let Some(&index) = self.known.get(&key) {
            return Ok(Some(Ty::Declared(index)));
        }
        let word = format!("{}_{}", kind.name(), self.word(&value));
        let ident = self.part(&word);
        let read = self.model.scope.claim(&format!("{ident}_read"));
        let body = Body::Copies(Copies { kind, value, value_size, len, slots_offset, rest, read });
        let index = self.add(key, ident, of.name(), (of.size(), of.align()), false, body);
        self.model.declarations[index].word = word;
        Ok(Some(Ty::Declared(index)))
    }

    /// A type as a part of a name: `Wind`, `f64_4`.
    fn word(&self, ty: &Ty) -> String {
        match ty {
            Ty::Scalar(scalar) | Ty::Atomic(scalar) => scalar.name().to_owned(),
            Ty::Array(len, of) => format!("{}_{len}", self.word(of)),
            Ty::Slice(of) => self.word(of),
            Ty::Declared(index) => self.model.declarations[*index].word.clone(),
            Ty::Opaque { name, .. } | Ty::Nothing(name) => name.clone(),
        }
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    match name.len() {
        0..=MAX_NAME => Ok(()),
        len => Err(Failure::new(format!(
            "a name in the schema has {len} bytes, and can have {MAX_NAME} to be declared"
        ))),
    }
}

/// Whether an integer of this type can be `value`.
fn is_in(repr: Scalar, value: i128) -> bool {
    match repr {
        Scalar::U8 => u8::try_from(value).is_ok(),
        Scalar::U16 => u16::try_from(value).is_ok(),
        Scalar::U32 => u32::try_from(value).is_ok(),
        Scalar::U64 => u64::try_from(value).is_ok(),
        Scalar::Usize => usize::try_from(value).is_ok(),
        Scalar::I8 => i8::try_from(value).is_ok(),
        Scalar::I16 => i16::try_from(value).is_ok(),
        Scalar::I32 => i32::try_from(value).is_ok(),
        Scalar::I64 => i64::try_from(value).is_ok(),
        Scalar::Isize => isize::try_from(value).is_ok(),
        // No enum's.
        Scalar::F32 | Scalar::F64 | Scalar::Bool | Scalar::Char => false,
    }
}
