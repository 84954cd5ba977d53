//! What catalogues add to the picker, and by which rules.

use super::*;
use loader_core::package::CatalogueSource;
use serde_json::json;

fn catalogue(name: &str, entries: &Value) -> Catalogue {
    let source = CatalogueSource::parse(name).expect("a source");
    let parsed = Catalogue::parse(source, &json!({ "entries": entries }).to_string());
    assert_eq!(parsed.diagnostics, []);
    parsed.catalogue.expect("a catalogue")
}

fn entry(name: &str, channel: &Value) -> Value {
    json!({ "name": name, "loader": { "channel": channel } })
}

fn listed(catalogues: &[Catalogue]) -> (Vec<ListedChannel>, Vec<&'static str>) {
    let (channels, said) = list(&[], catalogues, &Config::default());
    (channels, said.iter().map(|finding| finding.code).collect())
}

#[test]
fn both_ways_to_write_a_key_say_the_same() {
    let camel = json!({
        "id": "x", "selectionLabel": "s", "docsPath": "/d", "docsLabel": "l", "detailLabel": "e",
        "preferOver": ["p"], "markdownCapable": true, "exposure": { "docs": false },
    });
    let snake = json!({
        "id": "x", "selection_label": "s", "docs_path": "/d", "docs_label": "l", "detail_label": "e",
        "prefer_over": ["p"], "markdown_capable": true, "exposure": { "docs": false },
    });
    let cards = [camel, snake].map(|card| {
        let (channels, said) = listed(&[catalogue("/c.json", &json!([entry("p/x", &card)]))]);
        assert_eq!(said, [""; 0]);
        channels.into_iter().next().expect("a channel").card
    });
    assert_eq!(cards[0], cards[1]);
    assert_eq!((cards[0].choice("x"), cards[0].exposure.docs), ("s", false));
    assert_eq!((cards[0].exposure.setup, cards[0].exposure.configured), (true, true));
}

#[test]
fn keys_of_long_ago_are_understood_and_named() {
    let old = json!({ "showConfigured": false, "show_in_setup": false });
    let (channels, said) = listed(&[catalogue("/c.json", &json!([entry("old", &old)]))]);
    assert_eq!(said, ["LDR-LEGACY-EXPOSURE"]);
    let exposure = channels[0].card.exposure;
    assert_eq!(exposure, Exposure { configured: false, setup: false, docs: true });
    let shown = serde_json::to_value(&channels[0]).expect("JSON");
    assert!(shown.get("show_configured").is_none() && shown.get("show_in_setup").is_none());
}

#[test]
fn what_makes_no_sense_lists_nothing_and_hides_nothing() {
    let bad = [
        json!({ "id": "a", "order": "first" }),
        json!({ "id": "a", "label": "\u{1b}[2J" }),
        json!({ "id": "a\n" }),
        json!({ "id": "a", "exposure": false }),
        json!([]),
    ];
    let mut entries: Vec<Value> = bad.iter().map(|card| entry("a", card)).collect();
    entries.push(entry("good", &json!({ "later": { "versions": 1 } })));
    let (channels, said) = listed(&[catalogue("/c.json", &json!(entries))]);
    assert_eq!(said, ["LDR-CHANNEL-CARD"; 5]);
    assert_eq!(channels.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["good"]);
}

#[test]
fn the_first_of_two_is_listed_unless_the_second_is_to_be_preferred() {
    let first = catalogue("/1.json", &json!([entry("plain", &json!({ "id": "x", "order": 9 }))]));
    let second = |prefer: &[&str]| {
        let card = json!({ "id": "x", "preferOver": prefer });
        catalogue("/2.json", &json!([entry("better", &card), entry("b", &json!({ "order": 1 }))]))
    };
    let chosen = |catalogues: &[Catalogue]| {
        let (channels, _) = listed(catalogues);
        channels.iter().map(|one| (one.id.clone(), one.plugin.clone())).collect::<Vec<_>>()
    };
    let named = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(id, plugin)| (id.to_string(), plugin.to_string())).collect::<Vec<_>>()
    };
    let plain = [first.clone(), second(&[])];
    assert_eq!(chosen(&plain), named(&[("b", "b"), ("x", "plain")]));
    let preferred = [first, second(&["plain"])];
    assert_eq!(chosen(&preferred), named(&[("b", "b"), ("x", "better")]));
}
