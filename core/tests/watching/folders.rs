//! Folders that come, go, and come back.

use crate::desk::{Content, Desk, content, folder, put, read, targets, wait_for, wait_for_all};
use loader_core::watch::{Options, Targets, Watch};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

fn roots(root: &Path) -> Targets {
    Targets { roots: BTreeSet::from([root.to_owned()]), ..Targets::default() }
}

fn start(targets: Targets) -> Watch {
    Watch::start(targets, Options::default()).unwrap()
}

#[tokio::test]
async fn the_first_report_names_everything_there_is() {
    let root = folder();
    let (one, other) = (root.path().join("one"), root.path().join("other"));
    put(&one, 1);
    put(&other, 1);
    let settings = root.path().join("loader.toml");
    fs::write(&settings, "").unwrap();
    let files = BTreeSet::from([settings.clone()]);
    let watch = start(Targets { files, ..roots(root.path()) });
    wait_for_all(&watch, &[&one, &other, &settings]).await;
}

#[tokio::test]
async fn a_plugin_that_is_copied_into_a_root_is_reported_when_all_of_it_is_there() {
    let root = folder();
    // A copier that does not get a processor for a while is not done.
    let patient = Options { settle: Duration::from_secs(1), ..Options::default() };
    let watch = Watch::start(roots(root.path()), patient).unwrap();
    let plugin = root.path().join("hello");
    let library = plugin.join("linux/libhello.so");
    let copier = tokio::task::spawn_blocking({
        let (plugin, library) = (plugin.clone(), library.clone());
        move || {
            fs::create_dir_all(plugin.join("linux")).unwrap();
            let mut file = File::create(library).unwrap();
            // From here on there is a plugin, and a copier without a processor has begun with all of it.
            fs::write(plugin.join("plugin.toml"), "id = \"hello\"").unwrap();
            for chunk in content(7).chunks(1_024) {
                file.write_all(chunk).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    });
    wait_for(&watch, &plugin).await;
    assert_eq!(read(&library), Content::Whole(7));
    copier.await.unwrap();
}

#[tokio::test]
async fn a_plugin_folder_that_goes_is_reported_named_or_not() {
    let root = folder();
    let (named, unnamed) = (root.path().join("named"), root.path().join("unnamed"));
    put(&named, 1);
    put(&unnamed, 1);
    let watch = start(Targets { folders: targets(&named).folders, ..roots(root.path()) });
    wait_for_all(&watch, &[&named, &unnamed]).await;
    for plugin in [&named, &unnamed] {
        fs::remove_dir_all(plugin).unwrap();
        wait_for(&watch, plugin).await;
    }
    for plugin in [&named, &unnamed] {
        put(plugin, 2);
        wait_for(&watch, plugin).await;
    }
}

#[tokio::test]
async fn a_folder_that_goes_and_returns_is_watched_again() {
    let desk = Desk::new(Options::default()).await;
    let aside = desk.root.path().join("aside");
    for serial in 1..=3 {
        fs::rename(&desk.plugin, &aside).unwrap();
        desk.wait_for(&desk.plugin).await;
        fs::rename(&aside, &desk.plugin).unwrap();
        desk.wait_for(&desk.plugin).await;
        fs::remove_dir_all(&desk.plugin).unwrap();
        desk.wait_for(&desk.plugin).await;
        put(&desk.plugin, serial);
        desk.wait_for(&desk.plugin).await;
        // Had the watch been lost, this would take until the next tick.
        let library = desk.library.clone();
        let write = move || fs::write(library, content(serial + 10)).unwrap();
        let (_, late) = desk.keep_up(Content::Whole(serial + 10), write).await;
        assert!(late < Duration::from_secs(1), "{late:?}");
    }
}

#[tokio::test]
async fn a_folder_above_that_goes_and_returns_is_noticed() {
    let top = folder();
    let (above, aside) = (top.path().join("above"), top.path().join("aside"));
    let plugin = above.join("plugins/hello");
    put(&plugin, 1);
    let watch = start(targets(&plugin));
    wait_for(&watch, &plugin).await;
    fs::rename(&above, &aside).unwrap();
    wait_for(&watch, &plugin).await;
    fs::rename(&aside, &above).unwrap();
    wait_for(&watch, &plugin).await;
}

#[tokio::test]
async fn folders_that_do_not_exist_yet_are_awaited() {
    let top = folder();
    let root = top.path().join("share/loader/plugins");
    let settings = top.path().join("config/loader.toml");
    let watch = start(Targets { files: BTreeSet::from([settings.clone()]), ..roots(&root) });
    // Nothing being there is the first thing to say.
    wait_for(&watch, &settings).await;
    fs::create_dir(settings.parent().unwrap()).unwrap();
    fs::write(&settings, "a = 1").unwrap();
    wait_for(&watch, &settings).await;
    put(&root.join("hello"), 1);
    wait_for(&watch, &root.join("hello")).await;
}

#[tokio::test]
async fn only_what_was_asked_for_is_reported() {
    let root = folder();
    let (one, other) = (root.path().join("one"), root.path().join("other"));
    put(&one, 1);
    put(&other, 1);
    let mut both = targets(&one);
    both.folders.extend(targets(&other).folders);
    let watch = start(both);
    wait_for_all(&watch, &[&one, &other]).await;
    fs::write(one.join("README"), "nobody named it").unwrap();
    fs::write(one.join(".libhello.so.swp"), "an editor's").unwrap();
    fs::read(one.join("libhello.so")).unwrap();
    put(&other, 2);
    assert_eq!(wait_for(&watch, &other).await, BTreeSet::from([other]));
}

#[tokio::test]
async fn what_is_watched_can_be_exchanged() {
    let root = folder();
    let (one, other) = (root.path().join("one"), root.path().join("other"));
    put(&one, 1);
    put(&other, 1);
    let watch = start(targets(&one));
    wait_for(&watch, &one).await;
    watch.retarget(targets(&other));
    assert_eq!(wait_for(&watch, &other).await, BTreeSet::from([other.clone()]));
    put(&one, 2);
    put(&other, 2);
    assert_eq!(wait_for(&watch, &other).await, BTreeSet::from([other.clone()]));
    // A new file of a folder that is watched already.
    let mut more = targets(&other);
    more.folders.get_mut(&other).unwrap().insert(PathBuf::from("linux/libother.so"));
    watch.retarget(more);
    wait_for(&watch, &other).await;
    fs::create_dir(other.join("linux")).unwrap();
    fs::write(other.join("linux/libother.so"), content(1)).unwrap();
    wait_for(&watch, &other).await;
}

#[tokio::test]
async fn a_file_behind_a_link_is_watched() {
    // As a cluster lays out its settings: the folder behind the link is exchanged.
    let root = folder();
    let settings = root.path().join("loader.toml");
    for (name, text) in [("1", "a = 1"), ("2", "a = 2")] {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("loader.toml"), text).unwrap();
    }
    let link = |to: &str| {
        let new = root.path().join("new");
        std::os::unix::fs::symlink(to, &new).unwrap();
        fs::rename(new, root.path().join("data")).unwrap();
    };
    link("1");
    std::os::unix::fs::symlink("data/loader.toml", &settings).unwrap();
    let files = BTreeSet::from([settings.clone()]);
    let watch = start(Targets { files, ..Targets::default() });
    wait_for(&watch, &settings).await;
    link("2");
    wait_for(&watch, &settings).await;
    assert_eq!(fs::read_to_string(&settings).unwrap(), "a = 2");
}
