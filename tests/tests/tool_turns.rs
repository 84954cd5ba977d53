//! Tools inside a turn: a model on a real server asks for them, plugins answer, the model goes on.

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use integration_tests::{
    Home, build,
    client::Client,
    gateway::Gateway,
    model::{Model, Said},
};
use serde_json::{Value, json};
use std::{
    fs,
    sync::{Mutex, mpsc},
    time::Duration,
};
use tokio::process::Command;

/// A gateway whose default model is this one, which is offered these tools.
async fn gateway(home: &Home, model: &Model, tools: &str) -> Gateway {
    for plugin in ["openai", "calculator", "file-search", "odd-tools", "caller"] {
        home.add(plugin);
    }
    let root = home.state().join("files");
    fs::create_dir_all(&root).expect("a folder");
    fs::write(root.join("notes.md"), "first\nthe needle\n").expect("a file");
    let config = format!(
        "[models]\ndefault = \"openai/scripted\"\n[tools]\n{tools}\n\
         [plugins.entries.openai.config]\nbase_url = \"{}\"\napi_key = \"\"\n\
         [plugins.entries.file-search.config]\nroot = {:?}\n",
        model.url,
        root.to_str().expect("UTF-8"),
    );
    Gateway::start(home, &config).await
}

const BOTH: &str = "enabled = [\"calculate\", \"file_*\"]";

/// Asks for both tools, then answers.
fn asks_for_both(request: &Value) -> Said {
    match answers(request).is_empty() {
        true => Said::text(&["Let me ", "look."])
            .calling("calculate", "{\"expression\": \"6*7\"}")
            .calling("file_search", "{\"text\": \"needle\"}"),
        false => Said::text(&["It is 42, ", "in notes.md."]),
    }
}

const WHAT_BOTH_SAY: &str = "Let me look.\n\nIt is 42, in notes.md.";

/// What tools answered at the end of a request.
fn answers(request: &Value) -> Vec<&str> {
    let messages = request["messages"].as_array().expect("messages").iter();
    let answers = messages.filter(|message| message["role"] == "tool");
    answers.map(|message| message["content"].as_str().expect("text")).collect()
}

/// The names of the tools that a request offers.
fn offered(request: &Value) -> Vec<&str> {
    let tools = request["tools"].as_array().map_or(&[][..], Vec::as_slice).iter();
    tools.map(|tool| tool["function"]["name"].as_str().expect("a name")).collect()
}

fn question(stream: bool) -> Value {
    let mut question =
        json!({ "model": "", "messages": [{ "role": "user", "content": "what is it?" }] });
    if stream {
        question["stream"] = json!(true);
        question["stream_options"] = json!({ "include_usage": true });
    }
    question
}

const CHAT: &str = "/v1/chat/completions";

/// A streamed answer as its client sees it.
struct Chunks {
    body: Incoming,
    text: String,
}

impl Chunks {
    async fn ask(gateway: &Gateway, question: &Value) -> Self {
        let client = Client::connect(gateway).await;
        let response = client.open(CHAT, question).await.expect("a response");
        assert_eq!(response.status(), 200);
        Self { body: response.into_body(), text: String::new() }
    }

    /// Reads on until this was said.
    async fn until(&mut self, said: &str) {
        while !self.text.contains(said) {
            let frame = self.body.frame().await.expect("more is said").expect("HTTP");
            let data = frame.into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&data).expect("UTF-8"));
        }
    }

    /// Reads to the end. What is not `[DONE]`, in order.
    async fn all(mut self) -> Vec<Value> {
        while let Some(Ok(frame)) = self.body.frame().await {
            let data = frame.into_data().expect("data");
            self.text.push_str(std::str::from_utf8(&data).expect("UTF-8"));
        }
        let events = self.text.lines().filter_map(|line| line.strip_prefix("data: "));
        let events = events.filter(|event| *event != "[DONE]");
        events.map(|event| serde_json::from_str(event).expect("JSON")).collect()
    }
}

fn text_of(chunks: &[Value]) -> String {
    let deltas = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["content"]);
    deltas.filter_map(Value::as_str).collect()
}

/// The tool calls that a client saw: their places and names.
fn calls_of(chunks: &[Value]) -> Vec<(u64, String)> {
    let calls = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]);
    let named = calls.filter(|call| call["function"]["name"].is_string());
    let told = named.map(|call| {
        let name = call["function"]["name"].as_str().expect("a name").to_owned();
        (call["index"].as_u64().expect("a place"), name)
    });
    told.collect()
}

fn finish_of(chunks: &[Value]) -> Vec<&str> {
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["finish_reason"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_takes_one_place_with_the_provider_at_a_time() {
    let (home, model) = (Home::new(), Model::start(asks_for_both).await);
    let one = format!("{BOTH}\n[plugins.entries.openai]\nmax_concurrent_calls = 1");
    let gateway = gateway(&home, &model, &one).await;
    for _ in 0..5 {
        let chunks = Chunks::ask(&gateway, &question(true)).await.all().await;
        assert_eq!(text_of(&chunks), WHAT_BOTH_SAY);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_model_has_both_tools_called_in_a_streamed_turn() {
    let (may_go_on, permits) = mpsc::channel();
    let permits = Mutex::new(permits);
    let model = Model::start(move |request| {
        if !answers(request).is_empty() {
            let permits = permits.lock().expect("no panic while it is held");
            permits.recv_timeout(Duration::from_secs(20)).expect("the client saw the first round");
        }
        asks_for_both(request)
    });
    let (home, model) = (Home::new(), model.await);
    let gateway = gateway(&home, &model, BOTH).await;
    let mut chunks = Chunks::ask(&gateway, &question(true)).await;
    // The text of the first round is there before the second has begun.
    chunks.until("look.").await;
    may_go_on.send(()).expect("the model waits");
    let chunks = chunks.all().await;
    assert_eq!(text_of(&chunks), WHAT_BOTH_SAY);
    assert_eq!(calls_of(&chunks), [], "the client does not learn of the gateway's tools");
    assert_eq!(finish_of(&chunks), ["stop"]);
    let usage = &chunks.last().expect("chunks")["usage"];
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&json!(20), &json!(4)));

    let asked = model.asked();
    assert_eq!(asked.len(), 2);
    for request in &asked {
        assert_eq!(offered(request), ["calculate", "file_search"]);
        let parameters = &request["tools"][0]["function"]["parameters"];
        assert_eq!(parameters["properties"]["expression"]["type"], "string");
    }
    let messages = asked[1]["messages"].as_array().expect("messages");
    assert_eq!(messages.len(), 4);
    assert_eq!(
        (&messages[1]["role"], &messages[1]["content"]),
        (&json!("assistant"), &json!("Let me look."))
    );
    let calls = messages[1]["tool_calls"].as_array().expect("calls");
    assert_eq!(calls[0]["function"]["arguments"], "{\"expression\": \"6*7\"}");
    assert_eq!(calls[1]["function"]["name"], "file_search");
    for (message, call) in messages[2..].iter().zip(calls) {
        assert_eq!((&message["role"], &message["tool_call_id"]), (&json!("tool"), &call["id"]));
    }
    assert_eq!(answers(&asked[1]), ["42", "1 match among 1 file\nnotes.md:2: the needle"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_answer_a_chat_and_a_plugin_come_to_the_same() {
    let (home, model) = (Home::new(), Model::start(asks_for_both).await);
    let gateway = gateway(&home, &model, BOTH).await;
    let mut client = Client::connect(&gateway).await;
    let answer = client.post(CHAT, &question(false)).await.expect("an answer").json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["message"]["content"], WHAT_BOTH_SAY);
    assert_eq!(choice["finish_reason"], "stop");
    assert!(choice["message"]["tool_calls"].is_null(), "{answer}");
    assert_eq!(answer["usage"]["total_tokens"], 24);

    let mut chat = Command::new(build::loader());
    chat.arg("--state-dir").arg(home.state()).args(["chat", "what is it?"]);
    chat.env_clear().env("HOME", home.state());
    let output = chat.output().await.expect("it can be run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(WHAT_BOTH_SAY), "{said} {}", String::from_utf8_lossy(&output.stderr));

    let messages = json!([{ "role": "user", "content": [{ "type": "text", "text": "what?" }] }]);
    let request = json!({ "model": "", "messages": messages });
    let asked = json!({ "operation": "text-inference/1/generate", "request": request });
    let answer = client.post("/caller", &asked).await.expect("an answer").json();
    let parts = answer["message"]["content"].as_array().expect("parts").iter();
    let text: String = parts.filter_map(|part| part["text"].as_str()).collect();
    assert_eq!(text, WHAT_BOTH_SAY);
    assert_eq!(model.asked().len(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_own_tools_are_its_own() {
    let model = Model::start(|_| {
        Said::text(&["Hm."]).calling("calculate", "{\"expression\":\"1\"}").calling("look_up", "{}")
    });
    let (home, model) = (Home::new(), model.await);
    let gateway = gateway(&home, &model, BOTH).await;
    let own =
        |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": {} } });

    // With a call of its own the client has the word, and counts only that one.
    let mut asked = question(true);
    asked["tools"] = json!([own("look_up")]);
    let chunks = Chunks::ask(&gateway, &asked).await.all().await;
    assert_eq!(calls_of(&chunks), [(0, "look_up".to_owned())]);
    assert_eq!(finish_of(&chunks), ["tool_calls"]);
    let mut whole = asked.clone();
    whole["stream"] = json!(false);
    let mut client = Client::connect(&gateway).await;
    let answer = client.post(CHAT, &whole).await.expect("an answer").json();
    let calls = answer["choices"][0]["message"]["tool_calls"].as_array().expect("calls");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["function"]["name"], "look_up");

    // Its tool hides the gateway's of that name.
    asked["tools"] = json!([own("look_up"), own("calculate")]);
    let chunks = Chunks::ask(&gateway, &asked).await.all().await;
    let told: Vec<_> = calls_of(&chunks).into_iter().map(|(_, name)| name).collect();
    assert_eq!(told, ["calculate", "look_up"]);

    // Who wants no tools, or a certain one, is offered none besides.
    asked["tools"] = json!([own("look_up")]);
    asked["tool_choice"] = json!("none");
    Chunks::ask(&gateway, &asked).await.all().await;
    let offers: Vec<Vec<String>> = model
        .asked()
        .iter()
        .map(|request| offered(request).into_iter().map(str::to_owned).collect())
        .collect();
    assert_eq!(
        offers,
        [
            vec!["look_up", "calculate", "file_search"],
            vec!["look_up", "calculate", "file_search"],
            vec!["look_up", "calculate", "file_search"],
            vec!["look_up"],
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_offered_that_nobody_allowed() {
    let (home, model) = (Home::new(), Model::start(|_| Said::text(&["Hello."])).await);
    let gateway = gateway(&home, &model, "").await;
    Chunks::ask(&gateway, &question(true)).await.all().await;
    assert_eq!(offered(&model.asked()[0]), [] as [&str; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_wrong_in_a_tool_is_told_to_the_model_which_goes_on() {
    let model = Model::start(|request| match answers(request).is_empty() {
        true => Said::default()
            .calling("calculate", "{\"expression\": \"1/0\"}")
            .calling("calculate", "{\"expression\": 7}")
            .calling("calculate", "{\"expression")
            .calling("panics", "")
            .calling("too_long", "{}")
            .calling("never", "{}")
            .calling("calculate", "{\"expression\": \"1+1\"}"),
        false => Said::text(&["Well."]),
    });
    let (home, model) = (Home::new(), model.await);
    let tools = "enabled = [\"*\"]\ntimeout_ms = 500";
    let gateway = gateway(&home, &model, tools).await;
    let chunks = Chunks::ask(&gateway, &question(true)).await.all().await;
    assert_eq!((text_of(&chunks), finish_of(&chunks)), ("Well.".to_owned(), vec!["stop"]));
    let asked = model.asked();
    // What does not describe itself is not offered.
    assert!(!offered(&asked[0]).contains(&"no_schema"), "{:?}", offered(&asked[0]));
    let told = answers(&asked[1]);
    for (told, parts) in told.iter().zip([
        ["Error: division by zero", ""],
        ["/expression", "LDR-TOOL-ARGUMENTS"],
        ["Error: the arguments are not JSON", ""],
        ["the tool `panics` of the plugin `odd-tools`", "LDR-CALL-PANIC"],
        ["the tool `too_long` of the plugin `odd-tools`", "LDR-TOOL-ANSWER"],
        ["the tool `never` of the plugin `odd-tools`", "LDR-CALL-DEADLINE"],
        ["2", ""],
    ]) {
        assert!(parts.iter().all(|part| told.contains(part)), "{told} {parts:?}");
    }
    assert_eq!(told.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_never_stops_calling_tools_is_stopped() {
    let calls = |_: &Value| Said::text(&["Again."]).calling("calculate", "{\"expression\": \"1\"}");
    let (home, model) = (Home::new(), Model::start(calls).await);
    let gateway = gateway(&home, &model, &format!("{BOTH}\nmax_rounds = 2")).await;
    let chunks = Chunks::ask(&gateway, &question(true)).await.all().await;
    let error = &chunks.last().expect("an error")["error"];
    assert_eq!(error["loader"]["code"], "LDR-TOOL-ROUNDS", "{chunks:#?}");
    assert_eq!(finish_of(&chunks), [] as [&str; 0]);
    assert_eq!(model.asked().len(), 3);
    let answer = Client::connect(&gateway).await.post(CHAT, &question(false)).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.json()["error"]["loader"]["code"], "LDR-TOOL-ROUNDS");
    // No client tries again by itself what its tools have done.
    assert_eq!((answer.status, model.asked().len()), (422, 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_ends_the_work_of_a_tool() {
    let calls = |_: &Value| Said::text(&["Wait."]).calling("waits", "{}");
    let (home, model) = (Home::new(), Model::start(calls).await);
    let gateway = gateway(&home, &model, "enabled = [\"waits\"]").await;
    let mut chunks = Chunks::ask(&gateway, &question(true)).await;
    chunks.until("Wait.").await;
    let waiting = gateway.await_log(0, &["somebody waits"]).await;
    drop(chunks);
    gateway.await_log(waiting, &["nobody waits any more"]).await;
    assert_eq!(model.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_asks_a_model_does_not_do_so_for_ever() {
    let model = Model::start(|request| {
        let is_offered = !offered(request).is_empty() && answers(request).is_empty();
        if is_offered { Said::default().calling("ponders", "{}") } else { Said::text(&["Enough."]) }
    });
    let (home, model) = (Home::new(), model.await);
    let gateway = gateway(&home, &model, "enabled = [\"ponders\"]").await;
    let chunks = Chunks::ask(&gateway, &question(true)).await.all().await;
    assert_eq!(text_of(&chunks), "Enough.");
    // Two rounds for each of four askers, and one for the last, who is offered nothing.
    assert_eq!(model.asked().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_comes_to_no_end_is_let_go_and_named() {
    let home = Home::new();
    home.add("streamer");
    home.add("echo");
    let gateway = Gateway::start(&home, "[gateway]\nrequest_timeout_ms = 500\n").await;
    let asked = |model: &str, stream| {
        let messages = json!([{ "role": "user", "content": "Well?" }]);
        json!({ "model": format!("streamer/{model}"), "stream": stream, "messages": messages })
    };
    let named = "(`text-inference/1/stream` of the plugin `streamer`)";
    let mut times = 0;
    for model in ["hasty", "silent"] {
        let answer = Client::connect(&gateway).await.post(CHAT, &asked(model, true)).await;
        let answer = answer.expect("an answer");
        let error = &answer.json()["error"];
        assert_eq!((answer.status, &error["loader"]["code"]), (504, &json!("LDR-CALL-DEADLINE")));
        assert_eq!(error["loader"]["origin"], "plugin:streamer");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(named)), "{error}");
        times = gateway.await_log(times, &["LDR-CALL-DEADLINE", named]).await;
    }
    // A whole answer is waited for no longer, nor is one of a provider that is named.
    let whole = Client::connect(&gateway).await.post(CHAT, &asked("silent", false)).await;
    assert_eq!(whole.expect("an answer").status, 504);
    let path = "/v1/capabilities/text-inference/1/generate?id=streamer";
    let body = json!({ "model": "silent", "messages": [] });
    let whole = Client::connect(&gateway).await.post(path, &body).await;
    assert_eq!(whole.expect("an answer").status, 504);
    let chunks = Chunks::ask(&gateway, &asked("lingers", true)).await.all().await;
    assert_eq!((&*text_of(&chunks), &*finish_of(&chunks)), ("All is said.", &["stop"][..]));
    // Everything else serves, and what was too slow is no reason not to be asked again.
    let echo =
        json!({ "model": "echo/echo", "messages": [{ "role": "user", "content": "Still?" }] });
    let answer = Client::connect(&gateway).await.post(CHAT, &echo).await.expect("an answer");
    assert_eq!(answer.json()["choices"][0]["message"]["content"], "Still?");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_long_answers_of_tools_leave_room_for_the_question() {
    let many = |request: &Value| match answers(request).len() {
        0 => (0..40).fold(Said::text(&["Look."]), |said, _| said.calling("long", "{}")),
        _ => Said::text(&["Read."]),
    };
    let (home, model) = (Home::new(), Model::start(many).await);
    let gateway = gateway(&home, &model, "enabled = [\"long\"]").await;
    let chunks = Chunks::ask(&gateway, &question(true)).await.all().await;
    assert_eq!(text_of(&chunks), "Look.\n\nRead.", "{chunks:#?}");
    let asked = model.asked();
    let told: Vec<usize> = answers(&asked[1]).into_iter().map(str::len).collect();
    assert_eq!(told.len(), 40);
    assert!(told[0] > 60_000 && told[39] < 1000, "{told:?}");
}
