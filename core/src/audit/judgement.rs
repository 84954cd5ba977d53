//! What of an audit is worth saying: what keeps the library from working here, and what its operator
//! should know before it runs.

use super::{Audit, ElfFacts, Family, Libc, Relro, elf};
use crate::{diagnostic::Diagnostic, manifest::PluginSpec};

/// The functions that run when any plugin is opened: one of the C runtime, one of Rust's.
const USUAL_CONSTRUCTORS: u64 = 2;

/// The most names that a message lists.
const MOST_NAMES: usize = 5;

pub(super) fn judge(audit: &Audit, plugin: Option<&PluginSpec>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if audit.facts.is_none() {
        let message = "it has no metadata of a plugin that can be read";
        let hint = "build it with `loader_sdk::export_plugin!`";
        findings.push(Diagnostic::warning("LDR-AUDIT-FACTS", message).hint(hint));
    }
    if let Some(elf) = &audit.elf {
        findings.extend(judge_segments(elf));
        if audit.architecture == std::env::consts::ARCH {
            findings.extend(judge_needed(audit));
            findings.extend(audit.libc.as_ref().and_then(judge_libc));
        }
        findings.extend(judge_run_paths(elf));
        findings.extend(judge_start(elf));
    }
    if !audit.exports.is_empty() {
        let message = format!(
            "it exports {} besides the plugin's root, which other libraries could take for theirs",
            list(&audit.exports)
        );
        let hint = "build it as a `cdylib`, without `#[no_mangle]`; hide the symbols of C code";
        findings.push(Diagnostic::warning("LDR-AUDIT-EXPORTS", message).hint(hint));
    }
    findings.extend(judge_imports(audit, plugin));
    findings
}

fn judge_segments(elf: &ElfFacts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut error = |message: &str, hint: &str| {
        findings.push(Diagnostic::error("LDR-AUDIT-MEMORY", message).hint(hint));
    };
    if elf.segments.iter().any(|segment| segment.access.ends_with("wx")) {
        error(
            "it has memory that may be written and executed at once",
            "link it without `-N`, and look at hand-written sections",
        );
    }
    if elf.text_relocations {
        error("its code is changed while it is opened", "compile all of its C code with `-fPIC`");
    }
    if elf.executable_stack != Some(false) {
        error(
            "it demands an executable stack",
            "link it with `-z noexecstack`; assembler files need a `.note.GNU-stack` section",
        );
    }
    if elf.static_tls {
        error(
            "it demands static thread-local storage, which a library opened later may not get",
            "remove a global allocator of its own, or `-Z tls-model=initial-exec`",
        );
    }
    if elf.relro != Relro::Full {
        let message = "the addresses of the functions it calls stay writable";
        let hint = "link it with `-z relro -z now`, which rustc does by itself";
        findings.push(Diagnostic::warning("LDR-AUDIT-RELRO", message).hint(hint));
    }
    findings
}

fn judge_needed(audit: &Audit) -> Option<Diagnostic> {
    let missing = audit.needed.iter().filter(|needed| needed.path.is_none());
    let missing: Vec<&String> = missing.map(|needed| &needed.name).collect();
    if missing.is_empty() {
        return None;
    }
    let message = format!("it needs {}, which is not on this machine", list(missing));
    let hint = "install the package that has it; or link the library in statically";
    Some(Diagnostic::error("LDR-AUDIT-NEEDED", message).hint(hint))
}

fn judge_libc(libc: &Libc) -> Option<Diagnostic> {
    let Libc { needs, symbols, here } = libc;
    let here = here.as_ref().filter(|here| elf::number(needs) > elf::number(here))?;
    let message =
        format!("it needs glibc {needs} (for {}); this machine has {here}", list(symbols));
    let hint =
        "build it on a system as old as the oldest it is to run on, or in a container of one";
    Some(Diagnostic::error("LDR-AUDIT-LIBC", message).hint(hint))
}

fn judge_run_paths(elf: &ElfFacts) -> Option<Diagnostic> {
    if elf.run_paths.is_empty() {
        return None;
    }
    let message = format!(
        "it has {} searched for what it needs: whoever can write there chooses code",
        list(&elf.run_paths)
    );
    let hint = "take the paths out: patchelf --remove-rpath FILE";
    Some(Diagnostic::error("LDR-AUDIT-RUNPATH", message).hint(hint))
}

fn judge_start(elf: &ElfFacts) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let own = elf.constructors.saturating_sub(USUAL_CONSTRUCTORS);
    if own > 0 {
        let message = format!(
            "{own} of its functions run when it is opened, besides the {USUAL_CONSTRUCTORS} that \
             every plugin has"
        );
        let hint =
            "do the work in `start`; C++ code and crates like `ctor` bring constructors along";
        findings.push(Diagnostic::warning("LDR-AUDIT-CONSTRUCTORS", message).hint(hint));
    }
    if elf.indirect_functions > 0 {
        let message = format!(
            "code of its own chooses {} of its functions when it is opened",
            elf.indirect_functions
        );
        let hint = "build its C code without `ifunc`; it is usual in code for several processors";
        findings.push(Diagnostic::warning("LDR-AUDIT-IFUNC", message).hint(hint));
    }
    findings
}

fn judge_imports(audit: &Audit, plugin: Option<&PluginSpec>) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    for (family, functions) in &audit.imports {
        let Some(services) = family.declared_by() else { continue };
        let mut required = plugin.iter().flat_map(|plugin| &plugin.requires.services);
        if required.any(|service| services.contains(&service.name())) {
            continue;
        }
        let message = format!(
            "it calls {}, which is for {}; its manifest says nothing of that",
            list(functions),
            family.meaning()
        );
        let hint = match family {
            Family::Network => "use the host's services, and name them below [requires]",
            _ => "ask its author what for: a plugin may do whatever the gateway may",
        };
        findings.push(Diagnostic::warning("LDR-AUDIT-IMPORTS", message).hint(hint));
    }
    findings
}

/// Some names, and how many more there are.
fn list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<String> =
        names.into_iter().map(|name| format!("`{}`", name.escape_debug())).collect();
    match names.len().checked_sub(MOST_NAMES) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{} and {more} more", names[..MOST_NAMES].join(", ")),
    }
}
