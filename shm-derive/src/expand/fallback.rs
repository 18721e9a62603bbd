//! Stub impls after an error: so that one mistake is one error, and not also one at every use of the type.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::Ident;

use crate::ast::{Container, Data};
use crate::expand::generics::{shareable, twin_type};
use crate::names::free;
use crate::role::Role;

/// Impls that let uses of the type compile, beside the errors that stop the compiler.
pub(crate) fn fallback(container: &Container<'_>) -> TokenStream {
    let (runtime, this) = (&container.runtime, container.path());
    let mut generics = shareable(container);
    if generics.lifetimes().next().is_some() {
        // What `Shareable` requires of every type, and no lifetime gives by itself.
        generics.make_where_clause().predicates.push(syn::parse_quote!(#this: 'static));
    }
    let access = &container.access;
    let direction = Ident::new(&free(&container.mentioned, "D"), Span::call_site());
    let parts = match &container.data {
        Data::Struct(_) => twin_type(container, access),
        Data::Enum(_) | Data::Other => quote!(__shm::Opaque),
    };
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let segment = (container.role == Role::Segment).then(|| {
        quote! {
            impl #impl_generics #runtime::SharedSegment for #this #where_clause {
                const SETTINGS: __shm::Settings = __shm::core::panic!();
                fn key() -> #runtime::Key {
                    __shm::core::panic!()
                }
            }
        }
    });
    quote! {
        unsafe impl #impl_generics #runtime::Shareable for #this #where_clause {
            type __Parts<#access: #runtime::Access> = #parts;
            type __Member = __shm::Member<Self>;
            const __LAYOUT: __shm::Declared = __shm::core::panic!();
            unsafe fn __copy<#direction: __shm::Direction>(_: *const Self, _: *mut Self) {}
        }
        unsafe impl #impl_generics #runtime::AlwaysValid for #this #where_clause {}
        #segment
    }
}
