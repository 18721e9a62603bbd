//! The twin of a struct: the same fields, each as `Shared<F, A>`.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Ident, Member, Type, TypeArray, TypeSlice, parse_quote};

use crate::ast::{Container, Field};
use crate::attr::is;
use crate::expand::allowed;
use crate::expand::generics::twin_ident;
use crate::expand::layout::is_scalar;
use crate::names::{mentions_self, replace_self};

pub(crate) fn twin(container: &Container<'_>, fields: &[Field<'_>]) -> TokenStream {
    let (runtime, repr) = (&container.runtime, &container.repr);
    let (vis, ident) = (&container.original.vis, twin_ident(container));
    let access = &container.access;

    let mut generics = container.original.generics.clone();
    generics.params.push(parse_quote!(#access = #runtime::ReadWrite));
    let this = container.path();
    let params = replace_self(generics.params.to_token_stream(), &this);
    let where_clause = replace_self(generics.where_clause.to_token_stream(), &this);

    let original = container.original.ident.unraw();
    let doc = format!("The fields of a [`{original}`] in shared memory, reached with access `{access}`.");
    let allowed_in_all = allowed(&container.original.attrs);
    let carried_by_all = carried(&container.original.attrs);
    // Lists of parts, and not of whole fields: to put streams together takes longer than all else here.
    let docs = fields.iter().map(|field| match &field.generated {
        Member::Named(_) => format!("[`{original}::{}`], in shared memory.", field.name()),
        Member::Unnamed(_) => format!("The field `{}` of [`{original}`], in shared memory.", field.name()),
    });
    let attrs = fields.iter().map(|field| {
        let attrs = &field.original.attrs;
        let (carried, allowed) = (carried(attrs), allowed(attrs));
        (!carried.is_empty() || !allowed.is_empty()).then(|| quote!(#(#carried)* #(#allowed)*))
    });
    let visibilities = fields.iter().map(|field| &field.original.vis);
    let tail = container.tail();
    let types = fields.iter().map(|field| match (field.ty, tail) {
        (Type::Slice(_), Some(element)) => FieldType { ty: element, this: &this },
        (ty, _) => FieldType { ty, this: &this },
    });
    let (one, many) = (Ident::new("Shared", Span::call_site()), Ident::new("SharedSlice", Span::call_site()));
    let shared = fields.iter().map(|field| if matches!(field.ty, Type::Slice(_)) { &many } else { &one });
    let fields = match &fields[0].generated {
        Member::Named(_) => {
            let idents = fields.iter().map(|field| &field.generated);
            quote! {
                #where_clause {
                    #(#[doc = #docs] #attrs #visibilities #idents: #runtime::#shared<#types, #access>,)*
                }
            }
        }
        Member::Unnamed(_) => quote! {
            (#(#[doc = #docs] #attrs #visibilities #runtime::#shared<#types, #access>,)*) #where_clause;
        },
    };
    quote! {
        #[doc = #doc]
        #(#carried_by_all)*
        #(#allowed_in_all)*
        #repr
        #vis struct #ident<#params> #fields
    }
}

/// Has the compiler say what is to be said of a field, or an element, that is a struct with a slice at its end. It stands before all
/// else that is made, of which the compiler says only that there is no size. (Not where parameters decide.)
pub(crate) fn of_one_size(container: &Container<'_>, fields: &[Field<'_>]) -> Option<TokenStream> {
    let elements = fields.iter().map(|field| {
        let mut ty = field.ty;
        while let Type::Array(TypeArray { elem, .. }) | Type::Slice(TypeSlice { elem, .. }) = ty {
            ty = elem;
        }
        ty
    });
    let unsure = |ty: &Type| matches!(ty, Type::Path(_)) && !is_scalar(ty) && !mentions_self(ty);
    let checks: Vec<TokenStream> = elements
        .filter(|ty| unsure(ty))
        .map(|ty| {
            let runtime = container.settings.runtime(ty.span());
            quote_spanned!(ty.span()=> #runtime::__private::OfOneSize<#ty>)
        })
        .collect();
    let said = !checks.is_empty() && container.original.generics.params.is_empty();
    said.then(|| quote!(const _: () = { struct __ShmSizes(#(#checks),*); };))
}

/// What is as true of the twin as of the original: that it is deprecated, and that it is hidden. (Its docs are not: they would be
/// tested twice, and their links can begin with `Self`.)
fn carried(attrs: &[Attribute]) -> Vec<&Attribute> {
    let hides = |attr: &Attribute| {
        let list = attr.meta.require_list();
        is(attr.path(), "doc") && list.is_ok_and(|list| list.tokens.to_string() == "hidden")
    };
    attrs.iter().filter(|attr| is(attr.path(), "deprecated") || hides(attr)).collect()
}

/// A field's type, where `Self` is another one than `this`.
struct FieldType<'a> {
    ty: &'a Type,
    this: &'a TokenStream,
}

impl ToTokens for FieldType<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match mentions_self(self.ty) {
            true => tokens.extend(replace_self(self.ty.to_token_stream(), self.this)),
            false => self.ty.to_tokens(tokens),
        }
    }
}
