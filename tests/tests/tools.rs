//! Tools: asked for by a command, over HTTP and by another plugin, and what becomes of those that break
//! their promises.

use integration_tests::{Home, build, client::Client, gateway::Gateway};
use serde_json::{Value, json};
use std::{fs, path::Path};
use tokio::process::Command;

/// A gateway with both tools over a folder with one file, and what its settings say besides.
async fn gateway(home: &Home, more: &str) -> Gateway {
    for plugin in ["echo", "calculator", "file-search", "caller"] {
        home.add(plugin);
    }
    Gateway::start(home, &format!("{}{more}", settings(home))).await
}

fn settings(home: &Home) -> String {
    let root = home.state().join("files");
    fs::create_dir_all(&root).expect("a folder");
    fs::write(root.join("notes.md"), "first\nthe needle\n").expect("a file");
    let outside = home.state().join("outside.md");
    fs::write(&outside, "the needle outside\n").expect("a file");
    let _ = std::os::unix::fs::symlink(outside, root.join("link.md"));
    format!("[plugins.entries.file-search.config]\nroot = {:?}\n", root.to_str().expect("UTF-8"))
}

/// What a tool answers over HTTP, or the error.
async fn call(gateway: &Gateway, tool: &str, arguments: Value) -> Result<Value, Value> {
    post(gateway, "/v1/capabilities/tool/1/call", json!({ "tool": tool, "arguments": arguments }))
        .await
}

async fn post(gateway: &Gateway, path: &str, body: Value) -> Result<Value, Value> {
    let answer = Client::connect(gateway).await.post(path, &body).await.expect("an answer");
    match answer.status {
        200 => Ok(answer.json()),
        _ => Err(answer.json()["error"].clone()),
    }
}

/// Runs `loader tools` with these arguments, beside the gateway or on its own.
async fn tools(home: &Home, arguments: &[&str]) -> (Option<i32>, String, String) {
    let config = home.state().with_file_name("loader.toml");
    if !config.exists() {
        fs::write(&config, settings(home)).expect("the configuration");
    }
    let mut command = Command::new(build::loader());
    command.arg("--config").arg(config).arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins()).arg("tools").args(arguments);
    command.env_clear().env("HOME", home.state());
    let output = command.output().await.expect("it can be run");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn both_tools_answer_over_http_and_another_plugin() {
    let home = Home::new();
    let gateway = gateway(&home, "").await;
    let search = json!({ "text": "needle" });
    let found = "1 match among 1 file\nnotes.md:2: the needle";
    for (tool, arguments, content) in
        [("calculate", json!({ "expression": "0.1 + 0.2" }), "0.3"), ("file_search", search, found)]
    {
        let answer = call(&gateway, tool, arguments.clone()).await.expect("an answer");
        assert_eq!(
            (answer["content"].as_str(), answer["failed"].as_bool()),
            (Some(content), Some(false))
        );
        let path = format!("/caller/tools/{tool}");
        assert_eq!(post(&gateway, &path, arguments.clone()).await.expect("an answer"), answer);
        let request = json!({ "tool": tool, "arguments": arguments });
        let raw = json!({ "operation": "tool/1/call", "request": request });
        assert_eq!(post(&gateway, "/caller", raw).await.expect("an answer"), answer);
        // Who names the capability goes the same way.
        let request = json!({ "arguments": arguments });
        let direct = json!({ "operation": "tool/1/call", "capability": tool, "request": request });
        assert_eq!(post(&gateway, "/caller", direct).await.expect("an answer"), answer);
    }
    let described = json!({ "tool": "calculate" });
    let described = post(&gateway, "/v1/capabilities/tool/1/describe", described).await;
    let described = described.expect("a description");
    assert_eq!(described["plugin"], "calculator");
    assert_eq!(described["parameters"]["required"], json!(["expression"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_are_checked_before_the_plugin_sees_them() {
    let home = Home::new();
    let gateway = gateway(&home, "").await;
    let error = call(&gateway, "calculat", json!({})).await.expect_err("there is none");
    assert_eq!(error["loader"]["code"], "LDR-TOOL-UNKNOWN");
    assert_eq!(error["loader"]["hint"], "did you mean `calculate`?");
    let named = "/v1/capabilities/tool/1/call?id=calculate";
    let wrong = json!({ "arguments": { "expression": 7 } });
    let error = post(&gateway, named, wrong.clone()).await.expect_err("wrong");
    assert_eq!(error["loader"]["code"], "LDR-TOOL-ARGUMENTS");
    let asked = json!({ "operation": "tool/1/call", "capability": "calculate", "request": wrong });
    let error = post(&gateway, "/caller", asked).await.expect_err("wrong");
    assert_eq!(error["loader"]["code"], "LDR-TOOL-ARGUMENTS");
    for (arguments, place) in [
        (json!({ "expression": 7 }), "/expression: "),
        (json!({ "expression": "1", "more": 1 }), "/: "),
        (json!({ "expression": "" }), "/expression: "),
        (json!(null), "/: \"expression\""),
    ] {
        let error = call(&gateway, "calculate", arguments.clone()).await.expect_err("wrong");
        assert_eq!(error["loader"]["code"], "LDR-TOOL-ARGUMENTS", "{arguments}");
        assert!(error["message"].as_str().expect("text").contains(place), "{error}");
    }
    let calls = gateway.get("/admin/status").await.expect("the status");
    let (_, body) = calls.split_once("\r\n\r\n").expect("a body");
    let status: Value = serde_json::from_str(body).expect("JSON");
    let plugins = status["plugins"].as_array().expect("plugins");
    let calculator = plugins.iter().find(|one| one["id"] == "calculator").expect("it is there");
    assert_eq!(
        calculator["stats"]["calls"], 1,
        "it described itself and nothing else: {calculator}"
    );
    // What the caller can do something about is an answer.
    let answer =
        call(&gateway, "calculate", json!({ "expression": "1/0" })).await.expect("an answer");
    assert_eq!((&answer["content"], &answer["failed"]), (&json!("division by zero"), &json!(true)));
    let answer = call(&gateway, "file_search", json!({ "text": "needle", "folder": "../" })).await;
    assert_eq!(answer.expect("an answer")["failed"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_may_call_another_by_an_alias() {
    let home = Home::new();
    let manifest = home.add("vendor").join("plugin.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let provider = "\"text-inference/1\" = [{ id = \"vendor\",";
    assert!(text.contains(provider), "{text}");
    let also = format!("{provider} aliases = [\"v-chat\"],");
    fs::write(&manifest, text.replace(provider, &also)).expect("a manifest");
    let gateway = gateway(&home, "").await;
    let asked = json!({ "operation": "text-inference/1/models", "capability": "v-chat" });
    let models = post(&gateway, "/caller", asked).await.expect("an answer");
    assert!(models["models"].is_array(), "{models}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_calls_tools_beside_a_gateway_and_without_one() {
    let home = Home::new();
    for plugin in ["calculator", "file-search"] {
        home.add(plugin);
    }
    by_command(&home).await;
    let _gateway = gateway(&home, "[tools]\nenabled = [\"calc*\"]\n").await;
    by_command(&home).await;
    let (code, list, _) = tools(&home, &["list"]).await;
    assert_eq!(code, Some(0));
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[1].starts_with("calculate") && lines[1].contains("offered"), "{list}");
    assert!(lines[2].starts_with("file_search") && !lines[2].contains("offered"), "{list}");
}

async fn by_command(home: &Home) {
    let (code, out, _) = tools(home, &["call", "calculate", "--arg", "expression=42"]).await;
    assert_eq!((code, &*out), (Some(0), "42\n"), "a number is text where the tool takes text");
    let (code, out, _) =
        tools(home, &["call", "file_search", "{\"name\": \"*.md\"}", "--json"]).await;
    let envelope: Value = serde_json::from_str(&out).expect("an envelope");
    assert_eq!((code, &envelope["schema"]), (Some(0), &json!("loader.tools.call/1")), "{out}");
    assert_eq!(envelope["data"]["data"]["matches"], json!([{ "path": "notes.md" }]));
    let (code, _, err) = tools(home, &["call", "calculate", "--arg", "expression=1/0"]).await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("LDR-TOOL-FAILED") && err.contains("division by zero"), "{err}");
    let (code, _, err) = tools(home, &["call", "calculat"]).await;
    assert_eq!(code, Some(4), "{err}");
    assert!(err.contains("LDR-TOOL-UNKNOWN") && err.contains("calculate"), "{err}");
    let (code, _, err) = tools(home, &["call", "calculate", "{"]).await;
    assert!(code == Some(1) && err.contains("LDR-CALL-REQUEST"), "{err}");
    let (code, out, err) = tools(home, &["list", "--json"]).await;
    let envelope: Value = serde_json::from_str(&out).expect("an envelope");
    assert_eq!((code, &envelope["schema"]), (Some(0), &json!("loader.tools.list/1")), "{err}");
    assert_eq!(envelope["data"]["tools"][0]["plugin"], "calculator");
    assert_eq!(envelope["data"]["tools"][1]["name"], "file_search");
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_break_their_promises_are_named_and_the_others_serve() {
    let home = Home::new();
    home.add("odd-tools");
    let gateway = gateway(&home, "[tools]\ntimeout_ms = 700\n").await;
    let list = post(&gateway, "/v1/capabilities/tool/1/list", json!(null)).await.expect("a list");
    let mut left_out: Vec<_> = list["left_out"].as_array().expect("a list").iter().collect();
    left_out.sort_by_key(|tool| tool["name"].as_str());
    let names: Vec<_> =
        left_out.iter().map(|tool| tool["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["mute", "no_object", "no_schema", "with.dot", "wordy"]);
    for tool in left_out {
        assert_eq!(
            (&tool["plugin"], &tool["code"]),
            (&json!("odd-tools"), &json!("LDR-TOOL-SCHEMA"))
        );
        let name = tool["name"].as_str().expect("a name");
        names_both(&gateway, &tool["message"], name, "LDR-TOOL-SCHEMA").await;
        let error = call(&gateway, name, json!({})).await.expect_err("it cannot be used");
        assert_eq!(error["loader"]["code"], "LDR-TOOL-SCHEMA");
    }
    for (tool, code) in [
        ("too_long", "LDR-TOOL-ANSWER"),
        ("garbage", "LDR-TOOL-ANSWER"),
        ("panics", "LDR-CALL-PANIC"),
        ("never", "LDR-CALL-DEADLINE"),
        ("late", "LDR-CALL-DEADLINE"),
    ] {
        let error = call(&gateway, tool, json!({})).await.expect_err(tool);
        assert_eq!(error["loader"]["code"], code, "{tool}: {error}");
        names_both(&gateway, &error["message"], tool, code).await;
        let answer = call(&gateway, "calculate", json!({ "expression": "6*7" })).await;
        assert_eq!(answer.expect("others serve")["content"], "42", "after {tool}");
        let answer = call_until_answered(&gateway, "sound").await;
        assert_eq!(answer["content"], "described 1 times", "after {tool}");
    }
}

/// The plugin's own thread may be busy with a call that nobody waits for.
async fn call_until_answered(gateway: &Gateway, tool: &str) -> Value {
    for _ in 0..10 {
        if let Ok(answer) = call(gateway, tool, json!({})).await {
            return answer;
        }
    }
    panic!("`{tool}` does not answer: {:#?}", gateway.log());
}

/// A message names plugin and tool, and so does a line of the log.
async fn names_both(gateway: &Gateway, message: &Value, tool: &str, code: &str) {
    let message = message.as_str().expect("text");
    assert!(message.contains(&format!("the tool `{tool}` of the plugin `odd-tools`")), "{message}");
    gateway.await_log(0, &[code, tool, "odd-tools"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_generation_describes_its_tools_again() {
    let home = Home::new();
    let folder = home.add("odd-tools");
    let gateway = gateway(&home, "").await;
    let describe = async || {
        let asked = json!({ "tool": "sound" });
        let said = post(&gateway, "/v1/capabilities/tool/1/describe", asked).await;
        said.expect("a description")["description"].as_str().expect("text").to_owned()
    };
    assert_eq!(describe().await, "The tool sound of the first build.");
    let ready = gateway.log().len();
    replace(&folder.join("libodd_tools.so"), &build::named("odd-tools", "second"));
    gateway.await_log(ready, &["reloaded", "odd-tools"]).await;
    assert_eq!(describe().await, "The tool sound of the second build.");
}

fn replace(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(file.with_extension("new"), bytes).expect("written");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(file.with_extension("new"), mode).expect("a mode");
    fs::rename(file.with_extension("new"), file).expect("renamed");
}
