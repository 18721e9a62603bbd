//! Two lists of lines, compared as people read a diff.

/// Above this many lines on a side, lines that differ are not matched with each other any more.
const MOST: usize = 1000;

/// Lines of a difference that anyone would read.
const MOST_SHOWN: usize = 200;

/// The lines that only `old` has, after a `-`, and those that only `new` has, after a `+`, in order.
pub(crate) fn diff(old: &[String], new: &[String]) -> String {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(|(old, new)| old == new)
        .count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);

    // table[i][j]: how many lines old[i..] and new[j..] have in common, in order.
    let mut table = Vec::new();
    if old.len().max(new.len()) <= MOST {
        table = vec![vec![0_u32; new.len() + 1]; old.len() + 1];
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                table[i][j] = match old[i] == new[j] {
                    true => table[i + 1][j + 1] + 1,
                    false => table[i + 1][j].max(table[i][j + 1]),
                };
            }
        }
    }
    let common = |i: usize, j: usize| table.get(i).map_or(0, |row: &Vec<u32>| row[j]);

    let (mut text, mut shown) = (String::new(), 0_usize);
    let mut line = |sign, line: &str| {
        shown += 1;
        if shown <= MOST_SHOWN {
            text.extend(["  ", sign, " ", line, "\n"]);
        }
    };
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common(i + 1, j) >= common(i, j + 1)) {
            line("-", &old[i]);
            i += 1;
        } else {
            line("+", &new[j]);
            j += 1;
        }
    }
    if shown > MOST_SHOWN {
        text.push_str(&format!("  and {} more lines\n", shown - MOST_SHOWN));
    }
    text
}
