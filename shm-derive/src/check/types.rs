//! The rules for the types of fields that are known by their looks; the rest the trait `Shareable` decides, because a name may be
//! that of a type of the user's.

use syn::{GenericArgument, PathArguments, Type, TypeSlice};

use crate::ast::{Container, Data};
use crate::ctxt::Ctxt;
use crate::role::Role;

pub(crate) fn field_types(container: &Container<'_>, ctxt: &Ctxt) {
    let Data::Struct(fields) = &container.data else {
        return;
    };
    for (i, field) in fields.iter().enumerate() {
        match field.ty {
            Type::Slice(slice) if i + 1 == fields.len() => tail(container, fields.len(), slice, ctxt),
            // Without a size but for the last, it was reported by the compiler.
            ty if i + 1 == fields.len() || !without_size(ty) => field_type(ty, ctxt),
            _ => {}
        }
    }
}

/// A slice as the last field of a struct of so many.
fn tail(container: &Container<'_>, fields: usize, slice: &TypeSlice, ctxt: &Ctxt) {
    match container.role {
        Role::Part => ctxt.error(
            slice,
            "a part of a segment has one size: only a struct that derives `SharedSegment` can end in a slice, whose length is \
             chosen when the segment is created; use an array `[T; N]` and a count",
        ),
        Role::Segment if fields == 1 => ctxt.error(
            slice,
            "a slice needs a field before it, as C asks of a flexible array member: add one, such as a count of what is in it",
        ),
        Role::Segment if matches!(&container.original.data, syn::Data::Struct(data) if matches!(data.fields, syn::Fields::Unnamed(_))) => {
            ctxt.error(slice, "a struct that ends in a slice needs names for its fields");
        }
        Role::Segment if !container.repr.c => ctxt.error(
            slice,
            "a struct that ends in a slice is laid out as C lays out one with a flexible array member: it needs `#[repr(C)]`",
        ),
        Role::Segment => field_type(&slice.elem, ctxt),
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

fn field_type(ty: &Type, ctxt: &Ctxt) {
    let refuse = |why: &str| ctxt.error(ty, why);
    match ty {
        Type::Array(array) => field_type(&array.elem, ctxt),
        Type::Group(group) => field_type(&group.elem, ctxt),
        Type::Paren(paren) => field_type(&paren.elem, ctxt),
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) if path.path.is_ident("str") => {
                refuse("a `&str` points into one process only: use `Text<N>`, or for C text `[u8; N]`");
            }
            Type::Slice(_) => {
                refuse(
                    "a slice points into one process only: use an array `[T; N]` and a count, or, as the last field of a whole \
                     segment, `[T]`, whose length is chosen when it is created",
                );
            }
            _ => refuse("a reference points into one process only: share the value itself"),
        },
        Type::Ptr(_) => refuse(
            "a pointer means something in one process only: share the value itself, or an index into an array of the \
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
            refuse("a function has an address in one process only: share a number that says which one");
        }
        Type::Path(path) => {
            if let Some(why) = refused_name(path) {
                refuse(&why);
            }
        }
        _ => {}
    }
}

/// Why the standard type of this path cannot be shared. A name by itself may be that of a type of the user's: it is left to the trait.
fn refused_name(path: &syn::TypePath) -> Option<String> {
    let segments = &path.path.segments;
    let (first, last) = (segments.first()?, segments.last()?);
    let std = segments.len() > 1 && ["std", "core", "alloc"].iter().any(|name| first.ident == name);
    let primitive = segments.len() == 1 && ["str", "u128", "i128"].iter().any(|name| first.ident == name);
    if path.qself.is_some() || !(std || primitive) {
        return None;
    }
    let (generic, of_slice) = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            (true, matches!(arguments.args.first(), Some(GenericArgument::Type(Type::Slice(_)))))
        }
        _ => (false, false),
    };
    let name = last.ident.to_string();
    let why = match (name.as_str(), generic) {
        ("String" | "PathBuf" | "OsString" | "CString", false) => {
            "keeps its text in the memory of one process: use `Text<N>`, or for C text `[u8; N]`"
        }
        ("str", false) => "has no size: use `Text<N>`, or for C text `[u8; N]`",
        ("Vec" | "VecDeque" | "Box" | "Rc" | "Arc", true) if of_slice || name.starts_with("Vec") => {
            "keeps its elements in the memory of one process: use `List<T, N>`, an array `[T; N]`, or, as the last field of a \
             whole segment, `[T]`, whose length is chosen when it is created"
        }
        ("Box" | "Rc" | "Arc" | "NonNull" | "AtomicPtr", true) => {
            "points into one process only: share the value itself, or an index into an array of the segment"
        }
        ("HashMap" | "BTreeMap" | "HashSet" | "BTreeSet", true) => {
            "keeps its elements in the memory of one process: use an array of a struct of key and value"
        }
        ("Option", true) if !of_non_zero(last) => {
            "has a layout that is the compiler's choice: use `Option<NonZero<..>>`, a `bool` field beside the value, or an \
             agreed value that means none"
        }
        ("u128" | "i128", false) => "is read in two steps, and could be torn: use `[u64; 2]`",
        ("Mutex" | "RwLock" | "Condvar" | "Barrier", _) => {
            "works within one process only: use `shm_runtime::sync`"
        }
        _ => return None,
    };
    Some(format!("`{name}` {why}"))
}

/// Whether the type's argument is called `NonZero..`: then it is left to the trait.
fn of_non_zero(option: &syn::PathSegment) -> bool {
    let PathArguments::AngleBracketed(arguments) = &option.arguments else { return false };
    arguments.args.iter().any(|argument| match argument {
        syn::GenericArgument::Type(Type::Path(path)) => {
            path.path.segments.last().is_some_and(|last| last.ident.to_string().starts_with("NonZero"))
        }
        _ => false,
    })
}

pub(crate) fn is_reference(ty: &Type) -> bool {
    match ty {
        Type::Array(array) => is_reference(&array.elem),
        Type::Group(group) => is_reference(&group.elem),
        Type::Paren(paren) => is_reference(&paren.elem),
        _ => matches!(ty, Type::Reference(_)),
    }
}
