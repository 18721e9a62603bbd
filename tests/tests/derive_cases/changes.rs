//! Macros that change what the derive has seen, as a library's might.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use proc_macro::{Delimiter, Spacing, TokenStream, TokenTree};

/// `#[replace(from => to)]`: the item with some of its tokens replaced, wherever they are in it.
#[proc_macro_attribute]
pub fn replace(change: TokenStream, item: TokenStream) -> TokenStream {
    let (change, before) = (format!(" {} ", flat(change)), flat(item));
    let (from, to) = change.split_once(" => ").expect("`from => to`");
    let (from, to) = (from.trim(), to.trim());
    assert!(before.contains(from), "`{from}` is not in `{before}`");
    before.replace(from, to).parse().expect("tokens")
}

/// The tokens with one space between each two, so that it does not matter how they were written.
fn flat(tokens: TokenStream) -> String {
    let one = |token: TokenTree| match token {
        TokenTree::Group(group) => {
            let (open, close) = match group.delimiter() {
                Delimiter::Parenthesis => ("(", ")"),
                Delimiter::Brace => ("{", "}"),
                Delimiter::Bracket => ("[", "]"),
                Delimiter::None => ("", ""),
            };
            format!("{open} {} {close} ", flat(group.stream()))
        }
        TokenTree::Punct(punct) if punct.spacing() == Spacing::Joint => punct.to_string(),
        token => format!("{token} "),
    };
    tokens.into_iter().map(one).collect::<String>().trim().to_owned()
}

/// A type: `u32` when it is written out first, and `char` from then on.
#[proc_macro]
pub fn first_u32(_: TokenStream) -> TokenStream {
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    let ty = if WRITTEN.swap(true, Relaxed) { "char" } else { "u32" };
    ty.parse().expect("a type")
}

/// A type: `char` when it is written out first, and `u32` from then on.
#[proc_macro]
pub fn first_char(_: TokenStream) -> TokenStream {
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    let ty = if WRITTEN.swap(true, Relaxed) { "u32" } else { "char" };
    ty.parse().expect("a type")
}
