//! Where code may come from is said by the operator alone.

use super::*;

/// The settings that are honoured only from system and user configuration and from flags.
const TRUSTED_ONLY: [(&str, &str); 10] = [
    ("plugins.load_paths", "['/code']"),
    ("plugins.bundled_dir", "'/code'"),
    ("plugins.allow", "['a']"),
    ("plugins.deny", "['a']"),
    ("plugins.user_dir", "'/installed'"),
    ("plugins.workspaces", "['/work']"),
    ("plugins.catalogues", "['/index.toml']"),
    ("plugins.slots", "{ memory = 'a' }"),
    ("plugins.trust", "{ owners = [1] }"),
    ("web_fetch.allow_private", "true"),
];

fn set_all() -> String {
    TRUSTED_ONLY.map(|(key, value)| format!("{key} = {value}\n")).concat()
}

fn assert_is_set(resolved: &Resolved) {
    let plugins = &resolved.config.plugins;
    assert_eq!(plugins.load_paths, [Path::new("/code")]);
    assert_eq!(plugins.bundled_dir.as_deref(), Some(Path::new("/code")));
    assert_eq!(plugins.allow, ["a"]);
    assert_eq!(plugins.deny, ["a"]);
    assert_eq!(plugins.user_dir.as_deref(), Some(Path::new("/installed")));
    assert_eq!(plugins.workspaces, [Path::new("/work")]);
    assert_eq!(plugins.catalogues, ["/index.toml"]);
    assert_eq!(plugins.slots.get("memory").map(String::as_str), Some("a"));
    assert_eq!(plugins.trust.owners, [1]);
    assert!(resolved.config.web_fetch.allow_private);
    assert!(resolved.warnings.is_empty(), "{}", say(&resolved.warnings));
}

#[test]
fn exactly_these_settings_are_trusted_only() {
    let schema = loader_gateway::config::schema();
    let mut marked: Vec<String> = Vec::new();
    for (definition, schema) in schema["$defs"].as_object().expect("definitions") {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            if field["x-loader-trusted"] == true {
                marked.push(format!("{}.{name}", definition.to_lowercase()));
            }
        }
    }
    // Of sections, the schema has the types' names: `WebFetch`.
    let mut expected = TRUSTED_ONLY.map(|(key, _)| match key.split_once('.') {
        Some((section, name)) => format!("{}.{name}", section.replace('_', "")),
        None => key.to_owned(),
    });
    expected.sort();
    assert_eq!(marked, expected);
}

#[test]
fn system_user_named_file_and_flags_are_trusted() {
    assert_is_set(&Machine::new().system(&set_all()).resolve());
    assert_is_set(&Machine::new().user(&set_all()).resolve());
    assert_is_set(&Machine::new().named(&set_all()).resolve());
    let mut machine = Machine::new();
    for (key, value) in TRUSTED_ONLY {
        let table: toml::Table = format!("value = {value}").parse().expect("valid TOML");
        machine = machine.flag(key, table["value"].clone());
    }
    assert_is_set(&machine.resolve());
}

#[test]
fn a_projects_file_is_not_trusted() {
    let machine = Machine::new().user("plugins.allow = ['mine']").project(&set_all());
    let resolved = machine.resolve();
    let plugins = &resolved.config.plugins;
    assert_eq!(plugins.allow, ["mine"]);
    assert_eq!(layer(&resolved, "plugins.allow"), Layer::User);
    assert!(plugins.load_paths.is_empty() && plugins.deny.is_empty());
    assert!(plugins.bundled_dir.is_none() && plugins.trust.owners.is_empty());
    assert!(!resolved.config.web_fetch.allow_private);
    let keys = TRUSTED_ONLY.iter().map(|(key, _)| key.find('.').expect("a section") + 2);
    let places_of_keys: Vec<_> =
        keys.zip(1..).map(|(column, line)| ("LDR-CFG-UNTRUSTED", line, column)).collect();
    assert_eq!(places(&resolved.warnings), places_of_keys);
    assert_eq!(
        resolved.warnings[0].to_string(),
        format!(
            "warning[LDR-CFG-UNTRUSTED]: `plugins.load_paths` is ignored: it is not honoured from a \
             project's file, because whoever wrote the folder is not to say what the gateway trusts\n  \
             --> {project}:1:9\n  hint: put it in `{user}`, or trust this file as a whole with \
             `--config {project}`",
            project = machine.project_file().display(),
            user = machine.user_file().display(),
        )
    );
}

#[test]
fn no_spelling_gets_a_project_past_the_check() {
    for text in [
        "[plugins]\nload_paths = ['/code']",
        "[\"plugins\"]\n\"load\\u005Fpaths\" = ['/code']",
        "plugins = { load_paths = ['/code'] }",
        "[plugins.trust]\nowners = [1]",
        "plugins.trust.owners = [1]",
        "plugins.trust = 1",
        "plugins.load_paths = 1",
        "plugins.allow = []",
    ] {
        let resolved = Machine::new().project(text).resolve();
        assert_eq!(resolved.config, Default::default(), "{text}");
        assert_eq!(resolved.warnings.len(), 1, "{text}");
        assert_eq!(resolved.warnings[0].code, "LDR-CFG-UNTRUSTED", "{text}");
    }
}

#[test]
fn the_environment_is_not_trusted() {
    for (name, value) in [
        ("LOADER__PLUGINS__LOAD_PATHS", "['/code']"),
        ("LOADER__plugins__load-paths", "['/code']"),
        ("LOADER__PLUGINS__BUNDLED_DIR", "/code"),
        ("LOADER__PLUGINS__ALLOW", "['a']"),
        ("LOADER__PLUGINS__DENY", "[]"),
        ("LOADER__PLUGINS__TRUST__OWNERS", "[1]"),
    ] {
        let resolved = Machine::new().variable(name, value).resolve();
        assert_eq!(resolved.config, Default::default(), "{name}");
        assert_eq!(resolved.warnings.len(), 1, "{name}");
        assert_eq!(resolved.warnings[0].code, "LDR-CFG-UNTRUSTED", "{name}");
        assert!(resolved.warnings[0].message.contains(name), "{name}");
    }
    // A table as a whole is not a way around: the environment holds no tables.
    let problems = Machine::new().variable("LOADER__PLUGINS", "{ allow = ['a'] }").problems();
    assert_eq!(problems[0].code, "LDR-CFG-TYPE");
}
