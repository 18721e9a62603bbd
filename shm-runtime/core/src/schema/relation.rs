//! What one version of a struct is to another.

use super::Schema;

/// What the layout of a segment, *theirs*, is to that of this program, *ours*. It says nothing of what the values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Each field is at the same place, with the same type. An enum may have gained variants on one side; a field of ours may
    /// have had their name before.
    Same,
    /// So it is of all of our fields, and there are more after them.
    Newer,
    /// So it is of their fields, of which there are this many (those within a field not counted), and ours has more after them.
    Older { fields: usize },
    /// Anything else.
    Different,
}

pub(super) fn relation(theirs: &Schema, ours: &Schema) -> Relation {
    let mut old = theirs.text.lines().skip(1);
    let mut new = ours.text.lines().skip(1);
    let former = ours.former.as_ref().unwrap_or(&ours.text);
    let mut former = former.lines().skip(1);
    let mut fields = 0;
    if theirs.struct_name().is_none() || theirs.struct_name() != ours.struct_name() {
        return Relation::Different;
    }
    let (extent, our_extent) = ((theirs.size(), theirs.align()), (ours.size(), ours.align()));
    // Of two structs of which one goes on where the other ends, the longer one is as large at least, and as aligned.
    let contains =
        |longer: (usize, usize), shorter: (usize, usize)| longer.0 >= shorter.0 && longer.1 >= shorter.1;
    loop {
        match (old.next(), new.next().zip(former.next())) {
            (Some(theirs), Some((ours, former))) => {
                if !(same_line(theirs, ours) || same_line(theirs, former)) {
                    return Relation::Different;
                }
                fields += usize::from(is_field(theirs));
            }
            (None, None) if extent == our_extent => return Relation::Same,
            // Aligned to more on one side, as new fields may do it, but no fields.
            (None, None) if contains(extent, our_extent) => return Relation::Newer,
            (None, None) if contains(our_extent, extent) => return Relation::Older { fields },
            (Some(more), None) if is_field(more) && contains(extent, our_extent) => return Relation::Newer,
            (None, Some((more, _))) if is_field(more) && contains(our_extent, extent) => {
                return Relation::Older { fields };
            }
            _ => return Relation::Different,
        }
    }
}

/// Whether the line is that of a field of the whole, and not of one within a field.
fn is_field(line: &str) -> bool {
    line.starts_with("  ") && !line.starts_with("   ")
}

/// Whether two lines, of schemas that are consistent, are of one field: they are the same, or one has more variants of an enum
/// after all of the other's.
fn same_line(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    match long.strip_prefix(short) {
        Some("") => true,
        // Names have no spaces, so this is the type.
        Some(more) => more.starts_with(' ') && short.contains(" enum "),
        None => false,
    }
}
