//! From the model to code.

mod fields;
mod layout;
pub(crate) mod names;
mod segment;

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{DeriveInput, GenericParam, Generics, Ident, parse_quote};

use crate::ast::{Container, Data, Role};
use crate::check::{check, without_size};
use crate::ctxt::Ctxt;
use crate::fallback::fallback;

pub(crate) fn derive(input: &DeriveInput, role: Role) -> TokenStream {
    let ctxt = Ctxt::new();
    let container = Container::new(input, role, &ctxt);
    check(&container, &ctxt);
    let errors = ctxt.check().err().map(|errors| errors.to_compile_error());
    let failed = errors.is_some();
    // The compiler reports a field without a size, and would report again whatever is made from it.
    if container.fields().iter().any(|field| without_size(field.ty)) {
        return errors.unwrap_or_default();
    }

    let twin = match &container.data {
        Data::Struct(fields) => Some(fields::twin(&container, fields)),
        Data::Enum(_) | Data::Other => None,
    };
    let impls = if failed {
        fallback(&container)
    } else {
        let segment = (role == Role::Segment).then(|| segment::segment(&container));
        let shareable = match &container.data {
            Data::Struct(fields) => layout::structure(&container, fields),
            Data::Enum(variants) => layout::enumeration(&container, variants),
            // Refused by the checks.
            Data::Other => TokenStream::new(),
        };
        quote!(#shareable #segment)
    };
    quote! {
        #errors
        #twin
        // Deprecated fields and variants are generated from, not used.
        #[allow(deprecated)]
        const _: () = { #impls };
    }
}

/// The name of the generated struct of fields.
pub(crate) fn twin_ident(container: &Container<'_>) -> Ident {
    format_ident!("{}Fields", container.original.ident)
}

/// The generated struct of fields as a type, with access `access`.
pub(crate) fn twin_type(container: &Container<'_>, access: impl ToTokens) -> TokenStream {
    let ident = twin_ident(container);
    let params = container.original.generics.params.iter().map(|param| match param {
        GenericParam::Type(param) => param.ident.to_token_stream(),
        GenericParam::Const(param) => param.ident.to_token_stream(),
        GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
    });
    quote!(#ident<#(#params,)* #access>)
}

/// The type's generics, with `Shareable` required of every type parameter.
pub(crate) fn shareable_generics(container: &Container<'_>) -> Generics {
    let runtime = &container.runtime;
    let mut generics = container.original.generics.clone();
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!(#runtime::Shareable));
    }
    generics
}
