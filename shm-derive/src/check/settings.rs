//! The rules for what `#[shm(...)]` says.

use std::fmt::Display;

use quote::ToTokens;
use syn::{Expr, ExprLit, Lit};

use crate::ast::Container;
use crate::attr::Key;
use crate::ctxt::Ctxt;
use crate::literal::{Number, literal, text};

pub(crate) fn key(container: &Container<'_>, ctxt: &Ctxt) {
    let Some(key) = &container.settings.key else {
        if container.settings.key_misspelt {
            return;
        }
        ctxt.error(
            &container.original.ident,
            "a segment needs a key: add `#[shm(...)]` with one of\n\
             `ftok(path = \"/var/lib/weather\", project = 'W')`: from an existing file, as ftok(3) does it\n\
             `key = 0x57480001`: a fixed key_t\n\
             `name = \"org.example.weather\"`: hashed from a name, with no file\n\
             `private`: IPC_PRIVATE, found by its shmid only",
        );
        return;
    };
    match &key.value {
        Key::Ftok { project, .. } => self::project(project, ctxt),
        Key::Fixed(expr) => match literal(expr) {
            Some(Number::Is(0)) => {
                ctxt.error(
                    expr,
                    "key 0 is IPC_PRIVATE, a new segment every time: write `private` if that is meant",
                );
            }
            Some(Number::Is(value)) if i32::try_from(value).is_err() && u32::try_from(value).is_err() => {
                ctxt.error(expr, format_args!("a key_t has 32 bits, and {value} needs more"));
            }
            Some(Number::IsNot) => {
                ctxt.error(expr, "a fixed key is a number of 32 bits; for a text use `name`")
            }
            _ => {}
        },
        Key::Name(expr) => match expr {
            Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) if name.value().is_empty() => {
                ctxt.error(
                    expr,
                    "the name is empty: give one that no other program uses, such as `org.example.weather`",
                );
            }
            Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {}
            Expr::Lit(_) => ctxt.error(expr, "a name is a text; for a number use `key`"),
            _ => {}
        },
        Key::Private => {}
    }
}

fn project(expr: &Expr, ctxt: &Ctxt) {
    let range = |found: &dyn Display| {
        ctxt.error(
            expr,
            format_args!("an ftok project is a number or character from 1 to 255, and this is {found}"),
        );
    };
    match literal(expr) {
        Some(Number::Is(value @ (..=0 | 256..))) => range(&value),
        Some(Number::IsNot) => ctxt.error(expr, "an ftok project is a number or character from 1 to 255"),
        _ => {}
    }
}

pub(crate) fn mode(container: &Container<'_>, ctxt: &Ctxt) {
    let Some(mode) = &container.settings.mode else {
        return;
    };
    // 0o660 and 660 are both numbers, and only one is what is meant.
    let written = mode.value.to_token_stream().to_string();
    let decimal = written.starts_with(|digit| matches!(digit, '1'..='9'));
    match literal(&mode.value) {
        Some(Number::Is(_)) if decimal && written.bytes().all(|digit| matches!(digit, b'0'..=b'7')) => {
            ctxt.error(&mode.value, format_args!("a mode is written in octal: did you mean `0o{written}`?"));
        }
        Some(Number::Is(bits @ 0o1000..)) if !decimal => ctxt.error(
            &mode.value,
            format_args!(
                "a mode is nine bits, read and write for owner, group and others: at most 0o777, and this is {bits:#o}"
            ),
        ),
        Some(Number::Is(0..)) if !decimal => {}
        Some(_) => ctxt.error(&mode.value, "a mode is a number in octal, such as `0o660`"),
        None => {}
    }
}

pub(crate) fn trust(container: &Container<'_>, ctxt: &Ctxt) {
    let Some(trust) = &container.settings.trust else {
        return;
    };
    let error = "`trust` takes a user's name or number, such as `trust = \"gpsd\"` or `trust = 1000`, or `trust = any`";
    let user = match (text(&trust.value), literal(&trust.value)) {
        (Some(name), _) => {
            let name = name.value();
            // What passwd(5) cannot have for a name. A number in quotes would be looked up as a name.
            let digits = name.bytes().all(|byte| byte.is_ascii_digit());
            !digits && !name.contains([':', '\n', '\0', '/'])
        }
        (_, Some(Number::Is(uid))) => u32::try_from(uid).is_ok(),
        (_, Some(Number::IsNot)) => false,
        // `any`, or a constant.
        (_, None) => true,
    };
    if !user {
        ctxt.error(&trust.value, error);
    }
}

/// What a schema can have for a name.
pub(crate) fn type_name(container: &Container<'_>, ctxt: &Ctxt) {
    let Some(name) = &container.settings.type_name else {
        return;
    };
    let valid = match &name.value {
        Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => {
            let name = name.value();
            !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || char == '_')
        }
        Expr::Lit(_) => false,
        // The compiler checks it.
        _ => true,
    };
    if !valid {
        ctxt.error(
            &name.value,
            "a type name is a text of letters, digits and `_`, such as `type_name = \"Station\"`",
        );
    }
}
