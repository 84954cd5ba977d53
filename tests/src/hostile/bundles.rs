//! Bundles that bring files other users could change, or that are not what they should be. Their canary
//! lies beside them, where nothing may ever open it.

use super::{
    Case, DECIDE, Ground,
    Mending::Command,
    Needs::Root,
    RESTORE,
    ground::{chmod, give_away, place},
};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = changeable();
    cases.extend(wrong());
    cases.extend(texts());
    cases
}

fn changeable() -> Vec<Case> {
    let mode = "LDR-VET-MODE";
    [
        Case::new("skill writable by all", mode, |it| chmod(&it.make_bundle(), 0o646)),
        Case::new("skill writable by its group", mode, |it| chmod(&it.make_bundle(), 0o664)),
        Case::new("folder of a skill writable by all", mode, |it| {
            chmod(it.make_bundle().parent().expect("a folder"), 0o777);
        }),
        Case::new("bundle's manifest writable by all", mode, |it| {
            it.make_bundle();
            chmod(&it.manifest(), 0o666);
        }),
        Case::new("bundle's folder writable by all", mode, |it| {
            it.make_bundle();
            chmod(&it.plugin(), 0o777);
        }),
        Case::new("skill with set-user-id", "LDR-VET-SETUID", |it| {
            chmod(&it.make_bundle(), 0o4644);
        }),
        Case::new("skill has another name", "LDR-VET-LINKS", |it| {
            fs::hard_link(it.make_bundle(), it.path("other")).expect("a link");
        }),
        Case::new("skill is a link", "LDR-VET-FILE", |it| {
            let (skill, elsewhere) = (it.make_bundle(), it.path("elsewhere"));
            fs::rename(&skill, &elsewhere).expect("moved");
            symlink(&elsewhere, &skill).expect("a link");
        }),
        Case::new("folder of a skill is a link", "LDR-VET-FILE", |it| {
            let skill = it.make_bundle();
            let (folder, elsewhere) = (skill.parent().expect("a folder"), it.path("elsewhere"));
            fs::rename(folder, &elsewhere).expect("moved");
            symlink(&elsewhere, folder).expect("a link");
        }),
        Case::new("skill of a stranger", "LDR-VET-OWNER", |it| give_away(&it.make_bundle()))
            .needs(Root),
    ]
    .map(|case| case.mending(Command))
    .into()
}

fn wrong() -> Vec<Case> {
    let (file, text) = ("LDR-VET-FILE", "LDR-VET-SKILL");
    let mut cases: Vec<Case> = [
        Case::new("no skill", file, |it| fs::remove_file(it.make_bundle()).expect("removed")),
        Case::new("skill is a folder", file, |it| {
            let skill = it.make_bundle();
            fs::remove_file(&skill).expect("removed");
            fs::create_dir(&skill).expect("a folder");
        }),
        Case::new("skill is a pipe", file, |it| {
            let skill = it.make_bundle();
            fs::remove_file(&skill).expect("removed");
            let made = std::process::Command::new("mkfifo").arg(&skill).status();
            assert!(made.expect("mkfifo").success());
            fs::set_permissions(&skill, fs::Permissions::from_mode(0o644)).expect("its mode");
        }),
        Case::new("skill of a mebibyte", file, |it| place(&it.make_bundle(), &[b'#'; 1 << 20])),
        Case::new("skill that is no text", text, |it| place(&it.make_bundle(), b"# \xff\xfe")),
        Case::new("skill that is empty", text, |it| place(&it.make_bundle(), b" \n")),
    ]
    .map(|case| case.mending(RESTORE))
    .into();
    cases.push(
        Case::new("bundle denied by the operator", "LDR-VET-DENIED", |it| {
            it.make_bundle();
            let manifest = fs::read(it.manifest()).expect("the manifest");
            let digest = loader_core::digest::Digest::of(&manifest);
            it.options.push("--set".into());
            it.options.push(format!("plugins.trust.denied=[\"{digest}\"]"));
        })
        .mending(DECIDE),
    );
    cases
}

fn texts() -> Vec<Case> {
    let (path, code) = ("LDR-MANIFEST-PATH", "LDR-MANIFEST-BUNDLE");
    [
        Case::new("skill above the folder", path, |it| {
            it.make_bundle();
            it.edit("\"skills/", "\"../canary/skills/");
        }),
        Case::new("skill by an absolute path", path, |it| {
            let skill = it.make_bundle();
            it.edit("\"skills/song/SKILL.md\"", &format!("\"{}\"", skill.display()));
        }),
        Case::new("bundle with a library", code, |it| {
            add(it, "[library]\npath = \"libcanary.so\"")
        }),
        Case::new("bundle that sets something up", code, |it| {
            add(it, "[setup]\nproviders = [\"song\"]");
        }),
        Case::new("bundle with a plugin in it", code, |it| {
            add(it, "[[extensions]]\nid = \"song\"\nlibrary = { path = \"libcanary.so\" }");
        }),
        Case::new("bundle that says what it provides", code, |it| {
            add(it, "[provides]\n\"song/1\" = [\"canary\"]");
        }),
        Case::new("bundle that brings nothing", "LDR-MANIFEST-MISSING", |it| {
            it.make_bundle();
            it.edit("[\"skills/song/SKILL.md\"]", "[]");
        }),
    ]
    .map(|case| case.mending(RESTORE))
    .into()
}

/// Makes a bundle whose manifest says more than a bundle's can.
fn add(ground: &Ground, more: &str) {
    ground.make_bundle();
    ground.edit("[bundle]", &format!("{more}\n\n[bundle]"));
}
