//! What a library's bytes must be: whole, for this host, a plugin, and nothing that would run other
//! code than what was looked at.

use super::{
    Policy,
    binary::{self, Binary},
    host,
};
use crate::{diagnostic::Diagnostic, manifest::RelativePath};
use loader_abi::facts::{self, Facts, FactsError};

/// Reads what the library says about itself, or every reason why it cannot be loaded here.
pub(super) fn facts_of(
    bytes: &[u8],
    library: &RelativePath,
    policy: &Policy,
) -> Result<Facts, Vec<Diagnostic>> {
    let binary = binary::inspect(bytes).map_err(|malformed| {
        let rebuild = "build it again with `cargo build --release`, and copy the whole file";
        let message = format!("`{library}` {malformed}");
        vec![Diagnostic::error("LDR-VET-FORMAT", message).hint(rebuild)]
    })?;
    check_platform(&binary, library).map_err(|refusal| vec![refusal])?;
    let mut refusals: Vec<Diagnostic> = Vec::new();
    refusals.extend(binary.defects.iter().map(|defect| {
        Diagnostic::error(defect.code(), format!("`{library}` {defect}")).hint(defect.hint())
    }));
    refusals.extend(check_needed(&binary, library, policy));
    if !binary.has_root_symbol && refusals.is_empty() {
        let message =
            format!("`{library}` is a library without a plugin: it exports no root symbol");
        let hint = "call `loader_sdk::export_plugin!` in it, and build it as a `cdylib`";
        refusals.push(Diagnostic::error("LDR-VET-SYMBOL", message).hint(hint));
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

/// Whether it is a library, of this system, for this processor.
fn check_platform(binary: &Binary<'_>, library: &RelativePath) -> Result<(), Diagnostic> {
    let wanted = host::FORMAT;
    if binary.format != wanted {
        let message = format!("`{library}` is a {} file; this host loads {wanted}", binary.format);
        return Err(Diagnostic::error("LDR-VET-FORMAT", message).hint(host::build_command()));
    }
    let here = std::env::consts::ARCH;
    if binary.architecture != here {
        let found = &binary.architecture;
        let message = format!("`{library}` was built for {found}; this host is {here}");
        return Err(Diagnostic::error("LDR-VET-ARCH", message).hint(host::build_command()));
    }
    if !binary.is_library && binary.defects.is_empty() {
        let message = format!("`{library}` is not a shared library");
        let hint = "add `[lib] crate-type = [\"cdylib\"]` to its Cargo.toml and build it again";
        return Err(Diagnostic::error("LDR-VET-FORMAT", message).hint(hint));
    }
    Ok(())
}

/// Whatever a library needs is loaded with it, and runs without having been looked at.
fn check_needed<'a>(
    binary: &'a Binary<'_>,
    library: &'a RelativePath,
    policy: &'a Policy,
) -> impl Iterator<Item = Diagnostic> + 'a {
    let is_foreign = |name: &&String| {
        // A path is told as such.
        let is_path = host::FORMAT == binary::Format::Elf && name.contains('/');
        !is_path && !host::brings(name) && !policy.trust.libraries.contains(*name)
    };
    binary.needed.iter().filter(is_foreign).map(move |name| {
        let name = name.escape_debug();
        let message = format!(
            "`{library}` needs `{name}`, which runs with it and is neither part of the system's C \
             library nor trusted"
        );
        let hint = format!(
            "link it in statically; or, if you trust it: plugins.trust.libraries = [\"{name}\"]"
        );
        Diagnostic::error("LDR-VET-NEEDED", message).hint(hint)
    })
}

pub(crate) fn read_facts(binary: &Binary<'_>) -> Result<Facts, String> {
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
