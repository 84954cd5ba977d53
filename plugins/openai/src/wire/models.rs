//! The answer to `GET /models`.

use super::or_default;
use loader_sdk::contract::text_inference::{Model, ModelList};
use serde::Deserialize;

/// The list, wrapped as OpenAI does it or bare as some others do.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Models {
    Wrapped { data: Vec<Entry> },
    Bare(Vec<Entry>),
}

/// One model. OpenAI itself says little more than the id.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    #[serde(default, deserialize_with = "or_default")]
    id: String,
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    // Three servers' names for the same number.
    #[serde(default)]
    context_length: Option<u64>,
    #[serde(default)]
    context_window: Option<u64>,
    #[serde(default)]
    max_model_len: Option<u64>,
}

impl From<Models> for ModelList {
    fn from(models: Models) -> Self {
        let (Models::Wrapped { data } | Models::Bare(data)) = models;
        let models = data.into_iter().filter(|entry| !entry.id.is_empty()).map(Model::from);
        Self { models: models.collect() }
    }
}

impl From<Entry> for Model {
    fn from(entry: Entry) -> Self {
        let Entry { id, name, context_length, context_window, max_model_len } = entry;
        let context_tokens = context_length.or(context_window).or(max_model_len);
        Self { label: name, context_tokens, ..named(id) }
    }
}

/// The list an operator wrote down.
pub(crate) fn configured(ids: &[String]) -> ModelList {
    ModelList { models: ids.iter().cloned().map(named).collect() }
}

/// No server says whether a model can call tools. Offering them to one that cannot is an error of
/// its own; keeping them from one that can would be silent.
fn named(id: String) -> Model {
    Model { id, tools: true, ..Model::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn list(answer: Value) -> Vec<(String, String, Option<u64>)> {
        let models: Models = serde_json::from_value(answer).expect("a list");
        let models = ModelList::from(models).models.into_iter();
        models.map(|model| (model.id, model.label, model.context_tokens)).collect()
    }

    #[test]
    fn both_forms_of_list_are_read_in_their_order() {
        let entries = json!([
            { "id": "b", "object": "model", "created": 1, "owned_by": "x" },
            { "id": "a", "name": "A", "context_length": 8, "max_model_len": 9 },
            { "object": "model" },
            { "id": null },
        ]);
        let expected = [("b".into(), String::new(), None), ("a".into(), "A".into(), Some(8))];
        assert_eq!(list(json!({ "object": "list", "data": entries.clone() })), expected);
        assert_eq!(list(entries), expected);
    }

    #[test]
    fn something_else_is_no_list() {
        for answer in [json!({}), json!("models"), json!({ "data": {} })] {
            assert!(serde_json::from_value::<Models>(answer).is_err());
        }
    }
}
