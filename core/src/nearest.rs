//! Which known name a misspelt one was meant to be.

/// A name further away than this was not meant.
const FARTHEST: usize = 4;

/// The known name closest to `written`; `None` when none is close enough to be worth suggesting.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
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

/// How many characters must be inserted, removed, replaced or swapped with their neighbour to turn
/// one name into the other. Keeps the last two rows of the usual table.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    let mut previous = None;
    for (row, letter) in one.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, &wanted) in other.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != wanted);
            let mut best = replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = column > 0 && other[column - 1] == letter && previous == Some(wanted);
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        previous = Some(letter);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name_and_another_word_does_not() {
        let known = ["version", "description", "homepage", "kind"];
        for (written, meant) in [
            ("verison", Some("version")),
            ("versions", Some("version")),
            ("discription", Some("description")),
            ("home-page", Some("homepage")),
            ("kidn", Some("kind")),
            ("banana", None),
            ("", None),
            ("k", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }
}
