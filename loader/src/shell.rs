//! Text that can be pasted into a shell.

use std::ffi::OsStr;

/// A text as one word of a shell's command line.
pub(crate) fn word(text: impl AsRef<OsStr>) -> String {
    let text = text.as_ref().to_string_lossy().into_owned();
    let is_plain = |each: char| each.is_ascii_alphanumeric() || "/._-+=:@%,".contains(each);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_word_back_as_it_was() {
        for text in ["/plain/a-b_c.d", "/with space", "/it's", "/$HOME `x` \"y\" \\", "/ü;&|", ""]
        {
            let script = format!("printf %s {}", word(text));
            let output = std::process::Command::new("sh").args(["-c", &script]).output();
            let output = output.expect("there is a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{script}");
        }
        assert_eq!(word("/plain/a-b_c.d"), "/plain/a-b_c.d");
    }
}
