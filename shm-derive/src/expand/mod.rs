//! From the model to code.

mod fallback;
mod fields;
mod generics;
mod layout;
mod segment;
mod tail;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, DeriveInput, Meta};

use crate::ast::{Container, Data};
use crate::attr::is;
use crate::check::{check, without_size};
use crate::ctxt::Ctxt;
use crate::expand::fallback::fallback;
use crate::role::Role;

pub(crate) fn derive(input: &DeriveInput, role: Role) -> TokenStream {
    let ctxt = Ctxt::new();
    let container = Container::new(input, role, &ctxt);
    check(&container, &ctxt);
    let errors = ctxt.check().err().map(|errors| errors.to_compile_error());
    let failed = errors.is_some();
    // The compiler reports a field without a size, and would report again whatever is made from it. And of two derives, the other
    // writes all there is to write.
    let unsized_fields = container.fields().iter().filter(|field| without_size(field.ty)).count();
    let tail = container.tail().filter(|_| unsized_fields == 1);
    if container.settings.key_on_part || (unsized_fields > 0 && (tail.is_none() || failed)) {
        return errors.unwrap_or_default();
    }

    // In one impl are the types of all fields.
    let of_fields = container.fields().iter().flat_map(|field| allowed(&field.original.attrs));
    let allowed: Vec<TokenStream> = allowed(&input.attrs).into_iter().chain(of_fields).collect();
    let twin = match &container.data {
        Data::Struct(fields) => {
            let sizes = fields::of_one_size(&container, fields).filter(|_| !failed);
            let sizes = sizes.map(|sizes| quote!(#(#allowed)* #sizes));
            let twin = fields::twin(&container, fields);
            Some(quote!(#sizes #twin))
        }
        Data::Enum(_) | Data::Other => None,
    };
    let impls = if failed {
        fallback(&container)
    } else {
        let segment = (role == Role::Segment).then(|| segment::segment(&container));
        let shareable = match (&container.data, tail) {
            (Data::Struct(_), Some(element)) => tail::tail(&container, element),
            (Data::Struct(fields), None) => layout::structure(&container, fields),
            (Data::Enum(variants), _) => layout::enumeration(&container, variants),
            // Refused by the checks.
            (Data::Other, _) => TokenStream::new(),
        };
        quote!(#shareable #segment)
    };
    let runtime = &container.runtime;
    quote! {
        #errors
        #twin
        #(#allowed)*
        const _: () = {
            // All else that is named here is reached through it, or is the user's.
            use #runtime::__private as __shm;
            #impls
        };
    }
}

/// What the user allows on the type or field: it is allowed in what is made from it, too. (What was not allowed is not allowed
/// here either, because it may be forbidden.)
pub(crate) fn allowed(attrs: &[Attribute]) -> Vec<TokenStream> {
    // An expectation is fulfilled by the original.
    let allows = |attr: &&Attribute| ["allow", "expect"].iter().any(|name| is(attr.path(), name));
    let lints = attrs.iter().filter(allows).filter_map(|attr| match &attr.meta {
        Meta::List(list) => Some(&list.tokens),
        Meta::Path(_) | Meta::NameValue(_) => None,
    });
    lints.map(|lints| quote!(#[allow(#lints)])).collect()
}
