//! `SharedSegment`: the key and the settings.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit};

use crate::ast::Container;
use crate::attr::Key;
use crate::expand::generics::shareable;
use crate::literal::{number, text};
use crate::names::replace_self;

pub(crate) fn segment(container: &Container<'_>) -> TokenStream {
    let (runtime, this, name) = (&container.runtime, container.path(), container.type_name());
    let generics = shareable(container);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    // The checks saw one.
    let Some(key) = container.settings.key.as_ref().map(|set| key(container, &set.value)) else {
        return TokenStream::new();
    };
    let mode = match &container.settings.mode {
        None => quote!(0o600),
        Some(set) => {
            let mode = &set.value;
            match number(mode) {
                Some(_) => quote!(#mode),
                None => constant(
                    container,
                    mode,
                    quote!(u32),
                    |value| quote!(#value <= 0o777),
                    "a mode is nine bits, read and write for owner, group and others: at most 0o777",
                ),
            }
        }
    };
    let bare = container.settings.bare.is_some();
    let trust = match container.settings.trust.as_ref().map(|set| &set.value) {
        None => quote!(Nobody),
        Some(Expr::Path(path)) if path.path.is_ident("any") => quote!(Anybody),
        Some(user) => match text(user) {
            Some(name) => quote!(Named(#name)),
            None => quote!(User(#user)),
        },
    };
    let key_name = match container.settings.key.as_ref().map(|set| &set.value) {
        Some(Key::Name(name)) => quote!(#name),
        _ => quote!(""),
    };
    let of = if container.tail().is_some() { "TailedSegment" } else { "SharedSegment" };
    let of = Ident::new(of, Span::call_site());
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::#of for #this #where_clause {
            const SETTINGS: __shm::Settings = __shm::Settings {
                name: #name,
                key_name: #key_name,
                mode: #mode,
                bare: #bare,
                trust: __shm::Trust::#trust,
            };

            fn key() -> #runtime::Key {
                #key
            }
        }
    }
}

/// An expression for the key.
fn key(container: &Container<'_>, key: &Key) -> TokenStream {
    let runtime = &container.runtime;
    match key {
        Key::Ftok { path, project } => {
            let project = match number(project).and_then(|number| u8::try_from(number).ok()) {
                Some(number) => quote!(#number),
                None => constant(
                    container,
                    project,
                    quote!(u8),
                    |value| quote!(#value != 0),
                    "an ftok project is a number from 1 to 255, and this is 0",
                ),
            };
            match path {
                Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
                    quote!(__shm::ftok_key(#path, #project))
                }
                _ => quote!(#runtime::Key::ftok(#path, #project)),
            }
        }
        Key::Fixed(expr) => {
            let number = number(expr);
            let as_signed = || number.and_then(|number| i32::try_from(number).ok()).map(same_bits);
            let bits = number.and_then(|number| u32::try_from(number).ok()).or_else(as_signed);
            let key = match bits {
                Some(bits) => quote!(#bits),
                None => {
                    let key = constant(
                        container,
                        expr,
                        quote!(i32),
                        |value| quote!(#value != 0),
                        "key 0 is IPC_PRIVATE, a new segment every time: write `private` if that is meant",
                    );
                    let bytes = quote!(__shm::core::primitive::i32::to_ne_bytes(#key));
                    quote!(__shm::core::primitive::u32::from_ne_bytes(#bytes))
                }
            };
            quote!(#runtime::Key::fixed(#key))
        }
        Key::Name(_) if container.tail().is_some() => quote!(__shm::name_key_of_tailed::<Self>()),
        Key::Name(_) => quote!(__shm::name_key::<Self>()),
        Key::Private => quote!(#runtime::Key::private()),
    }
}

/// `i32::cast_unsigned`, which came with Rust 1.87.
fn same_bits(number: i32) -> u32 {
    u32::from_ne_bytes(number.to_ne_bytes())
}

/// A constant expression of the user's, checked by the compiler.
fn constant(
    container: &Container<'_>,
    expr: &Expr,
    ty: TokenStream,
    holds: impl Fn(TokenStream) -> TokenStream,
    message: &str,
) -> TokenStream {
    let core = quote_spanned!(expr.span()=> __shm::core);
    let ty = quote!(#core::primitive::#ty);
    if !container.original.generics.params.is_empty() {
        // It may name the parameters, and so is known when they are. A variable is not seen by what it is given.
        let holds = holds(quote!(__shm_value));
        let assertion = quote_spanned!(expr.span()=> #core::assert!(#holds, #message););
        return quote!(const {
            let __shm_value: #ty = #expr;
            #assertion
            __shm_value
        });
    }
    // A constant is seen by the expression that it is given: by a name that no other code gives.
    let expr_of_this = replace_self(expr.to_token_stream(), &container.path());
    let holds = holds(quote!(__SHM_VALUE));
    let assertion = quote_spanned!(expr.span()=> const _: () = #core::assert!(#holds, #message););
    quote!({
        const __SHM_VALUE: #ty = #expr_of_this;
        #assertion
        __SHM_VALUE
    })
}
