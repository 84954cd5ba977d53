//! The contracts of the gateway, as data: what the manifest checks, the contract suite, the HTTP form
//! and the generated reference go by.

use serde_json::Value;

/// One contract besides its types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contract {
    /// Its name with the major version: `speech/1`.
    pub name: &'static str,
    /// What a plugin that fulfils it does; one line.
    pub about: &'static str,
    /// What a plugin becomes by it.
    pub class: Class,
    /// What may still change.
    pub stability: Stability,
    /// The code of the diagnostic when two plugins claim the same of it.
    pub clash: &'static str,
    /// Attributes whose value only one capability may have, besides the id and the aliases.
    pub exclusive: &'static [Exclusive],
    /// What a plugin answers.
    pub methods: &'static [Method],
    /// What the host answers under the same name, where it chooses among plugins.
    pub host_methods: &'static [Method],
    /// What a manifest may say of a capability besides its id, `aliases` and `order`.
    pub attributes: &'static [Attribute],
}

/// An attribute whose value only one capability may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exclusive {
    /// The attribute.
    pub attribute: &'static str,
    /// The value of a capability that does not say: `{id}` stands for its id.
    pub default: Option<&'static str>,
}

/// What a plugin becomes by fulfilling a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A provider or a channel: one that others are built on.
    Capability,
    /// Something it offers besides: a tool, a command, a service, a task, a route.
    Surface,
    /// Something that takes part in what the gateway does.
    Hook,
    /// Something that every plugin may say of itself.
    Upkeep,
}

/// What may still change of a contract within its major version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stability {
    /// Fields and optional methods may be added.
    Stable,
    /// Anything may change with a minor version of the loader.
    Evolving,
}

impl Stability {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Evolving => "evolving",
        }
    }
}

/// One method of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// How it is asked.
    pub verb: Verb,
    /// Whether one that is opened is answered with one message as well, when it is called.
    pub or_called: bool,
    /// Whether every plugin answers it. One that does not have to answers it if the manifest's
    /// attribute `methods` lists it.
    pub required: bool,
    /// Whether doing it twice does no more than doing it once.
    pub idempotent: bool,
    /// What it does; one line.
    pub about: &'static str,
}

/// How a method is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// One message each way.
    Call,
    /// A message, answered by a stream.
    Open,
}

/// One attribute of a capability in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Its key.
    pub name: &'static str,
    /// What its value is.
    pub form: Form,
    /// Whether it has to be there.
    pub required: bool,
    /// What it says; one line.
    pub about: &'static str,
}

/// What an attribute's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text.
    Text,
    /// A list of texts.
    Texts,
    /// A whole number from the lowest to the highest.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of tables, as the contract says.
    Tables,
    /// A table with `true` or `false` under these keys; others are left to later versions.
    Switches(&'static [&'static str]),
}

impl Contract {
    /// What a contract is when it says nothing else: evolving, and without methods.
    pub(crate) const fn new(name: &'static str, class: Class, about: &'static str) -> Self {
        Self {
            name,
            about,
            class,
            stability: Stability::Evolving,
            clash: "LDR-CONFLICT-CAPABILITY",
            exclusive: &[],
            methods: &[],
            host_methods: &[],
            attributes: &[],
        }
    }

    /// A method that a plugin answers.
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        self.methods.iter().find(|method| method.name == name)
    }

    /// The methods that not every plugin answers.
    pub fn optional_methods(&self) -> impl Iterator<Item = &'static str> {
        self.methods.iter().filter(|method| !method.required).map(|method| method.name)
    }

    /// A method that the host answers, or a plugin it chooses.
    pub fn host_method(&self, name: &str) -> Option<&'static Method> {
        self.host_methods.iter().find(|method| method.name == name).or_else(|| self.method(name))
    }
}

impl Form {
    /// Whether a value has this form.
    pub fn fits(self, value: &Value) -> bool {
        let all = |is: fn(&Value) -> bool| value.as_array().is_some_and(|all| all.iter().all(is));
        match self {
            Self::Text => value.is_string(),
            Self::Texts => all(Value::is_string),
            Self::Integer(low, high) => {
                value.as_i64().is_some_and(|number| (low..=high).contains(&number))
            }
            Self::Boolean => value.is_boolean(),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::Tables => all(Value::is_object),
            Self::Switches(keys) => value.as_object().is_some_and(|table| {
                keys.iter().filter_map(|key| table.get(*key)).all(Value::is_boolean)
            }),
        }
    }

    /// Whether a value may have this form in a later version, which may have more words: whoever does not
    /// know one does without.
    pub fn may_fit_later(self, value: &Value) -> bool {
        matches!(self, Self::Word(_)) && value.is_string()
    }

    /// What a value of this form is: `a text`.
    pub fn in_words(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Texts => "a list of texts".to_owned(),
            Self::Integer(low, high) => format!("a whole number from {low} to {high}"),
            Self::Boolean => "`true` or `false`".to_owned(),
            Self::Word(words) => format!("one of `{}`", words.join("`, `")),
            Self::Tables => "a list of tables".to_owned(),
            Self::Switches(keys) => {
                format!("a table with `true` or `false` under `{}`", keys.join("`, `"))
            }
        }
    }
}

impl Method {
    /// A method that every plugin of the contract answers with one message.
    pub(crate) const fn call(name: &'static str, about: &'static str) -> Self {
        Self { name, verb: Verb::Call, or_called: false, required: true, idempotent: false, about }
    }

    /// A method that every plugin of the contract answers with a stream.
    pub(crate) const fn open(name: &'static str, about: &'static str) -> Self {
        Self { verb: Verb::Open, ..Self::call(name, about) }
    }

    /// Every plugin that answers it with a stream answers it with one message too.
    pub(crate) const fn or_called(self) -> Self {
        Self { or_called: true, ..self }
    }

    /// Not every plugin answers it.
    pub(crate) const fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    /// Doing it twice does no more than doing it once.
    pub(crate) const fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }
}

impl Attribute {
    /// An attribute that may be left out.
    pub(crate) const fn new(name: &'static str, form: Form, about: &'static str) -> Self {
        Self { name, form, required: false, about }
    }

    /// One that may not.
    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// Every contract that a plugin can fulfil, by name.
pub const ALL: &[&Contract] = &[
    &crate::channel::DESCRIPTION,
    &crate::chat_command::DESCRIPTION,
    &crate::cli_command::DESCRIPTION,
    &crate::health::DESCRIPTION,
    &crate::hook::DESCRIPTION,
    &crate::http_route::DESCRIPTION,
    &crate::scheduled_task::DESCRIPTION,
    &crate::background_service::DESCRIPTION,
    &crate::speech::DESCRIPTION,
    &crate::text_inference::DESCRIPTION,
    &crate::tool::DESCRIPTION,
    &crate::web_fetch::DESCRIPTION,
];

/// The contract of this name.
pub fn find(name: &str) -> Option<&'static Contract> {
    ALL.iter().copied().find(|contract| contract.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContractName;
    use serde_json::json;

    #[test]
    fn every_contract_can_be_found_and_says_what_it_is() {
        for contract in ALL {
            contract.name.parse::<ContractName>().expect(contract.name);
            assert_eq!(find(contract.name), Some(*contract));
            assert!(contract.about.ends_with('.'), "{}", contract.name);
            assert!(!contract.methods.is_empty(), "{}", contract.name);
            for method in contract.methods.iter().chain(contract.host_methods) {
                assert!(method.about.ends_with('.'), "{}/{}", contract.name, method.name);
            }
            for attribute in contract.attributes {
                assert!(attribute.about.ends_with('.'), "{}: {}", contract.name, attribute.name);
            }
        }
        let names: Vec<_> = ALL.iter().map(|contract| contract.name).collect();
        assert!(names.is_sorted(), "{names:?}");
    }

    #[test]
    fn a_table_of_switches_has_true_or_false_under_its_keys() {
        let form = Form::Switches(&["setup", "docs"]);
        for fits in [json!({}), json!({ "setup": false, "docs": true }), json!({ "later": "a" })] {
            assert!(form.fits(&fits), "{fits}");
        }
        for other in [json!(true), json!({ "setup": "no" }), json!({ "docs": null })] {
            assert!(!form.fits(&other), "{other}");
        }
    }
}
