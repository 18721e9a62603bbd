//! The derive's input as the parser has to see it.
//!
//! What `macro_rules` puts into its output stands in groups that cannot be seen: `2 * $n` with `$n = 3 + 4` is `2 *` and a group.
//! The compiler does not look at such groups in what a derive writes, and would read `2 * 3 + 4`. So they become groups that it
//! does look at, or go where they change nothing. And names that were keywords only after the edition of the caller become raw.

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, TokenStream, TokenTree};
use syn::{Expr, MacroDelimiter};

/// The same tokens with no invisible groups, and no name that the parser takes for a keyword.
pub(crate) fn normalise(tokens: TokenStream) -> TokenStream {
    // Most input has nothing to change, and to build it anew would take longer than to look.
    match needs_change(tokens.clone()) {
        true => changed(tokens, false),
        false => tokens,
    }
}

/// `of_attribute`: these are the tokens between `#[` and `]`.
fn changed(tokens: TokenStream, of_attribute: bool) -> TokenStream {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut out: Vec<TokenTree> = Vec::with_capacity(tokens.len());
    for (i, token) in tokens.iter().enumerate() {
        let next = tokens.get(i + 1);
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::None && of_attribute => {
                out.extend(changed(group.stream(), true));
            }
            TokenTree::Group(group) => {
                let attribute = group.delimiter() == Delimiter::Bracket && is(out.last(), &['#']);
                let inner = changed(group.stream(), attribute);
                match group.delimiter() {
                    Delimiter::None => {
                        let inner = visible(inner, group, out.last(), next);
                        out.extend(inner);
                    }
                    delimiter => out.push(delimited(delimiter, inner, group)),
                }
            }
            TokenTree::Ident(ident) if is_name(ident, next) => {
                out.push(Ident::new_raw(&ident.to_string(), ident.span()).into());
            }
            other => out.push(other.clone()),
        }
    }
    out.into_iter().collect()
}

fn needs_change(tokens: TokenStream) -> bool {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let change = match token {
            TokenTree::Group(group) => group.delimiter() == Delimiter::None || needs_change(group.stream()),
            TokenTree::Ident(ident) => is_name(&ident, tokens.peek()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        if change {
            return true;
        }
    }
    false
}

/// Whether it is a name of an older edition, in which it was no keyword.
fn is_name(ident: &Ident, next: Option<&TokenTree>) -> bool {
    if ident == "dyn" {
        // `dyn: u8` and `dyn,`, and not `dyn Trait`, `dyn ::path::Trait`, `dyn (Trait)`, `dyn 'a + Trait`, `dyn ?Sized + Trait` or
        // `dyn <T as Trait>::Other`.
        return match next {
            Some(TokenTree::Punct(punct)) => match punct.as_char() {
                ':' => punct.spacing() == Spacing::Alone,
                char => !['\'', '?', '<'].contains(&char),
            },
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
            Some(TokenTree::Ident(_) | TokenTree::Literal(_)) => false,
            None => true,
        };
    }
    // As keywords they have no place in a type, nor in a constant.
    ["async", "await", "gen", "try"].iter().any(|name| ident == name)
}

/// What stood in an invisible group, so that it stays one thing between its neighbours.
fn visible(
    inner: TokenStream,
    group: &Group,
    before: Option<&TokenTree>,
    after: Option<&TokenTree>,
) -> TokenStream {
    let tokens: Vec<TokenTree> = inner.clone().into_iter().collect();
    let is_visibility = is_word(tokens.first(), &["pub"]);
    if tokens.len() <= 1 || is_visibility || is_lifetime(&tokens) || is_path(&tokens) {
        return inner;
    }
    let joined = |punct: &Punct| punct.as_char() == ':' && punct.spacing() == Spacing::Joint;
    if matches!(after, Some(TokenTree::Punct(punct)) if joined(punct)) {
        // `$type::NAME`
        let bracket = |char| TokenTree::from(Punct::new(char, Spacing::Alone));
        return [bracket('<')].into_iter().chain(tokens).chain([bracket('>')]).collect();
    }
    match syn::parse2::<Expr>(inner.clone()) {
        // One thing wherever it stands; and it may be a type, too.
        Ok(Expr::Path(_) | Expr::Call(_) | Expr::MethodCall(_) | Expr::Index(_)) => return inner,
        Ok(Expr::Macro(call)) if !matches!(call.mac.delimiter, MacroDelimiter::Brace(_)) => return inner,
        Ok(_) => {}
        // A type, which ends where it ends; but for those with a list of bounds.
        Err(_) if !is_word(tokens.first(), &["dyn", "impl"]) => return inner,
        Err(_) => {}
    }
    // Between `<` and `>`, a number can only be in braces. Elsewhere, braces could begin a statement.
    let argument = is(tokens.first(), &['-']) && is(before, &['<', ',']) && is(after, &['>', ',']);
    let delimiter = if argument { Delimiter::Brace } else { Delimiter::Parenthesis };
    delimited(delimiter, inner, group).into()
}

/// Whether the token is one of these words.
fn is_word(token: Option<&TokenTree>, words: &[&str]) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if words.iter().any(|word| ident == word))
}

/// Whether the token is one of these characters.
fn is(token: Option<&TokenTree>, chars: &[char]) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if chars.contains(&punct.as_char()))
}

/// `'a`, which is two tokens.
fn is_lifetime(tokens: &[TokenTree]) -> bool {
    tokens.len() == 2 && is(tokens.first(), &['\''])
}

/// Names and `::`.
fn is_path(tokens: &[TokenTree]) -> bool {
    tokens.iter().all(|token| match token {
        TokenTree::Ident(ident) => !["dyn", "impl", "as", "mut", "const"].iter().any(|word| ident == word),
        TokenTree::Punct(punct) => punct.as_char() == ':',
        TokenTree::Group(_) | TokenTree::Literal(_) => false,
    })
}

fn delimited(delimiter: Delimiter, inner: TokenStream, original: &Group) -> TokenTree {
    let mut group = Group::new(delimiter, inner);
    group.set_span(original.span());
    group.into()
}
