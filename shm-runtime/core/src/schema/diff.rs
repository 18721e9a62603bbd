//! Two lists, compared as people read a diff.

/// Above this many items on a side, items that differ are not matched with each other any more.
const MOST: usize = 1000;

/// Changes that anyone would read.
const MOST_SHOWN: usize = 200;

/// Which list an item is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Old,
    New,
}

/// How one list becomes another: by leaving out items of the old one, and putting in those of the new one.
#[derive(Debug)]
pub(crate) struct Changes {
    /// How many there are.
    pub(crate) count: usize,
    /// The first ones, with the places of their items in their lists, in order.
    pub(crate) first: Vec<(Side, usize)>,
}

/// The items that only `old` has, and those that only `new` has.
///
/// It takes time in proportion to the lists, and little memory.
pub(crate) fn changes<T: PartialEq>(old: &[T], new: &[T]) -> Changes {
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);

    // table[i][j]: how many items old[i..] and new[j..] have in common, in order.
    let mut table = Vec::new();
    if old.len().max(new.len()) <= MOST {
        table = vec![vec![0_u16; new.len() + 1]; old.len() + 1];
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                table[i][j] = match old[i] == new[j] {
                    true => table[i + 1][j + 1] + 1,
                    false => table[i + 1][j].max(table[i][j + 1]),
                };
            }
        }
    }
    let common = |i: usize, j: usize| table.get(i).map_or(0, |row: &Vec<u16>| row[j]);

    let mut changes = Changes { count: 0, first: Vec::new() };
    let mut change = |side, at| {
        changes.count += 1;
        if changes.count <= MOST_SHOWN {
            changes.first.push((side, start + at));
        }
    };
    let (mut i, mut j) = (0, 0);
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if i < old.len() && (j == new.len() || common(i + 1, j) >= common(i, j + 1)) {
            change(Side::Old, i);
            i += 1;
        } else {
            change(Side::New, j);
            j += 1;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every list of at most four items, each `a`, `b` or `c`.
    fn lists() -> Vec<String> {
        let mut all = vec![String::new()];
        for start in 0..1 + 3 + 9 + 27 {
            let shorter = all[start].clone();
            all.extend(["a", "b", "c"].map(|item| format!("{shorter}{item}")));
        }
        all
    }

    /// The most items that two lists have in common, in order: by trying.
    fn most_common(old: &[u8], new: &[u8]) -> usize {
        match (old, new) {
            ([a, old @ ..], [b, new @ ..]) if a == b => 1 + most_common(old, new),
            ([_, shorter @ ..], [_, also @ ..]) => most_common(shorter, new).max(most_common(old, also)),
            _ => 0,
        }
    }

    #[test]
    fn changes_turn_one_list_into_the_other_and_are_the_fewest() {
        for (old, new) in lists().iter().flat_map(|old| lists().into_iter().map(move |new| (old, new))) {
            let (old, new) = (old.as_bytes(), new.as_bytes());
            let Changes { count, first } = changes(old, new);
            assert_eq!(count, first.len());
            assert_eq!(count, old.len() + new.len() - 2 * most_common(old, new), "{old:?} {new:?} {first:?}");
            let of = |side| first.iter().filter(move |change| change.0 == side).map(|change| change.1);
            // In order, and each item once.
            assert!(of(Side::Old).is_sorted_by(|a, b| a < b) && of(Side::New).is_sorted_by(|a, b| a < b));
            let kept = |list: &[u8], gone: &[usize]| -> Vec<u8> {
                let items = list.iter().enumerate().filter(|(at, _)| !gone.contains(at));
                items.map(|(_, item)| *item).collect()
            };
            let (gone, come): (Vec<_>, Vec<_>) = (of(Side::Old).collect(), of(Side::New).collect());
            assert_eq!(kept(old, &gone), kept(new, &come), "{old:?} {new:?} {first:?}");
        }
    }

    #[test]
    fn no_more_changes_are_listed_than_anyone_would_read() {
        let (old, new): (Vec<u32>, Vec<u32>) = ((0..2000).collect(), (2000..4000).collect());
        let changes = changes(&old, &new);
        assert_eq!((changes.count, changes.first.len()), (4000, MOST_SHOWN));
    }
}
