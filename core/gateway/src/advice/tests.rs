//! What is said of attributes, shapes and legacy hooks.

use super::*;
use loader_core::manifest::Manifest;
use std::path::Path;

/// The codes and hints for a plugin that provides this.
fn codes(provides: &str) -> Vec<(&'static str, bool)> {
    let text = format!(
        "manifest = 1\nid = \"a\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n\
         [library]\nlinux-x86_64 = \"liba.so\"\n[provides]\n{provides}\n"
    );
    let manifest = Manifest::parse(Path::new("plugin.toml"), &text).manifest.expect("a manifest");
    let spec = manifest.plugins().remove(0);
    findings(&spec).into_iter().map(|finding| (finding.code, finding.is_error())).collect()
}

#[test]
fn what_makes_sense_is_passed_over() {
    assert_eq!(codes("\"tool/1\" = [{ id = \"a\", about = \"Does.\", aliases = [\"b\"] }]"), []);
    assert_eq!(codes("\"speech/1\" = [{ id = \"a\", methods = [\"voices\"] }]"), []);
    assert_eq!(
        codes("\"shout/1\" = [{ id = \"a\", on = 7 }]"),
        [],
        "nobody's contract but its own"
    );
    assert_eq!(codes("\"channel/1\" = [{ id = \"a\", selectionLabel = \"A\" }]"), []);
}

#[test]
fn attributes_that_make_no_sense_are_refused() {
    let refused = [("LDR-CONTRACT-ATTRIBUTE", true)];
    for wrong in [
        "\"cli-command/1\" = [\"a\"]",
        "\"tool/1\" = [{ id = \"a\", about = 7 }]",
        "\"tool/1\" = [{ id = \"a\", read_only = \"yes\" }]",
        "\"scheduled-task/1\" = [{ id = \"a\", interval_ms = -1 }]",
        "\"scheduled-task/1\" = [{ id = \"a\", overlap = 7 }]",
        "\"cli-command/1\" = [{ id = \"a\", about = \"A.\", arguments = [\"b\"] }]",
        "\"speech/1\" = [{ id = \"a\", methods = \"voices\" }]",
    ] {
        assert_eq!(codes(wrong), refused, "{wrong}");
    }
    // A later version may have more words.
    let word = codes("\"scheduled-task/1\" = [{ id = \"a\", overlap = \"never\" }]");
    assert_eq!(word, [("LDR-CONTRACT-ATTRIBUTE", false)]);
    let unknown = codes("\"speech/1\" = [{ id = \"a\", methods = [\"sing\"] }]");
    assert_eq!(unknown, [("LDR-CONTRACT-METHOD", true)]);
}

#[test]
fn a_route_is_written_in_one_way_and_takes_nothing_of_the_gateways() {
    let route = |prefix: &str| {
        codes(&format!("\"http-route/1\" = [{{ id = \"a\", prefix = \"{prefix}\" }}]"))
    };
    for prefix in ["/shop", "/shop/cart", "/v10", "/healthy"] {
        assert_eq!(route(prefix), [], "{prefix}");
    }
    assert_eq!(codes("\"http-route/1\" = [\"shop\"]"), [], "its id is its prefix");
    for prefix in [
        "/", "shop", "/shop/", "//shop", "/a/../b", "/a?b", "/v1", "/v1/shop", "/health",
        "/admin/x",
    ] {
        assert_eq!(route(prefix), [("LDR-ROUTE-PREFIX", true)], "{prefix}");
    }
    assert_eq!(codes("\"http-route/1\" = [\"admin\"]"), [("LDR-ROUTE-PREFIX", true)]);
}

#[test]
fn a_key_that_looks_misspelt_is_told() {
    let told = codes("\"tool/1\" = [{ id = \"a\", abuot = \"Does.\" }]");
    assert_eq!(told, [("LDR-CONTRACT-ATTRIBUTE", false)]);
    assert_eq!(codes("\"tool/1\" = [{ id = \"a\", colour = \"red\" }]"), []);
}

#[test]
fn old_patterns_are_told() {
    let hook = |on: &str| format!("\"hook/1\" = [{{ id = \"a\", on = \"{on}\" }}]");
    let only = ("LDR-SHAPE-HOOK-ONLY", false);
    assert_eq!(codes(&hook("before_reply")), [only]);
    assert_eq!(codes(&hook("before_agent_start")), [("LDR-LEGACY-HOOK", false), only]);
    let with_a_tool = format!("{}\n\"tool/1\" = [\"a\"]", hook("before_agent_start"));
    assert_eq!(codes(&with_a_tool), [("LDR-LEGACY-HOOK", false)]);
}
