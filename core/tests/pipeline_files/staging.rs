//! The private store: the copy is what was vetted, is nobody else's, and is gone in time.

use crate::{
    elf::Elf,
    plugin::{Folder, codes, facts, write},
};
use loader_core::{
    digest::Digest,
    staging::Store,
    vetting::{Fresh, Policy, vet_fresh},
};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

fn vetted(folder: &Folder) -> Fresh {
    vet_fresh(&folder.sound(), &Policy::new(["kv/1"])).unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_copy_is_the_vetted_file_and_private() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let vetted = vetted(&plugins);
    let store = Store::open(state.path()).unwrap();
    let staged = store.stage(&vetted, 7).unwrap();
    let copy = fs::read(staged.path()).unwrap();
    assert_eq!(copy, fs::read(vetted.vetted().path()).unwrap());
    assert_eq!(staged.digest(), Digest::of(&copy));
    let found = fs::metadata(staged.path()).unwrap();
    assert_eq!((staged.device(), staged.inode()), (found.dev(), found.ino()));
    assert_eq!(mode(staged.path()), 0o500);
    assert_eq!(mode(store.folder()), 0o700);
    assert_eq!(mode(&state.path().join("store")), 0o700);
    let name = format!("hello-g7-{}.so", staged.digest().short());
    assert_eq!(staged.path().file_name().unwrap(), name.as_str());
    assert_eq!((staged.generation(), staged.spec().id.as_str()), (7, "hello"));
}

#[test]
fn every_generation_has_a_file_of_its_own() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let vetted = vetted(&plugins);
    let store = Store::open(state.path()).unwrap();
    let (one, two) = (store.stage(&vetted, 1).unwrap(), store.stage(&vetted, 2).unwrap());
    assert_ne!(one.path(), two.path());
    assert_ne!(one.inode(), two.inode());
    let again = store.stage(&vetted, 1).unwrap_err();
    assert_eq!(codes(&[again]), ["LDR-STAGE-WRITE"]);
    assert!(one.path().exists(), "a refused second copy leaves the first alone");
}

#[test]
fn a_library_is_staged_while_its_file_says_the_same() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let store = Store::open(state.path()).unwrap();
    let candidate = plugins.sound();
    let fresh = vet_fresh(&candidate, &Policy::new(["kv/1"])).unwrap();
    let staged = store.stage(&fresh, 1).unwrap();
    let good = fs::read(staged.path()).unwrap();
    assert_eq!((Digest::of(&good), mode(staged.path())), (fresh.vetted().digest(), 0o500));
    let found = fs::metadata(staged.path()).unwrap();
    assert_eq!((staged.device(), staged.inode()), (found.dev(), found.ino()));
    let mut changed = good.clone();
    changed[good.len() / 2] ^= 1;
    let longer = [&good[..], b"more"].concat();
    for other in [&changed[..], &good[..good.len() - 1], &longer, b""] {
        fs::write(fresh.vetted().path(), other).unwrap();
        let refusal = store.stage(&fresh, 2).unwrap_err();
        assert_eq!(refusal.plugin.as_deref(), Some("hello"));
        assert_eq!(codes(&[refusal]), ["LDR-STAGE-CHANGED"], "{} bytes", other.len());
        assert_eq!(libraries(store.folder()), 1, "no half or wrong copy is left");
    }
    fs::write(fresh.vetted().path(), &good).unwrap();
    drop(store.stage(&fresh, 2).expect("no wrong copy is in the way"));
}

#[test]
fn a_file_that_is_replaced_after_vetting_does_not_matter() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let vetted = vetted(&plugins);
    let store = Store::open(state.path()).unwrap();
    let evil = plugins.path().join("evil.so");
    write(&evil, b"something else");
    fs::rename(&evil, vetted.vetted().path()).unwrap();
    let staged = store.stage(&vetted, 1).unwrap();
    assert_eq!(fs::read(staged.path()).unwrap(), Elf::new(&facts()).bytes());
}

#[test]
fn copies_go_with_their_owner_unless_kept() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let vetted = vetted(&plugins);
    let store = Store::open(state.path()).unwrap();
    let (dropped, mut kept) = (store.stage(&vetted, 1).unwrap(), store.stage(&vetted, 2).unwrap());
    kept.keep();
    let (dropped_path, kept_path) = (dropped.path().to_owned(), kept.path().to_owned());
    drop((dropped, kept));
    assert!(!dropped_path.exists());
    assert!(kept_path.exists());
    drop(store);
    assert!(kept_path.exists(), "a kept library outlives the store");
    let next = Store::open(state.path()).unwrap();
    assert!(!kept_path.exists(), "and is removed by the next one");
    drop(next);
}

#[test]
fn a_staged_library_keeps_its_folder() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let store = Store::open(state.path()).unwrap();
    let own_folder = store.folder().to_owned();
    let staged = store.stage(&vetted(&plugins), 1).unwrap();
    drop(store);
    let _other = Store::open(state.path()).unwrap();
    assert!(staged.path().exists());
    drop(staged);
    assert!(!own_folder.exists());
}

#[test]
fn what_the_dead_left_is_removed_and_what_the_living_have_is_not() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let living = Store::open(state.path()).unwrap();
    let staged = living.stage(&vetted(&plugins), 1).unwrap();
    let unlocked = state.path().join("store/4000000-1");
    let without_lock = state.path().join("store/4000000-2");
    for dead in [&unlocked, &without_lock] {
        fs::create_dir(dead).unwrap();
        fs::write(dead.join("old-g1-0123456789abcdef.so"), b"old").unwrap();
    }
    fs::write(unlocked.join("lock"), b"").unwrap();
    let other = Store::open(state.path()).unwrap();
    assert!(!unlocked.exists() && !without_lock.exists());
    assert!(staged.path().exists());
    assert_ne!(living.folder(), other.folder());
}

#[test]
fn stores_open_and_close_side_by_side() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let vetted = vetted(&plugins);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for generation in 0..25 {
                    let store = Store::open(state.path()).unwrap();
                    let staged = store.stage(&vetted, generation).unwrap();
                    assert_eq!(
                        Digest::of(&fs::read(staged.path()).unwrap()),
                        vetted.vetted().digest()
                    );
                }
            });
        }
    });
    let left: Vec<_> = fs::read_dir(state.path().join("store")).unwrap().collect();
    assert_eq!(left.len(), 1, "only the store's lock is left: {left:?}");
}

#[test]
fn a_store_that_cannot_be_ours_alone_is_refused() {
    let state = Folder::new();
    let elsewhere = state.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, state.path().join("store")).unwrap();
    assert_eq!(codes(&[Store::open(state.path()).unwrap_err()]), ["LDR-STAGE-STORE"]);

    let file = state.path().join("file");
    write(&file, b"");
    assert_eq!(codes(&[Store::open(&file).unwrap_err()]), ["LDR-STAGE-STORE"]);

    let exposed = Folder::new();
    crate::plugin::chmod(exposed.path(), 0o777);
    let refusal = Store::open(exposed.path()).unwrap_err();
    let hint = format!("chmod go-w {}", exposed.path().display());
    assert_eq!(refusal.hint.as_deref(), Some(&*hint), "whoever may exchange the store is named");
    assert_eq!(codes(&[refusal]), ["LDR-STAGE-STORE"]);

    let open = Folder::new();
    fs::create_dir(open.path().join("store")).unwrap();
    crate::plugin::chmod(&open.path().join("store"), 0o777);
    let _store = Store::open(open.path()).unwrap();
    assert_eq!(mode(&open.path().join("store")), 0o700, "our own folder is closed to others");
}

fn libraries(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|suffix| suffix == "so")).count()
}
