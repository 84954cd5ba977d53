//! Text that can be pasted into a shell.

use std::path::Path;

/// A path as one word of a shell's command line.
pub(crate) fn word(path: &Path) -> String {
    let text = path.display().to_string();
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
    fn a_shell_reads_the_word_back_as_the_path() {
        for path in ["/plain/a-b_c.d", "/with space", "/it's", "/$HOME `x` \"y\" \\", "/ü;&|", ""] {
            let script = format!("printf %s {}", word(Path::new(path)));
            let output = std::process::Command::new("sh").args(["-c", &script]).output();
            let output = output.expect("there is a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), path, "{script}");
        }
        assert_eq!(word(Path::new("/plain/a-b_c.d")), "/plain/a-b_c.d");
    }
}
