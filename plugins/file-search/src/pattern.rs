//! Names as people write them: a part of one, or a pattern with `*` and `?`.

/// A pattern. Upper and lower case are the same.
#[derive(Debug)]
pub(crate) struct Pattern {
    characters: Vec<char>,
    has_wildcards: bool,
    is_path: bool,
}

impl Pattern {
    pub(crate) fn new(written: &str) -> Self {
        let lower = written.to_lowercase();
        Self {
            has_wildcards: lower.contains(['*', '?']),
            is_path: lower.contains('/'),
            characters: lower.chars().collect(),
        }
    }

    /// Whether a path fits: its last name, or all of it if the pattern has a `/`.
    pub(crate) fn fits(&self, path: &str) -> bool {
        let name = match self.is_path {
            true => path,
            false => path.rsplit('/').next().unwrap_or(path),
        };
        let name: Vec<char> = name.to_lowercase().chars().collect();
        match self.has_wildcards {
            true => fits(&self.characters, &name),
            false => name.windows(self.characters.len()).any(|part| part == self.characters),
        }
    }
}

/// A `*` takes as little as it can, and one more whenever what follows it does not fit.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut last_star = None;
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                last_star = Some((at, place));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[place] => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star, taken)) = last_star else { return false };
                last_star = Some((star, taken + 1));
                (at, place) = (star + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_by_a_part_of_it_or_by_a_pattern() {
        for (pattern, path, does_fit) in [
            ("read", "docs/README.md", true),
            ("docs", "docs/README.md", false),
            ("docs/", "docs/README.md", true),
            ("*.md", "docs/README.md", true),
            ("*.md", "docs/README.md.bak", false),
            ("docs/*.md", "docs/README.md", true),
            ("docs/*.md", "other/docs/README.md", false),
            ("*/docs/*.md", "other/docs/README.md", true),
            ("r??dme.*", "README.md", true),
            ("r?dme.*", "README.md", false),
            ("*", "anything", true),
            ("a*b*c", "a-b-b-c", true),
            ("straße*", "STRASSE", false),
            ("ü*", "Überblick", true),
        ] {
            assert_eq!(Pattern::new(pattern).fits(path), does_fit, "{pattern} {path}");
        }
        let long = "a".repeat(4000);
        assert!(!Pattern::new(&format!("{}b", "*a".repeat(50))).fits(&long));
    }
}
