//! What a library would bring into the process and what it needs of the machine, read from its bytes:
//! nothing of it is executed, and nothing of what it needs is loaded.
//!
//! Vetting decides whether a library may be opened. An audit is for whoever wants to know more before
//! that: which C library it needs, whether what it needs is here, what runs by itself, what it calls.

mod elf;
mod imports;
mod judgement;
mod libraries;

pub use elf::{ElfFacts, Relro, Segment};
pub use imports::Family;
pub use libraries::Installed;

use crate::{
    diagnostic::Diagnostic,
    manifest::PluginSpec,
    vetting::binary::{self, Format, Malformed},
};
use loader_abi::{facts, facts::Facts};
use object::{Object, read::File};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What an audit found.
#[derive(Debug, Clone, Serialize)]
pub struct Audit {
    /// The file format: `ELF`, `Mach-O` or `PE`.
    pub format: String,
    /// The processor it was built for.
    pub architecture: String,
    /// The file's size in bytes.
    pub bytes: u64,
    /// Whether symbols for debuggers were taken out.
    pub stripped: bool,
    /// What the library says of itself; `None` if it has no metadata that can be read.
    pub facts: Option<Facts>,
    /// The libraries it needs, and where each is on this machine.
    pub needed: Vec<Needed>,
    /// The oldest C library it works with; `None` if it needs none, or is no ELF file.
    pub libc: Option<Libc>,
    /// What it exports besides the plugin's root.
    pub exports: BTreeSet<String>,
    /// What it calls of other libraries, by what that is for.
    pub imports: BTreeMap<Family, BTreeSet<String>>,
    /// What only ELF files have.
    pub elf: Option<ElfFacts>,
    /// What there is to say, errors first.
    pub findings: Vec<Diagnostic>,
}

/// A library that another one needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Needed {
    /// Its name.
    pub name: String,
    /// Where the dynamic linker would find it; `None` also for a file of another platform.
    pub path: Option<PathBuf>,
}

/// The oldest C library that a library works with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Libc {
    /// The version of glibc, such as `2.34`.
    pub needs: String,
    /// The functions that need it.
    pub symbols: BTreeSet<String>,
    /// The version of this machine's, if that can be told.
    pub here: Option<String>,
}

/// What is audited.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The library, for messages.
    pub path: &'a Path,
    /// The plugin it belongs to, if there is a manifest.
    pub plugin: Option<&'a PluginSpec>,
}

/// Audits the bytes of a library.
pub fn audit(
    subject: Subject<'_>,
    bytes: &[u8],
    installed: &Installed,
) -> Result<Audit, Diagnostic> {
    let found = read(bytes, installed).map_err(|malformed| {
        let refusal = Diagnostic::error("LDR-AUDIT-FORMAT", format!("the file {malformed}"));
        refusal.at(subject.path).hint("name the plugin's library; build it again if it is damaged")
    });
    let mut found = found?;
    let findings = judgement::judge(&found, subject.plugin).into_iter().map(|finding| {
        let finding = finding.at(subject.path);
        match subject.plugin {
            Some(plugin) => finding.about(&plugin.id),
            None => finding,
        }
    });
    found.findings = findings.collect();
    found.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(found)
}

fn read(bytes: &[u8], installed: &Installed) -> Result<Audit, Malformed> {
    let binary = binary::inspect(bytes)?;
    let damaged = |error| Malformed(format!("is damaged or was cut short: {error}"));
    let file = File::parse(bytes).map_err(damaged)?;
    let elf = match &file {
        File::Elf32(elf) => Some(elf::read(elf).map_err(damaged)?),
        File::Elf64(elf) => Some(elf::read(elf).map_err(damaged)?),
        _ => None,
    };
    let is_ours = binary.format == Format::Elf && binary.architecture == std::env::consts::ARCH;
    let mut needed = Vec::new();
    for library in file.import_libraries().map_err(damaged)? {
        let name = text(library.map_err(damaged)?.name());
        let path = installed.find(&name).filter(|_| is_ours);
        needed.push(Needed { name, path });
    }
    let mut exports = BTreeSet::new();
    for export in file.exports().map_err(damaged)? {
        let export = export.map_err(damaged)?;
        exports.extend(export.name().name().map(text));
    }
    exports.retain(|name| {
        // Mach-O puts an underscore before every symbol.
        let is_root = name.strip_prefix('_').is_some_and(|name| name == ROOT) || name == ROOT;
        !is_root && !LINKERS.contains(&name.as_str())
    });
    let mut imports = BTreeMap::<Family, BTreeSet<String>>::new();
    for import in file.imports().map_err(damaged)? {
        let import = import.map_err(damaged)?;
        let Some(name) = import.name().name().map(text) else { continue };
        if let Some(family) = Family::of(&name) {
            imports.entry(family).or_default().insert(name);
        }
    }
    Ok(Audit {
        format: binary.format.to_string(),
        architecture: binary.architecture,
        bytes: bytes.len() as u64,
        stripped: file.symbols().next().is_none(),
        facts: binary.facts.and_then(|section| facts::parse(section).ok()),
        needed,
        libc: elf.as_ref().and_then(|elf| libc(elf, installed)),
        exports,
        imports,
        elf,
        findings: Vec::new(),
    })
}

fn libc(elf: &ElfFacts, installed: &Installed) -> Option<Libc> {
    let versions = elf.versions.values().flatten();
    let numbered = versions.filter_map(|(version, symbols)| {
        let version = version.strip_prefix(GLIBC)?;
        Some((elf::number(version)?, version, symbols))
    });
    let (_, needs, symbols) = numbered.max_by(|(one, ..), (other, ..)| one.cmp(other))?;
    let here = installed.find("libc.so.6").and_then(|path| std::fs::read(path).ok());
    let here = here.and_then(|bytes| elf::highest_defined(&bytes, GLIBC));
    Some(Libc { needs: needs.to_owned(), symbols: symbols.clone(), here })
}

/// How the versions of the C library's symbols begin.
const GLIBC: &str = "GLIBC_";

/// The symbol that every plugin exports.
const ROOT: &str = loader_abi::layout::ROOT_SYMBOL;

/// What linkers add to a library's exports.
const LINKERS: [&str; 5] = ["_init", "_fini", "__bss_start", "_edata", "_end"];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
