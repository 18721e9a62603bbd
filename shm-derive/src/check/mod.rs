//! The rules for what can be shared: one function each.

mod settings;
mod types;

use syn::GenericParam;

use crate::ast::{Container, Data};
use crate::check::settings::{key, mode, trust, type_name};
pub(crate) use crate::check::types::without_size;
use crate::check::types::{field_types, is_reference};
use crate::ctxt::Ctxt;
use crate::repr::ENUM_REPRS;
use crate::role::Role;

/// Every rule.
pub(crate) fn check(container: &Container<'_>, ctxt: &Ctxt) {
    kind(container, ctxt);
    parameters(container, ctxt);
    repr(container, ctxt);
    variants(container, ctxt);
    field_types(container, ctxt);
    declared_layout(container, ctxt);
    former_names(container, ctxt);
    type_name(container, ctxt);
    if container.role == Role::Segment {
        key(container, ctxt);
        mode(container, ctxt);
        trust(container, ctxt);
    }
}

/// A struct with fields; for a part, an enum too.
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
        syn::Data::Struct(data) if data.fields.is_empty() => {
            ctxt.error(ident, "a struct without fields has no size, and a segment needs one");
        }
        syn::Data::Struct(_) | syn::Data::Enum(_) => {}
    }
}

/// No lifetimes; and nothing that a fieldless enum could not use.
fn parameters(container: &Container<'_>, ctxt: &Ctxt) {
    // The mistake is the reference, where there is one: it is reported there.
    let reference =
        matches!(&container.data, Data::Struct(fields) if fields.iter().any(|field| is_reference(field.ty)));
    for param in &container.original.generics.params {
        match param {
            GenericParam::Lifetime(_) if reference => {}
            GenericParam::Lifetime(lifetime) => ctxt.error(
                lifetime,
                "a lifetime means a reference, which points into one process only: share the value itself",
            ),
            GenericParam::Const(param) if matches!(container.data, Data::Enum(_)) => {
                ctxt.error(&param.ident, "an enum without fields has no use for a parameter: remove it");
            }
            GenericParam::Const(_) | GenericParam::Type(_) => {}
        }
    }
}

fn repr(container: &Container<'_>, ctxt: &Ctxt) {
    let (repr, ident) = (&container.repr, &container.original.ident);
    if let Some(refused) = &repr.refused {
        ctxt.error(
            refused,
            "a packed field may be unaligned, and then it cannot be accessed atomically: order the fields by size, and write \
             padding out as `[u8; N]` fields",
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
        Data::Enum(_) => {
            if let Some(align) = repr.align_beyond_int() {
                ctxt.error(
                    align,
                    "an enum that is aligned to more than its integer has bytes that belong to no value: align the struct that \
                     it is in",
                );
            }
        }
        Data::Struct(_) if !repr.c && !repr.transparent => ctxt.error(
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

/// A name that a field had before is that of no other field, now or before.
fn former_names(container: &Container<'_>, ctxt: &Ctxt) {
    let fields = container.fields();
    for (i, field) in fields.iter().enumerate() {
        let Some(set) = &field.settings.was else { continue };
        let was = set.value.value();
        if was == field.name() {
            ctxt.error(&set.value, format_args!("`{was}` is the name that the field has now: remove `was`"));
        } else if fields.iter().any(|other| other.name() == was) {
            ctxt.error(
                &set.value,
                format_args!(
                    "another field is called `{was}` now: a segment that has this name could mean either"
                ),
            );
        } else if fields[..i]
            .iter()
            .any(|other| other.settings.was.as_ref().is_some_and(|set| set.value.value() == was))
        {
            ctxt.error(
                &set.value,
                format_args!("`{was}` was another field's name already: two cannot have had it"),
            );
        }
    }
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
    for set in [&settings.size, &settings.align].into_iter().chain(offsets).flatten() {
        ctxt.error(
            &set.name,
            format_args!(
                "`{}` of a struct with parameters depends on them: assert it where they are known",
                set.name
            ),
        );
    }
}
