//! The text of a schema, written from the layout of a type.

use core::fmt::{self, Write as _};

use crate::memory::layout::{Field, Kind, Layout};

/// The text.
pub(crate) fn text(layout: &Layout) -> String {
    named(layout, |field| field.name)
}

/// The text that it had when its fields had the names of before; `None` if none has another name now.
pub(super) fn former(layout: &Layout) -> Option<String> {
    let mut renamed = false;
    let text = named(layout, |field| match field.was {
        "" => field.name,
        was => {
            renamed = true;
            was
        }
    });
    renamed.then_some(text)
}

fn named(layout: &Layout, mut name: impl FnMut(&Field) -> &'static str) -> String {
    let mut text = String::new();
    // Writing to a `String` does not fail.
    let _ = lines(layout, 0, &mut name, &mut text);
    text
}

/// The type in one line, and the lines of its fields below, each indented by `indent` and 2 more spaces.
fn lines(
    layout: &Layout,
    indent: usize,
    name: &mut impl FnMut(&Field) -> &'static str,
    to: &mut String,
) -> fmt::Result {
    line(layout, to)?;
    to.push('\n');
    let mut layout = layout;
    while let Kind::Array { of, .. } | Kind::Tail { of } = layout.kind {
        layout = of;
    }
    let Kind::Struct { fields, .. } = layout.kind else {
        return Ok(());
    };
    let indent = indent + 2;
    for field in fields {
        write!(to, "{:indent$}{} @{} ", "", name(field), field.offset)?;
        lines(field.layout, indent, name, to)?;
    }
    Ok(())
}

/// The type, without the fields below it.
fn line(layout: &Layout, to: &mut String) -> fmt::Result {
    match layout.kind {
        Kind::Scalar(scalar) => to.write_str(scalar.name()),
        Kind::Atomic(scalar) => write!(to, "atomic {}", scalar.name()),
        Kind::Array { of, len } => {
            write!(to, "[{len}] ")?;
            line(of, to)
        }
        Kind::Tail { of } => {
            to.write_str("[] ")?;
            line(of, to)
        }
        Kind::Struct { name, builtin, .. } => {
            let keyword = if builtin { "builtin" } else { "struct" };
            write!(to, "{keyword} {name} size {} align {}", layout.size, layout.align)
        }
        Kind::Enum { name, repr, variants } => {
            write!(to, "enum {name} {}", repr.name())?;
            variants.iter().try_for_each(|(name, value)| write!(to, " {name}={value}"))
        }
    }
}
