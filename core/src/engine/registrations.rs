//! What a plugin registers, against what its manifest declares and what its contracts know.

use crate::{
    diagnostic::Diagnostic,
    discovery::Candidate,
    manifest::provides::{MAX_CAPABILITY_BYTES, is_capability_id},
    registry::Contracts,
};
use loader_contract::{ContractName, lifecycle::Registration};
use std::collections::BTreeSet;

/// What a plugin registered, as `contract:id`, if that can be and is what its manifest says.
pub(super) fn check(
    candidate: &Candidate,
    registrations: &[Registration],
    contracts: &Contracts,
) -> Result<Vec<String>, Diagnostic> {
    let refuse = |code, message: String| {
        Diagnostic::error(code, message).at(candidate.manifest_path()).about(candidate.id())
    };
    let mut registered = BTreeSet::new();
    for registration in registrations {
        if let Some(message) = malformed(registration, contracts) {
            let hint = "correct what its `register` answers, and build it again";
            return Err(refuse("LDR-REGISTER-MALFORMED", message).hint(hint));
        }
        let name = format!("{}:{}", registration.contract, registration.id);
        if registered.contains(&name) {
            let message = format!("it registers `{name}` twice");
            let hint = "name each capability once in `export_plugin!`, and build it again";
            return Err(refuse("LDR-REGISTER-MALFORMED", message).hint(hint));
        }
        registered.insert(name);
    }
    let declared = candidate.spec().provides.iter();
    let declared: BTreeSet<String> =
        declared.map(|one| format!("{}:{}", one.contract, one.id)).collect();
    let hint = "make [provides] in plugin.toml and export_plugin! say the same";
    if let Some(extra) = registered.difference(&declared).next() {
        let message = format!("it registers `{extra}`, which its manifest does not declare");
        return Err(refuse("LDR-REGISTER-UNDECLARED", message).hint(hint));
    }
    if let Some(missing) = declared.difference(&registered).next() {
        let message = format!("its manifest declares `{missing}`, which it does not register");
        return Err(refuse("LDR-REGISTER-MISSING", message).hint(hint));
    }
    Ok(registered.into_iter().collect())
}

/// Why there can be no such registration.
fn malformed(registration: &Registration, contracts: &Contracts) -> Option<String> {
    let Registration { contract, id, methods } = registration;
    let Ok(name) = contract.parse::<ContractName>() else {
        return Some(format!(
            "it registers `{}`, which is no contract's name; one looks like `tool/1`",
            shown(contract)
        ));
    };
    if !is_capability_id(id) {
        return Some(format!(
            "it registers `{}` as `{contract}`, and an id has 1 to {MAX_CAPABILITY_BYTES} bytes and no \
             spaces",
            shown(id)
        ));
    }
    let known = contracts.get(name.name()).and_then(|terms| terms.methods.as_deref())?;
    let unknown = methods.iter().find(|method| !known.contains(&method.as_str()))?;
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Some(format!(
        "it registers `{contract}:{id}` with the method `{}`, which that contract does not know; those \
         that may be left out are {known}",
        shown(unknown)
    ))
}

/// As much of a plugin's text as helps, on one line.
fn shown(text: &str) -> String {
    text.chars().take(80).collect::<String>().escape_debug().to_string()
}
