//! The line a TOML mistake is in, without the secrets that may be in it.
//!
//! A mistake often sits in the very line that holds a password, and what cannot be parsed cannot be
//! asked which of its characters are the password. So a line is shown only when nothing around it
//! speaks of a secret.

use super::sensitive::mentions_secret;
use super::text::is_unprintable;

/// How many characters of a line are shown.
const WIDTH: usize = 80;

/// The line at `offset`, or as much of it as can be shown.
pub(crate) fn excerpt(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default().trim();
    let shown = match line.split_once('=') {
        _ if !may_hold_secret(&text[..start], line) => line.to_owned(),
        Some((name, _)) if !is_inside_long_string(&text[..start]) => {
            format!("{} = <hidden>", name.trim_end())
        }
        _ => "<hidden>".to_owned(),
    };
    if shown.is_empty() {
        return "(an empty line)".to_owned();
    }
    let mut shown: String =
        shown.chars().map(|each| if is_unprintable(each) { ' ' } else { each }).collect();
    if let Some((cut, _)) = shown.char_indices().nth(WIDTH) {
        shown.truncate(cut);
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Whether a line may hold a secret, given the text before it.
fn may_hold_secret(before: &str, line: &str) -> bool {
    let is_header = |line: &str| line.trim_start().starts_with('[');
    let last = |wanted: &dyn Fn(&str) -> bool| {
        before.lines().rev().find(|line| wanted(line)).unwrap_or_default()
    };
    let table = if is_header(line) { "" } else { last(&is_header) };
    let is_continued = !line.contains('=') && !is_header(line);
    let start = if is_continued { last(&|line| line.contains('=')) } else { "" };
    is_inside_long_string(before)
        || [table, start, unclosed(before), line].into_iter().any(mentions_secret)
}

/// The end of a text from the line of the first bracket that is still open: where the value began
/// that the text breaks off in.
fn unclosed(before: &str) -> &str {
    let mut open = Vec::new();
    for (offset, each) in before.char_indices() {
        match each {
            '[' | '{' => open.push(offset),
            ']' | '}' => drop(open.pop()),
            _ => {}
        }
    }
    let Some(bracket) = open.first() else { return "" };
    &before[before[..*bracket].rfind('\n').map_or(0, |end| end + 1)..]
}

/// Whether text ends inside a string of several lines.
fn is_inside_long_string(before: &str) -> bool {
    ["\"\"\"", "'''"].iter().any(|quotes| before.matches(quotes).count() % 2 == 1)
}
