//! The twin of a struct: the same fields, each as `Shared<F, A>`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse_quote;

use crate::ast::{Container, Field};
use crate::expand::{free_ident, twin_ident};

pub(crate) fn twin(container: &Container<'_>, fields: &[Field<'_>]) -> TokenStream {
    let (runtime, repr) = (&container.runtime, &container.repr);
    let (vis, ident) = (&container.original.vis, twin_ident(container));
    let access = free_ident(&container.original.generics, "A");

    let mut generics = container.original.generics.clone();
    generics.params.push(parse_quote!(#access = #runtime::ReadWrite));
    let where_clause = generics.where_clause.take();

    let doc = format!(
        "The fields of a [`{}`] in shared memory, reached with access `{access}`.",
        container.name()
    );
    let fields = fields.iter().map(|field| {
        let (vis, ident, ty) = (&field.original.vis, field.ident, field.ty);
        let docs = field
            .original
            .attrs
            .iter()
            .filter(|attr| attr.path().is_ident("doc"));
        quote!(#(#docs)* #vis #ident: #runtime::Shared<#ty, #access>)
    });
    // A doc comment that the user left out is reported at the user's field, not here again; and a field that
    // the program never touches is still part of the layout.
    quote! {
        #[doc = #doc]
        #[allow(missing_docs, dead_code)]
        #[allow(clippy::all, clippy::pedantic)]
        #repr
        #vis struct #ident #generics #where_clause {
            #(#fields,)*
        }
    }
}
