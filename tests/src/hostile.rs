//! Hostile plugin folders, one defect each, and honest ones beside them.
//!
//! Every folder holds the `canary` fixture, which leaves a file as soon as anything of it runs: from a
//! constructor, from a resolver, from a library it needs. A [`Ground`] is a machine in small: the folders
//! above the plugins, the plugins, and a cage in which the product is started. A [`Case`] spoils one thing
//! on it. A [`Surface`] is one way in which the product looks at plugins.

mod binaries;
mod bundles;
mod controls;
mod elf;
mod files;
mod ground;
mod manifests;
mod surfaces;
mod variables;

pub use controls::controls;
pub use elf::Elf;
pub use ground::Ground;
pub use surfaces::{SURFACES, Seen, Surface};
pub use variables::UNFRIENDLY;

/// One defect.
pub struct Case {
    /// What is wrong, in a few words.
    pub name: &'static str,
    /// The code it is refused with, and no other.
    pub code: &'static str,
    /// Whether the hint is a command that mends it.
    pub mending: Mending,
    /// What it takes to make it.
    pub needs: Needs,
    /// Makes it.
    pub spoil: fn(&mut Ground),
}

/// What it takes to make a defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Anybody can.
    Nothing,
    /// The superuser, who can give files away and make devices.
    Root,
    /// The superuser, where file systems can be mounted.
    Mount,
}

/// What becomes of a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mending {
    /// It is a command, and mends the defect when it is run as it stands.
    Command,
    /// Nothing that could be run on this machine mends it, because of this.
    Impossible(&'static str),
}

/// Only another library mends it.
const REBUILD: Mending = Mending::Impossible("its author builds another library");
/// The right file must come from somewhere.
const RESTORE: Mending = Mending::Impossible("what belongs there is not on this machine");
/// A person decides.
const DECIDE: Mending = Mending::Impossible("the operator decides whether to trust it");

impl Case {
    const fn new(name: &'static str, code: &'static str, spoil: fn(&mut Ground)) -> Self {
        Self { name, code, mending: REBUILD, needs: Needs::Nothing, spoil }
    }

    const fn mending(self, mending: Mending) -> Self {
        Self { mending, ..self }
    }

    const fn needs(self, needs: Needs) -> Self {
        Self { needs, ..self }
    }
}

/// Every hostile folder.
pub fn cases() -> Vec<Case> {
    let all = [files::cases(), binaries::cases(), manifests::cases(), bundles::cases()];
    all.into_iter().flatten().collect()
}

/// The cases that can be made here. Says which are left out.
pub fn possible(cases: Vec<Case>) -> Vec<Case> {
    let (root, mount) = (is_root(), is_root() && Ground::can_mount());
    let (possible, others): (Vec<_>, Vec<_>) =
        cases.into_iter().partition(|case| match case.needs {
            Needs::Nothing => true,
            Needs::Root => root,
            Needs::Mount => mount,
        });
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|case| case.name).collect();
        not_run(&format!("{}: as root, where mount is allowed", names.join(", ")));
    }
    possible
}

/// Whether this process may do what only the superuser may.
pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0")
}

/// Says that something was not run, which is a failure where nothing may be left out.
pub fn not_run(what: &str) {
    println!("not run: {what}");
    assert!(std::env::var_os("LOADER_TEST_STRICT").is_none(), "not run: {what}");
}
