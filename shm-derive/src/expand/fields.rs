//! The twin of a struct: the same fields, each as `Shared<F, A>`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse_quote;

use crate::ast::{Container, Field};
use crate::expand::names::{free_ident, replace_self};
use crate::expand::twin_ident;

pub(crate) fn twin(container: &Container<'_>, fields: &[Field<'_>]) -> TokenStream {
    let (runtime, repr) = (&container.runtime, &container.repr);
    let (vis, ident) = (&container.original.vis, twin_ident(container));
    let access = free_ident(container, "A");

    let mut generics = container.original.generics.clone();
    generics.params.push(parse_quote!(#access = #runtime::ReadWrite));
    let where_clause = generics.where_clause.take();

    let doc =
        format!("The fields of a [`{}`] in shared memory, reached with access `{access}`.", container.name());
    let (original, ty_generics) = (&container.original.ident, container.original.generics.split_for_impl().1);
    let turbofish = ty_generics.as_turbofish();
    let this = quote!(#original #turbofish);
    let fields = fields.iter().map(|field| {
        let (vis, ident) = (&field.original.vis, field.ident);
        let ty = replace_self(field.ty.to_token_stream(), &this);
        let attrs = field.original.attrs.iter();
        let carried =
            attrs.filter(|attr| ["doc", "deprecated"].iter().any(|name| attr.path().is_ident(name)));
        quote!(#(#carried)* #vis #ident: #runtime::Shared<#ty, #access>)
    });
    // What the compiler has to say of the user's names, docs and visibility, it says at the user's struct; and a
    // field that the program never touches is still part of the layout.
    quote! {
        #[doc = #doc]
        #[allow(dead_code, missing_docs, missing_debug_implementations, nonstandard_style, unreachable_pub)]
        #[allow(clippy::all, clippy::pedantic, clippy::nursery, rustdoc::all)]
        #repr
        #vis struct #ident #generics #where_clause {
            #(#fields,)*
        }
    }
}
