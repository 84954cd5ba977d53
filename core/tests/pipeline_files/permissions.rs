//! Who can change a plugin's files: everything from `/` to each of them is judged.

use crate::{
    elf::Elf,
    plugin::{Folder, MANIFEST, chmod, codes, facts, write},
    vetting::policy,
};
use loader_core::{
    diagnostic::Diagnostic,
    discovery::{Origin, Root, discover},
    trust::Trust,
    vetting::{Policy, Vetted, vet},
};
use std::{
    fs,
    os::unix::fs::{chown, lchown, symlink},
    path::PathBuf,
};

#[test]
fn files_and_folders_that_others_can_change_are_refused() {
    for (what, mode, code) in [
        ("libhello.so", 0o664, "LDR-VET-MODE"),
        ("libhello.so", 0o646, "LDR-VET-MODE"),
        ("libhello.so", 0o4755, "LDR-VET-SETUID"),
        ("libhello.so", 0o2755, "LDR-VET-SETUID"),
        ("libhello.so", 0o1755, "LDR-VET-SETUID"),
        ("plugin.toml", 0o4644, "LDR-VET-SETUID"),
        ("plugin.toml", 0o666, "LDR-VET-MODE"),
        ("", 0o775, "LDR-VET-MODE"),
        ("", 0o1777, "LDR-VET-STICKY"),
        ("..", 0o777, "LDR-VET-MODE"),
        ("..", 0o770, "LDR-VET-MODE"),
        ("..", 0o1777, "LDR-VET-STICKY"),
    ] {
        let folder = Folder::new();
        let candidate = folder.sound();
        let path = candidate.folder().join(what);
        chmod(&path, mode);
        let refusals = vet(&candidate, &policy()).expect_err(code);
        assert_eq!(codes(&refusals), [code], "{what} {mode:o}");
        assert!(refusals[0].hint.as_ref().unwrap().starts_with("chmod "), "{refusals:#?}");
        let trusting =
            Policy { trust: Trust { check_permissions: false, ..Trust::default() }, ..policy() };
        vet(&candidate, &trusting).expect("the switch turns the check off");
    }
}

/// A plugin folder somewhere below a folder of the test's, and where that is.
fn deep(folder: &Folder) -> (PathBuf, Root) {
    let root = folder.path().join("above/plugins");
    fs::create_dir_all(&root).unwrap();
    fs::rename(folder.plugin("hello", MANIFEST), root.join("hello")).unwrap();
    write(&root.join("hello/libhello.so"), &Elf::new(&facts()).bytes());
    let plugins = Root { path: root.clone(), origin: Origin::Bundled, required: true };
    (folder.path().join("above"), plugins)
}

fn vet_first(root: Root) -> Result<Vetted, Vec<Diagnostic>> {
    let found = discover(&[root]);
    vet(&found.candidates[0], &policy())
}

#[test]
fn everything_above_the_plugins_counts_too() {
    let folder = Folder::new();
    let (above, root) = deep(&folder);
    vet_first(root.clone()).expect("sound");
    for mode in [0o777, 0o775] {
        chmod(&above, mode);
        let refusals = vet_first(root.clone()).unwrap_err();
        assert_eq!(codes(&refusals), ["LDR-VET-MODE"], "{mode:o}");
        assert_eq!(refusals[0].place.as_ref().unwrap().path, above);
    }
    chmod(&above, 0o1777);
    vet_first(root.clone()).expect("a folder like /tmp above the plugins is fine");
    chmod(&above, 0o755);
    if chown(&above, Some(65_533), None).is_ok() {
        assert_eq!(codes(&vet_first(root).unwrap_err()), ["LDR-VET-OWNER"]);
    }
}

#[test]
fn links_on_the_way_to_the_plugins_are_followed_and_judged() {
    let folder = Folder::new();
    let (above, root) = deep(&folder);
    let link = folder.path().join("link");
    symlink("above/plugins/../plugins", &link).unwrap();
    let linked = Root { path: link.clone(), ..root };
    vet_first(linked.clone()).expect("a link of our own to folders of our own");
    chmod(&above, 0o777);
    let refusals = vet_first(linked.clone()).unwrap_err();
    assert_eq!(codes(&refusals), ["LDR-VET-MODE"], "where the link leads is judged");
    chmod(&above, 0o755);
    let round = folder.path().join("round");
    symlink(&round, &round).unwrap();
    let found = discover(&[Root { path: round, ..linked.clone() }]);
    assert_eq!(codes(&found.diagnostics), ["LDR-DISCOVERY-ROOT"]);
    if lchown(&link, Some(65_533), None).is_ok() {
        let refusals = vet_first(linked).unwrap_err();
        assert_eq!(codes(&refusals), ["LDR-VET-OWNER"], "whoever owns the link can turn it");
        assert_eq!(refusals[0].place.as_ref().unwrap().path, link);
    }
}

#[test]
fn files_of_another_user_are_refused() {
    for what in ["libhello.so", "plugin.toml", "", ".."] {
        let folder = Folder::new();
        let candidate = folder.sound();
        // Only the superuser can give files away.
        if chown(candidate.folder().join(what), Some(65_533), None).is_err() {
            return;
        }
        let refusals = vet(&candidate, &policy()).expect_err(what);
        assert_eq!(codes(&refusals), ["LDR-VET-OWNER"], "{what}");
        assert!(refusals[0].message.contains("65533"), "{refusals:#?}");
        let trusting =
            Policy { trust: Trust { owners: [65_533].into(), ..Trust::default() }, ..policy() };
        vet(&candidate, &trusting).expect("the operator trusts this owner");
    }
}

#[test]
fn schemas_are_judged_like_the_library() {
    let manifest = format!("{MANIFEST}[config]\nschema = \"config.schema.json\"\n");
    let folder = Folder::new();
    let candidate = folder.candidate(&manifest, &Elf::new(&facts()).bytes());
    let schema = candidate.folder().join("config.schema.json");
    write(&schema, b"{}");
    vet(&candidate, &policy()).expect("sound");
    chmod(&schema, 0o666);
    assert_eq!(codes(&vet(&candidate, &policy()).unwrap_err()), ["LDR-VET-MODE"]);
}

#[test]
fn a_manifest_that_changed_since_it_was_read_is_refused() {
    let folder = Folder::new();
    let candidate = folder.sound();
    write(candidate.manifest_path(), MANIFEST.replace("0.1.0", "0.1.1").as_bytes());
    assert_eq!(codes(&vet(&candidate, &policy()).unwrap_err()), ["LDR-VET-CHANGED"]);
    fs::remove_file(candidate.manifest_path()).unwrap();
    assert_eq!(codes(&vet(&candidate, &policy()).unwrap_err()), ["LDR-VET-CHANGED"]);
}

#[test]
fn a_hard_link_is_refused_and_a_warning_in_development() {
    let folder = Folder::new();
    let candidate = folder.sound();
    let library = candidate.folder().join("libhello.so");
    fs::hard_link(&library, folder.path().join("other-name")).unwrap();
    assert_eq!(codes(&vet(&candidate, &policy()).unwrap_err()), ["LDR-VET-LINKS"]);
    let linked = discover(&[folder.root(Origin::Config)]).candidates.remove(0);
    assert_eq!(codes(vet(&linked, &policy()).unwrap().warnings()), ["LDR-VET-LINKS"]);
}

#[test]
fn the_name_that_cargo_builds_a_library_under_is_no_warning_in_development() {
    let folder = Folder::new();
    let candidate = folder.sound();
    let library = candidate.folder().join("libhello.so");
    let deps = candidate.folder().join("deps");
    fs::create_dir(&deps).unwrap();
    fs::hard_link(&library, deps.join("libhello.so")).unwrap();
    assert_eq!(codes(&vet(&candidate, &policy()).unwrap_err()), ["LDR-VET-LINKS"]);
    let linked = discover(&[folder.root(Origin::Config)]).candidates.remove(0);
    assert!(vet(&linked, &policy()).unwrap().warnings().is_empty());
    // A third name is not cargo's, and neither is a second one anywhere else.
    fs::hard_link(&library, folder.path().join("other-name")).unwrap();
    assert_eq!(codes(vet(&linked, &policy()).unwrap().warnings()), ["LDR-VET-LINKS"]);
    fs::remove_file(deps.join("libhello.so")).unwrap();
    fs::copy(&library, deps.join("libhello.so")).unwrap();
    assert_eq!(codes(vet(&linked, &policy()).unwrap().warnings()), ["LDR-VET-LINKS"]);
}

#[test]
fn a_folder_in_development_may_be_writable_by_the_users_own_group() {
    let folder = Folder::new();
    let candidate = folder.sound();
    chmod(&candidate.folder().join("libhello.so"), 0o664);
    assert_eq!(codes(&vet(&candidate, &policy()).unwrap_err()), ["LDR-VET-MODE"]);
    let linked = discover(&[folder.root(Origin::Config)]).candidates.remove(0);
    assert_eq!(codes(vet(&linked, &policy()).unwrap().warnings()), ["LDR-VET-MODE"]);
    chmod(&candidate.folder().join("libhello.so"), 0o646);
    assert_eq!(codes(&vet(&linked, &policy()).unwrap_err()), ["LDR-VET-MODE"]);
    chmod(&candidate.folder().join("libhello.so"), 0o664);
    if chown(candidate.folder().join("libhello.so"), None, Some(65_533)).is_ok() {
        assert_eq!(codes(&vet(&linked, &policy()).unwrap_err()), ["LDR-VET-MODE"], "not ours");
    }
}
