//! Which settings are secrets, judged by their names.
//!
//! A plugin's own settings have no type here, so their names are all there is to go by. Judging too
//! many to be secrets costs a little comfort; judging too few would print a password.

use serde_json::Value;

/// Parts of a name that make it the name of a secret.
const PARTS: [&str; 13] = [
    "token",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "credential",
    "apikey",
    "privatekey",
    "authorization",
    "cookie",
    "webhook",
    "signature",
];

/// Words that make a name the name of a secret when it ends with them. They are too short to be
/// looked for inside of other words.
const LAST_WORDS: [&str; 7] = ["key", "keys", "pass", "pwd", "auth", "pin", "psk"];

/// Whether the value of a setting with this name must not be shown.
pub(crate) fn is_secret(name: &str, value: &Value) -> bool {
    // `max_tokens = 100` counts tokens of the other kind.
    let counts_tokens = value.is_number() && name.to_lowercase().ends_with("tokens");
    names_secret(name) && !counts_tokens
}

/// Whether a line of text speaks of a secret anywhere.
pub(crate) fn mentions_secret(line: &str) -> bool {
    let line = line.to_lowercase();
    PARTS.iter().chain(&LAST_WORDS).any(|part| line.contains(part)) || holds_credentials(&line)
}

/// Whether a text is an address with a password in it: `scheme://user:password@host`.
pub(crate) fn holds_credentials(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    })
}

fn names_secret(name: &str) -> bool {
    let joined: String =
        name.chars().filter(|each| each.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    PARTS.iter().any(|part| joined.contains(part))
        || LAST_WORDS.contains(&last_word(name).to_lowercase().as_str())
}

/// The last word of a name in snake, kebab or camel case.
fn last_word(name: &str) -> &str {
    let after_separator = name.rsplit(|each: char| !each.is_alphanumeric()).next().unwrap_or(name);
    let hump = after_separator
        .char_indices()
        .zip(after_separator.chars().skip(1))
        .filter(|((_, before), each)| !before.is_uppercase() && each.is_uppercase())
        .map(|((start, before), _)| start + before.len_utf8())
        .last();
    &after_separator[hump.unwrap_or(0)..]
}
