//! The committed reference of the contracts is the one the catalogue generates.

use loader_contract::catalogue::{ALL, Attribute, Class, Contract, Form, Method, Verb};
use std::{fmt::Write as _, fs, path::PathBuf};

#[test]
fn the_committed_reference_matches_the_catalogue() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/contracts.md");
    let page = page();
    if std::env::var_os("LOADER_SCHEMAS_ACCEPT").is_some() {
        fs::write(&path, &page).expect("the reference can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "{} is out of date; run\n    LOADER_SCHEMAS_ACCEPT=1 cargo test -p loader-contract \
         --features schema",
        path.display()
    );
}

fn page() -> String {
    let mut page = "\
# Contracts

What a plugin can provide, by contract. Generated from [`catalogue`](../../abi/contract/src/catalogue.rs) and the
files it names; the JSON Schemas of all types are in [`schemas/`](../../abi/contract/schemas).

*Stable*: within the major version, fields and optional methods may be added, and nothing else changes. *Evolving*:
anything may change with a minor version of the loader.

Every capability may have the attributes `aliases` (other ids it answers to) and `order` (its place among others; the
lowest comes first). What only one plugin may claim is its id, its aliases, and what is called exclusive below.

| contract | a plugin that provides it | kind | stability |
| --- | --- | --- | --- |
"
    .to_owned();
    for contract in ALL {
        let name = contract.name;
        let anchor = name.replace('/', "");
        let (about, kind) = (contract.about, kind(contract.class));
        let stability = contract.stability.name();
        writeln!(page, "| [`{name}`](#{anchor}) | {about} | {kind} | {stability} |").expect("text");
    }
    for contract in ALL {
        describe(contract, &mut page);
    }
    page
}

fn kind(class: Class) -> &'static str {
    match class {
        Class::Capability => "capability",
        Class::Surface => "surface",
        Class::Hook => "hook",
        Class::Upkeep => "upkeep",
    }
}

fn describe(contract: &Contract, page: &mut String) {
    let name = contract.name;
    let file = match name {
        "service/1" => "background_service".to_owned(),
        name => name.split('/').next().unwrap_or_default().replace('-', "_"),
    };
    write!(
        page,
        "\n## {name}\n\n{} {}. Types and meaning: [`{file}.rs`](../../abi/contract/src/{file}.rs). When two \
         plugins claim the same: [`{code}`](../errors/CONFLICT.md#{anchor}).\n",
        contract.about,
        capitalised(contract.stability.name()),
        code = contract.clash,
        anchor = contract.clash.to_ascii_lowercase(),
    )
    .expect("text");
    page.push_str("\n| method | | |\n| --- | --- | --- |\n");
    for method in contract.methods {
        row(page, method, if method.required { "" } else { "optional" });
    }
    for method in contract.host_methods {
        row(page, method, "answered by the host");
    }
    if !contract.attributes.is_empty() {
        page.push_str("\n| attribute | | |\n| --- | --- | --- |\n");
        for Attribute { name, form, required, about } in contract.attributes {
            let exclusive = contract.exclusive.iter().any(|one| one.attribute == *name);
            let remarks = [(*required, ", required"), (exclusive, ", exclusive")];
            let remarks = remarks.iter().filter(|(is, _)| *is).map(|(_, remark)| *remark);
            let remarks: String = remarks.collect();
            writeln!(page, "| `{name}` | {}{remarks} | {} |", form_of(form), escaped(about))
                .expect("text");
        }
    }
}

fn row(page: &mut String, method: &Method, remark: &str) {
    let verb = match method.verb {
        Verb::Call => "call",
        Verb::Open if method.or_called => "call or stream",
        Verb::Open => "stream",
    };
    let remarks = [verb, remark, if method.idempotent { "idempotent" } else { "" }];
    let remarks: Vec<_> = remarks.into_iter().filter(|remark| !remark.is_empty()).collect();
    writeln!(page, "| `{}` | {} | {} |", method.name, remarks.join(", "), escaped(method.about))
        .expect("text");
}

fn form_of(form: &Form) -> String {
    match form {
        Form::Text => "text".to_owned(),
        Form::Texts => "texts".to_owned(),
        Form::Integer(low, high) => format!("integer, {low} to {high}"),
        Form::Boolean => "boolean".to_owned(),
        Form::Word(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        }
        Form::Tables => "tables".to_owned(),
        Form::Switches(keys) => {
            let keys: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
            format!("table of booleans: {}", keys.join(", "))
        }
    }
}

/// A bar would end the cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}
