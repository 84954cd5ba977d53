//! Text of others that is safe to show on a terminal.

/// The text with its control characters spelt out, so that it cannot command the terminal, and with
/// further lines indented, so that it cannot pass for more than it is.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            '\n' => shown.push_str("\n    "),
            '\t' => shown.push(each),
            // Those that turn the direction of writing can make text read as something else.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                shown.extend(each.escape_unicode());
            }
            each if each.is_control() => shown.extend(each.escape_unicode()),
            each => shown.push(each),
        }
    }
    shown
}

/// The text with its lines as they are and without any other control character.
pub(crate) fn without_commands(text: &str) -> String {
    text.chars().filter(|each| matches!(each, '\n' | '\t') || !each.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cannot_command_the_terminal() {
        assert_eq!(without_commands("a\u{1b}[2Jb\r\nü\tc\u{9b}1m\u{7}"), "a[2Jb\nü\tc1m");
        assert_eq!(harmless("a\u{1b}[2J\nb\u{202e}c"), "a\\u{1b}[2J\n    b\\u{202e}c");
    }
}
