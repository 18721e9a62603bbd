//! What `#[repr(...)]` says.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Ident, LitInt, Path, parenthesized, token};

use crate::attr::is;
use crate::ctxt::Ctxt;

/// The integers an enum can be, with nothing left to the platform.
pub(crate) const ENUM_REPRS: [&str; 8] = ["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"];

#[derive(Default)]
pub(crate) struct Repr<'a> {
    /// The attributes as written, to be put on the twin.
    pub(crate) attrs: Vec<&'a Attribute>,
    pub(crate) c: bool,
    /// `transparent`: the layout of the one field, and so that of a `#[repr(C)]` struct of it.
    pub(crate) transparent: bool,
    /// `packed`, as written.
    pub(crate) refused: Option<Path>,
    /// `align`, as written, and its number.
    align: Option<(Path, u32)>,
    /// The integer of an enum.
    pub(crate) int: Option<Ident>,
}

impl<'a> Repr<'a> {
    pub(crate) fn parse(attrs: &'a [Attribute], ctxt: &Ctxt) -> Self {
        let mut repr = Self::default();
        for attr in attrs.iter().filter(|attr| is(attr.path(), "repr")) {
            repr.attrs.push(attr);
            let parsed = attr.parse_nested_meta(|meta| {
                // Of `align(N)` or `packed(N)`.
                let mut number = 0;
                if meta.input.peek(token::Paren) {
                    let tokens;
                    parenthesized!(tokens in meta.input);
                    let tokens = tokens.parse::<TokenStream>()?;
                    number =
                        syn::parse2::<LitInt>(tokens).and_then(|number| number.base10_parse()).unwrap_or(0);
                }
                if is(&meta.path, "C") {
                    repr.c = true;
                } else if is(&meta.path, "transparent") {
                    repr.transparent = true;
                } else if is(&meta.path, "packed") {
                    repr.refused = Some(meta.path);
                } else if ENUM_REPRS.iter().any(|name| is(&meta.path, name)) {
                    repr.int = meta.path.get_ident().map(IdentExt::unraw);
                } else if is(&meta.path, "align") {
                    repr.align = Some((meta.path, number));
                }
                Ok(())
            });
            if let Err(error) = parsed {
                ctxt.syn_error(error);
            }
        }
        repr
    }

    /// The `align` of an enum that makes it larger than its integer.
    pub(crate) fn align_beyond_int(&self) -> Option<&Path> {
        let int = self.int.as_ref()?.to_string();
        let bits: u32 = int.trim_start_matches(['u', 'i']).parse().ok()?;
        self.align.as_ref().filter(|(_, bytes)| *bytes > bits / 8).map(|(path, _)| path)
    }
}

impl ToTokens for Repr<'_> {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        // On the twin, the compiler would want to know that the parts without a size have none.
        if self.transparent {
            quote!(#[repr(C)]).to_tokens(tokens);
            return;
        }
        for attr in &self.attrs {
            attr.to_tokens(tokens);
        }
    }
}
