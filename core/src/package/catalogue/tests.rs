//! What catalogues say, and which package is chosen.

use super::*;
use crate::{digest::Digest, manifest::Platform};

const DIGEST: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

fn parse(name: &str, text: &str) -> Parsed {
    Catalogue::parse(CatalogueSource::parse(name).expect("a source"), text)
}

fn catalogue(name: &str, entries: &[&str]) -> Catalogue {
    let entries: Vec<String> = entries
        .iter()
        .map(|entry| {
            let (id, rest) = entry.split_once(' ').expect("an id and a version");
            let (version, platforms) = rest.split_once(' ').unwrap_or((rest, ""));
            let platforms = match platforms {
                "" => String::new(),
                platform => format!("platforms = [\"{platform}\"]\n"),
            };
            format!(
                "[[entries]]\nid = \"{id}\"\nversion = \"{version}\"\nurl = \"x.ldr\"\n{platforms}"
            )
        })
        .collect();
    let parsed = parse(name, &entries.concat());
    assert_eq!(parsed.diagnostics, []);
    parsed.catalogue.expect("a catalogue")
}

#[test]
fn toml_and_json_say_the_same() {
    let toml = format!(
        "[[entries]]\nid = \"a\"\nversion = \"1.0.0\"\nserial = 3\ndescription = \"d\"\n\
         url = \"https://u:p@h/a.ldr\"\nsha256 = \"{DIGEST}\"\nplatforms = [\"linux-x86_64\", \"amiga\"]\n"
    );
    let json = format!(
        r#"{{"entries": [{{"id": "a", "version": "1.0.0", "serial": 3, "description": "d",
        "url": "https://u:p@h/a.ldr", "sha256": "{DIGEST}", "platforms": ["linux-x86_64"]}}]}}"#
    );
    let entries = |parsed: Parsed| {
        assert_eq!(parsed.diagnostics, []);
        parsed.catalogue.expect("a catalogue").entries
    };
    let expected = Entry {
        id: "a".to_owned(),
        version: Some("1.0.0".parse().expect("a version")),
        serial: Some(3),
        description: Some("d".to_owned()),
        location: Some(Location::Web("https://u:p@h/a.ldr".parse().expect("an address"))),
        sha256: DIGEST.parse().ok(),
        platforms: vec!["linux-x86_64".parse().expect("a platform")],
        channel: None,
    };
    let expected = [expected];
    assert_eq!(entries(parse("/c/index.toml", &toml)), expected);
    assert_eq!(entries(parse("/c/index.json", &json)), expected);
}

#[test]
fn the_catalogues_of_other_programs_are_understood() {
    for (list, path, choice) in [
        ("entries", "local_path", "default_choice"),
        ("packages", "localPath", "defaultChoice"),
        ("plugins", "local_path", "defaultChoice"),
    ] {
        let text = format!(
            r#"{{ "{list}": [ {{ "name": "@scope/nextcloud-talk", "loader": {{
                "channel": {{ "id": "nextcloud-talk", "order": 65, "aliases": ["nc-talk", "nc"] }},
                "install": {{ "{path}": "plugins/nc", "{choice}": "local" }} }} }} ] }}"#
        );
        let parsed = parse("/c/catalog.json", &text);
        let catalogue = parsed.catalogue.expect("a catalogue");
        let entry = &catalogue.entries[0];
        assert_eq!((entry.id.as_str(), &entry.version), ("nextcloud-talk", &None));
        assert_eq!(entry.location, Some(Location::Path("/c/plugins/nc".into())));
        assert_eq!(entry.channel.as_ref().expect("a channel")["order"], 65);
        let found = choose(std::slice::from_ref(&catalogue), "nextcloud-talk", None, None, false);
        assert_eq!(found.expect("found").entry, entry);
    }
}

#[test]
fn what_is_relative_belongs_to_the_catalogue() {
    let text = format!("[[entries]]\nid = \"a\"\nurl = \"b/a.ldr\"\nsha256 = \"{DIGEST}\"\n");
    let location = |name: &str| {
        let catalogue = parse(name, &text).catalogue.expect("a catalogue");
        catalogue.entries[0].location.clone().expect("a location")
    };
    assert_eq!(location("/c/index.toml"), Location::Path("/c/b/a.ldr".into()));
    let Location::Web(address) = location("https://h/c/index.toml") else { panic!("no address") };
    assert_eq!(address.to_string(), "https://h/c/b/a.ldr");
}

#[test]
fn a_bad_entry_does_not_hide_the_good_ones() {
    let bad = [
        "version = \"1.0.0\"",
        "id = \"A\"",
        "id = 1",
        "id = \"a\"\nversion = \"1\"",
        "id = \"a\"\nurl = \"https://h/a.ldr\"",
        "id = \"a\"\nurl = \"ftp://h/a.ldr\"",
        "id = \"a\"\nsha256 = \"00\"",
        "id = \"a\"\nplatforms = [\"amiga\"]",
        "id = \"a\"\ndescription = \"\\u001b[2J\"",
    ];
    let mut text: String = bad.iter().map(|entry| format!("[[entries]]\n{entry}\n")).collect();
    text.push_str("[[entries]]\nid = \"good\"\n");
    let parsed = parse("index.toml", &text);
    let codes: Vec<&str> = parsed.diagnostics.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["LDR-CATALOGUE-ENTRY"; 9]);
    let entries = parsed.catalogue.expect("a catalogue").entries;
    assert_eq!(entries.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>(), ["good"]);
}

#[test]
fn what_is_no_catalogue_is_refused_where_it_goes_wrong() {
    let refusal = |name: &str, text: &str| {
        let parsed = parse(name, text);
        assert_eq!((parsed.catalogue, parsed.diagnostics.len()), (None, 1));
        let finding = &parsed.diagnostics[0];
        format!("{} {}", finding.code, finding.place.as_ref().expect("a place"))
    };
    assert_eq!(refusal("a.toml", "[[entries]]\nid =\n"), "LDR-CATALOGUE-SYNTAX a.toml:2:5");
    assert_eq!(refusal("a.json", "{\n  \"entries\": [}\n"), "LDR-CATALOGUE-SYNTAX a.json:2:15");
    assert_eq!(refusal("a.json", "[]"), "LDR-CATALOGUE-SHAPE a.json");
    assert_eq!(refusal("a.toml", "entries = 1"), "LDR-CATALOGUE-SHAPE a.toml");
}

#[test]
fn the_newest_that_fits_is_chosen() {
    let here: Platform = "linux-x86_64".parse().expect("a platform");
    let first = catalogue(
        "/1/index.toml",
        &["a 1.0.0", "a 2.0.0", "a 3.0.0 linux-aarch64", "b 1.0.0-rc.1"],
    );
    let second = catalogue(
        "/2/index.toml",
        &["a 1.5.0", "a 2.0.0", "a 4.0.0-rc.1", "c 1.0.0 linux-aarch64"],
    );
    let catalogues = [first, second];
    let chosen = |id: &str, versions: Option<&str>, prereleases| {
        let versions = versions.map(|text| text.parse().expect("versions"));
        match choose(&catalogues, id, versions.as_ref(), Some(here), prereleases) {
            Ok(found) => {
                let version = found.entry.version.as_ref().expect("a version");
                format!("{} {version}", found.catalogue.source)
            }
            Err(refusal) => refusal.code.to_owned(),
        }
    };
    assert_eq!(chosen("a", None, false), "/1/index.toml 2.0.0");
    assert_eq!(chosen("a", None, true), "/2/index.toml 4.0.0-rc.1");
    assert_eq!(chosen("a", Some("1"), false), "/2/index.toml 1.5.0");
    assert_eq!(chosen("a", Some("=1.0.0"), false), "/1/index.toml 1.0.0");
    assert_eq!(chosen("a", Some("=4.0.0-rc.1"), false), "/2/index.toml 4.0.0-rc.1");
    assert_eq!(chosen("a", Some("4"), true), "/2/index.toml 4.0.0-rc.1");
    assert_eq!(chosen("a", Some("4"), false), "LDR-CATALOGUE-VERSION");
    assert_eq!(chosen("a", Some("3"), false), "LDR-CATALOGUE-PLATFORM");
    assert_eq!(chosen("b", None, false), "LDR-CATALOGUE-VERSION");
    assert_eq!(chosen("c", None, false), "LDR-CATALOGUE-PLATFORM");
    assert_eq!(chosen("d", None, false), "LDR-CATALOGUE-UNKNOWN");
    let none = choose(&[], "a", None, Some(here), false).expect_err("there is no catalogue");
    assert_eq!(none.code, "LDR-CATALOGUE-UNKNOWN");
    let found = search(&catalogues, "A", true);
    let shown: Vec<String> = found
        .iter()
        .filter_map(|found| found.entry.version.as_ref().map(ToString::to_string))
        .collect();
    assert_eq!(shown, ["4.0.0-rc.1", "3.0.0", "2.0.0", "2.0.0", "1.5.0", "1.0.0"]);
    assert_eq!(search(&catalogues, "", true).len(), 8);
    assert_eq!(search(&catalogues, "", false).len(), 6);
    let only_prereleases = choose(&catalogues, "b", None, Some(here), false).expect_err("refused");
    assert_eq!(only_prereleases.hint.as_deref(), Some("loader plugins install b --prerelease"));
    let four = "4".parse().ok();
    let refused = choose(&catalogues, "a", four.as_ref(), Some(here), false).expect_err("refused");
    assert_eq!(refused.hint.as_deref(), Some("loader plugins install 'a@^4' --prerelease"));
}

#[test]
fn other_bytes_than_the_catalogue_says_are_refused() {
    let text =
        format!("[[entries]]\nid = \"a\"\nurl = \"https://h/a.ldr\"\nsha256 = \"{DIGEST}\"\n");
    let entries = parse("index.toml", &text).catalogue.expect("a catalogue").entries;

    assert_eq!(entries[0].check(Digest::of(b"hello")), Ok(()));
    let refusal = entries[0].check(Digest::of(b"hallo")).expect_err("refused");
    assert_eq!(refusal.code, "LDR-CATALOGUE-DIGEST");
}
