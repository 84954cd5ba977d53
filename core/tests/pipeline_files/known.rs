//! What was found in libraries is found again without reading them, until their files change; and what is
//! loaded is read always.

use crate::{
    elf::Elf,
    plugin::{Folder, MANIFEST, chmod, codes, facts, write},
};
use loader_core::{
    Options, Surveyed,
    digest::Digest,
    discovery::{Origin, Root},
    rehearse,
    staging::Store,
    survey,
    trust::{DenialRecord, Records},
    vetting::{Passed, State},
};
use std::{
    fs::{self, File, FileTimes, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    thread,
    time::Duration,
};

/// A host with an index and one plugin, whose files have been left alone for long enough.
struct Host {
    plugins: Folder,
    state: Folder,
    options: Options,
}

impl Host {
    fn new() -> Self {
        let (plugins, state) = (Folder::new(), Folder::new());
        plugins.plugin("hello", MANIFEST);
        let root = plugins.root(Origin::Bundled);
        let mut options = Options::new(state.path().to_owned(), vec![root]);
        options.index = Some("this build".into());
        let host = Self { plugins, state, options };
        write(&host.library(), &Elf::new(&facts()).bytes());
        host.settle();
        host
    }

    fn library(&self) -> PathBuf {
        self.plugins.path().join("hello/libhello.so")
    }

    /// What changed just now is not remembered, and the clock cannot be told to go faster.
    fn settle(&self) {
        thread::sleep(Duration::from_millis(2_100));
    }

    fn index(&self) -> PathBuf {
        self.state.path().join("index")
    }

    /// The digest that a look finds, and whether the index counted.
    fn look(&self) -> (Option<Digest>, State) {
        let found = survey(&self.options);
        (digest(&found.plugins), found.index.expect("an index"))
    }
}

fn digest(plugins: &[Surveyed]) -> Option<Digest> {
    plugins[0].verdict.as_ref().ok().map(Passed::digest)
}

#[test]
fn a_library_is_known_until_its_file_changes_and_never_to_a_start() {
    let host = Host::new();
    let bytes = fs::read(host.library()).unwrap();
    let true_digest = Digest::of(&bytes);
    let honest = Some(true_digest);
    let (found, state) = host.look();
    assert_eq!(found, honest);
    assert!(matches!(state, State::Stale(_)), "there was none: {state:?}");
    assert_eq!(host.look(), (honest, State::Fresh));

    // What the index says is what is shown: the library was not read again.
    let lie = Digest::of(b"another");
    let text = fs::read_to_string(host.index()).unwrap();
    let (_, body) = text.split_once('\n').unwrap();
    let body = body.replace(&true_digest.to_string(), &lie.to_string());
    let head = format!("loader-index 2 {}", Digest::of(body.as_bytes()));
    fs::write(host.index(), format!("{head}\n{body}")).unwrap();
    assert_eq!(host.look(), (Some(lie), State::Fresh));
    // A start, and the doctor who rehearses one, read it.
    let store = Store::open(host.state.path()).unwrap();
    assert_eq!(digest(&rehearse(&host.options, &store).plugins), honest);

    // Other bytes of the same size, with the time of the old ones: the system knows better.
    let times = fs::metadata(host.library()).unwrap().modified().unwrap();
    let mut other = bytes.clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    fs::write(host.library(), &other).unwrap();
    let file = File::options().write(true).open(host.library()).unwrap();
    file.set_times(FileTimes::new().set_modified(times)).unwrap();
    drop(file);
    assert_eq!(host.look().0, Some(Digest::of(&other)));
    // It changed just now, so it is not remembered.
    let text = fs::read_to_string(host.index()).unwrap();
    assert!(!text.contains(&Digest::of(&other).to_string()), "{text}");
}

#[test]
fn an_index_of_another_build_or_other_rules_or_damaged_does_not_count() {
    let mut host = Host::new();
    host.look();
    assert_eq!(host.look().1, State::Fresh);
    host.options.index = Some("another build".into());
    assert!(matches!(host.look().1, State::Stale(_)));
    assert_eq!(host.look().1, State::Fresh);
    host.options.trust.libraries.insert("libother.so".into());
    assert!(matches!(host.look().1, State::Stale(_)));
    let sound = fs::read(host.index()).unwrap();
    let found = host.look().0;
    let half = sound[..sound.len() / 2].to_vec();
    let last = sound.len() - 2;
    let flipped = [&sound[..last], &[sound[last] ^ 1], &sound[last + 1..]].concat();
    for damaged in [b"{".to_vec(), half, flipped, [&sound[..], b"more\n"].concat()] {
        fs::write(host.index(), &damaged).unwrap();
        let (again, state) = host.look();
        assert!(again == found && matches!(state, State::Stale(_)), "{state:?}");
        assert_eq!(host.look(), (found, State::Fresh));
    }
}

#[test]
fn what_was_found_under_another_mode_is_found_again() {
    let host = Host::new();
    let honest = host.look().0;
    let before = fs::read(host.index()).unwrap();
    // The owner may set the mode back, but not the time at which it was set.
    for mode in [0o600, 0o644] {
        fs::set_permissions(host.library(), Permissions::from_mode(mode)).unwrap();
    }
    assert_eq!(host.look(), (honest, State::Fresh));
    assert_ne!(fs::read(host.index()).unwrap(), before, "it changed just now: not remembered");
}

#[test]
fn a_denial_counts_for_those_who_only_look() {
    let host = Host::new();
    let digest = host.look().0.expect("it is sound");
    let records = Records::of(host.state.path());
    records.deny(digest, &DenialRecord::default()).unwrap();
    let refused = survey(&host.options).plugins.remove(0).verdict.expect_err("it is denied");
    assert_eq!(refused[0].code, "LDR-VET-DENIED");
    records.allow(digest).unwrap();
    assert_eq!(host.look(), (Some(digest), State::Fresh));
}

#[test]
fn a_survey_says_what_came_of_each_root() {
    let host = Host::new();
    let (empty, nowhere) = (Folder::new(), Folder::new());
    host.plugins.plugin("broken", "manifest = 1");
    let missing = Root { path: nowhere.path().join("x"), ..nowhere.root(Origin::Config) };
    let mut options = host.options.clone();
    options.roots = vec![missing, empty.root(Origin::User), host.plugins.root(Origin::Bundled)];
    let searched = survey(&options).searched;
    let roots: Vec<_> = searched.iter().map(|one| one.root.clone()).collect();
    assert_eq!(roots, options.roots, "all of them, in order");
    assert_eq!(searched[0].problem.as_deref(), Some("does not exist"));
    assert_eq!((searched[1].problem.as_deref(), searched[1].plugins), (None, 0));
    assert_eq!((searched[2].problem.as_deref(), searched[2].plugins), (None, 1));
    let codes: Vec<_> = searched[2].refused.iter().map(|one| one.code).collect();
    assert!(codes.contains(&"LDR-MANIFEST-MISSING"), "{codes:?}");
}

#[test]
fn a_bundle_is_judged_by_the_same_rules_whoever_looks() {
    let (plugins, state) = (Folder::new(), Folder::new());
    let manifest =
        "manifest = 1\nid = \"manual\"\nversion = \"1.0.0\"\n\n[bundle]\nskills = [\"a.md\"]\n";
    let folder = plugins.plugin("manual", manifest);
    write(&folder.join("a.md"), b"# A skill\n");
    let root = plugins.root(Origin::Bundled);
    let mut options = Options::new(state.path().to_owned(), vec![root]);
    for index in [None, Some("this build".into())] {
        options.index = index;
        let verdict = || survey(&options).plugins.remove(0).verdict;
        assert!(matches!(verdict(), Ok(Passed::Bundle(bundle)) if bundle.skills().len() == 1));
        for file in ["plugin.toml", "a.md", "."] {
            let path = folder.join(file);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            chmod(&path, mode | 0o022);
            assert_eq!(codes(&verdict().expect_err(file)), ["LDR-VET-MODE"], "{file}");
            chmod(&path, mode);
        }
    }
}
