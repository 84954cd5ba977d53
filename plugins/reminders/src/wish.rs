//! What somebody wants of the reminders, in a chat or on the command line.

use crate::when;
use loader_sdk::prelude::*;
use std::time::Duration;

/// The longest text, in bytes.
const LONGEST: usize = 1000;

/// What somebody wants.
#[derive(Debug, PartialEq)]
pub(crate) enum Wish {
    /// Something is to be said after a while.
    Add { after: Duration, text: String },
    /// What is there?
    List,
    /// The one of this number is not to be said.
    Cancel { number: u64 },
}

impl Wish {
    /// Reads what follows `/remind`: `10m tea`, `list`, `cancel 3`. Nothing means `list`.
    pub(crate) fn read(arguments: &str) -> Result<Self> {
        let (first, rest) = arguments.split_once(char::is_whitespace).unwrap_or((arguments, ""));
        match (first, rest.trim()) {
            ("" | "list", "") => Ok(Self::List),
            ("cancel", number) => Self::cancel(number),
            (when, text) => Self::add(when, text),
        }
    }

    pub(crate) fn add(when: &str, text: &str) -> Result<Self> {
        let after = when::read(when).ok_or_else(|| {
            let message = format!("`{}` is no span of time up to a year", when.escape_debug());
            Error::invalid("bad_time", message).hint("write it like 10m, 1h30m or 2d")
        })?;
        if text.is_empty() || text.len() > LONGEST {
            let message = format!("a reminder says something, in at most {LONGEST} bytes");
            return Err(Error::invalid("bad_text", message).hint("/remind 10m tea"));
        }
        Ok(Self::Add { after, text: text.to_owned() })
    }

    pub(crate) fn cancel(number: &str) -> Result<Self> {
        let number = number.trim_start_matches('#').parse();
        let number = number.map_err(|_| {
            Error::invalid("bad_number", "which one? It needs a number")
                .hint("`list` shows the numbers")
        })?;
        Ok(Self::Cancel { number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read() {
        let read = |text: &str| Wish::read(text).map_err(|error| error.code().to_owned());
        let tea = Wish::Add { after: Duration::from_secs(600), text: "make  tea".into() };
        assert_eq!(read("10m make  tea"), Ok(tea));
        assert_eq!(read(""), Ok(Wish::List));
        assert_eq!(read("list"), Ok(Wish::List));
        assert_eq!(read("cancel 3"), Ok(Wish::Cancel { number: 3 }));
        assert_eq!(read("cancel #3"), Ok(Wish::Cancel { number: 3 }));
        for (text, code) in [
            ("cancel", "bad_number"),
            ("cancel tea", "bad_number"),
            ("soon tea", "bad_time"),
            ("10m", "bad_text"),
            ("list all", "bad_time"),
        ] {
            assert_eq!(read(text), Err(code.to_owned()), "{text}");
        }
        let long = format!("1s {}", "a".repeat(LONGEST + 1));
        assert_eq!(read(&long), Err("bad_text".to_owned()));
    }
}
