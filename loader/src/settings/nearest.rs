//! Which known name a misspelt one was meant to be.

use super::key::Key;
use super::shape::{Shape, TableShape};

/// How far a misspelt name may be from the one that was meant.
const FARTHEST: usize = 4;

/// The known name that is closest to `written`; `None` when none is close.
pub(crate) fn nearest<'a>(
    written: &str,
    known: impl IntoIterator<Item = &'a String>,
) -> Option<&'a String> {
    let length = written.chars().count();
    let allowed = length.div_ceil(3).min(FARTHEST);
    known
        .into_iter()
        .filter(|name| name.chars().count().abs_diff(length) <= allowed)
        .map(|name| (distance(written, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// The known key that a whole dotted key was meant to be; `None` when there is none.
pub(crate) fn correct(written: &Key, config: &TableShape) -> Option<Key> {
    let anything = TableShape::anything();
    let mut table = config;
    let mut corrected = Key::default();
    let mut names = written.names().iter().peekable();
    while let Some(name) = names.next() {
        let name = match table.member(name) {
            Some(_) => name,
            None => nearest(name, table.fields.keys())?,
        };
        corrected = corrected.child(name);
        match table.member(name)? {
            Shape::Table(inner) => table = inner,
            Shape::Anything => table = &anything,
            _ if names.peek().is_some() => return None,
            _ => {}
        }
    }
    Some(corrected)
}

/// How many characters must be inserted, removed, replaced or swapped with their neighbour to turn
/// one name into the other.
fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for row in 0..=one.len() {
        for column in 0..=other.len() {
            if row == 0 || column == 0 {
                rows[row][column] = row + column;
                continue;
            }
            let replaced = usize::from(one[row - 1] != other[column - 1]);
            let mut best = (rows[row - 1][column] + 1)
                .min(rows[row][column - 1] + 1)
                .min(rows[row - 1][column - 1] + replaced);
            if row > 1
                && column > 1
                && one[row - 1] == other[column - 2]
                && one[row - 2] == other[column - 1]
            {
                best = best.min(rows[row - 2][column - 2] + 1);
            }
            rows[row][column] = best;
        }
    }
    rows[one.len()][other.len()]
}
