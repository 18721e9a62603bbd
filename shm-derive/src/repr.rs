//! What `#[repr(...)]` says.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Ident, Path, parenthesized, token};

use crate::ctxt::Ctxt;

/// The integers an enum can be, with nothing left to the platform.
pub(crate) const ENUM_REPRS: [&str; 8] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"];

#[derive(Default)]
pub(crate) struct Repr<'a> {
    /// The attributes as written, to be put on the twin.
    pub(crate) attrs: Vec<&'a Attribute>,
    pub(crate) c: bool,
    /// `packed` or `transparent`, as written.
    pub(crate) refused: Option<Path>,
    /// The integer of an enum.
    pub(crate) int: Option<Ident>,
}

impl<'a> Repr<'a> {
    pub(crate) fn parse(attrs: &'a [Attribute], ctxt: &Ctxt) -> Self {
        let mut repr = Self::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
            repr.attrs.push(attr);
            let parsed = attr.parse_nested_meta(|meta| {
                if meta.input.peek(token::Paren) {
                    // The number of `align(N)` or `packed(N)`.
                    let number;
                    parenthesized!(number in meta.input);
                    number.parse::<TokenStream>()?;
                }
                if meta.path.is_ident("C") {
                    repr.c = true;
                } else if meta.path.is_ident("packed") || meta.path.is_ident("transparent") {
                    repr.refused = Some(meta.path);
                } else if ENUM_REPRS.iter().any(|name| meta.path.is_ident(name)) {
                    repr.int = meta.path.get_ident().cloned();
                }
                Ok(())
            });
            if let Err(error) = parsed {
                ctxt.syn_error(error);
            }
        }
        repr
    }
}

impl ToTokens for Repr<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for attr in &self.attrs {
            attr.to_tokens(tokens);
        }
    }
}
