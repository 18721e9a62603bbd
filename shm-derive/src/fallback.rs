//! Stub impls after an error: so that one mistake is one error, and not also one at every use of the type.

use proc_macro2::TokenStream;
use quote::quote;

use crate::ast::{Container, Data, Role};
use crate::expand::names::free_ident;
use crate::expand::{shareable_generics, twin_type};

/// Impls that let uses of the type compile, beside the errors that stop the compiler.
pub(crate) fn fallback(container: &Container<'_>) -> TokenStream {
    let (runtime, ident) = (&container.runtime, &container.original.ident);
    let mut generics = shareable_generics(container);
    if generics.lifetimes().next().is_some() {
        // What `Shareable` requires of every type, and no lifetime gives by itself.
        let ty_generics = container.original.generics.split_for_impl().1;
        generics.make_where_clause().predicates.push(syn::parse_quote!(#ident #ty_generics: 'static));
    }
    let access = free_ident(container, "A");
    let direction = free_ident(container, "D");
    let parts = match &container.data {
        Data::Struct(_) => twin_type(container, &access),
        Data::Enum(_) | Data::Other => quote!(#runtime::__private::Opaque),
    };
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let segment = (container.role == Role::Segment).then(|| {
        quote! {
            impl #impl_generics #runtime::SharedSegment for #ident #ty_generics #where_clause {
                const SETTINGS: #runtime::__private::Settings = ::core::panic!();
                fn key() -> #runtime::Key {
                    ::core::panic!()
                }
            }
        }
    });
    quote! {
        unsafe impl #impl_generics #runtime::Shareable for #ident #ty_generics #where_clause {
            type Parts<#access: #runtime::Access> = #parts;
            type Member = #runtime::__private::Member<Self>;
            const INFO: #runtime::__private::TypeInfo = ::core::panic!();
            unsafe fn copy<#direction: #runtime::__private::Direction>(_: *const Self, _: *mut Self) {}
        }
        unsafe impl #impl_generics #runtime::AlwaysValid for #ident #ty_generics #where_clause {}
        #segment
    }
}
