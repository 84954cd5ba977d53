//! Honest plugins in unusual but sound places: each is loaded, and its canaries do sing.

use super::{Case, Needs, ground::*};
use std::{fs, os::unix::fs::symlink};

/// The controls. Their codes mean nothing.
pub fn controls() -> Vec<Case> {
    let sound = |name, make| Case::new(name, "", make);
    vec![
        sound("as installed", |_| {}),
        sound("only for its owner", |it| {
            for (path, mode) in [
                (it.plugins.clone(), 0o700),
                (it.plugin(), 0o500),
                (it.library(), 0o400),
                (it.manifest(), 0o600),
            ] {
                chmod(&path, mode);
            }
        }),
        sound("executable and readable by all", |it| chmod(&it.library(), 0o755)),
        sound("library in a folder of its own", |it| drop(it.nest())),
        sound("with a schema", |it| drop(it.add_schema())),
        sound("with other files beside it", |it| {
            let notes = it.plugin().join("NOTES");
            place(&notes, b"these decide nothing");
            chmod(&notes, 0o666);
            symlink("/etc/passwd", it.plugin().join("link")).expect("a link");
        }),
        sound("below a folder like /tmp", |it| chmod(&it.above(), 0o1777)),
        sound("through a link of our own", |it| {
            symlink("above/plugins", it.path("link")).expect("a link");
            it.plugins = it.path("link");
        }),
        sound("through a chain of links and back again", |it| {
            symlink("above/../above", it.path("one")).expect("a link");
            symlink(it.path("one/plugins"), it.path("two")).expect("a link");
            it.plugins = it.path("two/../plugins");
        }),
        sound("by a relative path", |it| it.plugins = "../above/plugins".into()),
        sound("one file for each platform", |it| {
            let here = format!("linux-{} = \"libcanary.so\"", std::env::consts::ARCH);
            it.edit("path = \"libcanary.so\"", &here);
        }),
        sound("a library with more behind its end", |it| {
            let mut bytes = fs::read(it.library()).expect("the library");
            bytes.extend([0; 4096]);
            it.replace_library(&bytes);
        }),
        sound("in development, with another name", |it| {
            fs::hard_link(it.library(), it.path("built")).expect("a link");
            link_for_development(it);
        }),
        sound("in development, writable by our own group", |it| {
            chmod(&it.plugin(), 0o775);
            chmod(&it.library(), 0o775);
            link_for_development(it);
        }),
        sound("of somebody who is trusted", |it| {
            give_away(&it.plugin());
            give_away(&it.library());
            it.options.push("--set".into());
            it.options.push(format!("plugins.trust.owners=[{STRANGER}]"));
        })
        .needs(Needs::Root),
    ]
}

/// Has the product find the plugin as one that its developer named.
fn link_for_development(ground: &mut Ground) {
    let folder = ground.plugin();
    ground.plugins = ground.path("nothing");
    fs::create_dir(&ground.plugins).expect("a folder");
    ground.options.push("--set".into());
    ground.options.push(format!("plugins.load_paths=[\"{}\"]", folder.display()));
}
