//! Hostile plugin folders, one defect each, and honest ones beside them.
//!
//! Every folder holds the `canary` fixture, which leaves a file as soon as anything of it runs: from a
//! constructor, from a resolver, from a library it needs. A [`Ground`] is a machine in small: the folders
//! above the plugins, the plugins, and a cage in which the product is started. A [`Case`] spoils one thing
//! on it. A [`Surface`] is one way in which the product looks at plugins.

mod binaries;
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
    /// Whether only the superuser can make it.
    pub needs_root: bool,
    /// Makes it.
    pub spoil: fn(&mut Ground),
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
        Self { name, code, mending: REBUILD, needs_root: false, spoil }
    }

    const fn mending(self, mending: Mending) -> Self {
        Self { mending, ..self }
    }

    const fn as_root(self) -> Self {
        Self { needs_root: true, ..self }
    }
}

/// Every hostile folder.
pub fn cases() -> Vec<Case> {
    [files::cases(), binaries::cases(), manifests::cases()].into_iter().flatten().collect()
}

/// Whether this process may do what only the superuser may; if not, says what is not run.
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
