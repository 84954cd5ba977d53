//! Any text as `release.toml`: an answer, findings that point into the text, and a release that is
//! written and read again as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_core::{diagnostic::Diagnostic, trust::Release};
use std::path::{Component, Path};

fuzz_target!(|text: &str| {
    let path = Path::new("release.toml");
    let parsed = Release::parse(path, text);
    let errors = parsed.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(parsed.release.is_none(), errors);
    for finding in &parsed.diagnostics {
        let place = finding.place.as_ref().expect("a place");
        let (line, column) = place.line.zip(place.column).expect("a line and a column");
        let found = text.split('\n').nth(line - 1).expect("the line is in the text");
        assert!((1..=found.chars().count() + 1).contains(&column), "{finding}");
        assert!(!finding.message.contains(char::is_control), "{finding:?}");
    }
    let Some(release) = parsed.release else { return };
    for file in release.files.keys() {
        let mut parts = Path::new(file.as_str()).components();
        assert!(parts.all(|part| matches!(part, Component::Normal(_))), "{file}");
    }
    let again = Release::parse(path, &release.to_text());
    assert_eq!((again.release, again.diagnostics), (Some(release), Vec::new()));
});
