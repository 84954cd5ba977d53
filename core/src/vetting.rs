//! The gate: what must hold before one instruction of a plugin may run.
//!
//! [`vet`] picks the library for this platform, opens it once, and looks at the open file alone from
//! then on: who can change it, what its bytes are, whether they make a library of this platform that
//! exports a plugin, and whether what the library says about itself agrees with its manifest. It
//! runs no code of the plugin.
//!
//! The gate protects against files that other users can change, files that changed under way, and
//! files that cannot work. It is no malware scanner.

mod agreement;
pub mod binary;
mod host;
mod locked;
mod permissions;
mod signed;
mod standing;

pub use signed::Released;

use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::Candidate,
    folder::{self, Opened, Unreadable, shell_word},
    manifest::{Platform, PluginSpec, RelativePath},
    trust::{Records, Trust},
};
use binary::Binary;
use loader_abi::facts::{self, Facts, FactsError};
use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A larger library is refused.
pub const MAX_LIBRARY_BYTES: u64 = 512 * 1024 * 1024;

/// What the operator and the host demand of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The services this host offers, such as `kv/1`.
    pub services: BTreeSet<String>,
    /// Whom and what the operator trusts.
    pub trust: Trust,
    /// What this machine remembers about plugins; `None` for a host that remembers nothing.
    pub records: Option<Records>,
}

impl Policy {
    /// The strict policy of a host that offers these services.
    pub fn new<Name: Into<String>>(services: impl IntoIterator<Item = Name>) -> Self {
        let services = services.into_iter().map(Into::into).collect();
        Self { services, trust: Trust::default(), records: None }
    }
}

/// A plugin that may be loaded, and the very file that was found fit. Only [`vet`] makes one. Cheap
/// to clone.
#[derive(Debug, Clone)]
pub struct Vetted(Arc<Fit>);

#[derive(Debug)]
struct Fit {
    candidate: Candidate,
    facts: Facts,
    path: PathBuf,
    file: File,
    size: u64,
    digest: Digest,
    released: Option<Released>,
    warnings: Vec<Diagnostic>,
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

    /// The open library.
    pub(crate) fn file(&self) -> &File {
        &self.0.file
    }
}

/// Decides whether a plugin may be loaded. A refusal holds every reason that can be told apart, each
/// with what was found, what was wanted and what mends it. Blocks on the file system; reads the
/// library once.
pub fn vet(candidate: &Candidate, policy: &Policy) -> Result<Vetted, Vec<Diagnostic>> {
    look_at(candidate, policy).map_err(|findings| about(candidate, findings))
}

/// Everything that is said against a plugin's bytes, for one that is loaded already.
pub(crate) fn denials(candidate: &Candidate, library: Digest, policy: &Policy) -> Vec<Diagnostic> {
    standing::check(candidate, library, policy)
}

fn look_at(candidate: &Candidate, policy: &Policy) -> Result<Vetted, Vec<Diagnostic>> {
    let library = library_for_this_platform(candidate).map_err(|refusal| vec![refusal])?;
    let mut opened = folder::open(candidate.folder(), library)
        .map_err(|problem| vec![unreadable(candidate, library, &problem)])?;
    let mut findings = Vec::new();
    if policy.trust.check_permissions {
        findings.extend(permissions::check(candidate, &opened, &policy.trust.owners));
    }
    let bytes = match read(candidate, library, &mut opened) {
        Ok(bytes) => bytes,
        Err(refusal) => {
            findings.push(refusal);
            return Err(findings);
        }
    };
    let digest = Digest::of(&bytes);
    let standing = standing::check(candidate, digest, policy);
    findings.extend(standing.into_iter().map(|refusal| refusal.at(&opened.path)));
    findings.extend(locked::check(candidate, (library, digest), policy));
    let (released, said) = signed::check(candidate, (library, digest), policy);
    findings.extend(said);
    let facts = match facts_of(&bytes, library) {
        Ok(facts) => facts,
        Err(refusals) => {
            findings.extend(refusals.into_iter().map(|refusal| refusal.at(&opened.path)));
            return Err(findings);
        }
    };
    findings.extend(agreement::check(candidate, &facts, policy));
    if findings.iter().any(Diagnostic::is_error) {
        return Err(findings);
    }
    Ok(Vetted(Arc::new(Fit {
        candidate: candidate.clone(),
        facts,
        digest,
        released,
        size: bytes.len() as u64,
        path: opened.path,
        file: opened.file,
        warnings: about(candidate, findings),
    })))
}

fn about(candidate: &Candidate, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    findings.into_iter().map(|finding| finding.about(candidate.id())).collect()
}

fn library_for_this_platform(candidate: &Candidate) -> Result<&RelativePath, Diagnostic> {
    let library = &candidate.spec().library;
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

fn read(
    candidate: &Candidate,
    library: &RelativePath,
    opened: &mut Opened,
) -> Result<Vec<u8>, Diagnostic> {
    let bytes = opened
        .read(MAX_LIBRARY_BYTES)
        .map_err(|problem| unreadable(candidate, library, &problem))?;
    if bytes.is_empty() {
        let message = format!("`{library}` is empty");
        let refusal = Diagnostic::error("LDR-VET-FORMAT", message).at(&opened.path);
        return Err(refusal.hint(build_and_copy(candidate, library)));
    }
    Ok(bytes)
}

fn unreadable(candidate: &Candidate, library: &RelativePath, problem: &Unreadable) -> Diagnostic {
    let path = library.under(candidate.folder());
    let hint = match problem {
        Unreadable::Missing => build_and_copy(candidate, library),
        Unreadable::Link | Unreadable::NotAFile => {
            format!("put a copy of the library itself there; ls -l {}", shell_word(&path))
        }
        Unreadable::TooLarge { .. } => {
            "strip it: `strip = true` below [profile.release]".to_owned()
        }
        Unreadable::System(_) => format!("make it readable: chmod u+r {}", shell_word(&path)),
    };
    let message = format!("`{library}` {problem}");
    Diagnostic::error("LDR-VET-FILE", message).at(&path).hint(hint)
}

/// What is to be done about a library that is not there or is not whole.
fn build_and_copy(candidate: &Candidate, library: &RelativePath) -> String {
    let name = library.as_str().rsplit('/').next().unwrap_or_default();
    let target = library.under(candidate.folder());
    format!("cargo build --release && cp target/release/{name} {}", shell_word(&target))
}

/// Reads what the library says about itself, or every reason why it cannot be loaded here.
fn facts_of(bytes: &[u8], library: &RelativePath) -> Result<Facts, Vec<Diagnostic>> {
    let rebuild = "build it again with `cargo build --release`, and copy the whole file";
    let binary = binary::inspect(bytes).map_err(|malformed| {
        let message = format!("`{library}` {malformed}");
        vec![Diagnostic::error("LDR-VET-FORMAT", message).hint(rebuild)]
    })?;
    let wanted = host::FORMAT;
    if binary.format != wanted {
        let message = format!("`{library}` is a {} file; this host loads {wanted}", binary.format);
        let hint = host::build_command();
        return Err(vec![Diagnostic::error("LDR-VET-FORMAT", message).hint(hint)]);
    }
    let here = std::env::consts::ARCH;
    if binary.architecture != here {
        let found = &binary.architecture;
        let message = format!("`{library}` was built for {found}; this host is {here}");
        let hint = host::build_command();
        return Err(vec![Diagnostic::error("LDR-VET-ARCH", message).hint(hint)]);
    }
    let mut refusals = Vec::new();
    if !binary.is_library {
        let message = format!("`{library}` is not a shared library");
        let hint = "add `[lib] crate-type = [\"cdylib\"]` to its Cargo.toml and build it again";
        refusals.push(Diagnostic::error("LDR-VET-FORMAT", message).hint(hint));
        return Err(refusals);
    }
    if !binary.has_root_symbol {
        let message =
            format!("`{library}` is a library without a plugin: it exports no root symbol");
        let hint = "call `loader_sdk::export_plugin!` in it, and build it as a `cdylib`";
        refusals.push(Diagnostic::error("LDR-VET-SYMBOL", message).hint(hint));
    }
    if binary.has_static_tls {
        let message = format!(
            "`{library}` demands static thread-local storage (DF_STATIC_TLS), which a library loaded \
             later may not get"
        );
        let hint =
            "remove a custom global allocator or `-Z tls-model=initial-exec`, and build again";
        refusals.push(Diagnostic::error("LDR-VET-TLS", message).hint(hint));
    }
    match read_facts(&binary) {
        Ok(facts) if refusals.is_empty() => return Ok(facts),
        Ok(_) => {}
        // Without an exported plugin there are no facts either, which is no news.
        Err(_) if !binary.has_root_symbol => {}
        Err(reason) => {
            let message = format!("`{library}` does not say what it was built with: {reason}");
            let hint =
                "build it with `loader_sdk::export_plugin!`, whose metadata survives `strip`";
            refusals.push(Diagnostic::error("LDR-VET-FACTS", message).hint(hint));
        }
    }
    Err(refusals)
}

fn read_facts(binary: &Binary<'_>) -> Result<Facts, String> {
    let section = binary.facts.ok_or_else(|| format!("it has no section `{}`", facts::SECTION))?;
    facts::parse(section).map_err(|error| match error {
        FactsError::NotOurs => "its metadata section is not ours".to_owned(),
        FactsError::Format(found) => {
            format!("its metadata has format {found}; this host reads {}", facts::FORMAT)
        }
        FactsError::Length(length) => format!("its metadata cannot be {length} bytes long"),
        FactsError::Json(reason) => format!("its metadata is damaged: {reason}"),
    })
}
