//! The answer to `GET /v1/models`.

use serde::Serialize;

use super::to_json;
use crate::ListedModel;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    /// OpenAI's clients want a number here; providers do not tell when a model was made.
    created: u64,
    owned_by: &'a str,
}

/// Writes the list of models.
pub fn model_list(models: &[ListedModel]) -> Vec<u8> {
    let data = models.iter().map(|model| Model {
        id: &model.id,
        object: "model",
        created: 0,
        owned_by: &model.provider,
    });
    to_json(&List { object: "list", data: data.collect() })
}
