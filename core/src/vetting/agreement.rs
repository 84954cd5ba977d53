//! Whether a library, its manifest and this host agree on what the plugin is.

use super::{Policy, host};
use crate::{diagnostic::Diagnostic, discovery::Candidate, manifest::AbiVersion};
use loader_abi::{ABI_VERSION_TEXT, facts::Facts};
use std::collections::BTreeSet;

/// Every disagreement between the manifest, the library's facts and the host.
pub(super) fn check(candidate: &Candidate, facts: &Facts, policy: &Policy) -> Vec<Diagnostic> {
    let mut refusals = Vec::new();
    refusals.extend(check_interface(candidate, facts));
    refusals.extend(check_target(facts));
    refusals.extend(check_panic(facts));
    refusals.extend(check_version(candidate, facts));
    refusals.extend(check_capabilities(candidate, facts));
    refusals.extend(check_services(candidate, policy));
    refusals.into_iter().map(|refusal| refusal.at(candidate.manifest_path())).collect()
}

fn check_interface(candidate: &Candidate, facts: &Facts) -> Option<Diagnostic> {
    let host: AbiVersion = ABI_VERSION_TEXT.parse().expect("the interface version is two numbers");
    let Ok(built) = facts.abi.parse::<AbiVersion>() else {
        let found = facts.abi.escape_debug();
        let message =
            format!("the library names `{found}` as its interface version; this host has {host}");
        return Some(Diagnostic::error("LDR-VET-ABI", message).hint(REBUILD));
    };
    if built.major != host.major {
        let message = format!(
            "the library was built with interface {built} ({}); this host has interface {host}",
            facts.sdk.escape_debug()
        );
        let hint = if built.major > host.major {
            format!("upgrade loader, or install a build of the plugin for interface {}", host.major)
        } else {
            format!("its author rebuilds it: {REBUILD}")
        };
        return Some(Diagnostic::error("LDR-VET-ABI", message).hint(hint));
    }
    if let Some(declared) = candidate.spec().abi.filter(|declared| declared.major != built.major) {
        let message = format!("the manifest says `abi = \"{declared}\"`, its library has {built}");
        let hint = format!("write `abi = \"{built}\"`");
        return Some(Diagnostic::error("LDR-VET-ABI", message).hint(hint));
    }
    None
}

const REBUILD: &str = "cargo update -p loader-sdk && cargo build --release";

fn check_target(facts: &Facts) -> Option<Diagnostic> {
    (!host::runs(&facts.target)).then(|| {
        let found = facts.target.escape_debug();
        let message = format!("the library was built for {found}; this host is {}", host::target());
        Diagnostic::error("LDR-VET-TARGET", message).hint(host::build_command())
    })
}

fn check_panic(facts: &Facts) -> Option<Diagnostic> {
    (facts.panic != "unwind").then(|| {
        let found = facts.panic.escape_debug();
        let message = format!(
            "the library was built with `panic = \"{found}\"`, so that one panic in it would end this \
             whole process; it must unwind"
        );
        let hint = "remove `panic = \"abort\"` below [profile.release] and build it again";
        Diagnostic::error("LDR-VET-PANIC", message).hint(hint)
    })
}

fn check_version(candidate: &Candidate, facts: &Facts) -> Option<Diagnostic> {
    let declared = candidate.spec().version.to_string();
    (facts.version != declared).then(|| {
        let found = facts.version.escape_debug();
        let message = format!("the manifest says version {declared}, its library is {found}");
        let hint = "build the library again after changing the version, or correct the manifest";
        Diagnostic::error("LDR-VET-VERSION", message).hint(hint)
    })
}

/// The plugin must be in the library, and register what the manifest declares: no more, no less.
fn check_capabilities(candidate: &Candidate, facts: &Facts) -> Option<Diagnostic> {
    let spec = candidate.spec();
    let Some(plugin) = facts.plugins.iter().find(|plugin| plugin.id == spec.library_plugin_id)
    else {
        let has: Vec<String> =
            facts.plugins.iter().map(|plugin| plugin.id.escape_debug().to_string()).collect();
        let message = format!(
            "the library has no plugin `{}`; it has {}",
            spec.library_plugin_id,
            listed(has.iter().map(String::as_str))
        );
        let hint = "use one id in the manifest and in `export_plugin!`";
        return Some(Diagnostic::error("LDR-VET-ID", message).hint(hint));
    };
    let declared: BTreeSet<String> = spec
        .provides
        .iter()
        .map(|provided| format!("{} {}", provided.contract, provided.id))
        .collect();
    let built: BTreeSet<String> = plugin
        .provides
        .iter()
        .map(|capability| format!("{} {}", capability.contract, capability.id))
        .collect();
    (declared != built).then(|| {
        let only = |these: &BTreeSet<String>, those: &BTreeSet<String>| {
            let names = these.difference(those).map(|name| name.escape_debug().to_string());
            listed(names.collect::<Vec<_>>().iter().map(String::as_str))
        };
        let message = format!(
            "the manifest and the library provide different things: only the manifest has {}; only \
             the library has {}",
            only(&declared, &built),
            only(&built, &declared)
        );
        let hint =
            "make [provides] and the `provides` of `export_plugin!` the same, and build again";
        Diagnostic::error("LDR-VET-PROVIDES", message).hint(hint)
    })
}

fn check_services(candidate: &Candidate, policy: &Policy) -> Option<Diagnostic> {
    let required = candidate.spec().requires.services.iter().map(ToString::to_string);
    let missing: Vec<String> = required.filter(|name| !policy.services.contains(name)).collect();
    (!missing.is_empty()).then(|| {
        let message = format!(
            "requires {}, which this host does not offer; it offers {}",
            listed(missing.iter().map(String::as_str)),
            listed(policy.services.iter().map(String::as_str))
        );
        let hint =
            "upgrade loader, or remove the service from [requires] if the plugin can do without";
        Diagnostic::error("LDR-VET-SERVICE", message).hint(hint)
    })
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
