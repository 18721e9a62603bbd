//! The rules for what can be shared: one function each.

use std::fmt::Display;

use quote::ToTokens;
use syn::{Expr, ExprLit, ExprUnary, GenericParam, Lit, PathArguments, Type, UnOp};

use crate::ast::{Container, Data, Role};
use crate::attr::Key;
use crate::ctxt::Ctxt;
use crate::repr::ENUM_REPRS;

/// Every rule.
pub(crate) fn check(container: &Container<'_>, ctxt: &Ctxt) {
    kind(container, ctxt);
    parameters(container, ctxt);
    repr(container, ctxt);
    variants(container, ctxt);
    field_types(container, ctxt);
    declared_layout(container, ctxt);
    if container.role == Role::Segment {
        key(container, ctxt);
        mode(container, ctxt);
    }
}

/// A struct with named fields; for a part, an enum too.
fn kind(container: &Container<'_>, ctxt: &Ctxt) {
    let ident = &container.original.ident;
    match &container.original.data {
        syn::Data::Union(_) => ctxt.error(
            ident,
            "a union cannot be shared: nothing says which of its fields another process wrote; use a struct with all \
             of them, or an array of bytes",
        ),
        syn::Data::Enum(_) if container.role == Role::Segment => ctxt.error(
            ident,
            "a whole segment is a struct: derive `Shareable` for the enum, and put it into a struct that derives \
             `SharedSegment`",
        ),
        syn::Data::Enum(data) if data.variants.is_empty() => {
            ctxt.error(ident, "an enum without variants has no value that could be shared");
        }
        syn::Data::Struct(data) => match &data.fields {
            syn::Fields::Unnamed(_) => {
                ctxt.error(ident, "a tuple struct has no field names to share by: name the fields");
            }
            fields if fields.is_empty() => {
                ctxt.error(ident, "a struct without fields has no size, and a segment needs one");
            }
            _ => {}
        },
        syn::Data::Enum(_) => {}
    }
}

/// No lifetimes; and nothing that a fieldless enum could not use.
fn parameters(container: &Container<'_>, ctxt: &Ctxt) {
    // The mistake is the reference, where there is one: it is reported there.
    let reference = matches!(&container.data, Data::Struct(fields) if fields.iter().any(|field| is_reference(field.ty)));
    for param in &container.original.generics.params {
        match param {
            GenericParam::Lifetime(_) if reference => {}
            GenericParam::Lifetime(lifetime) => ctxt.error(
                lifetime,
                "a lifetime means a reference, which points into one process alone: share the value itself",
            ),
            GenericParam::Const(param) if matches!(container.data, Data::Enum(_)) => {
                ctxt.error(&param.ident, "an enum without fields has no use for a parameter: remove it");
            }
            GenericParam::Const(_) | GenericParam::Type(_) => {}
        }
    }
}

fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Array(array) => is_reference(&array.elem),
        Type::Group(group) => is_reference(&group.elem),
        Type::Paren(paren) => is_reference(&paren.elem),
        _ => matches!(ty, Type::Reference(_)),
    }
}

fn repr(container: &Container<'_>, ctxt: &Ctxt) {
    let (repr, ident) = (&container.repr, &container.original.ident);
    if let Some(refused) = &repr.refused {
        ctxt.error(
            refused,
            match refused.is_ident("packed") {
                true => {
                    "a packed field may be unaligned, and then it cannot be accessed atomically: order the fields by \
                     size, and write padding out as `[u8; N]` fields"
                }
                false => "use `#[repr(C)]`, which for one field has the same layout",
            },
        );
        return;
    }
    match container.data {
        // One without variants was refused.
        Data::Enum(ref variants) if repr.int.is_none() && !variants.is_empty() => ctxt.error(
            ident,
            format_args!(
                "the size of this enum is the compiler's choice: add `#[repr(u8)]`, or another of `{}`",
                ENUM_REPRS[1..].join("`, `")
            ),
        ),
        Data::Struct(_) if !repr.c => ctxt.error(
            ident,
            "the layout of this struct is the compiler's choice, and may differ between two builds: add `#[repr(C)]`",
        ),
        _ => {}
    }
}

fn variants(container: &Container<'_>, ctxt: &Ctxt) {
    let Data::Enum(variants) = &container.data else {
        return;
    };
    for variant in variants.iter().filter(|variant| !variant.fields.is_empty()) {
        ctxt.error(
            variant,
            "a variant with fields cannot be shared: another process may change the tag while the fields are read; \
             use a fieldless enum beside a struct of all the fields",
        );
    }
}

fn field_types(container: &Container<'_>, ctxt: &Ctxt) {
    let Data::Struct(fields) = &container.data else {
        return;
    };
    for (i, field) in fields.iter().enumerate() {
        // Without a size but for the last, it was reported by the compiler.
        if i + 1 == fields.len() || !without_size(field.ty) {
            field_type(field.ty, ctxt);
        }
    }
}

/// Whether the type has no size of its own, as only the last field may.
pub(crate) fn without_size(ty: &Type) -> bool {
    match ty {
        Type::Slice(_) | Type::TraitObject(_) => true,
        Type::Path(path) => path.path.is_ident("str"),
        _ => false,
    }
}

/// Refuses what is known by its looks; the rest the trait `Shareable` decides.
fn field_type(ty: &Type, ctxt: &Ctxt) {
    let refuse = |why: &str| ctxt.error(ty, why);
    match ty {
        Type::Array(array) => field_type(&array.elem, ctxt),
        Type::Group(group) => field_type(&group.elem, ctxt),
        Type::Paren(paren) => field_type(&paren.elem, ctxt),
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => {
                refuse(
                    "a `&str` points into one process alone: use `[u8; N]`, with `set_str` and `to_string_lossy`",
                );
            }
            Type::Slice(_) => {
                refuse("a slice points into one process alone: use an array `[T; N]` and a count");
            }
            _ => refuse("a reference points into one process alone: share the value itself"),
        },
        Type::Ptr(_) => refuse(
            "a pointer means something in one process alone: share the value itself, or an index into an array of the \
             segment",
        ),
        Type::Tuple(tuple) if tuple.elems.is_empty() => refuse("`()` holds nothing: leave the field out"),
        Type::Tuple(_) => {
            refuse("the order of a tuple's fields is the compiler's choice: use a struct with `#[repr(C)]`");
        }
        Type::Slice(_) => refuse("a slice has no size: use an array `[T; N]` and a count"),
        Type::TraitObject(_) => {
            refuse("a trait object points to functions of one process: share the data itself");
        }
        Type::FnPtr(_) => {
            refuse("a function has an address in one process alone: share a number that says which one");
        }
        Type::Path(path) => {
            if let Some(why) = refused_name(path) {
                refuse(&why);
            }
        }
        _ => {}
    }
}

/// Why the standard type of this name cannot be shared. A user's own type of the same name can be written
/// with its path, `self::Option<T>`, and is then left to the trait.
fn refused_name(path: &syn::TypePath) -> Option<String> {
    let segments = &path.path.segments;
    let last = segments.last()?;
    let std = segments
        .first()
        .is_some_and(|first| ["std", "core", "alloc"].iter().any(|name| first.ident == name));
    if path.qself.is_some() || !(std || segments.len() == 1) {
        return None;
    }
    let generic = matches!(last.arguments, PathArguments::AngleBracketed(_));
    let name = last.ident.to_string();
    let why = match (name.as_str(), generic) {
        ("String" | "PathBuf" | "OsString" | "CString", false) => {
            "keeps its text in the memory of one process: use `[u8; N]`, with `set_str` and `to_string_lossy`"
        }
        ("str", false) => "has no size: use `[u8; N]`, with `set_str` and `to_string_lossy`",
        ("Vec" | "VecDeque", true) => {
            "keeps its elements in the memory of one process: use an array `[T; N]` and a count"
        }
        ("Box" | "Rc" | "Arc" | "NonNull" | "AtomicPtr", true) => {
            "points into one process alone: share the value itself, or an index into an array of the segment"
        }
        ("HashMap" | "BTreeMap" | "HashSet" | "BTreeSet", true) => {
            "keeps its elements in the memory of one process: use an array of a struct of key and value"
        }
        ("Option", true) => {
            "has a layout that is the compiler's choice: use a `bool` field beside the value, or an agreed value that \
             means none"
        }
        ("u128" | "i128", false) => "is read in two steps, and could be torn: use `[u64; 2]`",
        ("Mutex" | "RwLock" | "Condvar" | "Barrier", _) if std => {
            "works within one process alone: use `shm_runtime::sync`"
        }
        _ => return None,
    };
    let own = match segments.len() {
        1 if !matches!(name.as_str(), "str" | "u128" | "i128") => {
            format!(" (if this `{name}` is a type of your own, write `self::{name}`)")
        }
        _ => String::new(),
    };
    Some(format!("`{name}` {why}{own}"))
}

/// Numbers that a type with parameters has no single value of.
fn declared_layout(container: &Container<'_>, ctxt: &Ctxt) {
    if container.original.generics.params.is_empty() {
        return;
    }
    let Data::Struct(fields) = &container.data else {
        return;
    };
    let settings = &container.settings;
    let offsets = fields.iter().map(|field| &field.settings.offset);
    for set in [&settings.size, &settings.align]
        .into_iter()
        .chain(offsets)
        .flatten()
    {
        ctxt.error(
            &set.name,
            format_args!(
                "`{}` of a struct with parameters depends on them: assert it where they are known",
                set.name
            ),
        );
    }
}

fn key(container: &Container<'_>, ctxt: &Ctxt) {
    let Some(key) = &container.settings.key else {
        if container.settings.key_misspelt {
            return;
        }
        ctxt.error(
            &container.original.ident,
            "a segment needs a key: add `#[shm(...)]` with one of\n\
             `ftok(path = \"/var/lib/weather\", project = 'W')`: from an existing file, as ftok(3) does it\n\
             `key = 0x57480001`: a fixed key_t\n\
             `name = \"org.example.weather\"`: hashed from a name, with no file\n\
             `private`: IPC_PRIVATE, found by its shmid alone",
        );
        return;
    };
    match &key.value {
        Key::Ftok { project, .. } => self::project(project, ctxt),
        Key::Fixed(expr) => match literal(expr) {
            Some(Number::Is(0)) => {
                ctxt.error(
                    expr,
                    "key 0 is IPC_PRIVATE, a new segment every time: write `private` if that is meant",
                );
            }
            Some(Number::Is(value)) if i32::try_from(value).is_err() && u32::try_from(value).is_err() => {
                ctxt.error(expr, format_args!("a key_t has 32 bits, and {value} needs more"));
            }
            Some(Number::IsNot) => {
                ctxt.error(expr, "a fixed key is a number of 32 bits; for a text use `name`")
            }
            _ => {}
        },
        Key::Name(expr) => match expr {
            Expr::Lit(ExprLit {
                lit: Lit::Str(name), ..
            }) if name.value().is_empty() => {
                ctxt.error(
                    expr,
                    "the name is empty: give one that nobody else uses, such as `org.example.weather`",
                );
            }
            Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {}
            Expr::Lit(_) => ctxt.error(expr, "a name is a text; for a number use `key`"),
            _ => {}
        },
        Key::Private => {}
    }
}

fn project(expr: &Expr, ctxt: &Ctxt) {
    let range = |found: &dyn Display| {
        ctxt.error(
            expr,
            format_args!("an ftok project is a number or character from 1 to 255, and this is {found}"),
        );
    };
    match literal(expr) {
        Some(Number::Is(value @ (..=0 | 256..))) => range(&value),
        Some(Number::IsNot) => ctxt.error(expr, "an ftok project is a number or character from 1 to 255"),
        _ => {}
    }
}

fn mode(container: &Container<'_>, ctxt: &Ctxt) {
    let Some(mode) = &container.settings.mode else {
        return;
    };
    // 0o660 and 660 are both numbers, and only one is what is meant.
    let written = mode.value.to_token_stream().to_string();
    let decimal = written.starts_with(|digit| matches!(digit, '1'..='9'));
    match literal(&mode.value) {
        Some(Number::Is(_)) if decimal && written.bytes().all(|digit| matches!(digit, b'0'..=b'7')) => {
            ctxt.error(&mode.value, format_args!("a mode is written in octal: did you mean `0o{written}`?"));
        }
        Some(Number::Is(bits @ 0o1000..)) if !decimal => ctxt.error(
            &mode.value,
            format_args!(
                "a mode is nine bits, read and write for owner, group and others: at most 0o777, and this is {bits:#o}"
            ),
        ),
        Some(Number::Is(0..)) if !decimal => {}
        Some(_) => ctxt.error(&mode.value, "a mode is a number in octal, such as `0o660`"),
        None => {}
    }
}

/// What a literal says as a number.
enum Number {
    Is(i128),
    IsNot,
}

/// The value of a literal; `None` for an expression, which the compiler checks.
fn literal(expr: &Expr) -> Option<Number> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(match lit {
            Lit::Int(int) => int.base10_parse().map_or(Number::IsNot, Number::Is),
            Lit::Char(char) => Number::Is(u32::from(char.value()).into()),
            Lit::Byte(byte) => Number::Is(byte.value().into()),
            _ => Number::IsNot,
        }),
        Expr::Unary(ExprUnary {
            op: UnOp::Neg(_),
            expr,
            ..
        }) => match literal(expr)? {
            Number::Is(value) => Some(Number::Is(-value)),
            Number::IsNot => Some(Number::IsNot),
        },
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        _ => None,
    }
}

/// The value of a literal number.
pub(crate) fn number(expr: &Expr) -> Option<i128> {
    match literal(expr)? {
        Number::Is(value) => Some(value),
        Number::IsNot => None,
    }
}
