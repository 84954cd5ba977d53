//! Releases come, are replaced, go back and go: whole or not at all.

use crate::{
    elf::Elf,
    plugin::{MANIFEST, chmod, codes, facts, write},
};
use loader_core::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::{Candidate, Origin, Provenance, Root, discover},
    installation::{Installer, Outcome, Terms},
    manifest::RelativePath,
    trust::{
        Records, Trust, Untracked,
        lock::{Action, Lock},
    },
    vetting::{Fresh, Policy, vet},
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A machine with a folder to install in.
struct Machine {
    home: TempDir,
    policy: Policy,
    records: Records,
}

impl Machine {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        let records = Records::of(&home.path().join("state"));
        let mut policy = Policy::new(["kv/1", "clock/1"]);
        policy.records = Some(records.clone());
        Self { home, policy, records }
    }

    fn root(&self) -> PathBuf {
        self.home.path().join("plugins")
    }

    /// A plugin folder of this version, and what else its manifest says.
    fn source(&self, version: &str, more: &str) -> PathBuf {
        let folder = self.home.path().join(format!("hello {version}"));
        fs::create_dir_all(&folder).unwrap();
        let manifest = MANIFEST.replace("0.1.0", version) + more;
        write(&folder.join("plugin.toml"), manifest.as_bytes());
        let mut facts = facts();
        facts.version = version.into();
        write(&folder.join("libhello.so"), &Elf::new(&facts).bytes());
        folder
    }

    fn install_with(
        &self,
        source: &Path,
        terms: Terms,
        trial: &dyn Fn(&Fresh) -> Result<(), Diagnostic>,
    ) -> Result<Outcome, Vec<Diagnostic>> {
        let root = self.root();
        let (policy, records) = (&self.policy, &self.records);
        let installer = Installer { root: &root, policy, records, trial };
        let name = source.to_str().unwrap();
        installer.prepare(name, |_, package| Ok(copy(source, package)))?.commit(terms)
    }

    fn install(&self, source: &Path, terms: Terms) -> Result<Outcome, Vec<Diagnostic>> {
        self.install_with(source, terms, &|_| Ok(()))
    }

    fn installer<T>(&self, what: impl FnOnce(Installer<'_>) -> T) -> T {
        let root = self.root();
        let (policy, records) = (&self.policy, &self.records);
        what(Installer { root: &root, policy, records, trial: &|_| Ok(()) })
    }

    fn lock(&self) -> Lock {
        Lock::read(&self.root()).unwrap().expect("a lock")
    }

    fn found(&self) -> (Vec<Candidate>, Vec<Diagnostic>) {
        let root = Root { path: self.root(), origin: Origin::User, required: true };
        let found = discover(&[root]);
        (found.candidates, found.diagnostics)
    }

    /// The version that would be loaded, or the codes that say why none is.
    fn served(&self) -> Result<String, Vec<&'static str>> {
        let (candidates, diagnostics) = self.found();
        let Some(candidate) = candidates.first() else {
            return Err(diagnostics.iter().map(|finding| finding.code).collect());
        };
        let vetted = vet(candidate, &self.policy);
        let vetted =
            vetted.map_err(|refusals| refusals.iter().map(|one| one.code).collect::<Vec<_>>())?;
        Ok(vetted.facts().version.clone())
    }

    fn folders(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }
}

fn copy(from: &Path, to: &Path) -> BTreeMap<RelativePath, Digest> {
    fs::create_dir(to).unwrap();
    let entries = fs::read_dir(from).unwrap().map(|entry| entry.unwrap());
    let copied = entries.map(|entry| {
        let bytes = fs::read(entry.path()).unwrap();
        let name = entry.file_name().into_string().unwrap();
        write(&to.join(&name), &bytes);
        (name.parse().unwrap(), Digest::of(&bytes))
    });
    copied.collect()
}

const PLAIN: Terms = Terms { accept: false, allow_downgrade: false };
const DOWN: Terms = Terms { accept: false, allow_downgrade: true };

#[test]
fn a_release_is_installed_updated_rolled_back_and_removed() {
    let machine = Machine::new();
    let (one, two) = (machine.source("1.0.0", ""), machine.source("2.0.0", ""));
    let outcome = machine.install(&one, PLAIN).unwrap();
    assert!(outcome.changed && outcome.before.is_none());
    assert_eq!(machine.served().unwrap(), "1.0.0");
    let (candidates, _) = machine.found();
    assert!(matches!(candidates[0].provenance(), Provenance::Installed(_)));

    let again = machine.install(&one, PLAIN).unwrap();
    assert!(!again.changed, "the same release again changes nothing");
    assert_eq!(machine.lock().change, 1);

    let outcome = machine.install(&two, PLAIN).unwrap();
    assert_eq!(outcome.before.unwrap().version.to_string(), "1.0.0");
    assert_eq!(machine.served().unwrap(), "2.0.0");
    assert_eq!(machine.folders().len(), 3, "the release before is kept: {:?}", machine.folders());

    let outcome = machine.installer(|it| it.roll_back("hello", None)).unwrap();
    assert_eq!(outcome.release.version.to_string(), "1.0.0");
    assert_eq!(machine.served().unwrap(), "1.0.0");
    let nothing = machine.installer(|it| it.roll_back("hello", None)).unwrap_err();
    assert_eq!(codes(&nothing), ["LDR-INSTALL-KEPT"]);
    machine.installer(|it| it.roll_back("hello", Some("2.0.0"))).unwrap();
    assert_eq!(machine.served().unwrap(), "2.0.0");

    machine.installer(|it| it.remove("hello", false)).unwrap();
    assert_eq!(machine.folders(), ["loader.lock"]);
    assert_eq!(machine.served().unwrap_err(), Vec::<&str>::new());
    let actions: Vec<Action> = machine.lock().changes.iter().map(|change| change.action).collect();
    let expected =
        [Action::Install, Action::Update, Action::Rollback, Action::Rollback, Action::Remove];
    assert_eq!(actions, expected);
}

#[test]
fn only_so_many_releases_are_kept() {
    let machine = Machine::new();
    for minor in 0..5 {
        machine.install(&machine.source(&format!("1.{minor}.0"), ""), PLAIN).unwrap();
    }
    let kept: Vec<String> =
        machine.lock().installed.iter().map(|one| one.version.to_string()).collect();
    assert_eq!(kept, ["1.2.0", "1.3.0", "1.4.0"]);
    assert_eq!(machine.folders().len(), 4, "{:?}", machine.folders());
}

#[test]
fn an_older_release_needs_a_word_even_after_a_removal() {
    let machine = Machine::new();
    let (one, two) = (machine.source("1.0.0", ""), machine.source("2.0.0", ""));
    machine.install(&two, PLAIN).unwrap();
    machine.installer(|it| it.remove("hello", false)).unwrap();
    let refusal = machine.install(&one, PLAIN).unwrap_err();
    assert_eq!(codes(&refusal), ["LDR-INSTALL-DOWNGRADE"]);
    assert_eq!(machine.folders(), ["loader.lock"], "nothing of it is there");
    machine.install(&one, DOWN).unwrap();
    assert_eq!(machine.served().unwrap(), "1.0.0");
}

#[test]
fn a_lock_that_was_deleted_or_put_back_loads_nothing_old() {
    let machine = Machine::new();
    machine.install(&machine.source("1.0.0", ""), PLAIN).unwrap();
    let old = fs::read(machine.root().join("loader.lock")).unwrap();
    machine.install(&machine.source("2.0.0", ""), PLAIN).unwrap();
    let new = fs::read(machine.root().join("loader.lock")).unwrap();

    fs::write(machine.root().join("loader.lock"), old).unwrap();
    assert_eq!(machine.served().unwrap_err(), ["LDR-VET-DOWNGRADE"]);
    fs::remove_file(machine.root().join("loader.lock")).unwrap();
    assert_eq!(machine.served().unwrap_err(), ["LDR-LOCK-NONE", "LDR-LOCK-NONE"]);
    fs::write(machine.root().join("loader.lock"), new).unwrap();
    assert_eq!(machine.served().unwrap(), "2.0.0");
}

#[test]
fn an_update_that_does_more_needs_a_word() {
    let machine = Machine::new();
    machine.install(&machine.source("1.0.0", ""), PLAIN).unwrap();
    let wider = machine.source("1.1.0", "[requires]\nservices = [\"kv/1\"]\n");
    let refusal = machine.install(&wider, PLAIN).unwrap_err();
    assert_eq!(codes(&refusal), ["LDR-INSTALL-WIDER"]);
    assert!(refusal[0].message.contains("requires hello kv/1"), "{refusal:?}");
    assert_eq!(machine.served().unwrap(), "1.0.0");
    machine.install(&wider, Terms { accept: true, allow_downgrade: false }).unwrap();
    assert_eq!(machine.served().unwrap(), "1.1.0");
    // Less than was agreed to needs no word.
    machine.install(&machine.source("1.2.0", ""), PLAIN).unwrap();
}

#[test]
fn a_release_that_fails_its_trial_changes_nothing() {
    let machine = Machine::new();
    machine.install(&machine.source("1.0.0", ""), PLAIN).unwrap();
    let before = fs::read(machine.root().join("loader.lock")).unwrap();
    let two = machine.source("2.0.0", "");
    let crash = |_: &Fresh| {
        let finding = Diagnostic::error("LDR-PROBE-CRASH", "it crashed");
        Err(finding.at(Path::new("/")).hint("none"))
    };
    let refusal = machine.install_with(&two, PLAIN, &crash).unwrap_err();
    assert_eq!(codes(&refusal), ["LDR-PROBE-CRASH"]);
    assert_eq!(fs::read(machine.root().join("loader.lock")).unwrap(), before);
    assert_eq!(machine.folders().len(), 2);
}

#[test]
fn every_file_of_an_installed_release_is_held_to_the_lock() {
    let machine = Machine::new();
    let release = machine.install(&machine.source("1.0.0", ""), PLAIN).unwrap().release;
    let folder = machine.root().join(&release.folder);
    for name in ["libhello.so", "plugin.toml"] {
        let path = folder.join(name);
        let sound = fs::read(&path).unwrap();
        let step = (sound.len() / 64).max(1);
        for at in (0..sound.len()).step_by(step) {
            let mut flipped = sound.clone();
            flipped[at] ^= 1;
            fs::write(&path, &flipped).unwrap();
            assert!(machine.served().is_err(), "byte {at} of {name}");
        }
        fs::write(&path, &sound).unwrap();
        assert_eq!(machine.served().unwrap(), "1.0.0");
    }
    // Installing again mends it.
    fs::write(folder.join("libhello.so"), b"").unwrap();
    assert!(machine.served().is_err());
    machine.install(&machine.source("1.0.0", ""), PLAIN).unwrap();
    assert_eq!(machine.served().unwrap(), "1.0.0");
    // And so it does when the folder is gone.
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(machine.served().unwrap_err(), ["LDR-LOCK-MISSING"]);
    machine.install(&machine.source("1.0.0", ""), PLAIN).unwrap();
    assert_eq!(machine.served().unwrap(), "1.0.0");
}

#[test]
fn files_that_were_not_installed_are_never_deleted() {
    let machine = Machine::new();
    let release = machine.install(&machine.source("1.0.0", ""), PLAIN).unwrap().release;
    let folder = machine.root().join(&release.folder);
    fs::write(folder.join("notes.txt"), b"mine").unwrap();
    let removed = machine.installer(|it| it.remove("hello", false)).unwrap();
    assert_eq!(codes(&removed.warnings), ["LDR-INSTALL-LEFT"]);
    assert_eq!(fs::read(folder.join("notes.txt")).unwrap(), b"mine");
    assert!(!folder.join("libhello.so").exists());
}

#[test]
fn what_a_dead_process_left_behind_is_swept_away() {
    let machine = Machine::new();
    let left = machine.root().join(".new-release");
    fs::create_dir_all(left.join("package")).unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o500)).unwrap();
    machine.install(&machine.source("1.0.0", ""), PLAIN).unwrap();
    assert!(!left.exists());
}

#[test]
fn a_placed_plugin_in_a_managed_folder_is_named_and_refused_by_policy() {
    let mut machine = Machine::new();
    fs::create_dir_all(machine.root()).unwrap();
    fs::rename(machine.source("1.0.0", ""), machine.root().join("hello")).unwrap();
    let (candidates, _) = machine.found();
    let vetted = vet(&candidates[0], &machine.policy).unwrap();
    assert_eq!(codes(vetted.warnings()), ["LDR-VET-UNTRACKED"]);
    machine.policy.trust = Trust { untracked: Untracked::Refuse, ..Trust::default() };
    assert_eq!(machine.served().unwrap_err(), ["LDR-VET-UNTRACKED"]);
}

#[test]
fn a_linked_folder_is_used_where_it_is() {
    let machine = Machine::new();
    let folder = machine.source("1.0.0", "");
    chmod(&folder, 0o755);
    machine.installer(|it| it.link(&folder)).unwrap();
    let (candidates, _) = machine.found();
    assert_eq!(candidates[0].folder(), folder);
    assert_eq!(*candidates[0].provenance(), Provenance::Linked);
    assert_eq!(machine.served().unwrap(), "1.0.0");
    machine.installer(|it| it.unlink("hello")).unwrap();
    assert_eq!(machine.found().0.len(), 0);
    let unknown = machine.installer(|it| it.unlink("hello")).unwrap_err();
    assert_eq!(unknown.code, "LDR-INSTALL-UNKNOWN");
}

#[test]
fn two_processes_do_not_change_one_folder_at_once() {
    let machine = Machine::new();
    let one = machine.source("1.0.0", "");
    let two = machine.source("2.0.0", "");
    let root = machine.root();
    let (policy, records) = (&machine.policy, &machine.records);
    let installer = Installer { root: &root, policy, records, trial: &|_| Ok(()) };
    let held = installer.prepare("one", |_, package| Ok(copy(&one, package))).unwrap();
    let refusal = machine.install(&two, PLAIN).unwrap_err();
    assert_eq!(codes(&refusal), ["LDR-INSTALL-BUSY"]);
    held.commit(PLAIN).unwrap();
    machine.install(&two, PLAIN).unwrap();
    assert_eq!(machine.served().unwrap(), "2.0.0");
}
