//! From `#[shm(...)]` to settings, each with the tokens it came from.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Path, Token, WherePredicate, parenthesized, token};

use crate::ctxt::Ctxt;
use crate::literal::text;
use crate::manifest::renamed;
use crate::role::Role;

/// A setting's value, and the setting's name as it was written, for errors.
pub(crate) struct Set<T> {
    pub(crate) name: Ident,
    pub(crate) value: T,
}

/// How the struct names its segment.
pub(crate) enum Key {
    Ftok { path: Expr, project: Expr },
    Fixed(Expr),
    Name(Expr),
    Private,
}

/// `#[shm(...)]` on the struct or enum.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) key: Option<Set<Key>>,
    pub(crate) mode: Option<Set<Expr>>,
    pub(crate) bare: Option<Set<()>>,
    pub(crate) trust: Option<Set<Expr>>,
    pub(crate) type_name: Option<Set<Expr>>,
    pub(crate) size: Option<Set<Expr>>,
    pub(crate) align: Option<Set<Expr>>,
    /// The name of the twin.
    pub(crate) fields: Option<Set<Ident>>,
    /// What the impls require of the parameters.
    pub(crate) bound: Option<Set<Vec<WherePredicate>>>,
    pub(crate) runtime: Option<Set<Path>>,
    /// A mistake that was reported may have been meant as the key.
    pub(crate) key_misspelt: bool,
    /// A part was given a key: it derives `SharedSegment` too, or should do so instead.
    pub(crate) key_on_part: bool,
}

/// `#[shm(...)]` on a field.
#[derive(Default)]
pub(crate) struct Field {
    pub(crate) offset: Option<Set<Expr>>,
    /// The name that the field had before.
    pub(crate) was: Option<Set<LitStr>>,
}

/// `name`, `name = value` or `name(list)`.
struct Setting {
    name: Ident,
    value: Value,
}

enum Value {
    None,
    Expr(Expr),
    /// Not parsed before it is known to be a list of settings.
    List(TokenStream),
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // `crate` is a keyword, and so not an `Ident` by itself.
        let name = input
            .call(Ident::parse_any)
            .map_err(|error| syn::Error::new(error.span(), "expected the name of a setting"))?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Value::Expr(input.parse()?)
        } else if input.peek(token::Paren) {
            let list;
            parenthesized!(list in input);
            Value::List(list.parse()?)
        } else {
            Value::None
        };
        Ok(Self { name, value })
    }
}

impl ToTokens for Setting {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.name.to_tokens(tokens);
        match &self.value {
            Value::None => {}
            Value::Expr(expr) => expr.to_tokens(tokens),
            Value::List(list) => list.to_tokens(tokens),
        }
    }
}

impl Setting {
    /// The value of `name = value`.
    fn expr(self, ctxt: &Ctxt) -> Option<Set<Expr>> {
        match self.value {
            Value::Expr(value) => Some(Set { name: self.name, value }),
            _ => {
                ctxt.error(&self, format_args!("`{0}` takes a value: `{0} = ...`", self.name));
                None
            }
        }
    }

    /// A name by itself.
    fn flag(self, ctxt: &Ctxt) -> Option<Set<()>> {
        match self.value {
            Value::None => Some(Set { name: self.name, value: () }),
            _ => {
                ctxt.error(&self, format_args!("`{}` takes no value", self.name));
                None
            }
        }
    }
}

/// Keeps the first of a setting, and reports any further one.
fn once<T>(slot: &mut Option<Set<T>>, set: Option<Set<T>>, ctxt: &Ctxt) {
    match (&slot, set) {
        (_, None) => {}
        (None, set) => *slot = set,
        (Some(_), Some(again)) => {
            ctxt.error(&again.name, format_args!("`{}` is given twice", again.name));
        }
    }
}

/// Every setting in the `#[shm(...)]` attributes among `attrs`; `None` stands for those that could not be read.
fn settings(attrs: &[Attribute], ctxt: &Ctxt) -> Vec<Option<Setting>> {
    let mut all = Vec::new();
    for attr in attrs.iter().filter(|attr| is(attr.path(), "shm")) {
        match attr.parse_args_with(Punctuated::<Setting, Token![,]>::parse_terminated) {
            Ok(settings) => all.extend(settings.into_iter().map(Some)),
            Err(error) => {
                ctxt.syn_error(error);
                all.push(None);
            }
        }
    }
    all
}

/// Reports a setting that is none, and returns the nearest one of those that could be meant.
fn unknown<'a>(name: &Ident, valid: &[&'a str], ctxt: &Ctxt) -> Option<&'a str> {
    let written = name.to_string();
    let nearest = valid
        .iter()
        .map(|valid| (strsim::damerau_levenshtein(&written, valid), *valid))
        .min()
        .filter(|&(distance, valid)| distance <= valid.len().max(written.len()) / 2);
    let hint = match nearest {
        Some((_, nearest)) => format!("did you mean `{nearest}`?"),
        None => format!("there are `{}`", valid.join("`, `")),
    };
    ctxt.error(name, format_args!("unknown setting `{written}`; {hint}"));
    nearest.map(|(_, nearest)| nearest)
}

const PART: [&str; 6] = ["type_name", "size", "align", "fields", "bound", "crate"];
const SEGMENT: [&str; 13] = [
    "ftok",
    "key",
    "name",
    "private",
    "mode",
    "bare",
    "trust",
    "type_name",
    "size",
    "align",
    "fields",
    "bound",
    "crate",
];
const KEYS: [&str; 4] = ["ftok", "key", "name", "private"];
const FIELD: [&str; 2] = ["offset", "was"];

impl Container {
    pub(crate) fn parse(attrs: &[Attribute], role: Role, ctxt: &Ctxt) -> Self {
        let mut this = Self::default();
        for setting in settings(attrs, ctxt) {
            let Some(setting) = setting else {
                this.key_misspelt = true;
                continue;
            };
            let name = setting.name.unraw().to_string();
            match (role, name.as_str()) {
                (_, "size") => once(&mut this.size, setting.expr(ctxt), ctxt),
                (_, "align") => once(&mut this.align, setting.expr(ctxt), ctxt),
                (_, "type_name") => once(&mut this.type_name, setting.expr(ctxt), ctxt),
                (_, "fields") => once(&mut this.fields, ident(setting, ctxt), ctxt),
                (_, "bound") => once(&mut this.bound, bound(setting, ctxt), ctxt),
                (_, "crate") => once(&mut this.runtime, path(setting, ctxt), ctxt),
                (Role::Segment, "mode") => once(&mut this.mode, setting.expr(ctxt), ctxt),
                (Role::Segment, "trust") => once(&mut this.trust, setting.expr(ctxt), ctxt),
                (Role::Segment, "bare") => once(&mut this.bare, setting.flag(ctxt), ctxt),
                (Role::Segment, name) if KEYS.contains(&name) => this.set_key(setting, ctxt),
                (_, "was") => ctxt.error(
                    &setting.name,
                    "`was` belongs on a field; a struct that was renamed keeps its former name with `type_name`",
                ),
                (_, name) if FIELD.contains(&name) => {
                    ctxt.error(&setting.name, format_args!("`{name}` belongs on a field"));
                }
                (Role::Part, name) if KEYS.contains(&name) => {
                    this.key_on_part = true;
                    ctxt.error(
                        &setting.name,
                        format_args!(
                            "`{name}` belongs to a whole segment: derive `SharedSegment` instead of `Shareable`, which it implies"
                        ),
                    );
                }
                (Role::Part, name) if SEGMENT.contains(&name) => ctxt.error(
                    &setting.name,
                    format_args!("`{name}` belongs to a whole segment: derive `SharedSegment` to use it"),
                ),
                (Role::Part, _) => {
                    unknown(&setting.name, &PART, ctxt);
                }
                (Role::Segment, _) => {
                    let meant = unknown(&setting.name, &SEGMENT, ctxt);
                    this.key_misspelt |= meant.is_some_and(|meant| KEYS.contains(&meant));
                }
            }
        }
        this
    }

    fn set_key(&mut self, setting: Setting, ctxt: &Ctxt) {
        let name = setting.name.clone();
        if let Some(first) = &self.key {
            let again = first.name == name;
            ctxt.error(
                &name,
                match again {
                    true => format!("`{name}` is given twice"),
                    false => format!("a segment has one key: `{name}` conflicts with `{}`", first.name),
                },
            );
            return;
        }
        let value = match name.unraw().to_string().as_str() {
            "ftok" => ftok(setting, ctxt),
            "key" => setting.expr(ctxt).map(|set| Key::Fixed(set.value)),
            "name" => setting.expr(ctxt).map(|set| Key::Name(set.value)),
            _ => setting.flag(ctxt).map(|_| Key::Private),
        };
        // A key that is wrong was reported; it was given all the same.
        self.key = Some(Set { name, value: value.unwrap_or(Key::Private) });
    }

    /// The path of the runtime crate; if it is not given, as if it were written at `span`.
    pub(crate) fn runtime(&self, span: Span) -> Path {
        match (&self.runtime, renamed()) {
            (Some(set), _) => set.value.clone(),
            (None, None) => syn::parse_quote_spanned!(span=> ::shm_runtime),
            (None, Some(name)) => {
                let name = Ident::new(name, span);
                syn::parse_quote_spanned!(span=> ::#name)
            }
        }
    }
}

/// Whether the path is this name, also if it is written as `r#name`.
pub(crate) fn is(path: &Path, name: &str) -> bool {
    path.get_ident().is_some_and(|ident| ident.unraw() == name)
}

/// Reports the `#[shm(...)]` of a variant, which has no settings.
pub(crate) fn none_on_variant(variant: &syn::Variant, ctxt: &Ctxt) {
    for attr in variant.attrs.iter().filter(|attr| is(attr.path(), "shm")) {
        ctxt.error(attr, "a variant has no settings");
    }
}

impl Field {
    pub(crate) fn parse(attrs: &[Attribute], ctxt: &Ctxt) -> Self {
        let mut this = Self::default();
        for setting in settings(attrs, ctxt).into_iter().flatten() {
            match setting.name.unraw().to_string().as_str() {
                "offset" => once(&mut this.offset, setting.expr(ctxt), ctxt),
                "was" => once(&mut this.was, was(setting, ctxt), ctxt),
                name if SEGMENT.contains(&name) => ctxt.error(
                    &setting.name,
                    format_args!("`{name}` belongs on the struct; a field has `offset` and `was`"),
                ),
                _ => {
                    unknown(&setting.name, &FIELD, ctxt);
                }
            }
        }
        this
    }
}

fn ident(setting: Setting, ctxt: &Ctxt) -> Option<Set<Ident>> {
    let Set { name, value } = setting.expr(ctxt)?;
    match &value {
        Expr::Path(path) if path.path.get_ident().is_some() => {
            path.path.get_ident().map(|ident| Set { name, value: ident.clone() })
        }
        other => {
            ctxt.error(
                other,
                "`fields` takes a name for the struct of fields, such as `fields = StationParts`",
            );
            None
        }
    }
}

fn bound(setting: Setting, ctxt: &Ctxt) -> Option<Set<Vec<WherePredicate>>> {
    let Set { name, value } = setting.expr(ctxt)?;
    let predicates = match &value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            text.parse_with(Punctuated::<WherePredicate, Token![,]>::parse_terminated)
        }
        other => Err(syn::Error::new_spanned(
            other,
            "`bound` takes a text as it stands after `where`, such as `bound = \"T: Shareable\"`",
        )),
    };
    match predicates {
        Ok(value) => Some(Set { name, value: value.into_iter().collect() }),
        Err(error) => {
            ctxt.syn_error(error);
            None
        }
    }
}

/// A name of a field: also one that is a keyword, without `r#`, as a schema has it.
fn was(setting: Setting, ctxt: &Ctxt) -> Option<Set<LitStr>> {
    let Set { name, value } = setting.expr(ctxt)?;
    let valid = text(&value)
        .filter(|text| text.parse_with(Ident::parse_any).is_ok_and(|ident| ident == text.value()));
    match valid {
        Some(text) if text.value() != "_" && !text.value().starts_with("r#") => {
            Some(Set { name, value: text.clone() })
        }
        _ => {
            ctxt.error(
                value,
                "`was` takes the name that the field had before, as a text: `was = \"celsius\"`",
            );
            None
        }
    }
}

fn path(setting: Setting, ctxt: &Ctxt) -> Option<Set<Path>> {
    let Set { name, value } = setting.expr(ctxt)?;
    match value {
        Expr::Path(path) => Some(Set { name, value: path.path }),
        other => {
            ctxt.error(other, "`crate` takes a path, such as `crate = my_crate::shm_runtime`");
            None
        }
    }
}

fn ftok(setting: Setting, ctxt: &Ctxt) -> Option<Key> {
    const USAGE: &str =
        "`ftok` takes a file and a project: `ftok(path = \"/var/lib/weather\", project = 'W')`";
    let parser = Punctuated::<Setting, Token![,]>::parse_terminated;
    let Value::List(list) = &setting.value else {
        ctxt.error(&setting, USAGE);
        return None;
    };
    let Ok(list) = parser.parse2(list.clone()) else {
        ctxt.error(list, USAGE);
        return None;
    };
    let (mut path, mut project, mut misspelt) = (None, None, false);
    for inner in list {
        match inner.name.unraw().to_string().as_str() {
            "path" => once(&mut path, inner.expr(ctxt), ctxt),
            "project" => once(&mut project, inner.expr(ctxt), ctxt),
            _ => {
                unknown(&inner.name, &["path", "project"], ctxt);
                misspelt = true;
            }
        }
    }
    match (path, project) {
        (Some(path), Some(project)) => Some(Key::Ftok { path: path.value, project: project.value }),
        // One mistake: what is missing was misspelt.
        _ if misspelt => None,
        _ => {
            ctxt.syn_error(syn::Error::new(setting.name.span(), USAGE));
            None
        }
    }
}
