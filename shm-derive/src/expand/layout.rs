//! `Shareable` and `AlwaysValid`: the layout as a constant, the copies by field, and the assertions.

use proc_macro2::{Literal, Punct, Spacing, Span, TokenStream};
use quote::{ToTokens, TokenStreamExt, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Generics, Ident, Path, Type, parse_quote};

use crate::ast::{Container, Field};
use crate::expand::generics::{shareable, twin_ident, twin_type};
use crate::names::{generated, replace_self, simple};
use crate::role::Role;

pub(crate) fn structure(container: &Container<'_>, fields: &[Field<'_>]) -> TokenStream {
    let (runtime, ident, name) = (&container.runtime, &container.original.ident, container.type_name());
    let (this, twin, access) = (container.path(), twin_ident(container), &container.access);
    let generics = shareable(container);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let parts = twin_type(container, access);

    // Code for each field would take the compiler most of its time; so there are lists, and one call for all.
    let members = in_tuples(fields.iter().map(|field| Member { ty: field.ty, runtime }), |tuple| tuple);
    let always_valid = always_valid(container, fields, &generics);
    let names = fields.iter().map(Field::name);
    let idents: Vec<&syn::Member> = fields.iter().map(|field| &field.generated).collect();
    let count = Literal::usize_unsuffixed(fields.len());

    let at_name = container.settings.runtime(ident.span());
    // Where parameters decide, it is asserted when the type is used.
    let assertion = generics.params.is_empty().then(|| {
        let assert = match container.role {
            Role::Segment => quote_spanned!(ident.span()=> assert_segment),
            Role::Part => quote_spanned!(ident.span()=> assert_struct),
        };
        // It takes as long as all else, and is not needed where there are only scalars.
        let nested = fields.iter().any(|field| !is_scalar(field.ty));
        let layout =
            nested.then(|| quote_spanned!(ident.span()=> #at_name::__private::assert_layout::<#this>();));
        quote_spanned! {ident.span()=>
            const _: () = {
                #at_name::__private::#assert::<#this>();
                #layout
            };
        }
    });
    let declared = declared(container, fields);

    // The fields that the struct has now have to be those of the members: an attribute may have changed the struct since the derive
    // saw it, and a macro in a type may give another type each time it is written. So it is for the twin, whose types can
    // differ from the members' only where there is such a macro: otherwise they are the same tokens as the struct's, in the same
    // scope, where no name of theirs is the access. (To compare it always would take `cargo check` 1.4 times as long.)
    let bindings: Vec<Ident> =
        (0..fields.len()).map(|i| Ident::new(&format!("__shm_{i}"), Span::call_site())).collect();
    let binding = in_tuples(bindings.iter(), |tuple| tuple);
    let struct_of = quote!(|#binding| Self { #(#idents: #bindings),* });
    let twin_of = quote!(|#binding| #twin { #(#idents: #bindings),* });
    let twins = container.types_contain_macros.then(|| quote!(.with_twin(#twin_of, #twin_of, #twin_of)));
    // The call is at the struct's name, because from a place in the derive's output the compiler does not go on to the field.
    let are = Ident::new("are", ident.span());
    // The types of very many fields are said beforehand. The compiler goes through all that it has yet to find, each time that it
    // finds one: of 10,000 fields, that would be four fifths of the time to check them. Only the words of the error differ. (No
    // type that can be shared is coerced to another.)
    let known = (fields.len() > 1000).then(|| quote!(::<Self, <#members as __shm::Typed>::Types>));
    let members = quote_spanned! {ident.span()=>
        #at_name::__private::Fields::now #known (#struct_of) #twins.#are::<#members>()
    };

    let renamed = fields.iter().enumerate().filter_map(|(i, field)| {
        let (i, was) = (Literal::usize_unsuffixed(i), &field.settings.was.as_ref()?.value);
        Some(quote!((#i, #was)))
    });
    let renamed: Vec<TokenStream> = renamed.collect();
    let was = (!renamed.is_empty()).then(|| {
        quote! {
            const __WAS: &'static [(__shm::core::primitive::usize, &'static __shm::core::primitive::str)] =
                &[#(#renamed),*];
        }
    });

    // Where it says `unsafe {`: the pointer is to room for a struct, in which all of the fields are, and only addresses are
    // taken. Variables have names that no constant of the user's has.
    quote! {
        #[automatically_derived]
        unsafe impl #impl_generics #runtime::Shareable for #this #where_clause {
            type __Parts<#access: #runtime::Access> = #parts;
            type __Member = __shm::Member<Self>;
            const __MEMBERS: __shm::Fields = #members;
            const __NAMES: &'static [&'static __shm::core::primitive::str] = &[#(#names),*];
            #was
            const __OFFSETS: &'static [__shm::core::primitive::usize] = &{
                __shm::assert_can_be_placed::<Self>();
                let __shm_place = __shm::core::mem::MaybeUninit::<Self>::uninit();
                let __shm_base = __shm::core::mem::MaybeUninit::as_ptr(&__shm_place);
                unsafe {
                    __shm::offsets(
                        __shm_base,
                        [#(&raw const (*__shm_base).#idents as *const __shm::core::primitive::u8),*],
                    )
                }
            };
            const __LAYOUT: __shm::Declared = __shm::Declared::structure::<Self, #count>(#name);
        }
        #always_valid
        #assertion
        #declared
    }
}

pub(crate) fn enumeration(container: &Container<'_>, variants: &[&syn::Variant]) -> TokenStream {
    let (runtime, name, this) = (&container.runtime, container.type_name(), container.path());
    // The checks saw one.
    let Some(repr) = &container.repr.int else {
        return TokenStream::new();
    };
    let upper = repr.to_string().to_uppercase();
    let scalar = Ident::new(&upper, repr.span());
    let idents: Vec<Ident> = variants.iter().map(|variant| generated(&variant.ident)).collect();
    let names = variants.iter().map(|variant| variant.ident.unraw().to_string());
    let declared = declared(container, &[]);
    quote! {
        #[automatically_derived]
        unsafe impl #runtime::Shareable for #this {
            type __Parts<A: #runtime::Access> = __shm::Opaque;
            type __Member = __shm::Member<Self>;

            const __LAYOUT: __shm::Declared = {
                const __SHM_REPR: __shm::Scalar = __shm::Scalar::#scalar;
                const __SHM_VARIANTS: &[(&__shm::core::primitive::str, __shm::core::primitive::i128)] =
                    &__shm::variants(__SHM_REPR, [#((#names, &#this::#idents {})),*]);
                // For the compiler only: it does not compile if the enum has other variants than the derive saw.
                let _: fn(&Self) = |__shm_value| match __shm_value {
                    #(Self::#idents {} => {})*
                };
                __shm::Declared::enumeration(#name, __SHM_REPR, __SHM_VARIANTS)
            };

            #[inline]
            unsafe fn __copy<D: __shm::Direction>(__shm_from: *const Self, __shm_to: *mut Self) {
                unsafe {
                    <__shm::core::primitive::#repr as #runtime::Shareable>::__copy::<D>(
                        __shm_from.cast(),
                        __shm_to.cast(),
                    )
                }
            }
        }
        #declared
    }
}

/// Whether the type is a number, or an array of numbers, by its looks.
pub(crate) fn is_scalar(ty: &Type) -> bool {
    const SCALARS: [&str; 14] = [
        "u8", "u16", "u32", "u64", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64", "bool", "char",
    ];
    simple(ty).is_some_and(|ident| {
        SCALARS.iter().any(|name| ident == name) || ident.to_string().starts_with("Atomic")
    })
}

/// How many the runtime has tuples for.
const MOST: usize = 16;

/// A tuple with an item for each field; of tuples, each in its `wrapping`, where there are more than the runtime has tuples for.
fn in_tuples<T: ToTokens>(
    items: impl Iterator<Item = T>,
    wrapping: impl Fn(TokenStream) -> TokenStream,
) -> TokenStream {
    let items: Vec<T> = items.collect();
    let mut tuples: Vec<TokenStream> =
        items.chunks(MOST).map(|items| wrapping(quote!((#(#items,)*)))).collect();
    while tuples.len() > 1 {
        tuples = tuples.chunks(MOST).map(|tuples| wrapping(quote!((#(#tuples,)*)))).collect();
    }
    tuples.into_iter().collect()
}

/// `<F as Shareable>::__Member`, written from the type's first token to its last: there the compiler says what is wrong.
struct Member<'a> {
    ty: &'a Type,
    runtime: &'a Path,
}

impl ToTokens for Member<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { ty, runtime } = self;
        let first = ty.span();
        let last = match simple(ty) {
            Some(ident) if matches!(ty, Type::Path(_)) => ident.span(),
            _ => ty.to_token_stream().into_iter().last().map_or(first, |token| token.span()),
        };
        // One token after the other: to put streams together takes longer.
        let punct = |tokens: &mut TokenStream, text: &str, span| {
            let joint = |i| if i + 1 < text.len() { Spacing::Joint } else { Spacing::Alone };
            for (i, char) in text.chars().enumerate() {
                let mut punct = Punct::new(char, joint(i));
                punct.set_span(span);
                tokens.append(punct);
            }
        };
        let ident = |tokens: &mut TokenStream, name| tokens.append(Ident::new(name, last));
        punct(tokens, "<", first);
        ty.to_tokens(tokens);
        ident(tokens, "as");
        runtime.to_tokens(tokens);
        punct(tokens, "::", last);
        ident(tokens, "Shareable");
        punct(tokens, ">", last);
        punct(tokens, "::", last);
        ident(tokens, "__Member");
    }
}

/// Any bytes make a value of the struct if they do of each field.
fn always_valid(container: &Container<'_>, fields: &[Field<'_>], generics: &Generics) -> TokenStream {
    let (runtime, this) = (&container.runtime, container.path());
    let types = fields.iter().map(|field| field.ty);
    let all = in_tuples(types, |types| quote!(__shm::If<'__shm, #types>));
    let mut with_bounds = generics.clone();
    with_bounds.params.insert(0, parse_quote!('__shm));
    with_bounds.make_where_clause().predicates.push(parse_quote!(#all: #runtime::AlwaysValid));
    let (impl_generics, _, where_clause) = with_bounds.split_for_impl();
    quote! {
        #[automatically_derived]
        unsafe impl #impl_generics #runtime::AlwaysValid for #this #where_clause {}
    }
}

/// The numbers of `size`, `align` and `offset`: a wrong one is a type mismatch on it, which shows both.
fn declared(container: &Container<'_>, fields: &[Field<'_>]) -> TokenStream {
    let this = container.path();
    let mem = quote!(__shm::core::mem);
    let (size, align) = (&container.settings.size, &container.settings.align);
    let size = size.as_ref().map(|set| (&set.value, quote!(#mem::size_of::<#this>())));
    let align = align.as_ref().map(|set| (&set.value, quote!(#mem::align_of::<#this>())));
    let offsets = fields.iter().filter_map(|field| {
        let (set, field) = (field.settings.offset.as_ref()?, &field.generated);
        Some((&set.value, quote!(#mem::offset_of!(#this, #field))))
    });
    let assertions =
        size.into_iter().chain(align).chain(offsets).map(|(declared, actual): (&Expr, TokenStream)| {
            let value = replace_self(declared.to_token_stream(), &this);
            quote_spanned!(declared.span()=> const _: [(); #value] = [(); #actual];)
        });
    quote!(#(#assertions)*)
}
