//! What clients send.

use loader_contract::text_inference::GenerateRequest;
use serde_json::{Value, json};

use super::parse;
use crate::openai::{ChatRequest, Complaint};

fn read(body: &Value) -> ChatRequest {
    ChatRequest::parse(body.to_string().as_bytes()).expect("a request that makes sense")
}

/// The contract's request as JSON, without what every request has.
fn translated(mut body: Value) -> Value {
    if body.get("messages").is_none() {
        body["messages"] = json!([{ "role": "user", "content": "hi" }]);
    }
    let request = serde_json::to_value(read(&body).generate).expect("a request is JSON");
    let Value::Object(mut request) = request else { panic!("a request is an object") };
    assert_eq!(request.remove("model"), Some(json!("")), "the gateway sets the model");
    Value::Object(request)
}

fn messages(messages: Value) -> Value {
    translated(json!({ "messages": messages }))["messages"].take()
}

fn refused(body: impl AsRef<[u8]>) -> (String, Value) {
    let complaint = ChatRequest::parse(body.as_ref()).expect_err("a request that makes no sense");
    assert_eq!(complaint.status(), 400);
    let mut error = parse(&complaint.to_json())["error"].take();
    assert_eq!(error["type"], "invalid_request_error");
    let code = error["loader"]["code"].take();
    (code.as_str().expect("a code").to_owned(), error)
}

fn refused_json(body: &Value) -> (String, Value) {
    refused(body.to_string())
}

#[test]
fn a_plain_request_has_nothing_but_its_message() {
    let request = read(&json!({
        "model": "echo/echo",
        "messages": [{ "role": "user", "content": "hi" }],
    }));
    assert_eq!(
        request,
        ChatRequest {
            model: "echo/echo".into(),
            stream: false,
            include_usage: false,
            generate: GenerateRequest {
                messages: vec![loader_contract::text_inference::Message::text(
                    loader_contract::text_inference::Role::User,
                    "hi"
                )],
                ..GenerateRequest::default()
            },
        }
    );
}

#[test]
fn streaming_and_usage_are_asked_for() {
    let request = read(&json!({
        "messages": [{ "role": "user", "content": "hi" }],
        "stream": true, "stream_options": { "include_usage": true },
    }));
    assert_eq!((request.stream, request.include_usage), (true, true));
    assert_eq!(request.model, "", "a request may leave the model to the gateway");
}

#[test]
fn every_setting_arrives() {
    assert_eq!(
        translated(json!({
            "temperature": 1, "top_p": 0.25, "max_tokens": 7, "stop": ["a", "b"],
            "seed": -3, "user": "u",
        })),
        json!({
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hi" }] }],
            "temperature": 1.0, "top_p": 0.25, "max_tokens": 7, "stop": ["a", "b"],
            "seed": -3, "user": "u",
        })
    );
}

#[test]
fn the_newer_name_of_the_token_limit_wins() {
    let limit = |body| translated(body)["max_tokens"].take();
    assert_eq!(limit(json!({ "max_completion_tokens": 5 })), json!(5));
    assert_eq!(limit(json!({ "max_completion_tokens": 5, "max_tokens": 7 })), json!(5));
}

#[test]
fn one_stop_text_is_a_list_of_one() {
    assert_eq!(translated(json!({ "stop": "end" }))["stop"], json!(["end"]));
}

#[test]
fn null_is_the_same_as_absent_and_unknown_fields_are_ignored() {
    let nothing = json!({
        "model": null, "stream": null, "stream_options": null, "tools": null, "tool_choice": null,
        "temperature": null, "top_p": null, "max_tokens": null, "max_completion_tokens": null,
        "stop": null, "seed": null, "user": null, "response_format": null, "n": null,
        "functions": null, "function_call": null,
        "logit_bias": { "50256": -100 }, "from_the_future": [1, 2, 3],
    });
    assert_eq!(translated(nothing), translated(json!({ "n": 1 })));
}

#[test]
fn every_role_has_its_place() {
    assert_eq!(
        messages(json!([
            { "role": "system", "content": "a" },
            { "role": "developer", "content": "b" },
            { "role": "user", "content": "c", "name": "ann" },
            { "role": "assistant", "content": "d" },
            { "role": "tool", "content": "e", "tool_call_id": "call_1" },
        ])),
        json!([
            { "role": "system", "content": [{ "type": "text", "text": "a" }] },
            { "role": "system", "content": [{ "type": "text", "text": "b" }] },
            { "role": "user", "content": [{ "type": "text", "text": "c" }], "name": "ann" },
            { "role": "assistant", "content": [{ "type": "text", "text": "d" }] },
            { "role": "tool", "content": [{ "type": "text", "text": "e" }], "tool_call_id": "call_1" },
        ])
    );
}

#[test]
fn content_comes_in_parts_too() {
    assert_eq!(
        messages(json!([{ "role": "user", "content": [
            { "type": "text", "text": "what is this?" },
            { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA", "detail": "low" } },
            { "type": "refusal", "refusal": "no" },
        ] }])),
        json!([{ "role": "user", "content": [
            { "type": "text", "text": "what is this?" },
            { "type": "image", "url": "data:image/png;base64,AA" },
            { "type": "text", "text": "no" },
        ] }])
    );
}

#[test]
fn an_assistant_may_call_tools_instead_of_saying_something() {
    assert_eq!(
        messages(json!([
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "call_1", "type": "function",
                  "function": { "name": "add", "arguments": "{\"a\":1}" } },
            ] },
            { "role": "assistant", "content": null, "refusal": "I will not" },
        ])),
        json!([
            { "role": "assistant", "content": [], "tool_calls": [
                { "id": "call_1", "name": "add", "arguments": "{\"a\":1}" },
            ] },
            { "role": "assistant", "content": [{ "type": "text", "text": "I will not" }] },
        ])
    );
}

#[test]
fn tools_and_every_choice_of_them_arrive() {
    let tools = json!([
        { "type": "function", "function": {
            "name": "add", "description": "adds", "parameters": { "type": "object" }, "strict": true,
        } },
        { "type": "function", "function": { "name": "bare" } },
    ]);
    assert_eq!(
        translated(json!({ "tools": tools }))["tools"],
        json!([
            { "name": "add", "description": "adds", "parameters": { "type": "object" } },
            { "name": "bare", "parameters": null },
        ])
    );
    let choose = |choice: Value| translated(json!({ "tool_choice": choice }))["tool_choice"].take();
    assert_eq!(choose(json!("auto")), json!({ "type": "auto" }));
    assert_eq!(choose(json!("none")), json!({ "type": "none" }));
    assert_eq!(choose(json!("required")), json!({ "type": "required" }));
    assert_eq!(
        choose(json!({ "type": "function", "function": { "name": "add" } })),
        json!({ "type": "tool", "name": "add" })
    );
}

#[test]
fn every_response_format_arrives() {
    let format =
        |format: Value| translated(json!({ "response_format": format }))["response_format"].take();
    assert_eq!(format(json!({ "type": "text" })), json!({ "type": "text" }));
    assert_eq!(format(json!({ "type": "json_object" })), json!({ "type": "json-object" }));
    assert_eq!(
        format(json!({ "type": "json_schema", "json_schema": {
            "name": "n", "schema": { "type": "object" }, "strict": true,
        } })),
        json!({ "type": "json-schema", "name": "n", "schema": { "type": "object" }, "strict": true })
    );
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    for (body, place) in [
        ("", "line 1 column 0"),
        ("{\"model\": \"m\",\n \"messages\": [}", "line 2 column 15"),
        ("{\"messages\": [{\"role\": \"us", "line 1 column 26"),
        ("hello", "line 1 column 1"),
        ("{} trailing", "line 1"),
    ] {
        let (code, error) = refused(body);
        let message = error["message"].as_str().expect("a message");
        assert!(code == "LDR-CHAT-JSON" || body.starts_with("{}"), "{body:?}: {code}");
        assert!(message.contains(place), "{body:?}: {message}");
    }
    let (code, _) = refused(b"{\"model\": \"\xff\"}");
    assert_eq!(code, "LDR-CHAT-JSON");
}

#[test]
fn a_field_of_the_wrong_type_is_refused_with_its_place() {
    for (body, place) in [
        ("{\"messages\": [],\n\"temperature\": \"hot\"}", "line 2 column 20"),
        ("{\"messages\": \"hi\"}", "line 1 column 17"),
        ("{\"messages\": [{\"role\": \"user\", \"content\": 5}]}", "line 1 column 43"),
        ("{\"messages\": [{\"role\": \"user\", \"content\": [{}]}]}", "line 1 column 45"),
        ("{\"messages\": [], \"max_tokens\": -1}", "line 1 column 33"),
        ("{\"messages\": [], \"stop\": 1}", "`stop` is a string or a list of strings"),
        ("{\"messages\": [], \"tool_choice\": 1}", "`tool_choice` is"),
        ("{}", "missing field `messages`"),
        ("[]", "not a list"),
    ] {
        let (code, error) = refused(body);
        assert_eq!(code, "LDR-CHAT-FIELD", "{body}");
        let message = error["message"].as_str().expect("a message");
        assert!(message.contains(place), "{body}: {message}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_its_name() {
    let user = |message: Value| json!({ "messages": [{ "role": "user", "content": "" }, message] });
    let with = |field: &str, value: Value| {
        let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
        body[field] = value;
        body
    };
    for (body, param) in [
        (json!({ "messages": [] }), "messages"),
        (user(json!({ "role": "robot", "content": "" })), "messages[1].role"),
        (user(json!({ "role": "user" })), "messages[1].content"),
        (user(json!({ "role": "tool", "content": "" })), "messages[1].tool_call_id"),
        (
            user(json!({ "role": "user", "content": [{ "type": "text" }] })),
            "messages[1].content[0]",
        ),
        (
            user(json!({ "role": "user", "content": [{ "type": "image_url" }] })),
            "messages[1].content[0]",
        ),
        (
            user(json!({ "role": "assistant", "tool_calls": [{ "id": "1", "type": "function" }] })),
            "messages[1].tool_calls[0]",
        ),
        (with("tools", json!([{ "type": "function" }])), "tools[0]"),
        (with("tool_choice", json!("perhaps")), "tool_choice"),
        (with("tool_choice", json!({ "type": "function" })), "tool_choice"),
        (with("response_format", json!({ "type": "json_schema" })), "response_format"),
    ] {
        let (code, error) = refused_json(&body);
        assert_eq!((code.as_str(), &error["param"]), ("LDR-CHAT-FIELD", &json!(param)), "{body}");
        assert_eq!(error["code"], "invalid_value");
    }
}

#[test]
fn what_is_not_supported_is_refused_with_a_hint() {
    let mut bodies = Vec::new();
    for (field, value) in [
        ("n", json!(2)),
        ("n", json!(0)),
        ("functions", json!([])),
        ("function_call", json!("auto")),
        ("tool_choice", json!({ "type": "allowed_tools" })),
        ("response_format", json!({ "type": "grammar" })),
    ] {
        let mut body = json!({ "messages": [{ "role": "user", "content": "hi" }] });
        body[field] = value;
        bodies.push((body, field.to_owned()));
    }
    let tools = json!([{ "type": "web_search" }]);
    let messages = json!([{ "role": "user", "content": "hi" }]);
    bodies.push((json!({ "messages": messages, "tools": tools }), "tools[0]".into()));
    for (message, param) in [
        (json!({ "role": "function", "content": "" }), "role"),
        (json!({ "role": "assistant", "function_call": {} }), "function_call"),
        (json!({ "role": "user", "content": [{ "type": "input_audio" }] }), "content[0]"),
        (
            json!({ "role": "assistant", "tool_calls": [{ "id": "1", "type": "custom" }] }),
            "tool_calls[0]",
        ),
    ] {
        bodies.push((json!({ "messages": [message] }), format!("messages[0].{param}")));
    }
    for (body, param) in bodies {
        let (code, error) = refused_json(&body);
        assert_eq!(
            (code.as_str(), &error["param"]),
            ("LDR-CHAT-UNSUPPORTED", &json!(param)),
            "{body}"
        );
        assert_ne!(error["loader"]["hint"].as_str().unwrap_or_default(), "", "{body}");
    }
}

#[test]
fn a_body_nested_without_end_is_refused() {
    let deep = format!("{{\"messages\": [], \"x\": {}", "[".repeat(100_000));
    let complaint: Complaint = ChatRequest::parse(deep.as_bytes()).expect_err("too deep");
    assert_eq!(complaint.failure().code, "LDR-CHAT-JSON");
}
