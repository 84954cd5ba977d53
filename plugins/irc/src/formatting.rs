//! Takes bold, colours and the like out of a text: models read words.

/// The text without IRC formatting codes and other control characters. Tabs stay.
pub fn strip(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            '\u{3}' => rest = after_colours(rest, 1, 2, |byte| byte.is_ascii_digit()),
            '\u{4}' => rest = after_colours(rest, 6, 6, |byte| byte.is_ascii_hexdigit()),
            '\t' => plain.push('\t'),
            control if control.is_control() => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Skips a foreground colour and, behind a comma, a background colour.
fn after_colours(text: &str, least: usize, most: usize, digit: fn(&u8) -> bool) -> &str {
    let after_one = |text: &str| {
        let digits = text.bytes().take(most).take_while(digit).count();
        (digits >= least).then_some(digits)
    };
    let Some(foreground) = after_one(text) else { return text };
    let text = &text[foreground..];
    let background = text.strip_prefix(',').and_then(after_one);
    background.map_or(text, |digits| &text[1 + digits..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_leave_and_words_stay() {
        for (formatted, plain) in [
            ("\u{2}bold\u{f} \u{1d}it\u{1f}al\u{1e}ic\u{11}s\u{16}", "bold italics"),
            ("\u{3}4red\u{3} \u{3}04,12both\u{3}", "red both"),
            ("\u{3}1,text", ",text"),
            ("\u{3}123", "3"),
            ("\u{3},5", ",5"),
            ("\u{4}ff0000red \u{4}ff0000,00ff00two \u{4}ff00no", "red two ff00no"),
            ("a\tb\u{7}", "a\tb"),
        ] {
            assert_eq!(strip(formatted), plain, "{formatted:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_control_stays(text in "[\u{2}\u{3}\u{4}0-9a-f,é]{0,60}") {
            prop_assert!(!strip(&text).chars().any(|character| character.is_control()));
        }
    }
}
