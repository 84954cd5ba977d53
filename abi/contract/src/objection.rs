//! What a contract has to say against a capability, by what its manifest says.

use crate::{
    catalogue::{Attribute, Contract},
    http_route,
};
use serde_json::{Map, Value};

/// An attribute that is missing, or of another form.
pub const ATTRIBUTE: &str = "LDR-CONTRACT-ATTRIBUTE";
/// A method that is no optional one.
pub const METHOD: &str = "LDR-CONTRACT-METHOD";
/// A route that no request could come to.
pub const PREFIX: &str = "LDR-ROUTE-PREFIX";

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// [`ATTRIBUTE`], [`METHOD`] or [`PREFIX`].
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: String,
    /// Whether a later host may know what it means: this one does without.
    pub is_for_later: bool,
}

/// Everything that is wrong with a capability: its id, and the attributes beside it.
pub fn objections(
    contract: &'static Contract,
    id: &str,
    attributes: &Map<String, Value>,
) -> Vec<Objection> {
    let known = contract.attributes.iter();
    let mut all: Vec<Objection> = known
        .filter_map(|attribute| match attributes.get(attribute.name) {
            None if attribute.required => Some(missing(contract, id, attribute)),
            None => None,
            Some(value) => wrong_form(contract, id, attribute, value),
        })
        .collect();
    all.extend(unknown_methods(contract, id, attributes));
    all.extend(unreachable(contract, id, attributes));
    all
}

fn objection(code: &'static str, message: String, hint: impl Into<String>) -> Objection {
    Objection { code, message, hint: hint.into(), is_for_later: false }
}

fn missing(contract: &Contract, id: &str, attribute: &Attribute) -> Objection {
    let message = format!("`{}` as `{id}` has no `{}`", contract.name, attribute.name);
    objection(ATTRIBUTE, message, format!("add it to its table in [provides]: {}", attribute.about))
}

fn wrong_form(
    contract: &Contract,
    id: &str,
    attribute: &Attribute,
    value: &Value,
) -> Option<Objection> {
    let Attribute { name, form, about, .. } = attribute;
    if form.fits(value) {
        return None;
    }
    let message =
        format!("`{name}` of `{}` as `{id}` is {value}, not {}", contract.name, form.in_words());
    let is_for_later = form.may_fit_later(value);
    Some(Objection { is_for_later, ..objection(ATTRIBUTE, message, *about) })
}

/// The attribute `methods` names optional methods of the contract.
fn unknown_methods(
    contract: &'static Contract,
    id: &str,
    attributes: &Map<String, Value>,
) -> Vec<Objection> {
    let listed = attributes.get("methods").and_then(texts).unwrap_or_default();
    let optional: Vec<&str> = contract.optional_methods().collect();
    let hint = match optional.as_slice() {
        [] => "the contract has none: remove `methods`".to_owned(),
        names => format!("there are: {}", names.join(", ")),
    };
    let unknown = listed.into_iter().filter(|name| !optional.contains(name));
    let told = unknown.map(|name| {
        let message = format!(
            "`methods` of `{}` as `{id}` names `{}`, which is no optional method",
            contract.name,
            name.escape_debug()
        );
        objection(METHOD, message, hint.clone())
    });
    told.collect()
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

/// A route that no request could come to.
fn unreachable(
    contract: &Contract,
    id: &str,
    attributes: &Map<String, Value>,
) -> Option<Objection> {
    if contract.name != http_route::CONTRACT {
        return None;
    }
    let prefix = http_route::prefix_of(id, attributes);
    let why = http_route::check_prefix(&prefix).err()?;
    let message = format!("the route `{id}` has a prefix that cannot be, {prefix:?}: {why}");
    Some(objection(PREFIX, message, "write it like `/shop`"))
}
