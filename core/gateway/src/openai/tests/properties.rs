//! What holds for every body.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::openai::ChatRequest;

/// JSON that looks like a request, with anything anywhere.
fn bodies() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "user",
        "tool",
        "assistant",
        "function",
        "text",
        "image_url",
        "auto",
        "json_schema",
        "",
        "\u{1f980}",
        "type",
        "messages",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    let keys = prop::sample::select(vec![
        "model",
        "messages",
        "role",
        "content",
        "type",
        "text",
        "image_url",
        "url",
        "tools",
        "function",
        "name",
        "arguments",
        "tool_calls",
        "tool_call_id",
        "id",
        "stop",
        "n",
        "stream",
        "stream_options",
        "tool_choice",
        "response_format",
        "json_schema",
        "schema",
        "temperature",
    ]);
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((keys.clone(), inner), 0..8).prop_map(|fields| {
                Value::Object(
                    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
                )
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body: Vec<u8>) {
        let _ = ChatRequest::parse(&body);
    }

    #[test]
    fn no_json_makes_it_panic_and_every_refusal_is_a_400(body in bodies()) {
        if let Err(complaint) = ChatRequest::parse(body.to_string().as_bytes()) {
            prop_assert_eq!(complaint.status(), 400);
            prop_assert!(complaint.failure().code.starts_with("LDR-CHAT-"));
        }
    }

    #[test]
    fn every_text_arrives_as_it_was(text: String) {
        let body = json!({ "messages": [{ "role": "user", "content": text }] });
        let request = ChatRequest::parse(body.to_string().as_bytes());
        let request = request.map_err(|complaint| TestCaseError::fail(complaint.failure().message.clone()))?;
        prop_assert_eq!(request.generate.messages[0].joined_text(), text);
    }
}
