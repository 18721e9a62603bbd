//! `Shareable` and `AlwaysValid`: the layout as a constant, the copies by field, and the assertions.

use std::collections::HashSet;

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, Ident, Path, Type, parse_quote};

use crate::ast::{Container, Field, Role};
use crate::expand::names::free_ident;
use crate::expand::{shareable_generics, twin_type};

pub(crate) fn structure(container: &Container<'_>, fields: &[Field<'_>]) -> TokenStream {
    let (runtime, ident, name) = (&container.runtime, &container.original.ident, container.name());
    let generics = shareable_generics(container);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let access = free_ident(container, "A");
    let parts = twin_type(container, &access);

    // Code for each field would take the compiler most of its time; so there are lists, and one call for all. It is at the
    // struct's name, because from a place in the derive's output the compiler does not go on to the field.
    let at_name = container.settings.runtime(ident.span());
    let members = fields.iter().map(|field| member(field.ty, runtime));
    let members = tuple(members.collect(), |tuple| tuple);
    let members = quote_spanned!(ident.span()=> #at_name::__private::Fields::of(#members));
    let names = fields.iter().map(Field::name);
    let idents = fields.iter().map(|field| field.ident);
    let count = Literal::usize_unsuffixed(fields.len());
    let always_valid = always_valid(container, fields, &generics);

    // Where parameters decide, it is asserted when the type is used.
    let assertion = generics.params.is_empty().then(|| {
        let assert = match container.role {
            Role::Segment => quote_spanned!(ident.span()=> assert_segment),
            Role::Part => quote_spanned!(ident.span()=> assert_struct),
        };
        quote_spanned!(ident.span()=> const _: () = #at_name::__private::#assert::<#ident>();)
    });
    let declared = declared(container, fields);

    // Where it says `unsafe {`: the pointer is to room for a struct, in which all of the fields are, and only addresses are
    // taken. Variables have names that no constant of anybody's has.
    quote! {
        #[automatically_derived]
        unsafe impl #impl_generics #runtime::Shareable for #ident #ty_generics #where_clause {
            type Parts<#access: #runtime::Access> = #parts;
            type Member = #runtime::__private::Member<Self>;
            const MEMBERS: #runtime::__private::Fields = #members;
            const NAMES: &'static [&'static ::core::primitive::str] = &[#(#names),*];
            const OFFSETS: &'static [::core::primitive::usize] = &{
                let __shm_place = ::core::mem::MaybeUninit::<Self>::uninit();
                let __shm_base = __shm_place.as_ptr();
                unsafe {
                    #runtime::__private::offsets(
                        __shm_base,
                        [#(&raw const (*__shm_base).#idents as *const ::core::primitive::u8),*],
                    )
                }
            };
            const INFO: #runtime::__private::TypeInfo =
                #runtime::__private::TypeInfo::structure::<Self, #count>(#name);
        }
        #always_valid
        #assertion
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
            type Member = #runtime::__private::Member<Self>;

            const INFO: #runtime::__private::TypeInfo = #runtime::__private::TypeInfo::enumeration(
                #name,
                #runtime::__private::Scalar::#scalar,
                &[#(#variants),*],
            );

            #[inline]
            unsafe fn copy<D: #runtime::__private::Direction>(__shm_from: *const Self, __shm_to: *mut Self) {
                unsafe {
                    <::core::primitive::#repr as #runtime::Shareable>::copy::<D>(__shm_from.cast(), __shm_to.cast())
                }
            }
        }
        #declared
    }
}

/// The stand-in for a field's type, written from the type's first token to its last: there the compiler says what is wrong.
fn member(ty: &Type, runtime: &Path) -> TokenStream {
    let first = ty.span();
    let last = ty.to_token_stream().into_iter().last().map_or(first, |token| token.span());
    let mut member = quote_spanned!(first=> ::core::marker::PhantomData::< <);
    member.extend(quote_spanned!(last=> #ty as #runtime::Shareable>::Member>));
    member
}

/// A tuple of all; of tuples, each in its `wrapping`, where there are more than the runtime has tuples for.
fn tuple(mut members: Vec<TokenStream>, wrapping: impl Fn(TokenStream) -> TokenStream) -> TokenStream {
    const MOST: usize = 16;
    while members.len() > MOST {
        members = members.chunks(MOST).map(|members| wrapping(quote!((#(#members,)*)))).collect();
    }
    wrapping(quote!((#(#members,)*)))
}

/// Any bytes make a value of the struct if they do of each field.
fn always_valid(container: &Container<'_>, fields: &[Field<'_>], generics: &Generics) -> TokenStream {
    let (runtime, ident) = (&container.runtime, &container.original.ident);
    let ty_generics = generics.split_for_impl().1;
    let mut with_bounds = generics.clone();
    with_bounds.params.insert(0, parse_quote!('always_valid));
    let mut seen = HashSet::new();
    let types = fields.iter().map(|field| field.ty.to_token_stream());
    let types = types.filter(|ty| seen.insert(ty.to_string())).collect();
    let all = tuple(types, |types| quote!(#runtime::__private::If<'always_valid, #types>));
    with_bounds.make_where_clause().predicates.push(parse_quote!(#all: #runtime::AlwaysValid));
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
