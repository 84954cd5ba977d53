//! How the program ends, as scripts and supervisors see it.
//!
//! `docs/reference/exit-codes.md` repeats this table; a test keeps the two the same.

use std::process::ExitCode;

/// One way to end. The numbers are a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It worked.
    Success,
    /// It did not work.
    Failure,
    /// The command line makes no sense. Ends the program while it reads its arguments.
    Usage,
    /// The configuration cannot be used. Starting again will not help.
    Configuration,
    /// What was named does not exist.
    NotFound,
    /// The gateway crashed again and again. Starting again at once will not help.
    CrashLoop,
    /// Ctrl-C cut it short.
    Interrupted,
    /// A second SIGTERM cut it short. Ends the program from within the signal's handler.
    Terminated,
    /// A command of a plugin ended with a code of its own, from 1 to 63.
    OfPlugin(u8),
}

impl Exit {
    /// Every way to end that has a code of its own, in the order of the codes.
    pub(crate) const ALL: [Self; 8] = [
        Self::Success,
        Self::Failure,
        Self::Usage,
        Self::Configuration,
        Self::NotFound,
        Self::CrashLoop,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number the system is told.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failure => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::NotFound => 4,
            Self::CrashLoop => 5,
            // What a shell reports for a program that the signal killed: 128 and the signal's number.
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::OfPlugin(code) => code,
        }
    }

    /// What the number means, in one line.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "It worked; a gateway that was asked to stop has stopped",
            Self::Failure => "It did not work; the error says why",
            Self::Usage => "The command line makes no sense",
            Self::Configuration => "The configuration cannot be used; starting again will not help",
            Self::NotFound => "What was named does not exist",
            Self::CrashLoop => {
                "The gateway crashed again and again; starting again at once will not help"
            }
            Self::Interrupted => "Ctrl-C cut it short; for `run`, the second one",
            Self::Terminated => "A second SIGTERM cut it short",
            Self::OfPlugin(_) => "A command of a plugin says so",
        }
    }

    /// The first version that ends this way.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the reference page shows it"))]
    pub(crate) const fn since(self) -> &'static str {
        "0.1.0"
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_has_the_same_table() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/exit-codes.md");
        let page = std::fs::read_to_string(page).expect("the page exists");
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
        let expected = Exit::ALL
            .map(|exit| format!("| `{}` | {} | {} |", exit.code(), exit.meaning(), exit.since()));
        assert_eq!(rows, expected);
    }

    #[test]
    fn no_two_endings_share_a_code() {
        let codes = Exit::ALL.map(Exit::code);
        assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
    }
}
