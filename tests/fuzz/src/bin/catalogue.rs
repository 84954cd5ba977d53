//! Any text as a catalogue in both formats, of a file and of a server: an answer, findings that point
//! into the text, and entries that can be listed and chosen from. A server names no file of this
//! machine.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_core::{
    diagnostic::Diagnostic,
    manifest::Platform,
    package::{
        Catalogue, CatalogueSource,
        catalogue::{Location, choose, search},
    },
};

fuzz_target!(|text: &str| {
    for name in ["/c/index.toml", "/c/index.json", "https://h/c/index.toml", "https://h/index.json"] {
        let parsed = Catalogue::parse(CatalogueSource::parse(name).expect("a source"), text);
        let errors = parsed.diagnostics.iter().any(Diagnostic::is_error);
        assert_eq!(parsed.catalogue.is_none(), errors);
        for finding in &parsed.diagnostics {
            assert!(!finding.message.contains(char::is_control), "{finding:?}");
            let place = finding.place.as_ref().expect("a place");
            let Some((line, column)) = place.line.zip(place.column) else { continue };
            let found = text.split('\n').nth(line - 1).expect("the line is in the text");
            assert!((1..=found.chars().count() + 1).contains(&column), "{finding}");
        }
        let Some(catalogue) = parsed.catalogue else { continue };
        for entry in &catalogue.entries {
            match &entry.location {
                Some(Location::Web(_)) => assert!(entry.sha256.is_some()),
                Some(Location::Path(_)) => assert!(!name.starts_with("https:")),
                None => {}
            }
        }
        let catalogues = [catalogue];
        assert_eq!(search(&catalogues, "", true).len(), catalogues[0].entries.len());
        for entry in &catalogues[0].entries {
            let chosen = choose(&catalogues, &entry.id, None, Platform::current(), true);
            if let Ok(found) = chosen {
                assert_eq!(found.entry.id, entry.id);
                assert!(found.entry.version >= entry.version || !entry.platforms.is_empty());
            }
        }
    }
});
