//! Files and folders that other users could change, or that are not what they should be.

use super::{
    Case, DECIDE, Ground,
    Mending::Command,
    Needs::{Mount, Root},
    RESTORE,
    ground::*,
};
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, lchown, symlink},
        net::UnixListener,
    },
    path::Path,
    process,
};

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = modes();
    cases.extend(owners());
    cases.extend(kinds());
    cases.extend(links());
    cases
}

fn modes() -> Vec<Case> {
    let mode = "LDR-VET-MODE";
    [
        Case::new("library writable by all", mode, |it| chmod(&it.library(), 0o666)),
        Case::new("library writable by its group", mode, |it| chmod(&it.library(), 0o664)),
        Case::new("manifest writable by all", mode, |it| chmod(&it.manifest(), 0o646)),
        Case::new("manifest writable by its group", mode, |it| chmod(&it.manifest(), 0o664)),
        Case::new("schema writable by all", mode, |it| chmod(&it.add_schema(), 0o666)),
        Case::new("schema writable by its group", mode, |it| chmod(&it.add_schema(), 0o664)),
        Case::new("plugin folder writable by all", mode, |it| chmod(&it.plugin(), 0o777)),
        Case::new("plugin folder writable by its group", mode, |it| chmod(&it.plugin(), 0o775)),
        Case::new("nested folder writable by all", mode, |it| chmod(&it.nest(), 0o777)),
        Case::new("root writable by all", mode, |it| chmod(&it.plugins, 0o777)),
        Case::new("root writable by its group", mode, |it| chmod(&it.plugins, 0o2775)),
        Case::new("folder above writable by all", mode, |it| chmod(&it.above(), 0o777)),
        Case::new("folder above writable by its group", mode, |it| chmod(&it.above(), 0o770)),
        Case::new("library that a list lets a stranger write", mode, |it| {
            let name = "system.posix_acl_access";
            let flags = rustix::fs::XattrFlags::empty();
            let set = rustix::fs::setxattr(it.library(), name, &stranger_may_write(), flags);
            set.expect("the temporary folder has access-control lists");
        }),
        Case::new("plugin folder like /tmp", "LDR-VET-STICKY", |it| chmod(&it.plugin(), 0o1777)),
        Case::new("root like /tmp", "LDR-VET-STICKY", |it| chmod(&it.plugins, 0o1777)),
        Case::new("nested folder like /tmp", "LDR-VET-STICKY", |it| chmod(&it.nest(), 0o1777)),
        Case::new("library with set-user-id", "LDR-VET-SETUID", |it| chmod(&it.library(), 0o4755)),
        Case::new("library with set-group-id", "LDR-VET-SETUID", |it| chmod(&it.library(), 0o2755)),
        Case::new("library with sticky bit", "LDR-VET-SETUID", |it| chmod(&it.library(), 0o1644)),
        Case::new("manifest with set-user-id", "LDR-VET-SETUID", |it| {
            chmod(&it.manifest(), 0o4644)
        }),
    ]
    .map(|case| case.mending(Command))
    .into()
}

fn owners() -> Vec<Case> {
    let owner = "LDR-VET-OWNER";
    [
        Case::new("library of a stranger", owner, |it| give_away(&it.library())),
        Case::new("manifest of a stranger", owner, |it| give_away(&it.manifest())),
        Case::new("schema of a stranger", owner, |it| give_away(&it.add_schema())),
        Case::new("nested folder of a stranger", owner, |it| give_away(&it.nest())),
        Case::new("plugin folder of a stranger", owner, |it| give_away(&it.plugin())),
        Case::new("root of a stranger", owner, |it| give_away(&it.plugins)),
        Case::new("folder above of a stranger", owner, |it| give_away(&it.above())),
        Case::new("root like /tmp of a stranger above", owner, |it| {
            chmod(&it.above(), 0o1777);
            give_away(&it.above());
        }),
        Case::new("link to the root of a stranger", owner, |it| {
            let link = link_to_root(it, "above/plugins");
            lchown(link, Some(STRANGER), Some(STRANGER)).expect("given away");
        }),
        Case::new("link to the root in a stranger's folder", owner, |it| {
            let folder = it.path("theirs");
            fs::create_dir(&folder).expect("a folder");
            symlink("../above/plugins", folder.join("plugins")).expect("a link");
            give_away(&folder);
            it.plugins = folder.join("plugins");
        }),
        Case::new("link to a stranger's root", owner, |it| {
            give_away(&it.plugins);
            link_to_root(it, "above/plugins");
        }),
    ]
    .map(|case| case.mending(Command).needs(Root))
    .into()
}

fn kinds() -> Vec<Case> {
    let file = "LDR-VET-FILE";
    let mut cases: Vec<Case> = [
        Case::new("no library", file, |it| fs::remove_file(it.library()).expect("removed")),
        Case::new("library is a folder", file, |it| {
            fs::remove_file(it.library()).expect("removed");
            fs::create_dir(it.library()).expect("a folder");
        }),
        Case::new("library is a pipe", file, |it| make_node(&it.library(), &["p"])),
        Case::new("library is a socket", file, |it| {
            fs::remove_file(it.library()).expect("removed");
            // The path of a socket has a hundred bytes.
            std::env::set_current_dir(it.plugin()).expect("the folder");
            drop(UnixListener::bind("libcanary.so").expect("a socket"));
        }),
        Case::new("library is a device", file, |it| make_node(&it.library(), &["c", "1", "5"]))
            .needs(Root),
        Case::new("library of a gibibyte", file, |it| {
            let library = fs::File::options().write(true).open(it.library()).expect("the library");
            library.set_len(1 << 30).expect("a sparse file");
        }),
        Case::new("manifest is a pipe", "LDR-MANIFEST-READ", |it| {
            make_node(&it.manifest(), &["p"])
        }),
        Case::new("manifest is a folder", "LDR-MANIFEST-READ", |it| {
            fs::remove_file(it.manifest()).expect("removed");
            fs::create_dir(it.manifest()).expect("a folder");
        }),
        Case::new("no schema", "LDR-MANIFEST-FILE", |it| {
            fs::remove_file(it.add_schema()).expect("removed");
        }),
    ]
    .map(|case| case.mending(RESTORE))
    .into();
    cases.push(
        Case::new("noexec mount", "LDR-VET-NOEXEC", |it| it.mount("noexec"))
            .mending(Command)
            .needs(Mount),
    );
    cases.push(
        Case::new("denied by the operator", "LDR-VET-DENIED", |it| {
            let bytes = fs::read(it.library()).expect("the library");
            let digest = loader_core::digest::Digest::of(&bytes);
            it.options.push("--set".into());
            it.options.push(format!("plugins.trust.denied=[\"{digest}\"]"));
        })
        .mending(DECIDE),
    );
    cases
}

fn links() -> Vec<Case> {
    [
        Case::new("library is a link", "LDR-VET-FILE", |it| replace_by_link(it, &it.library())),
        Case::new("library is a link within its folder", "LDR-VET-FILE", |it| {
            fs::rename(it.library(), it.plugin().join("real.so")).expect("moved");
            symlink("real.so", it.library()).expect("a link");
        }),
        Case::new("nested folder is a link", "LDR-VET-FILE", |it| replace_by_link(it, &it.nest())),
        Case::new("manifest is a link", "LDR-MANIFEST-READ", |it| {
            replace_by_link(it, &it.manifest());
        }),
        Case::new("schema is a link", "LDR-MANIFEST-FILE", |it| {
            replace_by_link(it, &it.add_schema());
        }),
        Case::new("plugin folder is a link", "LDR-DISCOVERY-LINK", |it| {
            replace_by_link(it, &it.plugin());
        }),
        Case::new("library has another name", "LDR-VET-LINKS", |it| {
            fs::hard_link(it.library(), it.path("other")).expect("a link");
        }),
        Case::new("manifest has another name", "LDR-VET-LINKS", |it| {
            fs::hard_link(it.manifest(), it.path("other")).expect("a link");
        }),
        Case::new("link to the root through a folder of all", "LDR-VET-MODE", |it| {
            chmod(&it.above(), 0o777);
            link_to_root(it, "above/plugins");
        }),
        Case::new("link to the root in a folder of all", "LDR-VET-MODE", |it| {
            let folder = it.path("everybodys");
            fs::create_dir(&folder).expect("a folder");
            symlink("../above/plugins", folder.join("plugins")).expect("a link");
            chmod(&folder, 0o777);
            it.plugins = folder.join("plugins");
        }),
        Case::new("way through a folder of all and back", "LDR-VET-MODE", |it| {
            let folder = it.path("everybodys");
            fs::create_dir(&folder).expect("a folder");
            chmod(&folder, 0o777);
            it.plugins = folder.join("../above/plugins");
        }),
    ]
    .map(|case| case.mending(Command))
    .into()
}

/// Moves something out of the way and leaves a link in its place.
fn replace_by_link(ground: &Ground, path: &Path) {
    let elsewhere = ground.path("elsewhere");
    fs::rename(path, &elsewhere).expect("moved");
    symlink(&elsewhere, path).expect("a link");
}

/// Has the product look for plugins through a link.
fn link_to_root(ground: &mut Ground, target: &str) -> std::path::PathBuf {
    let link = ground.path("link");
    symlink(target, &link).expect("a link");
    assert!(link.symlink_metadata().expect("the link").mode() & 0o120_000 != 0);
    ground.plugins.clone_from(&link);
    link
}

fn make_node(path: &Path, arguments: &[&str]) {
    fs::remove_file(path).expect("removed");
    let status = process::Command::new("mknod").arg("-m644").arg(path).args(arguments).status();
    assert!(status.expect("mknod").success());
}

/// The access-control list `u::rw-,u:STRANGER:rw-,g::r--,m::rw-,o::r--`, as the kernel takes it.
fn stranger_may_write() -> Vec<u8> {
    let nobody = u32::MAX;
    let entries =
        [(1u16, 6u16, nobody), (2, 6, STRANGER), (4, 4, nobody), (16, 6, nobody), (32, 4, nobody)];
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        list.extend([tag, permissions].into_iter().flat_map(u16::to_le_bytes));
        list.extend(id.to_le_bytes());
    }
    list
}
