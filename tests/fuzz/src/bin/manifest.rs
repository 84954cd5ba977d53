//! Any text as `plugin.toml`: an answer, findings that point into the text, and a manifest exactly
//! when there is no error. And as a skill of a bundle: whatever it is called can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_core::{
    diagnostic::Diagnostic,
    manifest::{Content, Manifest, RelativePath},
    skill::Skill,
};
use std::path::{Component, Path};

fuzz_target!(|text: &str| {
    let skill = Skill::parse(&"SKILL.md".parse().expect("a path"), text);
    for line in skill.title.iter().chain(&skill.description) {
        assert!(!line.trim().is_empty() && !line.contains(char::is_control), "{line:?}");
    }
    let parsed = Manifest::parse(Path::new("plugin.toml"), text);
    let errors = parsed.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(parsed.manifest.is_none(), errors);
    for finding in &parsed.diagnostics {
        let place = finding.place.as_ref().expect("a place");
        let Some((line, column)) = place.line.zip(place.column) else { continue };
        let found = text.split('\n').nth(line - 1).expect("the line is in the text");
        assert!((1..=found.chars().count() + 1).contains(&column), "{finding}");
        assert!(!finding.message.contains(char::is_control), "{finding:?}");
    }
    let Some(manifest) = parsed.manifest else { return };
    for plugin in manifest.plugins() {
        let files: Vec<&RelativePath> = match &plugin.content {
            Content::Library(library) => library.files().collect(),
            Content::Bundle(bundle) => {
                assert!(manifest.library.is_none() && manifest.extensions.is_empty());
                bundle.skills.iter().collect()
            }
        };
        assert!(!files.is_empty());
        for file in files {
            let mut parts = Path::new(file.as_str()).components();
            assert!(parts.all(|part| matches!(part, Component::Normal(_))), "{file}");
        }
    }
});
