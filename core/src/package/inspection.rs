//! Looks at a plugin folder before it is packed: what its manifest names is there and fits, for every
//! platform.

use crate::{
    diagnostic::{Diagnostic, Severity},
    discovery::{Candidate, Origin, Provenance, Root, look_at},
    manifest::{Architecture, Content, Library, Platform, RelativePath, System},
    trust::{Signatures, Trust},
    vetting::{
        MAX_LIBRARY_BYTES, Passed, Policy,
        binary::{self, Binary, Format},
        vet, vet_bundle,
    },
};
use loader_abi::facts;
use std::{collections::BTreeSet, path::Path};

/// How findings begin that are about the release file and its signature, which are made after this.
const LATER: [&str; 2] = ["LDR-RELEASE-", "LDR-SIGN-"];

/// Inspects every plugin in a folder, as far as this host can: its own platform's libraries as they
/// are vetted before they are loaded, others by what their files say. Who could change the files and
/// who signed them does not count here. Answers what is worth mending, or everything that must be.
pub fn inspect(folder: &Path, policy: &Policy) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let root = Root { path: folder.to_owned(), origin: Origin::Config, required: true };
    let (candidates, mut findings) = look_at(folder, &root, Provenance::Linked);
    let policy = Policy { trust: about_files_only(&policy.trust), ..policy.clone() };
    let mut seen = BTreeSet::new();
    for candidate in &candidates {
        findings.extend(inspect_own(candidate, &policy));
        findings.extend(
            foreign(candidate)
                .flat_map(|(platform, file)| inspect_foreign(candidate, platform, file)),
        );
        findings.extend(
            others(candidate).filter_map(|file| candidate.read(file, MAX_LIBRARY_BYTES).err()),
        );
    }
    findings.retain(|finding| {
        let text = (finding.code, finding.message.clone(), finding.plugin.clone());
        !LATER.iter().any(|family| finding.code.starts_with(family)) && seen.insert(text)
    });
    if candidates.is_empty() {
        // Elsewhere a folder that is no plugin is passed over; here it was named.
        findings.iter_mut().for_each(|finding| finding.severity = Severity::Error);
        return Err(findings);
    }
    if findings.iter().any(Diagnostic::is_error) {
        return Err(findings);
    }
    Ok(findings)
}

fn about_files_only(trust: &Trust) -> Trust {
    Trust {
        check_permissions: false,
        signatures: Signatures::Optional,
        publishers: Default::default(),
        ..trust.clone()
    }
}

/// A bundle, or the library for this host, if the plugin has one.
fn inspect_own(candidate: &Candidate, policy: &Policy) -> Vec<Diagnostic> {
    let is_for_here = |library: &Library| {
        Platform::current().is_some_and(|here| library.file_for(here).is_some())
    };
    let passed = match &candidate.spec().content {
        Content::Bundle(bundle) => vet_bundle(candidate, bundle, policy).map(Passed::Bundle),
        Content::Library(library) if is_for_here(library) => {
            vet(candidate, policy).map(Passed::Plugin)
        }
        Content::Library(_) => return Vec::new(),
    };
    match passed {
        Ok(passed) => passed.warnings().to_vec(),
        Err(refusals) => refusals,
    }
}

/// The libraries for other systems.
fn foreign(candidate: &Candidate) -> impl Iterator<Item = (Platform, &RelativePath)> {
    let library = candidate.spec().content.library().into_iter();
    let files = library.flat_map(|library| {
        library.platforms().filter_map(|platform| Some((platform, library.file_for(platform)?)))
    });
    files.filter(|(platform, _)| Some(*platform) != Platform::current())
}

fn inspect_foreign(
    candidate: &Candidate,
    platform: Platform,
    file: &RelativePath,
) -> Vec<Diagnostic> {
    let bytes = match candidate.read(file, MAX_LIBRARY_BYTES) {
        Ok(bytes) => bytes,
        Err(refusal) => return vec![refusal],
    };
    let problem = match binary::inspect(&bytes) {
        Ok(binary) => disagreement(candidate, platform, &binary),
        Err(malformed) => Some(("LDR-VET-FORMAT", malformed.to_string())),
    };
    let finding = problem.map(|(code, why)| {
        Diagnostic::error(code, format!("`{file}`, the library for {platform}, {why}"))
            .at(&file.under(candidate.folder()))
            .about(candidate.id())
            .hint(format!(
                "build it for {platform} under a name of its own, or take {platform} out of {}",
                candidate.manifest_path().display()
            ))
    });
    finding.into_iter().collect()
}

/// What speaks against the library of another platform: a code, and the end of a sentence.
fn disagreement(
    candidate: &Candidate,
    platform: Platform,
    binary: &Binary<'_>,
) -> Option<(&'static str, String)> {
    let format = match platform.system {
        System::Linux => Format::Elf,
        System::Macos => Format::MachO,
        System::Windows => Format::Pe,
    };
    let architecture = match platform.architecture {
        Architecture::X86_64 => "x86_64",
        Architecture::Aarch64 => "aarch64",
    };
    if binary.format != format {
        return Some(("LDR-VET-FORMAT", format!("is a {} file", binary.format)));
    }
    if binary.architecture != architecture {
        return Some(("LDR-VET-ARCH", format!("was built for {}", binary.architecture)));
    }
    if !binary.is_library {
        return Some(("LDR-VET-FORMAT", "is not a shared library".to_owned()));
    }
    if let Some(defect) = binary.defects.first() {
        return Some((defect.code(), defect.to_string()));
    }
    if !binary.has_root_symbol {
        return Some(("LDR-VET-SYMBOL", "exports no plugin".to_owned()));
    }
    let Some(facts) = binary.facts.and_then(|section| facts::parse(section).ok()) else {
        return Some(("LDR-VET-FACTS", "does not say what it was built with".to_owned()));
    };
    let spec = candidate.spec();
    if facts.version != spec.version.to_string() {
        let version = facts.version.escape_debug();
        return Some(("LDR-VET-VERSION", format!("is of version {version}, not {}", spec.version)));
    }
    if !facts.plugins.iter().any(|plugin| plugin.id == spec.library_plugin_id) {
        return Some(("LDR-VET-ID", format!("has no plugin `{}`", spec.library_plugin_id)));
    }
    None
}

/// The other files that the manifest names.
fn others(candidate: &Candidate) -> impl Iterator<Item = &RelativePath> {
    let config = &candidate.spec().config;
    config.schema.iter().chain(&config.account_schema)
}
