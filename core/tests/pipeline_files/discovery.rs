//! Finding plugins: which folders count, who wins, and that one bad folder stops nothing.

use crate::plugin::{Folder, MANIFEST, codes, write};
use loader_core::{
    digest::Digest,
    discovery::{Origin, Root, discover},
};
use std::{fs, os::unix::fs::symlink, process::Command};

fn manifest(id: &str, version: &str) -> String {
    MANIFEST.replacen("id = \"hello\"", &format!("id = \"{id}\""), 1).replacen("0.1.0", version, 1)
}

fn ids(found: &loader_core::discovery::Discovery) -> Vec<&str> {
    found.candidates.iter().map(|candidate| candidate.id()).collect()
}

#[test]
fn every_plugin_folder_is_found_in_the_order_of_ids() {
    let folder = Folder::new();
    folder.plugin("1", &manifest("zebra", "0.1.0"));
    folder.plugin("2", &manifest("ant", "0.1.0"));
    folder.plugin("3", &manifest("mole", "0.1.0"));
    folder.plugin("_disabled", &manifest("disabled", "0.1.0"));
    folder.plugin(".hidden", &manifest("hidden", "0.1.0"));
    write(&folder.path().join("README"), b"not a folder");
    let found = folder.discover();
    assert_eq!(ids(&found), ["ant", "mole", "zebra"]);
    assert_eq!(found.diagnostics, []);
    let ant = &found.candidates[0];
    assert_eq!(ant.folder(), folder.path().join("2"));
    assert_eq!(ant.manifest_path(), folder.path().join("2/plugin.toml"));
    assert_eq!(ant.manifest_digest(), Digest::of(manifest("ant", "0.1.0").as_bytes()));
    assert_eq!(ant.origin(), Origin::Bundled);
}

#[test]
fn a_root_with_a_manifest_is_one_plugin() {
    let folder = Folder::new();
    let path = folder.plugin("hello", MANIFEST);
    fs::create_dir(path.join("src")).unwrap();
    let found = discover(&[Root { path, origin: Origin::Config, required: true }]);
    assert_eq!(ids(&found), ["hello"]);
    assert_eq!(found.diagnostics, []);
}

#[test]
fn an_earlier_origin_hides_a_later_one_visibly() {
    let (config, bundled) = (Folder::new(), Folder::new());
    let winner = config.plugin("mine", &manifest("hello", "0.2.0"));
    let loser = bundled.plugin("hello", &manifest("hello", "0.1.0"));
    bundled.plugin("other", &manifest("other", "0.1.0"));
    let found = discover(&[config.root(Origin::Config), bundled.root(Origin::Bundled)]);
    assert_eq!(ids(&found), ["hello", "other"]);
    assert_eq!(found.candidates[0].folder(), winner);
    assert_eq!(codes(&found.diagnostics), ["LDR-DISCOVERY-SHADOWED"]);
    let said = &found.diagnostics[0];
    assert!(!said.is_error());
    for part in [winner.to_str().unwrap(), loser.to_str().unwrap(), "0.2.0", "config", "bundled"] {
        assert!(said.message.contains(part), "`{part}` in {said:?}");
    }
}

#[test]
fn within_one_origin_the_second_is_refused() {
    let folder = Folder::new();
    let first = folder.plugin("a", &manifest("hello", "0.1.0"));
    let second = folder.plugin("b", &manifest("hello", "0.2.0"));
    let found = folder.discover();
    assert_eq!(ids(&found), ["hello"]);
    assert_eq!(found.candidates[0].folder(), first);
    assert_eq!(codes(&found.diagnostics), ["LDR-DISCOVERY-DUPLICATE"]);
    let said = &found.diagnostics[0];
    assert!(said.is_error());
    assert!(said.message.contains(first.to_str().unwrap()), "{said:?}");
    assert!(said.message.contains(second.to_str().unwrap()), "{said:?}");
    // What the hint says mends it.
    let hint = said.hint.as_deref().unwrap();
    let (_, command) = hint.split_once(": ").unwrap();
    assert_eq!(command, format!("rm -r {}", second.display()));
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success());
    assert_eq!(folder.discover().diagnostics, []);
}

#[test]
fn one_folder_named_twice_is_found_once() {
    let folder = Folder::new();
    folder.plugin("hello", MANIFEST);
    let roots =
        [folder.root(Origin::Config), folder.root(Origin::Config), folder.root(Origin::User)];
    let found = discover(&roots);
    assert_eq!(ids(&found), ["hello"]);
    assert_eq!(found.diagnostics, []);
}

#[test]
fn a_pack_is_several_plugins_and_wins_as_a_whole() {
    let pack = "manifest = 1\nid = \"pack\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n\
        library = { path = \"lib.so\" }\n[[extensions]]\nid = \"b\"\n[[extensions]]\nid = \"a\"\n";
    let (user, bundled) = (Folder::new(), Folder::new());
    user.plugin("pack", pack);
    bundled.plugin("pack", &format!("{pack}[[extensions]]\nid = \"c\"\n"));
    let found = discover(&[user.root(Origin::User), bundled.root(Origin::Bundled)]);
    assert_eq!(ids(&found), ["pack/a", "pack/b"]);
    assert_eq!(codes(&found.diagnostics), ["LDR-DISCOVERY-SHADOWED"]);
    let both = &found.candidates;
    assert_eq!(both[0].manifest_path(), both[1].manifest_path());
    assert_eq!(both[0].spec().content, both[1].spec().content);
}

#[test]
fn a_missing_root_matters_only_when_somebody_named_it() {
    let folder = Folder::new();
    let path = folder.path().join("nowhere");
    let root = |required| Root { path: path.clone(), origin: Origin::User, required };
    assert_eq!(discover(&[root(false)]).diagnostics, []);
    let found = discover(&[root(true)]);
    assert_eq!(codes(&found.diagnostics), ["LDR-DISCOVERY-ROOT"]);
    assert!(!found.diagnostics[0].is_error());
    write(&path, b"a file");
    let found = discover(&[root(false)]);
    assert_eq!(codes(&found.diagnostics), ["LDR-DISCOVERY-ROOT"]);
    assert!(found.diagnostics[0].is_error());
}

#[test]
fn one_bad_folder_never_stops_the_others() {
    let folder = Folder::new();
    folder.plugin("bad-syntax", "manifest = ");
    folder.plugin("bad-value", &manifest("UPPER", "0.1.0"));
    let not_text = folder.plugin("bad-bytes", "");
    write(&not_text.join("plugin.toml"), b"manifest = 1\n\xff");
    let large = folder.plugin("large", "");
    write(&large.join("plugin.toml"), &vec![b'#'; 256 * 1024 + 1]);
    fs::create_dir(folder.path().join("empty")).unwrap();
    let linked = folder.plugin("linked-manifest", "");
    fs::remove_file(linked.join("plugin.toml")).unwrap();
    symlink("/etc/passwd", linked.join("plugin.toml")).unwrap();
    // Nobody writes to this pipe: a reader that waits would wait for ever.
    let pipe = folder.path().join("pipe");
    fs::create_dir(&pipe).unwrap();
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let path = pipe.join("plugin.toml");
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    folder.plugin("sound", MANIFEST);
    symlink(folder.path().join("sound"), folder.path().join("z-link")).unwrap();

    let found = folder.discover();
    assert_eq!(ids(&found), ["hello"]);
    assert_eq!(
        codes(&found.diagnostics),
        [
            "LDR-DISCOVERY-LINK",  // z-link
            "LDR-MANIFEST-SYNTAX", // bad-bytes
            "LDR-MANIFEST-SYNTAX", // bad-syntax
            "LDR-MANIFEST-VALUE",  // bad-value
            "LDR-DISCOVERY-EMPTY", // empty
            "LDR-MANIFEST-SIZE",   // large
            "LDR-MANIFEST-READ",   // linked-manifest
            "LDR-MANIFEST-READ",   // pipe
        ]
    );
}

#[test]
fn a_file_of_the_plugin_is_read_within_limits() {
    let folder = Folder::new();
    let config = "[config]\nschema = \"config.schema.json\"\naccount_schema = \"missing.json\"\n";
    let path = folder.plugin("hello", &format!("{MANIFEST}{config}"));
    write(&path.join("config.schema.json"), b"{}");
    let found = folder.discover();
    let candidate = &found.candidates[0];
    let schemas = &candidate.spec().config;
    let (schema, missing) = (schemas.schema.as_ref(), schemas.account_schema.as_ref());
    assert_eq!(candidate.read(schema.unwrap(), 2).unwrap(), b"{}");
    let refusals = [
        candidate.read(schema.unwrap(), 1).unwrap_err(),
        candidate.read(missing.unwrap(), 100).unwrap_err(),
    ];
    assert_eq!(codes(&refusals), ["LDR-MANIFEST-FILE", "LDR-MANIFEST-FILE"]);
    assert!(refusals.iter().all(|refusal| refusal.plugin.as_deref() == Some("hello")));
}
