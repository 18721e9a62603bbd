//! A schema as declarations: each type once, those that it is made of before it, with the names that it has in a language.

use std::collections::HashMap;

use shm_runtime::Schema;
use shm_runtime::inspect::{Scalar, Struct, Type};

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
}

/// A type with a name.
pub(super) struct Declaration {
    /// In the language.
    pub(super) ident: String,
    /// In the schema.
    pub(super) name: String,
    pub(super) size: usize,
    pub(super) align: usize,
    /// Whether there are no atomics and no locks in it.
    pub(super) is_plain: bool,
    /// The name of the function that copies it scalar by scalar, if a `SeqLock` has a struct of this type.
    pub(super) load: Option<String>,
    pub(super) body: Body,
}

pub(super) enum Body {
    Struct(Vec<Field>),
    Enum { repr: Scalar, variants: Vec<Variant> },
    SeqLock(SeqLock),
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

/// A `SeqLock` of the shape that the reader is for: a sequence number, two copies of the value, and words of the writer's.
pub(super) struct SeqLock {
    pub(super) value: Ty,
    pub(super) value_size: usize,
    pub(super) slots_offset: usize,
    /// Bytes after the copies.
    pub(super) rest: usize,
    /// The name of the function that reads it.
    pub(super) read: String,
}

/// A type where it is used.
#[derive(Clone, Debug)]
pub(super) enum Ty {
    Scalar(Scalar),
    Atomic(Scalar),
    Array(usize, Box<Ty>),
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
        let mut model = Self { declarations: Vec::new(), scope: Scope::outermost(language) };
        let mut builder = Builder { model: &mut model, language, root: String::new(), known: HashMap::new() };
        check_name(root.name())?;
        builder.root = builder.model.scope.claim(root.name());
        let ident = builder.root.clone();
        builder.declare_struct(root, Some(ident))?;
        model.name_loads();
        Ok(model)
    }

    pub(super) fn root(&self) -> Option<&Declaration> {
        self.declarations.last()
    }

    pub(super) fn align(&self, ty: &Ty) -> usize {
        match ty {
            Ty::Scalar(scalar) | Ty::Atomic(scalar) => scalar.size(),
            Ty::Array(_, of) => self.align(of),
            Ty::Declared(index) => self.declarations[*index].align,
            Ty::Opaque { align, .. } => *align,
            Ty::Nothing(_) => 1,
        }
    }

    fn is_plain(&self, ty: &Ty) -> bool {
        match ty {
            Ty::Scalar(_) | Ty::Nothing(_) => true,
            Ty::Atomic(_) | Ty::Opaque { .. } => false,
            Ty::Array(_, of) => self.is_plain(of),
            Ty::Declared(index) => self.declarations[*index].is_plain,
        }
    }

    /// Names the functions that copy the structs of which the values of `SeqLock`s are made.
    fn name_loads(&mut self) {
        let mut read = vec![false; self.declarations.len()];
        // Types stand before what has them.
        for (index, declaration) in self.declarations.iter().enumerate().rev() {
            let values: Vec<&Ty> = match &declaration.body {
                Body::SeqLock(lock) => vec![&lock.value],
                Body::Struct(fields) if read[index] => fields.iter().map(|field| &field.ty).collect(),
                _ => Vec::new(),
            };
            for mut ty in values {
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
        while let Ty::Array(_, element) = of {
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
            Type::Struct(of) => Ty::Declared(self.declare_struct(of, None)?),
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
            size,
            align,
            is_plain,
            load: None,
            body,
        });
        self.known.insert(key, index);
        index
    }

    fn declare_struct(&mut self, of: Struct<'_>, ident: Option<String>) -> Result<usize, Failure> {
        check_name(of.name())?;
        let mut fields = Vec::new();
        for field in of.fields() {
            check_name(field.name)?;
            fields.push((field, self.ty(field.ty)?));
        }
        let mut key = format!("struct {} {} {}", of.name(), of.size(), of.align());
        for (field, ty) in &fields {
            key.push_str(&format!(" {} {} {ty:?}", field.name, field.offset));
        }
        if let (None, Some(&index)) = (&ident, self.known.get(&key)) {
            return Ok(index);
        }
        let is_plain = fields.iter().all(|(_, ty)| self.model.is_plain(ty));
        let ident = ident.unwrap_or_else(|| self.part(of.name()));
        let idents = Scope::inner(self.language).claim_all(fields.iter().map(|(field, _)| field.name));
        let fields = fields.into_iter().zip(idents).map(|((field, ty), ident)| Field {
            ident,
            name: field.name.to_owned(),
            offset: field.offset,
            size: field.ty.size(),
            ty,
        });
        let body = Body::Struct(fields.collect());
        Ok(self.add(key, ident, of.name(), (of.size(), of.align()), is_plain, body))
    }

    /// A `SeqLock` can be read, by a protocol that is part of its layout. The others need the kernel, and what tells processes
    /// apart.
    fn builtin(&mut self, of: Struct<'_>) -> Result<Ty, Failure> {
        check_name(of.name())?;
        let opaque = Ty::Opaque { name: of.name().to_owned(), size: of.size(), align: of.align() };
        let mut fields = of.fields();
        let (Some(sequence), Some(slots)) = (fields.next(), fields.next()) else { return Ok(opaque) };
        let (Type::Atomic(Scalar::U64), Type::Array(copies)) = (sequence.ty, slots.ty) else {
            return Ok(opaque);
        };
        let value_size = copies.of().size();
        let named = (of.name(), sequence.name, slots.name) == ("SeqLock", "sequence", "slots");
        if !named || sequence.offset != 0 || copies.len() != 2 || value_size == 0 {
            return Ok(opaque);
        }
        let value = self.ty(copies.of())?;
        if !self.model.is_plain(&value) {
            return Ok(opaque);
        }
        let slots_offset = slots.offset;
        // The schema was checked: what is in a struct ends in it.
        let rest = of.size() - slots_offset - 2 * value_size;
        let key = format!("SeqLock {} {} {slots_offset} {value:?}", of.size(), of.align());
        if let Some(&index) = self.known.get(&key) {
            return Ok(Ty::Declared(index));
        }
        let ident = self.part(&format!("SeqLock_{}", self.word(&value)));
        let read = self.model.scope.claim(&format!("{ident}_read"));
        let body = Body::SeqLock(SeqLock { value, value_size, slots_offset, rest, read });
        Ok(Ty::Declared(self.add(key, ident, of.name(), (of.size(), of.align()), false, body)))
    }

    /// A type as a part of a name: `Wind`, `f64_4`.
    fn word(&self, ty: &Ty) -> String {
        match ty {
            Ty::Scalar(scalar) | Ty::Atomic(scalar) => scalar.name().to_owned(),
            Ty::Array(len, of) => format!("{}_{len}", self.word(of)),
            Ty::Declared(index) => self.model.declarations[*index].name.clone(),
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
