//! A struct that ends in a slice, which has no size of its own: what is shared is a *head*, the same struct with an empty array in
//! place of the slice, and the elements after it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Ident, Member, Type, parse_quote, parse_quote_spanned};

use crate::ast::Container;
use crate::ctxt::Ctxt;
use crate::expand::fields;
use crate::expand::generics::{shareable, twin_type};
use crate::expand::layout;
use crate::names::{mentions_self, replace_self};
use crate::role::Role;

/// `Whole` for a struct that ends in a slice of `element`, and the head with all that a sized struct has.
pub(crate) fn tail(container: &Container<'_>, element: &Type) -> TokenStream {
    let element = &of_this(element, &container.path());
    let input = head(container, element);
    let ctxt = Ctxt::new();
    let mut head = Container::new(&input, container.role, &ctxt);
    // The name is that of the twin of the whole.
    head.settings.fields = None;
    // Whatever is wrong with it was found in the original.
    if ctxt.check().is_err() {
        return TokenStream::new();
    }
    let definition = definition(&head);
    let (head_twin, head_impls) =
        (fields::twin(&head, head.fields()), layout::structure(&head, head.fields()));
    let whole = whole(container, &head);
    let at_element = container.settings.runtime(element.span());
    // Where parameters decide, it is asserted when the type is used.
    let sized = container.original.generics.params.is_empty().then(|| {
        quote_spanned!(element.span()=> const _: () = #at_element::__private::assert_elements::<#element>();)
    });
    quote! {
        #sized
        #definition
        #head_twin
        #head_impls
        #whole
    }
}

/// The head as the derive would be given it.
fn head(container: &Container<'_>, element: &Type) -> DeriveInput {
    let mut input = container.original.clone();
    let this = container.path();
    // Of the same type name.
    if container.settings.type_name.is_none() {
        let name = input.ident.unraw().to_string();
        input.attrs.push(parse_quote!(#[shm(type_name = #name)]));
    }
    input.ident = Ident::new("__ShmHead", input.ident.span());
    input.vis = parse_quote!(pub);
    if let Data::Struct(data) = &mut input.data {
        for field in &mut data.fields {
            field.ty = of_this(&field.ty, &this);
        }
        if let Some(last) = data.fields.iter_mut().last() {
            last.ty = parse_quote_spanned!(element.span()=> __shm::Tail<#element>);
        }
    }
    input
}

/// The type where `Self` is another one than `this`.
fn of_this(ty: &Type, this: &TokenStream) -> Type {
    match mentions_self(ty) {
        true => {
            let tokens = replace_self(ty.to_token_stream(), this);
            syn::parse2(tokens.clone()).unwrap_or(Type::Verbatim(tokens))
        }
        false => ty.clone(),
    }
}

fn definition(head: &Container<'_>) -> TokenStream {
    let (repr, ident, generics) = (&head.repr, &head.original.ident, &head.original.generics);
    let (params, where_clause) = (&generics.params, &generics.where_clause);
    let idents = head.fields().iter().map(|field| &field.generated);
    let types = head.fields().iter().map(|field| field.ty);
    quote! {
        #repr
        pub struct #ident<#params> #where_clause {
            #(#idents: #types,)*
        }
    }
}

fn whole(container: &Container<'_>, head: &Container<'_>) -> TokenStream {
    let (runtime, this) = (&container.runtime, container.path());
    let access = &container.access;
    let (twin, head_twin) = (twin_type(container, access), twin_type(head, access));
    let (head_type, generics) = (head.path(), shareable(container));
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let idents: Vec<&Member> = container.fields().iter().map(|field| &field.generated).collect();
    let types = container.fields().iter().map(|field| field.ty);
    let Some((last, sized)) = idents.split_last() else { return TokenStream::new() };

    let mut with_access = generics.clone();
    with_access.params.push(parse_quote!(#access: #runtime::Access));
    let (twin_generics, _, twin_where) = with_access.split_for_impl();
    quote! {
        #[automatically_derived]
        unsafe impl #impl_generics #runtime::Whole for #this #where_clause {
            type __Head = #head_type;
            type __View<#access: #runtime::Access> = #twin;

            #[inline]
            fn __view<#access: #runtime::Access>(
                __shm_at: *const __shm::core::primitive::u8,
                __shm_len: __shm::core::primitive::usize,
            ) -> *const #twin {
                // For the compiler only: the fields are those that the derive saw, and those of the twin are those of the head's.
                let _ = |__shm_this: &Self, __shm_twin: &#twin, __shm_head: &#head_twin| {
                    #(let _: &#types = &__shm_this.#idents;)*
                    #(__shm::same(&__shm_twin.#sized, &__shm_head.#sized);)*
                    __shm::same_elements(&__shm_twin.#last, &__shm_head.#last);
                };
                __shm::core::ptr::slice_from_raw_parts(__shm_at, __shm_len) as *const #twin
            }
        }

        #[automatically_derived]
        impl #twin_generics __shm::core::fmt::Debug for #twin #twin_where {
            fn fmt(
                &self,
                __shm_f: &mut __shm::core::fmt::Formatter<'_>,
            ) -> __shm::core::fmt::Result {
                __shm::debug_tailed::<#this, #access>(self, __shm::core::ops::Deref::deref(&self.#last).len(), __shm_f)
            }
        }
    }
}

impl Container<'_> {
    /// The type of the elements, if the struct ends in a slice, as that of a whole segment may.
    pub(crate) fn tail(&self) -> Option<&Type> {
        match (self.role, self.fields()) {
            (Role::Segment, [_, .., last]) => match last.ty {
                Type::Slice(slice) => Some(&slice.elem),
                _ => None,
            },
            _ => None,
        }
    }
}
