//! Lines to the server. The one place where they are made, so that no text can smuggle in a second
//! line.

/// Makes a line, without its line end: a command, parameters without spaces, and a last one that may
/// have them.
///
/// What would end the line, or a parameter before its time, is left out: CR, LF and NUL everywhere,
/// spaces and leading colons in `params`.
pub fn line(command: &str, params: &[&str], trailing: Option<&str>) -> String {
    let mut line = command.to_owned();
    for param in params {
        line.push(' ');
        let param = param.trim_start_matches(':');
        line.extend(param.chars().filter(|character| !ends_line(*character) && *character != ' '));
    }
    if let Some(trailing) = trailing {
        line.push_str(" :");
        line.extend(trailing.chars().filter(|character| !ends_line(*character)));
    }
    line
}

fn ends_line(character: char) -> bool {
    matches!(character, '\r' | '\n' | '\0')
}

/// Whether a text can be a parameter before the last one, unchanged.
pub fn is_param(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(':')
        && !text.chars().any(|character| character.is_control() || character == ' ')
}

/// Whether a text can be the last parameter, unchanged.
pub fn is_trailing(text: &str) -> bool {
    !text.contains(ends_line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use proptest::prelude::*;

    #[test]
    fn a_line_has_its_parts_in_order() {
        assert_eq!(line("PRIVMSG", &["#room"], Some(":) hi")), "PRIVMSG #room ::) hi");
        assert_eq!(line("NICK", &["bot"], None), "NICK bot");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_second_line(params in proptest::collection::vec(any::<String>(), 0..4), trailing in any::<String>()) {
            let params: Vec<&str> = params.iter().map(String::as_str).collect();
            let line = line("X", &params, Some(&trailing));
            prop_assert!(!line.contains(['\r', '\n', '\0']));
        }

        #[test]
        fn what_is_said_is_what_is_understood(param in "[^: \r\n\0][^ \r\n\0]{0,9}", trailing in "[^\r\n\0]{0,40}") {
            let line = line("X", &[&param], Some(&trailing));
            let message = Message::parse(line.as_bytes()).expect("a message");
            prop_assert_eq!(message.params, [param, trailing]);
        }
    }
}
