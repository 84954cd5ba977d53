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
