//! Names for what is generated, that nothing of the user's has.

use std::collections::HashSet;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Ident;

use crate::ast::Container;

/// `wanted`, or something like it that neither a parameter nor a field's type mentions.
pub(crate) fn free_ident(container: &Container<'_>, wanted: &str) -> Ident {
    let mut taken = HashSet::new();
    collect(container.original.generics.to_token_stream(), &mut taken);
    collect(container.original.generics.where_clause.to_token_stream(), &mut taken);
    for field in container.fields() {
        collect(field.ty.to_token_stream(), &mut taken);
    }
    let mut name = wanted.to_owned();
    while taken.contains(&name) {
        name.push('_');
    }
    Ident::new(&name, Span::call_site())
}

fn collect(tokens: TokenStream, names: &mut HashSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                names.insert(ident.to_string());
            }
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// `tokens` with `this` in place of `Self`.
pub(crate) fn replace_self(tokens: TokenStream, this: &TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) if ident == "Self" => this.clone(),
            TokenTree::Group(group) => {
                let mut replaced = Group::new(group.delimiter(), replace_self(group.stream(), this));
                replaced.set_span(group.span());
                TokenTree::from(replaced).into()
            }
            token => token.into(),
        })
        .collect()
}
