//! The manifest: what it says, and what each mistake in it earns, where.

use crate::plugin::MANIFEST;
use loader_core::{
    diagnostic::{Diagnostic, Severity},
    manifest::{Kind, Library, MAX_BYTES, MAX_SKILLS, Manifest, Parsed, Platform, PluginSpec},
};
use std::path::Path;

const FULL: &str = r#"
manifest = 1
id = "acme"
name = "Acme"
version = "1.2.3-beta.1"
description = "Everything of Acme."
authors = ["Ann <ann@example.org>", "Bob"]
license = "MIT"
homepage = "https://example.org/acme"
keywords = ["speech", "search"]
kind = "vendor"
abi = "1.0"

[library]
linux-x86_64 = "lib/libacme.so"
macos-aarch64 = "lib/libacme.dylib"

[provides]
"text-inference/1" = ["acme", { id = "acme-fast", models = ["a", "b"], limits = { tokens = 4096 }, since = 2026-01-02 }]
"health/1" = ["acme"]

[requires]
services = ["http-client/1", "kv/1"]
contracts = ["text-inference/1"]

[config]
schema = "config.schema.json"
account_schema = "account.schema.json"

[secrets.acme]
env = ["ACME_API_KEY", "ACME_KEY"]
about = "The key of an account."

[activation]
commands = ["acme"]
channels = ["acme-chat"]
providers = ["acme"]

[setup]
providers = ["acme"]
single_account_keys = ["token"]

[reload]
config_prefixes = ["secrets.acme"]

[[extensions]]
id = "speech"
name = "Acme speech"
description = "Speaks."
library = { path = "lib/libspeech.so" }
provides = { "speech/1" = ["acme"] }

[[extensions]]
id = "search"
[extensions.requires]
services = ["http-client/1"]
[extensions.config]
schema = "search.schema.json"
"#;

fn parse(text: &str) -> Parsed {
    Manifest::parse(Path::new("acme/plugin.toml"), text)
}

fn sound(text: &str) -> Manifest {
    let parsed = parse(text);
    assert_eq!(parsed.diagnostics, []);
    parsed.manifest.unwrap()
}

/// Code, line and column of each finding; every one must name the file and have a hint.
fn found(text: &str) -> Vec<(&'static str, usize, usize)> {
    let parsed = parse(text);
    let errors = parsed.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(parsed.manifest.is_none(), errors, "{:#?}", parsed.diagnostics);
    let place = |finding: &Diagnostic| {
        let place = finding.place.as_ref().unwrap();
        assert_eq!(place.path, Path::new("acme/plugin.toml"));
        assert!(finding.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{finding:?}");
        (finding.code, place.line.unwrap(), place.column.unwrap())
    };
    parsed.diagnostics.iter().map(place).collect()
}

/// [`MANIFEST`] with one piece of text replaced.
fn with(from: &str, to: &str) -> String {
    assert!(MANIFEST.contains(from), "{from}");
    MANIFEST.replacen(from, to, 1)
}

#[test]
fn every_key_is_read() {
    let manifest = sound(FULL);
    assert_eq!((manifest.id.as_str(), manifest.name.as_deref()), ("acme", Some("Acme")));
    assert_eq!(manifest.version.to_string(), "1.2.3-beta.1");
    assert_eq!(manifest.description.as_deref(), Some("Everything of Acme."));
    assert_eq!(manifest.authors, ["Ann <ann@example.org>", "Bob"]);
    assert_eq!(manifest.licence.as_deref(), Some("MIT"));
    assert_eq!(manifest.homepage.as_deref(), Some("https://example.org/acme"));
    assert_eq!(manifest.keywords, ["speech", "search"]);
    assert_eq!(manifest.kind, Some(Kind::Vendor));
    assert_eq!(manifest.abi.map(|abi| (abi.major, abi.minor)), Some((1, 0)));
    let library = manifest.library.as_ref().unwrap();
    let linux: Platform = "linux-x86_64".parse().unwrap();
    assert_eq!(library.file_for(linux).unwrap().as_str(), "lib/libacme.so");
    assert_eq!(library.file_for("windows-x86_64".parse().unwrap()), None);
    let names: Vec<String> = library.platforms().map(|platform| platform.to_string()).collect();
    assert_eq!(names, ["linux-x86_64", "macos-aarch64"]);
    assert_eq!(manifest.config.schema.as_ref().unwrap().as_str(), "config.schema.json");
    assert_eq!(manifest.config.account_schema.as_ref().unwrap().as_str(), "account.schema.json");
    assert_eq!(manifest.activation.commands, ["acme"]);
    assert_eq!(manifest.activation.channels, ["acme-chat"]);
    assert_eq!(manifest.activation.providers, ["acme"]);
    assert_eq!(manifest.setup.providers, ["acme"]);
    assert_eq!(manifest.setup.single_account_keys, ["token"]);
    assert_eq!(manifest.reload.config_prefixes, ["secrets.acme"]);
    assert_eq!(manifest.secrets["acme"].env, ["ACME_API_KEY", "ACME_KEY"]);
    assert_eq!(manifest.secrets["acme"].about.as_deref(), Some("The key of an account."));
    let services: Vec<String> =
        manifest.requires.services.iter().map(ToString::to_string).collect();
    assert_eq!(services, ["http-client/1", "kv/1"]);
}

/// The page's example has every key, and its tables have every key of the example.
#[test]
fn the_reference_has_every_key() {
    let page = include_str!("../../../docs/reference/manifest.md");
    let (_, after) = page.split_once("```toml\n").expect("an example");
    let (example, tables) = after.split_once("```").expect("the example's end");
    let manifest = sound(example);
    let says =
        |value: &serde_json::Value| !matches!(value.to_string().as_str(), "null" | "[]" | "{}");
    let written = serde_json::to_value(&manifest).unwrap();
    let known = ["bundle"];
    let empty: Vec<_> =
        written.as_object().unwrap().iter().filter(|(_, value)| !says(value)).collect();
    assert!(empty.is_empty(), "the example leaves out {empty:?}");
    let keys = example.lines().filter_map(|line| {
        let (key, _) = line.split_once(" = ")?;
        (!key.contains('"') && !key.contains(' ')).then_some(key)
    });
    let headings = example.lines().filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'));
    let headings = headings.map(|name| name.trim_matches(['[', ']']).split('.').next().unwrap());
    for key in keys.chain(headings).chain(known) {
        let spellings = [format!("`{key}`"), format!("`[{key}"), format!("`[[{key}")];
        assert!(spellings.iter().any(|one| tables.contains(one)), "nothing says what `{key}` is");
    }
}

#[test]
fn what_is_said_of_secrets_makes_sense() {
    let with = |more: &str| found(&format!("{MANIFEST}\n{more}\n"));
    let line = MANIFEST.lines().count() + 2;
    assert_eq!(with("[secrets]\na = 1"), [("LDR-MANIFEST-TYPE", line + 1, 5)]);
    assert_eq!(with("[secrets.a]\nenv = [\"A-B\"]"), [("LDR-MANIFEST-VALUE", line + 1, 8)]);
    assert_eq!(with("[secrets.a]\nenv = [\"1A\"]"), [("LDR-MANIFEST-VALUE", line + 1, 8)]);
    assert_eq!(with("[secrets.\"a b\"]"), [("LDR-MANIFEST-VALUE", line, 10)]);
    assert_eq!(with("[secrets.a]\nvar = []"), [("LDR-MANIFEST-KEY", line + 1, 1)]);
}

#[test]
fn capabilities_keep_their_attributes() {
    let manifest = sound(FULL);
    let provided = |id: &str| {
        let found = manifest.provides.iter().find(|provided| provided.id == id);
        found.unwrap()
    };
    assert_eq!(manifest.provides.len(), 3);
    assert_eq!(provided("acme-fast").contract.to_string(), "text-inference/1");
    let attributes = serde_json::Value::Object(provided("acme-fast").attributes.clone());
    let expected = serde_json::json!({
        "models": ["a", "b"], "limits": { "tokens": 4096 }, "since": "2026-01-02",
    });
    assert_eq!(attributes, expected);
    assert!(provided("acme").attributes.is_empty());
}

#[test]
fn a_capability_has_aliases_an_order_and_a_line() {
    let own = "{ id = \"acme-fast\", aliases = [\"fast\", \"quick\"], order = -3,";
    let manifest = sound(&FULL.replacen("{ id = \"acme-fast\",", own, 1));
    let fast = manifest.provides.iter().find(|one| one.id == "acme-fast").unwrap();
    assert_eq!(fast.aliases().collect::<Vec<_>>(), ["fast", "quick"]);
    let line = 1 + FULL[..FULL.find("acme-fast").unwrap()].matches('\n').count();
    assert_eq!((fast.order(), fast.line), (-3, line));
    let health = manifest.provides.iter().find(|one| one.id == "acme").unwrap();
    assert_eq!((health.aliases().count(), health.order()), (0, 0));
}

#[test]
fn aliases_and_orders_that_cannot_be_are_refused_with_their_place() {
    let provide = |text: &str| format!("{MANIFEST}\n\"tool/1\" = [{text}]\n");
    let line = MANIFEST.lines().count() + 2;
    let long = format!("{{ id = \"a\", aliases = [\"{}\"] }}", "x".repeat(129));
    for (text, code, column) in [
        ("{ id = \"a\", aliases = \"b\" }", "LDR-MANIFEST-TYPE", 35),
        ("{ id = \"a\", aliases = [7] }", "LDR-MANIFEST-TYPE", 36),
        ("{ id = \"a\", aliases = [\"b c\"] }", "LDR-MANIFEST-VALUE", 36),
        (&long, "LDR-MANIFEST-VALUE", 36),
        ("{ id = \"a\", order = \"1\" }", "LDR-MANIFEST-TYPE", 33),
        ("{ id = \"a\", order = 1.5 }", "LDR-MANIFEST-TYPE", 33),
        ("{ id = \"a\", aliases = [\"a\"] }", "LDR-MANIFEST-DUPLICATE", 36),
        ("{ id = \"a\", aliases = [\"b\", \"b\"] }", "LDR-MANIFEST-DUPLICATE", 41),
        ("{ id = \"a\", aliases = [\"b\"] }, \"b\"", "LDR-MANIFEST-DUPLICATE", 44),
        (
            "{ id = \"a\", aliases = [\"c\"] }, { id = \"b\", aliases = [\"c\"] }",
            "LDR-MANIFEST-DUPLICATE",
            67,
        ),
    ] {
        assert_eq!(found(&provide(text)), [(code, line, column)], "{text}");
    }
}

#[test]
fn activation_belongs_to_one_plugin() {
    let more = "[extensions.activation]\ncommands = [\"find\"]\n[extensions.requires]";
    let plugins = sound(&FULL.replacen("[extensions.requires]", more, 1)).plugins();
    let commands: Vec<_> =
        plugins.iter().map(|plugin| plugin.activation.commands.join(" ")).collect();
    assert_eq!(commands, ["acme", "", "find"]);
    let pack = "manifest = 1\nid = \"p\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n[library]\n\
        path = \"a.so\"\n[activation]\ncommands = [\"p\"]\n[[extensions]]\nid = \"a\"\n";
    assert_eq!(found(pack), [("LDR-MANIFEST-UNUSED", 7, 2)]);
}

#[test]
fn a_pack_is_flattened_into_its_plugins() {
    let plugins = sound(FULL).plugins();
    let ids: Vec<(&str, &str, &str)> = plugins
        .iter()
        .map(|plugin| (plugin.id.as_str(), plugin.library_plugin_id.as_str(), plugin.name.as_str()))
        .collect();
    assert_eq!(
        ids,
        [
            ("acme", "acme", "Acme"),
            ("acme/speech", "speech", "Acme speech"),
            ("acme/search", "search", "acme/search"),
        ]
    );
    let linux: Platform = "linux-x86_64".parse().unwrap();
    let files: Vec<&str> =
        plugins.iter().map(|plugin| library(plugin).file_for(linux).unwrap().as_str()).collect();
    assert_eq!(files, ["lib/libacme.so", "lib/libspeech.so", "lib/libacme.so"]);
    assert!(plugins.iter().all(|plugin| plugin.version.to_string() == "1.2.3-beta.1"));
    assert_eq!(plugins[1].description.as_deref(), Some("Speaks."));
    assert_eq!(plugins[2].requires.services.len(), 1);
    assert!(plugins[2].requires.contracts.is_empty(), "a pack's tables are its own plugin's");
}

fn library(plugin: &PluginSpec) -> &Library {
    plugin.content.library().expect("a plugin with code")
}

#[test]
fn a_bundle_has_files_and_nothing_of_code() {
    let bundle = "manifest = 1\nid = \"house\"\nversion = \"1.0.0\"\nslot = \"house\"\n\
        [bundle]\nskills = [\"skills/tidy/SKILL.md\", \"cook.md\"]\n";
    let plugins = sound(bundle).plugins();
    let [plugin] = plugins.as_slice() else { panic!("{plugins:?}") };
    assert_eq!((plugin.content.kind(), plugin.content.library()), ("bundle", None));
    assert_eq!((plugin.abi, plugin.provides.len()), (None, 0));
    let json = serde_json::to_value(plugin).unwrap();
    assert_eq!(json["bundle"]["skills"][1], "cook.md");
    assert_eq!((json.get("library"), json.get("abi")), (None, None));

    for more in [
        "[library]\npath = \"a.so\"",
        "[[extensions]]\nid = \"a\"\nlibrary = { path = \"a.so\" }",
        "[provides]\n\"health/1\" = [\"a\"]",
        "[requires]\nservices = [\"kv/1\"]",
        "[config]\nschema = \"a.json\"",
        "[activation]\ncommands = [\"a\"]",
        "[secrets.a]\nenv = [\"A\"]",
        "[setup]\nproviders = [\"a\"]",
    ] {
        let column = if more.starts_with("[[") { 3 } else { 2 };
        let text = format!("{bundle}{more}\n");
        assert_eq!(found(&text), [("LDR-MANIFEST-BUNDLE", 7, column)], "{more}");
    }
    let edited = |from: &str, to: &str| bundle.replacen(from, to, 1);
    let skills = "[\"skills/tidy/SKILL.md\", \"cook.md\"]";
    let many: Vec<String> = (0..=MAX_SKILLS).map(|number| format!("\"{number}.md\"")).collect();
    let many = format!("[{}]", many.join(","));
    for (text, expected) in [
        (edited("slot", "abi = \"1.0\"\nslot"), ("LDR-MANIFEST-BUNDLE", 4, 1)),
        (edited("skills = ", "texts = "), ("LDR-MANIFEST-MISSING", 5, 1)),
        (edited(skills, "[]"), ("LDR-MANIFEST-MISSING", 5, 1)),
        (edited(skills, "\"cook.md\""), ("LDR-MANIFEST-TYPE", 6, 10)),
        (edited(skills, "[\"cook.md\", 7]"), ("LDR-MANIFEST-TYPE", 6, 22)),
        (edited("\"cook.md", "\"../cook.md"), ("LDR-MANIFEST-PATH", 6, 35)),
        (edited("\"cook.md", "\"/cook.md"), ("LDR-MANIFEST-PATH", 6, 35)),
        (edited("\"cook.md", "\"skills/tidy/SKILL.md"), ("LDR-MANIFEST-DUPLICATE", 6, 35)),
        (edited(skills, &many), ("LDR-MANIFEST-VALUE", 5, 1)),
        (edited("[bundle]\nskills", "bundle"), ("LDR-MANIFEST-TYPE", 5, 10)),
    ] {
        assert_eq!(found(&text), [expected], "{text}");
    }
}

#[test]
fn a_pack_that_provides_nothing_is_no_plugin_itself() {
    let pack = "manifest = 1\nid = \"pack\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n\
        [[extensions]]\nid = \"one\"\nlibrary = { path = \"one.so\" }\n";
    let plugins = sound(pack).plugins();
    assert_eq!(plugins.len(), 1);
    assert_eq!(plugins[0].id, "pack/one");
    let with_requires = format!("{pack}[requires]\nservices = [\"kv/1\"]\n");
    assert_eq!(found(&with_requires), [("LDR-MANIFEST-UNUSED", 8, 2)]);
    let without_library = pack.replace("library = { path = \"one.so\" }\n", "");
    assert_eq!(found(&without_library), [("LDR-MANIFEST-MISSING", 5, 1)]);
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let two_libraries = "path = \"libhello.so\"\nlinux-x86_64 = \"libhello.so\"";
    for (text, expected) in [
        (String::new(), ("LDR-MANIFEST-MISSING", 1, 1)),
        (with("manifest = 1", "manifest = 2"), ("LDR-MANIFEST-FORMAT", 1, 12)),
        (with("manifest = 1", "manifest = \"1\""), ("LDR-MANIFEST-TYPE", 1, 12)),
        (with("id = \"hello\"\n", ""), ("LDR-MANIFEST-MISSING", 1, 1)),
        (with("\"hello\"\n", "\"Hello\"\n"), ("LDR-MANIFEST-VALUE", 2, 6)),
        (with("\"hello\"\n", "\"-hello\"\n"), ("LDR-MANIFEST-VALUE", 2, 6)),
        (with("\"hello\"\n", "\"a/b\"\n"), ("LDR-MANIFEST-VALUE", 2, 6)),
        (with("\"hello\"\n", &format!("\"{}\"\n", "a".repeat(65))), ("LDR-MANIFEST-VALUE", 2, 6)),
        (with("\"hello\"\n", "7\n"), ("LDR-MANIFEST-TYPE", 2, 6)),
        (with("0.1.0", "0.1"), ("LDR-MANIFEST-VALUE", 3, 11)),
        (with("abi = \"1.0\"", "abi = \"1\""), ("LDR-MANIFEST-VALUE", 4, 7)),
        (with("abi = \"1.0\"", "abi = \"01.0\""), ("LDR-MANIFEST-VALUE", 4, 7)),
        (with("abi = \"1.0\"\n", ""), ("LDR-MANIFEST-MISSING", 1, 1)),
        (with("abi", "name = \"a\\nb\"\nabi"), ("LDR-MANIFEST-VALUE", 4, 8)),
        (with("abi", "name = \" \"\nabi"), ("LDR-MANIFEST-VALUE", 4, 8)),
        (with("abi", "kind = \"vender\"\nabi"), ("LDR-MANIFEST-VALUE", 4, 8)),
        (with("abi", "authors = \"me\"\nabi"), ("LDR-MANIFEST-TYPE", 4, 11)),
        (with("abi", "authors = [\"me\", 7]\nabi"), ("LDR-MANIFEST-TYPE", 4, 18)),
        (with("abi", "licence = \"a\"\nlicense = \"b\"\nabi"), ("LDR-MANIFEST-DUPLICATE", 5, 11)),
        (with("[library]\npath", "[other]\npath"), ("LDR-MANIFEST-MISSING", 1, 1)),
        (with("path = \"libhello.so\"\n", ""), ("LDR-MANIFEST-MISSING", 6, 1)),
        (with("path = \"libhello.so\"", two_libraries), ("LDR-MANIFEST-VALUE", 6, 1)),
        (with("\"libhello.so\"", "\"/lib/libhello.so\""), ("LDR-MANIFEST-PATH", 7, 8)),
        (with("\"libhello.so\"", "\"../libhello.so\""), ("LDR-MANIFEST-PATH", 7, 8)),
        (with("\"libhello.so\"", "\"a\\\\b.so\""), ("LDR-MANIFEST-PATH", 7, 8)),
        (with("\"http-route/1\"", "http-route"), ("LDR-MANIFEST-VALUE", 10, 1)),
        (
            with("\"health/1\" = [\"hello\"]", "\"health/1\" = \"hello\""),
            ("LDR-MANIFEST-TYPE", 11, 14),
        ),
        (with("[\"hello\"]", "[\"hello\", \"hello\"]"), ("LDR-MANIFEST-DUPLICATE", 11, 24)),
        (with("[\"hello\"]", "[\"hello world\"]"), ("LDR-MANIFEST-VALUE", 11, 15)),
        (with("[\"hello\"]", "[{ prefix = \"/\" }]"), ("LDR-MANIFEST-MISSING", 11, 15)),
        (with("[\"hello\"]", "[{ id = \"hello\", x = nan }]"), ("LDR-MANIFEST-VALUE", 11, 35)),
        (with("[\"hello\"]", "[7]"), ("LDR-MANIFEST-TYPE", 11, 15)),
        (format!("{MANIFEST}[requires]\nservices = [\"kv\"]\n"), ("LDR-MANIFEST-VALUE", 13, 13)),
        (format!("{MANIFEST}[config]\nschema = \"../x\"\n"), ("LDR-MANIFEST-PATH", 13, 10)),
        (format!("{MANIFEST}extensions = []\n[x"), ("LDR-MANIFEST-SYNTAX", 13, 3)),
    ] {
        let all = found(&text);
        let errors: Vec<_> = all.iter().filter(|finding| finding.0 != "LDR-MANIFEST-KEY").collect();
        assert_eq!(errors, [&expected], "{text}");
    }
}

#[test]
fn columns_count_characters() {
    let text = with("abi", "name = \"Grüße\"  \nauthors = [\"日本\", 7]\nabi");
    assert_eq!(found(&text), [("LDR-MANIFEST-TYPE", 5, 18)]);
}

#[test]
fn several_mistakes_are_told_at_once_in_the_order_of_the_text() {
    let text = with("0.1.0", "zero").replace("1.0\"", "one\"").replace("libhello.so", "/x");
    assert_eq!(
        found(&text),
        [("LDR-MANIFEST-VALUE", 3, 11), ("LDR-MANIFEST-VALUE", 4, 7), ("LDR-MANIFEST-PATH", 7, 8)]
    );
    let syntax = "manifest = \nid = \"a\nversion = 1 2\n";
    let lines: Vec<usize> = found(syntax).iter().map(|(_, line, _)| *line).collect();
    assert_eq!(lines, [1, 2, 3]);
}

#[test]
fn an_unknown_key_warns_with_the_nearest_name() {
    let text =
        with("abi", "desciption = \"x\"\nabi").replace("path =", "linux-x86_65 = \"a\"\npath =");
    let parsed = parse(&text);
    assert!(parsed.manifest.is_some());
    let hints: Vec<_> = parsed
        .diagnostics
        .iter()
        .map(|finding| (finding.code, finding.severity, finding.hint.as_deref().unwrap()))
        .collect();
    let (code, warning) = ("LDR-MANIFEST-KEY", Severity::Warning);
    assert_eq!(
        hints,
        [
            (code, warning, "did you mean `description`?"),
            (code, warning, "did you mean `linux-x86_64`?"),
        ]
    );
    assert!(parsed.diagnostics.iter().all(|finding| finding.plugin.as_deref() == Some("hello")));
    let text = with("abi", "zzzzzzzz = 1\nabi");
    let hint = parse(&text).diagnostics[0].hint.clone().unwrap();
    assert!(hint.contains("known keys") && hint.contains("version"), "{hint}");
}

#[test]
fn another_format_is_the_only_thing_said() {
    let text = "manifest = 2\nid = 7\nwhatever = true\n";
    assert_eq!(found(text), [("LDR-MANIFEST-FORMAT", 1, 12)]);
    let message = &parse(text).diagnostics[0].message;
    assert!(message.contains("format 2") && message.contains("format 1"), "{message}");
}

#[test]
fn the_longest_manifest_is_read_and_a_longer_one_is_not() {
    let padded =
        |length: usize| format!("{MANIFEST}#{}\n", "x".repeat(length - MANIFEST.len() - 2));
    sound(&padded(MAX_BYTES));
    let parsed = parse(&padded(MAX_BYTES + 1));
    assert_eq!(parsed.manifest, None);
    assert_eq!(parsed.diagnostics[0].code, "LDR-MANIFEST-SIZE");
}

#[test]
fn a_flood_of_mistakes_is_cut_and_keeps_the_errors() {
    let warnings: String = (0..1000).map(|number| format!("unknown{number} = 1\n")).collect();
    let parsed = parse(&format!("{warnings}{}", with("0.1.0", "zero")));
    assert!(parsed.diagnostics.len() <= 20);
    assert!(parsed.diagnostics.iter().any(Diagnostic::is_error));
    assert_eq!(parsed.manifest, None);
}

#[test]
fn a_manifest_becomes_json_for_readers() {
    let json = serde_json::to_value(sound(FULL)).unwrap();
    assert_eq!(json["abi"], "1.0");
    assert_eq!(json["kind"], "vendor");
    assert_eq!(json["library"]["linux-x86_64"], "lib/libacme.so");
    assert_eq!(json["secrets"]["acme"]["env"][1], "ACME_KEY");
    assert_eq!(json["requires"]["services"][1], "kv/1");
    assert_eq!(json["extensions"][0]["provides"][0]["contract"], "speech/1");
    let plugin = serde_json::to_value(&sound(FULL).plugins()[1]).unwrap();
    assert_eq!(plugin["id"], "acme/speech");
    assert_eq!(plugin["library"]["path"], "lib/libspeech.so");
}

#[test]
fn the_bundled_plugins_have_sound_manifests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut seen = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path().join("plugin.toml");
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let parsed = Manifest::parse(&path, &text);
        assert_eq!(parsed.diagnostics, [], "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0, "no bundled plugin in {}", folder.display());
}
