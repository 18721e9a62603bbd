//! `Shareable` and `AlwaysValid`: the layout as a constant, the copies by field, and the assertions.

use std::collections::HashSet;

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, Ident, parse_quote};

use crate::ast::{Container, Field};
use crate::expand::names::free_ident;
use crate::expand::{shareable_generics, twin_type};

pub(crate) fn structure(container: &Container<'_>, fields: &[Field<'_>]) -> TokenStream {
    let (runtime, ident, name) = (&container.runtime, &container.original.ident, container.name());
    let generics = shareable_generics(container);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let (access, direction) = (free_ident(container, "A"), free_ident(container, "D"));
    let parts = twin_type(container, &access);

    let read_write = twin_type(container, quote!(#runtime::ReadWrite));
    let infos = fields.iter().map(|field| {
        let (name, ident, ty) = (field.name(), field.ident, field.ty);
        let info = quote_spanned!(ty.span()=> <#ty as #runtime::Shareable>::INFO_REF);
        quote! {
            #runtime::__private::FieldInfo::new(
                #name,
                #info,
                ::core::mem::offset_of!(Self, #ident),
                ::core::mem::offset_of!(#read_write, #ident),
            )
        }
    });
    // By the offsets that are known already: to name a field of a pointer costs the compiler more than twice the time.
    let copies = fields.iter().enumerate().map(|(index, field)| {
        let ty = field.ty;
        let copy = quote_spanned!(ty.span()=> <#ty as #runtime::Shareable>::copy);
        let index = Literal::usize_unsuffixed(index);
        quote! {
            let offset = Self::FIELDS[#index].offset;
            #copy::<#direction>(from.byte_add(offset).cast(), to.byte_add(offset).cast());
        }
    });
    let always_valid = always_valid(container, fields, &generics);

    // The assertions of a type without parameters fail by themselves; the others when the type is used.
    let own = generics.params.is_empty();
    let this = if own { quote!(#ident) } else { quote!(Self) };
    let sized = quote_spanned! {ident.span()=>
        ::core::assert!(::core::mem::size_of::<#this>() > 0, "a struct without a size cannot be shared");
    };
    let assertion = quote! {
        #sized
        #runtime::__private::assert_twin::<#this, #read_write>();
    };
    let (own_assertion, generic_assertion) =
        if own { (Some(assertion), None) } else { (None, Some(assertion)) };
    let declared = declared(container, fields);

    quote! {
        #[automatically_derived]
        unsafe impl #impl_generics #runtime::Shareable for #ident #ty_generics #where_clause {
            type Parts<#access: #runtime::Access> = #parts;

            const FIELDS: &'static [#runtime::__private::FieldInfo] = &[#(#infos),*];
            const INFO: #runtime::__private::TypeInfo = {
                #generic_assertion
                #runtime::__private::TypeInfo::structure(
                    #name,
                    ::core::mem::size_of::<Self>(),
                    ::core::mem::align_of::<Self>(),
                    Self::FIELDS,
                )
            };

            #[inline]
            unsafe fn copy<#direction: #runtime::__private::Direction>(from: *const Self, to: *mut Self) {
                unsafe { #(#copies)* }
            }
        }
        #always_valid
        const _: () = { #own_assertion };
        #declared
    }
}

pub(crate) fn enumeration(container: &Container<'_>, variants: &[&syn::Variant]) -> TokenStream {
    let (runtime, ident, name) = (&container.runtime, &container.original.ident, container.name());
    // The checks saw one.
    let Some(repr) = &container.repr.int else {
        return TokenStream::new();
    };
    let upper = repr.to_string().to_uppercase();
    let scalar = Ident::new(&upper, repr.span());
    let variants = variants.iter().map(|variant| {
        let (ident, name) = (&variant.ident, syn::ext::IdentExt::unraw(&variant.ident).to_string());
        quote!((#name, Self::#ident as ::core::primitive::#repr as ::core::primitive::i128))
    });
    let declared = declared(container, &[]);
    quote! {
        #[automatically_derived]
        unsafe impl #runtime::Shareable for #ident {
            type Parts<A: #runtime::Access> = #runtime::__private::Opaque;

            const INFO: #runtime::__private::TypeInfo = #runtime::__private::TypeInfo::enumeration(
                #name,
                #runtime::__private::Scalar::#scalar,
                &[#(#variants),*],
            );

            #[inline]
            unsafe fn copy<D: #runtime::__private::Direction>(from: *const Self, to: *mut Self) {
                unsafe { <::core::primitive::#repr as #runtime::Shareable>::copy::<D>(from.cast(), to.cast()) }
            }
        }
        #declared
    }
}

/// Any bytes make a value of the struct if they do of each field.
fn always_valid(container: &Container<'_>, fields: &[Field<'_>], generics: &Generics) -> TokenStream {
    let (runtime, ident) = (&container.runtime, &container.original.ident);
    let ty_generics = generics.split_for_impl().1;
    let mut with_bounds = generics.clone();
    with_bounds.params.insert(0, parse_quote!('always_valid));
    let mut seen = HashSet::new();
    let where_clause = with_bounds.make_where_clause();
    for ty in fields.iter().map(|field| field.ty) {
        if seen.insert(ty.to_token_stream().to_string()) {
            where_clause
                .predicates
                .push(parse_quote!(#runtime::__private::If<'always_valid, #ty>: #runtime::AlwaysValid));
        }
    }
    let (impl_generics, _, where_clause) = with_bounds.split_for_impl();
    quote! {
        #[automatically_derived]
        unsafe impl #impl_generics #runtime::AlwaysValid for #ident #ty_generics #where_clause {}
    }
}

/// The numbers of `size`, `align` and `offset`: a wrong one is a type mismatch on it, which shows both.
fn declared(container: &Container<'_>, fields: &[Field<'_>]) -> TokenStream {
    let ident = &container.original.ident;
    let (size, align) = (&container.settings.size, &container.settings.align);
    let size = size.as_ref().map(|set| (&set.value, quote!(::core::mem::size_of::<#ident>())));
    let align = align.as_ref().map(|set| (&set.value, quote!(::core::mem::align_of::<#ident>())));
    let offsets = fields.iter().filter_map(|field| {
        let (set, field) = (field.settings.offset.as_ref()?, field.ident);
        Some((&set.value, quote!(::core::mem::offset_of!(#ident, #field))))
    });
    let assertions = size.into_iter().chain(align).chain(offsets).map(
        |(declared, actual)| quote_spanned!(declared.span()=> const _: [(); #declared] = [(); #actual];),
    );
    quote!(#(#assertions)*)
}
