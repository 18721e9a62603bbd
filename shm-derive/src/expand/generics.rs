//! The parameters of the type, as the impls have them.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, GenericParam, Generics, Ident, PathArguments, Type, WherePredicate, parse_quote};

use crate::ast::Container;

/// The arguments that name the parameters: `T` and `{ N }`, for a type may have the name of a const parameter.
pub(crate) fn arguments(generics: &Generics) -> Vec<TokenStream> {
    let argument = |param: &GenericParam| match param {
        GenericParam::Type(param) => param.ident.to_token_stream(),
        GenericParam::Const(param) => {
            let ident = &param.ident;
            quote!({ #ident })
        }
        GenericParam::Lifetime(param) => param.lifetime.to_token_stream(),
    };
    generics.params.iter().map(argument).collect()
}

/// The type's generics with what the impls require beyond what the type does: that a parameter is `Shareable` where a field
/// contains it, and so is a type that is named by way of one; or what `bound` says instead.
pub(crate) fn shareable(container: &Container<'_>) -> Generics {
    let runtime = &container.runtime;
    let mut generics = container.original.generics.clone();
    let types: Vec<Ident> = generics.type_params().map(|param| param.ident.clone()).collect();
    if types.is_empty() {
        return generics;
    }
    let mut found = Found { types: &types, named: Vec::new(), seen: HashSet::new() };
    match &container.settings.bound {
        Some(_) => {}
        None => container.fields().iter().for_each(|field| found.look(field.ty)),
    }
    let named = found.named.iter().map(|ty| parse_quote!(#ty: #runtime::Shareable));
    let given = container.settings.bound.iter().flat_map(|set| set.value.iter().cloned());
    // `Shareable` requires it of the whole.
    let lasting = types.iter().map(|ty| parse_quote!(#ty: 'static));
    let predicates: Vec<WherePredicate> = named.chain(given).chain(lasting).collect();
    generics.make_where_clause().predicates.extend(predicates);
    generics
}

/// The types in fields' types that are a parameter, or are named by way of one.
struct Found<'a> {
    types: &'a [Ident],
    named: Vec<TokenStream>,
    seen: HashSet<String>,
}

impl Found<'_> {
    fn look(&mut self, ty: &Type) {
        match ty {
            Type::Array(array) => self.look(&array.elem),
            Type::Paren(paren) => self.look(&paren.elem),
            Type::Group(group) => self.look(&group.elem),
            Type::Macro(_) => self.look_into(ty.to_token_stream()),
            Type::Path(path) => {
                let segments = &path.path.segments;
                let by_way_of_one = match &path.qself {
                    Some(qself) => self.mentions(qself.ty.to_token_stream()),
                    None => segments.first().is_some_and(|first| self.types.contains(&first.ident)),
                };
                if by_way_of_one {
                    return self.add(ty.to_token_stream());
                }
                let Some(last) = segments.last() else {
                    return;
                };
                // It has no bytes, so its parameter need not be shareable.
                if last.ident == "PhantomData" {
                    return;
                }
                if let PathArguments::AngleBracketed(arguments) = &last.arguments {
                    for argument in &arguments.args {
                        if let GenericArgument::Type(ty) = argument {
                            self.look(ty);
                        }
                    }
                }
            }
            // Refused, or without parameters.
            _ => {}
        }
    }

    /// Every parameter that a macro is given.
    fn look_into(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if self.types.contains(&ident) => self.add(ident.into_token_stream()),
                TokenTree::Group(group) => self.look_into(group.stream()),
                _ => {}
            }
        }
    }

    fn mentions(&self, tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => self.types.contains(&ident),
            TokenTree::Group(group) => self.mentions(group.stream()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }

    fn add(&mut self, ty: TokenStream) {
        // To require it twice would change nothing.
        if self.seen.insert(ty.to_string()) {
            self.named.push(ty);
        }
    }
}
