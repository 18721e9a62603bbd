//! The names of the type and of its twin, and their parameters, as the impls have them.

use std::collections::HashSet;

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{
    Expr, GenericArgument, GenericParam, Generics, Ident, PathArguments, Type, WherePredicate, parse_quote,
};

use crate::ast::Container;
use crate::attr::is;
use crate::names::{self, generated};

impl Container<'_> {
    /// The type's name as its readers know it: `type_name`, or the identifier without `r#`.
    pub(crate) fn type_name(&self) -> TokenStream {
        match self.settings.type_name.as_ref().map(|set| &set.value) {
            Some(name @ Expr::Lit(_)) => name.to_token_stream(),
            Some(name) => {
                quote_spanned!(name.span()=> __shm::type_name(#name))
            }
            None => self.original.ident.unraw().to_string().to_token_stream(),
        }
    }

    /// The type with its parameters, in a type and in an expression.
    pub(crate) fn path(&self) -> TokenStream {
        let (ident, arguments) = (&self.original.ident, arguments(&self.original.generics));
        // The compiler warns of a deprecated type where the user names it.
        let deprecated = self.original.attrs.iter().any(|attr| is(attr.path(), "deprecated"));
        let ident = if deprecated { generated(ident) } else { ident.clone() };
        match arguments.is_empty() {
            true => quote!(#ident),
            false => quote_spanned!(ident.span()=> #ident::<#(#arguments),*>),
        }
    }
}

/// The name of the generated struct of fields.
pub(crate) fn twin_ident(container: &Container<'_>) -> Ident {
    let ident = &container.original.ident;
    match &container.settings.fields {
        Some(set) => set.value.clone(),
        // A field's type may have the name already.
        None => {
            let wanted = format!("{}Fields", ident.unraw());
            Ident::new(&names::free(&container.mentioned, &wanted), generated(ident).span())
        }
    }
}

/// The generated struct of fields as a type, with access `access`.
pub(crate) fn twin_type(container: &Container<'_>, access: impl ToTokens) -> TokenStream {
    let (ident, arguments) = (twin_ident(container), arguments(&container.original.generics));
    quote!(#ident<#(#arguments,)* #access>)
}

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
            Type::Slice(slice) => self.look(&slice.elem),
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
