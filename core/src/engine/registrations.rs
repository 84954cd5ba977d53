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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        discovery::{Origin, Root, discover},
        registry::Terms,
    };
    use std::fs;

    /// A plugin whose manifest declares `tool/1:one` and `tool/1:two`.
    fn candidate() -> Candidate {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = "manifest = 1\nid = \"it\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n[library]\n\
                        path = \"it.so\"\n[provides]\n\"tool/1\" = [\"one\", \"two\"]\n";
        fs::write(folder.path().join("plugin.toml"), manifest).expect("a manifest");
        let root = Root { path: folder.path().to_owned(), origin: Origin::Config, required: true };
        let mut found = discover(&[root]);
        found.candidates.pop().unwrap_or_else(|| panic!("{:?}", found.diagnostics))
    }

    fn registration(contract: &str, id: &str, methods: &[&str]) -> Registration {
        let methods = methods.iter().map(|method| (*method).to_owned()).collect();
        Registration { contract: contract.to_owned(), id: id.to_owned(), methods }
    }

    fn contracts() -> Contracts {
        let terms = Terms { methods: Some(vec!["stream"]), ..Terms::default() };
        [("tool".to_owned(), terms)].into()
    }

    #[test]
    fn what_is_declared_may_be_registered_in_any_order() {
        let registrations =
            [registration("tool/1", "two", &[]), registration("tool/1", "one", &["stream"])];
        let registered = check(&candidate(), &registrations, &contracts());
        assert_eq!(registered.expect("it is right"), ["tool/1:one", "tool/1:two"]);
    }

    #[test]
    fn every_registration_that_cannot_be_is_refused_by_what_is_wrong_with_it() {
        let candidate = candidate();
        let (malformed, long) = ("LDR-REGISTER-MALFORMED", "x".repeat(129));
        for (contract, id, methods, code, words) in [
            ("tool", "one", &[][..], malformed, "`tool`, which is no contract's name"),
            ("", "one", &[], malformed, "``, which is no contract's name"),
            ("tool/1", "", &[], malformed, "`` as `tool/1`"),
            ("tool/1", "o n e", &[], malformed, "1 to 128 bytes and no spaces"),
            ("tool/1", "\u{1b}[31m", &[], malformed, "`\\u{1b}[31m`"),
            ("tool/1", &long, &[], malformed, "1 to 128 bytes"),
            ("tool/1", "two", &[], malformed, "`tool/1:two` twice"),
            ("tool/1", "one", &["fly"], malformed, "the method `fly`, which"),
            ("tool/1", "three", &[], "LDR-REGISTER-UNDECLARED", "registers `tool/1:three`"),
            // Of a contract that the program says nothing of, any method may be.
            ("other/1", "one", &["fly"], "LDR-REGISTER-UNDECLARED", "registers `other/1:one`"),
        ] {
            let registrations =
                [registration("tool/1", "two", &[]), registration(contract, id, methods)];
            let refusal = check(&candidate, &registrations, &contracts()).expect_err(words);
            assert_eq!(refusal.code, code, "{refusal}");
            assert!(refusal.message.contains(words), "{refusal}");
            assert!(refusal.is_error() && refusal.hint.is_some() && refusal.place.is_some());
        }
        let missing = check(&candidate, &[registration("tool/1", "two", &[])], &contracts());
        let missing = missing.expect_err("it registers less");
        assert_eq!(missing.code, "LDR-REGISTER-MISSING");
        assert!(missing.message.contains("`tool/1:one`"), "{missing}");
    }
}
