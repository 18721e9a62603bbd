//! Two lists of lines, compared as people read a diff.

/// Above this many lines on a side, lines that differ are not matched with each other any more.
const MOST: usize = 1000;

/// Lines of a difference that anyone would read.
const MOST_SHOWN: usize = 200;

/// The lines that only `old` has, after a `-`, and those that only `new` has, after a `+`, in order.
pub(crate) fn diff(old: &[String], new: &[String]) -> String {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Every list of at most four lines, each `a`, `b` or `c`.
    fn lists() -> Vec<Vec<String>> {
        let mut all = vec![Vec::new()];
        for start in 0..1 + 3 + 9 + 27 {
            let shorter: Vec<String> = Vec::clone(&all[start]);
            all.extend(["a", "b", "c"].map(|line| [&shorter[..], &[line.to_owned()]].concat()));
        }
        all
    }

    /// The most lines that two lists have in common, in order: by trying.
    fn most_common(old: &[String], new: &[String]) -> usize {
        match (old, new) {
            ([a, old @ ..], [b, new @ ..]) if a == b => 1 + most_common(old, new),
            ([_, shorter @ ..], [_, also @ ..]) => most_common(shorter, new).max(most_common(old, also)),
            _ => 0,
        }
    }

    #[test]
    fn a_difference_turns_one_list_into_the_other_with_the_fewest_lines() {
        for (old, new) in lists().iter().flat_map(|old| lists().into_iter().map(move |new| (old, new))) {
            let text = diff(old, &new);
            let lines = |sign: &str| -> Vec<String> {
                let lines = text.lines().filter_map(|line| line.strip_prefix(sign));
                lines.map(str::to_owned).collect()
            };
            let (gone, come) = (lines("  - "), lines("  + "));
            let common = most_common(old, &new);
            assert_eq!(gone.len() + common, old.len(), "{old:?} {new:?}\n{text}");
            assert_eq!(come.len() + common, new.len(), "{old:?} {new:?}\n{text}");
            // In order, and all of them lines of their list.
            let is_within = |part: &[String], whole: &[String]| most_common(part, whole) == part.len();
            assert!(is_within(&gone, old) && is_within(&come, &new), "{old:?} {new:?}\n{text}");
        }
    }

    #[test]
    fn a_difference_is_never_longer_than_anyone_would_read() {
        let many = |prefix: &str| -> Vec<String> { (0..2000).map(|i| format!("{prefix}{i}")).collect() };
        let text = diff(&many("old"), &many("new"));
        assert_eq!(text.lines().count(), MOST_SHOWN + 1);
        assert!(text.ends_with("  and 3800 more lines\n"), "{text}");
    }
}
