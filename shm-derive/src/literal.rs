//! The numbers and texts that are written as literals: all that a derive can know of an expression.

use syn::{Expr, ExprLit, ExprUnary, Lit, LitStr, UnOp};

/// The text of a literal.
pub(crate) fn text(expr: &Expr) -> Option<&LitStr> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(literal), .. }) => Some(literal),
        Expr::Group(group) => text(&group.expr),
        Expr::Paren(paren) => text(&paren.expr),
        _ => None,
    }
}

/// What a literal says as a number.
pub(crate) enum Number {
    Is(i128),
    IsNot,
}

/// The value of a literal; `None` for an expression, which the compiler checks.
pub(crate) fn literal(expr: &Expr) -> Option<Number> {
    match expr {
        Expr::Lit(ExprLit { lit, .. }) => Some(match lit {
            Lit::Int(int) => int.base10_parse().map_or(Number::IsNot, Number::Is),
            Lit::Char(char) => Number::Is(u32::from(char.value()).into()),
            Lit::Byte(byte) => Number::Is(byte.value().into()),
            _ => Number::IsNot,
        }),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match literal(expr)? {
            Number::Is(value) => Some(Number::Is(-value)),
            Number::IsNot => Some(Number::IsNot),
        },
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        _ => None,
    }
}

/// The value of a literal number.
pub(crate) fn number(expr: &Expr) -> Option<i128> {
    match literal(expr)? {
        Number::Is(value) => Some(value),
        Number::IsNot => None,
    }
}
