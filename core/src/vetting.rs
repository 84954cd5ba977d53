//! The gate: what must hold before one instruction of a plugin may run.
//!
//! [`vet`] picks the library for this platform, opens it and everything on the way to it once, and looks
//! at what it opened alone from then on: who can change it, what its bytes are, whether they make a
//! library of this platform that exports a plugin and drags nothing else along, and whether what the
//! library says about itself agrees with its manifest. It runs no code of the plugin.
//!
//! The gate protects against files that other users can change, files that changed under way, and
//! files that cannot work. It is no malware scanner.

mod agreement;
pub mod binary;
mod bundle;
mod files;
pub(crate) mod host;
mod known;
mod library;
mod locked;
pub(crate) mod permissions;
mod signed;
mod standing;

pub(crate) use bundle::vet_visited_bundle;
pub use bundle::{MAX_SKILL_BYTES, VettedBundle, vet_bundle};
use files::Inside;
pub use files::who_can_change;
pub(crate) use known::Known;
pub use known::State;
pub(crate) use library::read_facts;
pub use signed::Released;

use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::{Candidate, Visit},
    folder::Opened,
    manifest::{Platform, PluginSpec, RelativePath},
    trust::{Records, Trust},
};
pub use files::MAX_LIBRARY_BYTES;
use loader_abi::facts::Facts;
use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What the operator and the host demand of a plugin.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The services this host offers, such as `kv/1`.
    pub services: BTreeSet<String>,
    /// Whom and what the operator trusts.
    pub trust: Trust,
    /// What this machine remembers about plugins; `None` for a host that remembers nothing.
    pub records: Option<Records>,
    /// Whether bytes that crashed the program while they served may serve again.
    pub serve_crashed: bool,
    /// What the embedding program has to say of a plugin, by its manifest.
    pub advise: Option<Advise>,
}

/// Says what an embedding program has to say of a plugin, by its manifest alone: an error keeps the
/// plugin from being loaded, the rest is told wherever the plugin is.
pub type Advise = fn(&Candidate) -> Vec<Diagnostic>;

impl Policy {
    /// The strict policy of a host that offers these services.
    pub fn new<Name: Into<String>>(services: impl IntoIterator<Item = Name>) -> Self {
        let services = services.into_iter().map(Into::into).collect();
        Self {
            services,
            trust: Trust::default(),
            records: None,
            serve_crashed: false,
            advise: None,
        }
    }
}

/// A plugin that may be loaded. Only [`vet`] and [`vet_fresh`] make one. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Vetted(Arc<Fit>);

#[derive(Debug)]
struct Fit {
    candidate: Candidate,
    facts: Facts,
    path: PathBuf,
    size: u64,
    digest: Digest,
    released: Option<Released>,
    warnings: Vec<Diagnostic>,
}

/// What passed the gate. Of a bundle there is nothing to load.
#[derive(Debug, Clone)]
pub enum Passed {
    /// A plugin with a library.
    Plugin(Vetted),
    /// Files without code.
    Bundle(VettedBundle),
}

impl Passed {
    /// What is worth mending although it may be used.
    pub fn warnings(&self) -> &[Diagnostic] {
        match self {
            Self::Plugin(vetted) => vetted.warnings(),
            Self::Bundle(bundle) => bundle.warnings(),
        }
    }

    /// The digest by which it is denied: of a plugin's library, or of a bundle's manifest.
    pub fn digest(&self) -> Digest {
        match self {
            Self::Plugin(vetted) => vetted.digest(),
            Self::Bundle(bundle) => bundle.digest(),
        }
    }

    /// What its release file says; `None` when it has none.
    pub fn released(&self) -> Option<&Released> {
        match self {
            Self::Plugin(vetted) => vetted.released(),
            Self::Bundle(bundle) => bundle.released(),
        }
    }

    /// The plugin, if it is one.
    pub fn plugin(&self) -> Option<&Vetted> {
        match self {
            Self::Plugin(vetted) => Some(vetted),
            Self::Bundle(_) => None,
        }
    }

    /// The bundle, if it is one.
    pub fn bundle(&self) -> Option<&VettedBundle> {
        match self {
            Self::Plugin(_) => None,
            Self::Bundle(bundle) => Some(bundle),
        }
    }
}

/// A vetted plugin whose library is still open and in memory, to be staged. Only [`vet_fresh`] makes
/// one.
#[derive(Debug)]
pub struct Fresh {
    vetted: Vetted,
    file: File,
    bytes: Vec<u8>,
}

impl Fresh {
    /// The plugin.
    pub fn vetted(&self) -> &Vetted {
        &self.vetted
    }

    /// The library's file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The plugin, without the bytes.
    pub fn into_vetted(self) -> Vetted {
        self.vetted
    }

    /// The bytes that were found fit.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Vetted {
    /// The plugin as it was discovered.
    pub fn candidate(&self) -> &Candidate {
        &self.0.candidate
    }

    /// The plugin.
    pub fn spec(&self) -> &PluginSpec {
        self.0.candidate.spec()
    }

    /// What the library says about itself.
    pub fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// The library's path in the plugin's folder, for messages: what is there may change.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// The digest of the library's bytes.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The library's size in bytes.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    /// What is worth mending although the plugin may be loaded.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.0.warnings
    }

    /// What its release file says; `None` when it has none.
    pub fn released(&self) -> Option<&Released> {
        self.0.released.as_ref()
    }
}

/// Decides whether a plugin may be loaded. A refusal holds every reason that can be told apart, each
/// with what was found, what was wanted and what mends it. Blocks on the file system; reads the
/// library once.
pub fn vet(candidate: &Candidate, policy: &Policy) -> Result<Vetted, Vec<Diagnostic>> {
    vet_fresh(candidate, policy).map(Fresh::into_vetted)
}

/// The same, for one that is only looked at, while its folder is open: what is known of a library that
/// has not changed since is not found out again.
pub(crate) fn vet_known(
    candidate: &Candidate,
    visit: &Visit,
    policy: &Policy,
    known: &Known,
) -> Result<Vetted, Vec<Diagnostic>> {
    let vetted = look_at(candidate, policy, Some(visit), |library, opened: &mut Opened| {
        if let Some((digest, facts)) = known.recall(opened) {
            return Ok(Looked { digest, facts: Ok(facts) });
        }
        let looked = Looked::at(&files::read(candidate, library, opened)?, library, policy);
        if let Ok(facts) = &looked.facts {
            known.remember(opened, looked.digest, facts);
        }
        Ok(looked)
    });
    vetted.map(|(vetted, _)| vetted).map_err(|findings| about(candidate, findings))
}

/// The same, for a plugin that is to be staged right away.
pub fn vet_fresh(candidate: &Candidate, policy: &Policy) -> Result<Fresh, Vec<Diagnostic>> {
    let mut bytes = Vec::new();
    let vetted = look_at(candidate, policy, None, |library, opened: &mut Opened| {
        bytes = files::read(candidate, library, opened)?;
        Ok(Looked::at(&bytes, library, policy))
    });
    let (vetted, file) = vetted.map_err(|findings| about(candidate, findings))?;
    Ok(Fresh { vetted, file, bytes })
}

/// What a look at a library's bytes found.
struct Looked {
    digest: Digest,
    facts: Result<Facts, Vec<Diagnostic>>,
}

impl Looked {
    fn at(bytes: &[u8], library: &RelativePath, policy: &Policy) -> Self {
        Self { digest: Digest::of(bytes), facts: library::facts_of(bytes, library, policy) }
    }
}

/// Everything that is said against a plugin's bytes, for one that is loaded already.
pub(crate) fn denials(candidate: &Candidate, library: Digest, policy: &Policy) -> Vec<Diagnostic> {
    let mut findings = standing::check(candidate, Some(library), policy);
    findings.retain(Diagnostic::is_error);
    findings
}

/// What is said against a bundle by the digest of its manifest, for one that is in use already.
pub(crate) fn denial_of_bundle(manifest: Digest, policy: &Policy) -> Option<Diagnostic> {
    standing::denied("manifest", manifest, policy)
}

fn look_at(
    candidate: &Candidate,
    policy: &Policy,
    visit: Option<&Visit>,
    look: impl FnOnce(&RelativePath, &mut Opened) -> Result<Looked, Diagnostic>,
) -> Result<(Vetted, File), Vec<Diagnostic>> {
    let library = library_for_this_platform(candidate).map_err(|refusal| vec![refusal])?;
    let mut findings = Vec::new();
    let mut inside = Inside::enter(candidate, visit, policy, &mut findings)
        .map_err(|problem| vec![files::unreadable(candidate, library, &problem)])?;
    let Some(mut opened) = files::open(candidate, &mut inside, library, &mut findings) else {
        return Err(findings);
    };
    let Looked { digest, facts } = match look(library, &mut opened) {
        Ok(looked) => looked,
        Err(refusal) => {
            findings.push(refusal);
            return Err(findings);
        }
    };
    let standing = standing::check(candidate, Some(digest), policy);
    findings.extend(standing.into_iter().map(|refusal| refusal.at(&opened.path)));
    let (folder, read) = (inside.folder(), [(library, digest)]);
    findings.extend(locked::check(candidate, folder, &read, policy));
    let (released, said) = signed::check(candidate, folder, &read, policy);
    findings.extend(said);
    let facts = match facts {
        Ok(facts) => facts,
        Err(refusals) => {
            findings.extend(refusals.into_iter().map(|refusal| refusal.at(&opened.path)));
            return Err(findings);
        }
    };
    findings.extend(agreement::check(candidate, &facts, policy));
    findings.extend(policy.advise.into_iter().flat_map(|advise| advise(candidate)));
    if findings.iter().any(Diagnostic::is_error) {
        return Err(findings);
    }
    let vetted = Vetted(Arc::new(Fit {
        candidate: candidate.clone(),
        facts,
        digest,
        released,
        size: opened.size,
        path: opened.path,
        warnings: about(candidate, findings),
    }));
    Ok((vetted, opened.file))
}

fn about(candidate: &Candidate, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    findings.into_iter().map(|finding| finding.about(candidate.id())).collect()
}

fn library_for_this_platform(candidate: &Candidate) -> Result<&RelativePath, Diagnostic> {
    let library = candidate.spec().content.library().ok_or_else(|| {
        let message = "it is a bundle: it has no code that could be loaded";
        let hint = format!("see what it brings: loader plugins inspect {}", candidate.id());
        Diagnostic::error("LDR-VET-BUNDLE", message).at(candidate.manifest_path()).hint(hint)
    })?;
    let Some(platform) = Platform::current() else {
        let message = format!("plugins cannot be built for this host, {}", host::target());
        let hint = "run loader on Linux, macOS or Windows on x86_64 or aarch64";
        return Err(Diagnostic::error("LDR-VET-PLATFORM", message).hint(hint));
    };
    library.file_for(platform).ok_or_else(|| {
        let has: Vec<&str> = library.platforms().map(Platform::key).collect();
        let message = format!("has libraries for {}; this host is {platform}", has.join(", "));
        let hint = format!(
            "build it here with `cargo build --release` and add `{platform} = \"<file>\"` below [library]"
        );
        Diagnostic::error("LDR-VET-PLATFORM", message).at(candidate.manifest_path()).hint(hint)
    })
}
