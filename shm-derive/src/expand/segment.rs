//! `SharedSegment`: the key and the settings.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, Path};

use crate::ast::Container;
use crate::attr::Key;
use crate::check::number;
use crate::expand::shareable_generics;

pub(crate) fn segment(container: &Container<'_>) -> TokenStream {
    let (runtime, ident, name) = (&container.runtime, &container.original.ident, container.name());
    let generics = shareable_generics(container);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    // The checks saw one.
    let Some(key) = container.settings.key.as_ref().map(|set| key(&set.value, runtime)) else {
        return TokenStream::new();
    };
    let mode = match &container.settings.mode {
        None => quote!(0o600),
        Some(set) => {
            let mode = &set.value;
            match number(mode) {
                Some(_) => quote!(#mode),
                None => constant(
                    mode,
                    quote!(::core::primitive::u32),
                    quote!(__SHM_VALUE <= 0o777),
                    "a mode is nine bits, read and write for owner, group and others: at most 0o777",
                ),
            }
        }
    };
    let bare = container.settings.bare.is_some();
    let trust = match container.settings.trust.as_ref().map(|set| &set.value) {
        None => quote!(Nobody),
        Some(Expr::Path(path)) if path.path.is_ident("any") => quote!(Anybody),
        Some(uid) => quote!(User(#uid)),
    };
    let key_name = match container.settings.key.as_ref().map(|set| &set.value) {
        Some(Key::Name(name)) => quote!(#name),
        _ => quote!(""),
    };
    quote! {
        #[automatically_derived]
        impl #impl_generics #runtime::SharedSegment for #ident #ty_generics #where_clause {
            const SETTINGS: #runtime::__private::Settings = #runtime::__private::Settings {
                name: #name,
                key_name: #key_name,
                mode: #mode,
                bare: #bare,
                trust: #runtime::__private::Trust::#trust,
            };

            fn key() -> #runtime::Key {
                #key
            }
        }
    }
}

/// An expression for the key.
fn key(key: &Key, runtime: &Path) -> TokenStream {
    match key {
        Key::Ftok { path, project } => {
            let project = match number(project).and_then(|number| u8::try_from(number).ok()) {
                Some(number) => quote!(#number),
                None => constant(
                    project,
                    quote!(::core::primitive::u8),
                    quote!(__SHM_VALUE != 0),
                    "an ftok project is a number from 1 to 255, and this is 0",
                ),
            };
            match path {
                Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
                    quote!(#runtime::__private::ftok_key(#path, #project))
                }
                _ => quote!(#runtime::Key::ftok(#path, #project)),
            }
        }
        Key::Fixed(expr) => {
            let key = match number(expr).map(|number| (i32::try_from(number), u32::try_from(number))) {
                Some((Ok(key), _)) => quote!(#key),
                Some((_, Ok(bits))) => {
                    let key = bits.cast_signed();
                    quote!(#key)
                }
                _ => constant(
                    expr,
                    quote!(::core::primitive::i32),
                    quote!(__SHM_VALUE != 0),
                    "key 0 is IPC_PRIVATE, a new segment every time: write `private` if that is meant",
                ),
            };
            quote!(#runtime::Key::fixed(#key))
        }
        Key::Name(_) => quote!(#runtime::__private::name_key::<Self>()),
        Key::Private => quote!(#runtime::Key::private()),
    }
}

/// A constant expression of the user's, checked by the compiler: which sees the name that is given to it here, so that
/// the name is one that nobody else gives.
fn constant(expr: &Expr, ty: TokenStream, holds: TokenStream, message: &str) -> TokenStream {
    let assertion = quote_spanned!(expr.span()=> const _: () = ::core::assert!(#holds, #message););
    quote!({
        const __SHM_VALUE: #ty = #expr;
        #assertion
        __SHM_VALUE
    })
}
