//! Names for what is generated, that nothing of the user's has.

use std::collections::HashSet;

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Expr, Generics, Ident, Type, TypeArray};

/// The user's name where the derive writes it. Its place is that of the original, for a reader who goes to the definition; but to the
/// compiler it is the derive's, so that it warns of what it finds there only where the user wrote it.
pub(crate) fn generated(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(Span::call_site().located_at(ident.span()));
    ident
}

/// What the type's parameters, their bounds and the fields' types mention.
pub(crate) fn mentioned<'a>(generics: &Generics, types: impl Iterator<Item = &'a Type>) -> HashSet<String> {
    let mut names = HashSet::new();
    if !generics.params.is_empty() {
        collect(generics.to_token_stream(), &mut names);
    }
    if let Some(clause) = &generics.where_clause {
        collect(clause.to_token_stream(), &mut names);
    }
    for ty in types {
        match simple(ty) {
            Some(ident) => {
                names.insert(ident.unraw().to_string());
            }
            None => collect(ty.to_token_stream(), &mut names),
        }
    }
    names
}

/// Whether a macro in the type may name what is not known here.
pub(crate) fn contains_macro(ty: &Type) -> bool {
    fn contain_macro(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Punct(punct) => punct.as_char() == '!',
            TokenTree::Group(group) => contain_macro(group.stream()),
            TokenTree::Ident(_) | TokenTree::Literal(_) => false,
        })
    }
    simple(ty).is_none() && contain_macro(ty.to_token_stream())
}

/// Whether the type has `Self` in it.
pub(crate) fn mentions_self(ty: &Type) -> bool {
    let mut names = HashSet::new();
    match simple(ty) {
        Some(ident) => ident == "Self",
        None => {
            collect(ty.to_token_stream(), &mut names);
            names.contains("Self")
        }
    }
}

/// The name that is all of the type, as most are: to look at a type's tokens takes much longer.
pub(crate) fn simple(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path.path.get_ident(),
        Type::Array(TypeArray { elem, len: Expr::Lit(_), .. }) => simple(elem),
        _ => None,
    }
}

/// `wanted`, or something like it that is not mentioned.
pub(crate) fn free(mentioned: &HashSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    while mentioned.contains(&name) {
        name.push('_');
    }
    name
}

fn collect(tokens: TokenStream, names: &mut HashSet<String>) {
    for token in tokens {
        match token {
            // `r#A` is `A`.
            TokenTree::Ident(ident) => {
                names.insert(ident.unraw().to_string());
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
