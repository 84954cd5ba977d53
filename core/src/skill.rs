//! What a skill says about itself: a text in Markdown that teaches a model how to do something.
//!
//! ```text
//! ---
//! name: look-after-the-gateway
//! description: Start, watch and mend a gateway.
//! ---
//! # Look after the gateway
//! ```
//!
//! The lines between the dashes are optional. A name and a description are one line each; whatever else
//! stands there is for others.

use crate::manifest::RelativePath;
use serde::Serialize;

/// More characters than this are no title and no description.
const MOST: usize = 500;

/// One skill of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skill {
    /// Its file in the bundle's folder.
    pub path: RelativePath,
    /// What it is called: its name, or else its first heading.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl Skill {
    /// Reads what a text says about itself. Any text will do.
    pub fn parse(path: &RelativePath, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let (matter, body) = split(text);
        let title = value(matter, "name").or_else(|| heading(body));
        Self { path: path.clone(), title, description: value(matter, "description") }
    }
}

/// The lines between the dashes at the beginning, and those after them.
fn split(text: &str) -> (&str, &str) {
    let is_dashes = |line: &str| line.trim_end() == "---";
    let mut lines = text.split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| is_dashes(line)) else { return ("", text) };
    let mut end = first.len();
    for line in lines {
        if is_dashes(line) {
            return (&text[first.len()..end], &text[end + line.len()..]);
        }
        end += line.len();
    }
    ("", text)
}

/// What follows `key:` on a line, without quotation marks around it.
fn value(matter: &str, key: &str) -> Option<String> {
    let mut lines = matter.lines();
    let found = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?.trim();
    let quoted =
        ['"', '\''].into_iter().find_map(|mark| found.strip_prefix(mark)?.strip_suffix(mark));
    line(quoted.unwrap_or(found))
}

/// The first heading of the first level that is not in a block of code.
fn heading(body: &str) -> Option<String> {
    let mut is_code = false;
    body.lines().find_map(|text| {
        is_code ^= text.starts_with("```");
        text.strip_prefix("# ").filter(|_| !is_code).and_then(line)
    })
}

/// One line that can be shown; `None` if nothing is left of it.
fn line(text: &str) -> Option<String> {
    let shown = text.chars().filter(|letter| !letter.is_control()).take(MOST).collect::<String>();
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skill_is_called_by_its_name_or_else_by_its_first_heading() {
        for (text, title, description) in [
            ("# Mend it\n\n# Other\n", Some("Mend it"), None),
            (
                "---\nname: mend\ndescription: \"Mends it.\"\n---\n# Mend it\n",
                Some("mend"),
                Some("Mends it."),
            ),
            ("---\r\ndescription: 'x: y'\r\n---\r\n# Mend it\r\n", Some("Mend it"), Some("x: y")),
            ("\u{feff}---\nname: mend\n---", Some("mend"), None),
            ("---\nname:\nnames: no\n---\n## Second\n", None, None),
            ("---\nname: never closed\n# Title\n", Some("Title"), None),
            ("text\n```\n# a comment\n```\n# Title\n", Some("Title"), None),
            ("name: no\ndescription: no\n", None, None),
            ("# a\u{1b}[2Jb\u{7}\n", Some("a[2Jb"), None),
            ("#hash\n#\n# \n", None, None),
            ("", None, None),
        ] {
            let path: RelativePath = "skills/a/SKILL.md".parse().expect("a path");
            let skill = Skill::parse(&path, text);
            assert_eq!(skill.title.as_deref(), title, "{text:?}");
            assert_eq!(skill.description.as_deref(), description, "{text:?}");
        }
        let long = format!("# {}", "ä".repeat(MOST + 1));
        let skill = Skill::parse(&"a".parse().expect("a path"), &long);
        assert_eq!(skill.title.map(|title| title.chars().count()), Some(MOST));
    }
}
