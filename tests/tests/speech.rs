//! Speech by the real `espeak-ng`, measured by the real `sox`, from every side; and providers that fail.

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1::handshake};
use hyper_util::rt::TokioIo;
use integration_tests::{
    Home, build, configure, expect_no_error, expect_unloaded, gateway::Gateway, irc::IrcServer,
    mapped_images, peers, process::Running,
};
use loader_core::{CallOptions, Engine, message::Metadata};
use serde_json::{Value, json};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::Duration,
};
use tokio::net::TcpStream;

/// How `sox` is told what plain PCM is.
const TELEPHONE: [&str; 8] = ["-t", "raw", "-r", "8000", "-e", "signed", "-b", "16"];

/// What `sox` measures of a file: seconds, and how loud it is at most, where 1 is as loud as can be.
fn measure(file: &Path, form: &[&str]) -> (f64, f64) {
    let mut command = Command::new("sox");
    command.args(form);
    if !form.is_empty() {
        command.args(["-c", "1"]);
    }
    let output = command.arg(file).args(["-n", "stat"]).output().expect("sox can be run");
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(output.status.success(), "{said}");
    // It complains of headers that lie.
    assert!(!said.contains("WARN"), "{said}");
    let number = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name)).expect(name);
        line.rsplit(' ').next().and_then(|last| last.parse().ok()).expect("a number")
    };
    (number("Length (seconds):"), number("Maximum amplitude:"))
}

fn expect_sound(file: &Path, form: &[&str]) {
    let (seconds, loudness) = measure(file, form);
    assert!(seconds > 0.4 && seconds < 10.0, "{seconds} s");
    assert!(loudness > 0.1, "{loudness}");
}

/// The program in this home, with this configuration.
fn loader(home: &Home, config: &str, arguments: &[&str]) -> Output {
    let file = home.state().with_file_name("cli.toml");
    fs::write(&file, config).expect("a configuration");
    let mut command = Command::new(build::loader());
    command.arg("--config").arg(&file).arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins()).args(arguments);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", home.state()).output().expect("it can be run")
}

fn data(output: &Output) -> Value {
    let envelope: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    assert_eq!(envelope["ok"], true, "{envelope:#}");
    envelope["data"].clone()
}

fn error(output: &Output) -> Value {
    let envelope: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(envelope["ok"], false, "{envelope:#}");
    envelope["error"].clone()
}

/// An answer over HTTP: its status, what it says of its sound, its media type, and its body unless the
/// connection broke off.
struct Answer {
    status: u16,
    head: Value,
    media: String,
    body: Option<Vec<u8>>,
}

/// Asks with POST.
async fn post(gateway: &Gateway, path: &str, body: &Value) -> Answer {
    try_post(gateway, path, body).await.expect("an answer")
}

/// The same, where the connection may break off before anything comes.
async fn try_post(gateway: &Gateway, path: &str, body: &Value) -> hyper::Result<Answer> {
    let authority = gateway.url.trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(&authority).await.expect("it listens");
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", &authority)
        .header("authorization", format!("Bearer {}", gateway.token))
        .body(Full::<Bytes>::from(body.to_string()))
        .expect("a request");
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let header = |name: &str| {
        let value = answer.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let head = serde_json::from_str(&header("loader-head")).unwrap_or_default();
    let media = header("content-type");
    let body = answer.into_body().collect().await.ok().map(|body| body.to_bytes().to_vec());
    Ok(Answer { status, head, media, body })
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body.as_deref().unwrap_or_default()).expect("JSON")
}

/// A configuration in which these providers alone are asked, and that does not wait for long.
fn only(providers: &[&str]) -> String {
    format!("[speech]\nonly = true\ntimeout_ms = 1500\nproviders = {providers:?}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_spoken_on_the_command_line() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    home.add("espeak");
    home.add("hoarse");
    let file = home.state().join("hello.wav");
    let path = file.to_str().expect("UTF-8");
    let config = "[speech]\nproviders = ['error', 'panic', 'espeak']\n";
    let output = loader(&home, config, &["tts", "hello", "-o", path]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.trim_end().ends_with("hello.wav: wav, 22050 Hz, by espeak"), "{output:?}");
    expect_sound(&file, &[]);

    // Twice as fast is shorter, and a child of another tongue is another sound.
    let long = "one two three four five six seven eight nine ten";
    let mut lengths = Vec::new();
    for speed in ["1", "2"] {
        let output = loader(&home, config, &["tts", long, "-o", path, "--speed", speed, "--json"]);
        assert_eq!(data(&output)["head"]["sample_rate"], 22_050);
        lengths.push(measure(&file, &[]).0);
    }
    assert!(lengths[0] > 1.5 * lengths[1], "{lengths:?}");
    let english = fs::read(&file).expect("the file");
    let more = ["--speed", "2", "--locale", "de-AT"];
    let output = loader(&home, config, &[&["tts", long, "-o", path], &more[..]].concat());
    assert!(output.status.success(), "{output:?}");
    assert_ne!(fs::read(&file).expect("the file"), english);

    // Text and sound through pipes; the text is a text, whatever it looks like.
    let output = loader(&home, config, &["tts", "--provider", "espeak", "--", "-w /etc/$(id)"]);
    assert!(output.stdout.starts_with(b"RIFF"), "{output:?}");

    let pcm = home.state().join("hello.pcm");
    let path = pcm.to_str().expect("UTF-8");
    let output = loader(&home, config, &["tts", "hello", "--telephony", "-o", path, "--json"]);
    let head = json!({
        "format": "pcm-s16le", "sample_rate": 8000, "channels": 1, "provider": "espeak",
        "voice_compatible": false,
    });
    assert_eq!(data(&output)["head"], head);
    expect_sound(&pcm, &TELEPHONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn voices_and_providers_are_listed() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    home.add("espeak");
    home.add("hoarse");
    let config = "[speech]\nproviders = ['espeak', 'nobody']\n";
    // The provider that cannot list its voices is left out.
    let list = data(&loader(&home, config, &["tts", "voices", "--json"]));
    let voices = list["voices"].as_array().expect("voices");
    assert!(voices.len() > 100, "{}", voices.len());
    for voice in voices {
        assert_eq!(voice["provider"], "espeak");
        assert!(!voice["locale"].as_str().expect("a locale").is_empty(), "{voice}");
        assert!(
            ["male", "female"].contains(&voice["gender"].as_str().expect("a gender")),
            "{voice}"
        );
    }
    let find = |id: &str| voices.iter().find(|voice| voice["id"] == id).expect(id).clone();
    assert_eq!(find("en-us")["locale"], "en-US");
    let woman = find("en-gb+Alicia");
    assert_eq!((&woman["gender"], &woman["locale"]), (&json!("female"), &json!("en-GB")));

    // What is listed can be spoken with, and sounds different.
    let mut sounds = Vec::new();
    for voice in ["en-gb", "en-gb+Alicia", "sit/yue-Latn-jyutping"] {
        let output = loader(&home, config, &["tts", "hello", "--voice", voice]);
        assert!(output.stdout.starts_with(b"RIFF"), "{voice}: {output:?}");
        sounds.push(output.stdout);
    }
    sounds.sort();
    sounds.dedup();
    assert_eq!(sounds.len(), 3);

    let table = loader(&home, config, &["tts", "voices"]);
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(table.starts_with("PROVIDER  VOICE"), "{table}");
    let list = data(&loader(&home, config, &["tts", "providers", "--json"]));
    let providers = list["providers"].as_array().expect("providers");
    assert_eq!(providers.len(), 13);
    assert_eq!(
        providers[0],
        json!({
            "id": "espeak", "plugin": "espeak", "label": "eSpeak NG",
            "methods": ["voices", "telephony"],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_fails_before_the_first_piece_is_followed_by_the_next() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    home.add("espeak");
    home.add("hoarse");
    for (bad, code) in [
        ("error", "no_voice_today"),
        ("panic", "LDR-CALL-PANIC"),
        ("no-head", "LDR-STREAM-HEAD"),
        ("no-sound", "LDR-SPEECH-BROKEN"),
        ("never-begins", "LDR-CALL-DEADLINE"),
        ("bad-format", "LDR-SPEECH-BROKEN"),
        ("no-rate", "LDR-SPEECH-BROKEN"),
    ] {
        let mut gateway = Gateway::start(&home, &only(&[bad, "espeak"])).await;
        let request = json!({ "text": "hello", "format": "wav" });
        for method in ["synthesize", "telephony"] {
            if (bad, method) == ("no-rate", "synthesize") {
                // A file says its rate itself.
                continue;
            }
            let from = gateway.log().len();
            let path = format!("/v1/capabilities/speech/1/{method}");
            let mut request = request.clone();
            if method == "telephony" {
                request["format"] = json!("");
            }
            let answer = post(&gateway, &path, &request).await;
            assert_eq!((answer.status, &answer.head["provider"]), (200, &json!("espeak")), "{bad}");
            let sound = answer.body.expect("all of it");
            let file = home.state().join("sound");
            fs::write(&file, &sound).expect("a file");
            match method {
                "telephony" => {
                    assert_eq!(answer.media, "application/octet-stream");
                    assert_eq!(answer.head["sample_rate"], 8000);
                    expect_sound(&file, &TELEPHONE);
                }
                _ => {
                    assert_eq!(answer.media, "audio/wav");
                    expect_sound(&file, &["-t", "wav"]);
                }
            }
            // One warning that says who, which plugin, and why.
            let parts = [
                "WARN",
                "this one does not speak",
                &format!("provider=\"{bad}\""),
                "plugin=\"hoarse\"",
                &format!("code=\"{code}\""),
            ];
            gateway.await_log(from, &parts).await;
            let warned = |line: &&String| line.contains("this one does not speak");
            assert_eq!(gateway.log().iter().skip(from).filter(warned).count(), 1, "{bad}");
        }
        gateway.process.child.kill().await.expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_speaks_every_reason_is_told() {
    let home = Home::new();
    home.add("espeak");
    home.add("hoarse");
    let say = |config: &str, more: &[&str]| {
        error(&loader(
            &home,
            config,
            &[&["tts", "hello", "-o", "/dev/null", "--json"], more].concat(),
        ))
    };
    let all = say(&only(&["error", "panic", "no-voice"]), &[]);
    assert_eq!(all["code"], "LDR-SPEECH-ALL");
    let message = all["message"].as_str().expect("a message");
    for reason in [
        "`error` of the plugin `hoarse`: fault: before the head (no_voice_today)",
        "`panic` of",
        "`no-voice` of",
    ] {
        assert!(message.contains(reason), "{message}");
    }
    // A voice that nobody has is the request's own fault.
    let voice = say(&only(&["no-voice", "espeak"]), &["--voice", "nobody"]);
    assert_eq!(voice["code"], "voice_not_found");
    assert!(voice["message"].as_str().is_some_and(|it| it.contains("`nobody`")), "{voice}");
    // One that is named is the only one that is asked.
    assert_eq!(say("", &["--provider", "error"])["code"], "no_voice_today");
    // Nobody speaks for telephones; nobody is there at all; there is nothing to say.
    assert_eq!(say(&only(&["no-voice"]), &["--telephony"])["code"], "telephony_unsupported");
    assert_eq!(say(&only(&["nobody"]), &[])["code"], "LDR-SPEECH-NONE");
    let empty = loader(&home, "", &["tts", " ", "-o", "/dev/null", "--json"]);
    assert_eq!(error(&empty)["code"], "LDR-CALL-REQUEST");
    // The program is not installed, or may be changed by anybody.
    let mine = home.state().join("espeak-mine");
    fs::copy("/bin/sh", &mine).expect("a copy");
    for program in ["espeak-not-there", mine.to_str().expect("UTF-8")] {
        let config = only(&["espeak"]) + "[plugins.entries.espeak.config]\n";
        let missing = say(&format!("{config}program = {program:?}\n"), &[]);
        assert_eq!(missing["code"], "not_configured", "{program}");
        assert!(missing["hint"].as_str().is_some_and(|it| it.starts_with("apt install espeak-ng")));
    }
    let output = loader(&Home::new(), "", &["tts", "hello", "-o", "/dev/null", "--json"]);
    assert_eq!(error(&output)["code"], "LDR-CALL-NO-CAPABILITY");
    // Sound and JSON do not mix.
    assert_eq!(error(&loader(&home, "", &["tts", "hello", "--json"]))["code"], "LDR-CALL-BINARY");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_not_begun_anew_and_ends_within_bounds() {
    let home = Home::new();
    home.add("hoarse");
    home.add("echo");
    let under_way = async |gateway: &Gateway| {
        let answer = gateway.get("/hoarse").await.expect("an answer");
        answer.rsplit("\r\n").next().expect("a body").parse::<usize>().expect("a number")
    };
    for bad in ["breaks-off", "stands-still", "never-ends"] {
        let mut gateway = Gateway::start(&home, &only(&[bad, "error"])).await;
        let path = "/v1/capabilities/speech/1/synthesize";
        // The connection breaks off; at once, perhaps, where all there is to say is known at once.
        match try_post(&gateway, path, &json!({ "text": "hello" })).await {
            Ok(answer) => {
                assert_eq!((answer.status, &answer.head["provider"]), (200, &json!(bad)));
                assert!(answer.body.is_none(), "{bad}");
            }
            Err(error) => assert!(error.is_incomplete_message() && bad == "breaks-off", "{error}"),
        }
        // As a file, it is an error too, and the next was not asked.
        let output = loader(&home, "", &["tts", "hello", "-o", "/dev/null", "--json"]);
        let code = error(&output)["code"].clone();
        let is_cut_off =
            code == "LDR-RUN-CUT-OFF" || bad == "breaks-off" && code == "LDR-RUN-UNUSABLE";
        assert!(is_cut_off, "{bad}: {code}");
        // What was there before is there still, and nothing beside it.
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kept.wav");
        fs::write(&file, "the one before").expect("a file");
        let path = file.to_str().expect("UTF-8");
        assert_eq!(loader(&home, "", &["tts", "hello", "-o", path]).status.code(), Some(1));
        assert_eq!(fs::read_to_string(&file).expect("the file"), "the one before");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
        if bad == "breaks-off" {
            gateway.await_log(0, &["fault: after the first piece", "no_voice_today"]).await;
        }
        assert!(!gateway.log().iter().any(|line| line.contains("does not speak")), "{bad}");
        // Whatever it was, the provider's work on it has ended.
        let ended = async {
            while under_way(&gateway).await > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends");
        // Everything else serves.
        assert!(gateway.get("/v1/models").await.expect("an answer").contains("echo/echo"));
        gateway.process.child.kill().await.expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_who_goes_ends_the_work() {
    let home = Home::new();
    home.add("hoarse");
    let gateway = Gateway::start(&home, &only(&["never-ends"])).await;
    let authority = gateway.url.trim_start_matches("http://").to_owned();
    let stream = TcpStream::connect(&authority).await.expect("it listens");
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP");
    let connection = tokio::spawn(connection);
    let request = Request::post("/v1/capabilities/speech/1/synthesize")
        .header("host", &authority)
        .header("authorization", format!("Bearer {}", gateway.token))
        .body(Full::<Bytes>::from(json!({ "text": "hello" }).to_string()))
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let count = async || {
        let answer = gateway.get("/hoarse").await.expect("an answer");
        answer.rsplit("\r\n").next().expect("a body").to_owned()
    };
    // The window is full, and the provider waits.
    assert_eq!(count().await, "1");
    drop((answer, sender));
    connection.abort();
    let ended = async {
        while count().await != "0" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plugin_has_the_host_speak() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    for plugin in ["espeak", "hoarse", "announcer"] {
        home.add(plugin);
    }
    let gateway = Gateway::start(&home, &only(&["panic", "espeak"])).await;
    let file = home.state().join("sound");
    for (method, form) in [("synthesize", &[][..]), ("telephony", &TELEPHONE)] {
        let answer =
            post(&gateway, &format!("/announcer/{method}"), &json!({ "text": "hello" })).await;
        assert_eq!(answer.status, 200);
        fs::write(&file, answer.body.expect("a body")).expect("a file");
        expect_sound(&file, if form.is_empty() { &["-t", "wav"] } else { form });
    }
    let providers = json_of(&post(&gateway, "/announcer/providers", &json!(null)).await);
    let ids: Vec<_> = providers.as_array().expect("providers").iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, ["panic", "espeak"]);
    let voices = json_of(&post(&gateway, "/announcer/voices", &json!(null)).await);
    assert!(voices.as_array().is_some_and(|voices| voices.len() > 100));
    // What fails is told with its code.
    let request = json!({ "text": "hello", "voice": "nobody" });
    let answer = post(&gateway, "/announcer/synthesize", &request).await;
    // One panics, the other lacks the voice.
    assert_eq!(json_of(&answer)["error"]["loader"]["code"], "LDR-SPEECH-ALL");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_leaves_neither_processes_nor_threads_nor_its_image_behind() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    home.add("espeak");
    let mut options = home.options();
    configure(&mut options, "espeak", json!({ "processes": 2 }));
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    // Several that are heard to the end, and several that nobody waits for.
    let target = engine.target("speech/1", Some("espeak"), "synthesize").expect("it is served");
    let text = json!({ "text": "one two three four five six seven ".repeat(400) }).to_string();
    let open = async |time: Duration| {
        let options = CallOptions::by("gateway").within(time);
        target.open(options, Metadata::new(), text.clone().into_bytes()).await.map(drop)
    };
    open(Duration::from_secs(30)).await.expect("it speaks");
    let late = (0..6).map(|_| open(Duration::from_millis(20)));
    for outcome in futures_util::future::join_all(late).await {
        assert_eq!(outcome.expect_err("too late").code, "LDR-CALL-DEADLINE");
    }
    drop(target);
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
    assert_eq!(mapped_images(&home.state()), Vec::<String>::new());
    let children = format!("/proc/self/task/{}/children", std::process::id());
    let children = fs::read_to_string(children).unwrap_or_default();
    let left = children.split_whitespace().filter(|id| {
        let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        name.starts_with("espeak")
    });
    assert_eq!(left.count(), 0);
    let names = fs::read_dir("/proc/self/task").expect("Linux").flatten();
    let names = names.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    assert!(!names.into_iter().any(|name| name.starts_with("espeak")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_that_has_no_media_type_here_is_bytes() {
    let home = Home::new();
    home.add("hoarse");
    let gateway = Gateway::start(&home, "").await;
    let path = "/v1/capabilities/speech/1/synthesize?id=flac";
    let answer = post(&gateway, path, &json!({ "text": "hello" })).await;
    assert_eq!((answer.status, &answer.head["format"]), (200, &json!("flac")));
    assert_eq!(answer.media, "application/octet-stream");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_takes_no_more_speech_than_it_has_room_for() {
    let home = Home::new();
    home.add("hoarse");
    home.add("announcer");
    let gateway = Gateway::start(&home, &only(&["never-ends"])).await;
    let answer = post(&gateway, "/announcer/synthesize", &json!({ "text": "hello" })).await;
    let told = &json_of(&answer)["error"]["loader"];
    assert_eq!(
        (&told["code"], &told["class"]),
        (&json!("LDR-CALL-ANSWER-SIZE"), &json!("exhausted"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_too_long_is_told_by_which_limit() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    home.add("espeak");
    let engine = Engine::new(home.options()).expect("an engine");
    expect_no_error(&engine.load_all().await);
    let target = engine.target("speech/1", Some("espeak"), "synthesize").expect("it is served");
    for (text, limit) in [
        ("x".repeat(20_001), "the text has 20001 characters, and one may have 20000"),
        ("7 ".repeat(9_900), "the text takes more than 23 minutes to speak"),
    ] {
        let request = json!({ "text": text, "speed": 0.46 }).to_string();
        let options = CallOptions::by("gateway").within(Duration::from_secs(30));
        let opened = target.open(options, Metadata::new(), request.into_bytes()).await;
        let failure = opened.map(drop).expect_err("it is too long");
        assert_eq!((&*failure.code, &*failure.message), ("text_too_long", limit));
        assert_eq!(failure.hint, "split the text");
    }
    drop(target);
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_sent_through_a_channel_from_every_side() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    for plugin in ["irc", "announcer"] {
        home.add(plugin);
    }
    let server = IrcServer::start(&home).await;
    let gateway = Gateway::start(&home, &server.account("alpha", "alpha", 0.0)).await;
    let connected = ["account=\"alpha\"", "state=\"connected\""];
    gateway.await_log(0, &connected).await;

    // A person in the channel hears what is sent by a command, over HTTP and by another plugin.
    let port = server.port().to_string();
    let mut person = Running::start(&peers::script("irc_user.py"), |command| {
        command.args(["--port", &port, "--wait-for", "alpha", "--expect", "5"]);
    });
    while person.json().await["event"] != "present" {}
    let send = ["channels", "send", "irc", "#test", "by a command", "--json"];
    assert_eq!(data(&loader(&home, "", &send))["pieces"], 1);
    let request = json!({ "channel": "irc", "conversation": "#test", "text": "over HTTP" });
    let answer = post(&gateway, "/v1/capabilities/channel/1/send", &request).await;
    assert_eq!(answer.status, 200, "{}", json_of(&answer));
    let request = json!({
        "channel": "irc", "account": "alpha", "conversation": "#test", "text": "by a plugin",
    });
    let answer = post(&gateway, "/announcer/send", &request).await;
    assert_eq!(json_of(&answer)["pieces"], 1);
    // By one key a plugin sends once, however often it asks.
    let mut request = request;
    for (path, text) in [("send-once", "once"), ("send-once", "again"), ("send", "at last")] {
        request["text"] = json!(text);
        let answer = post(&gateway, &format!("/announcer/{path}"), &request).await;
        assert_eq!(json_of(&answer)["pieces"], 1);
    }
    let mut heard = Vec::new();
    while heard.len() < 5 {
        let event = person.json().await;
        if event["event"] == "heard" && event["from"] == "alpha" {
            heard.push(event["text"].as_str().expect("text").to_owned());
        }
    }
    assert_eq!(heard, ["by a command", "over HTTP", "by a plugin", "once", "at last"]);

    // What cannot be sent says why.
    let refused = |arguments: &[&str]| {
        let arguments = [&["channels", "send"], arguments, &["--json"]].concat();
        error(&loader(&home, "", &arguments))["code"].clone()
    };
    assert_eq!(refused(&["telegraph", "#test", "stop"]), "LDR-CHANNEL-UNKNOWN");
    let account = ["irc", "#test", "hello", "--account", "nobody"];
    assert_eq!(refused(&account), "unknown_account");
    assert_eq!(refused(&["irc", "#test", ""]), "LDR-CALL-REQUEST");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_named_where_there_are_several_and_one_is_connected() {
    if peers::installed().is_none() {
        return;
    }
    let home = Home::new();
    home.add("irc");
    // No gateway runs, so no account is connected.
    let send = ["channels", "send", "irc", "#test", "hello", "--json"];
    assert_eq!(error(&loader(&home, "", &send))["code"], "LDR-CHANNEL-NO-ACCOUNT");
    let server = IrcServer::start(&home).await;
    let config = server.account("one", "one", 0.0) + &server.account("two", "two", 0.0);
    let gateway = Gateway::start(&home, &config).await;
    for account in ["one", "two"] {
        let named = format!("account=\"{account}\"");
        gateway.await_log(0, &[&named, "state=\"connected\""]).await;
    }
    let ambiguous = error(&loader(&home, "", &send));
    assert_eq!(ambiguous["code"], "LDR-CHANNEL-AMBIGUOUS");
    assert_eq!(ambiguous["hint"], "name one: one, two");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_speaker_that_is_named_is_listened_to_within_the_same_bounds() {
    let home = Home::new();
    home.add("hoarse");
    let gateway = Gateway::start(&home, "[speech]\ntimeout_ms = 300\n").await;
    let path = |id: &str| format!("/v1/capabilities/speech/1/synthesize?id={id}");
    let text = json!({ "text": "hello" });
    let answer = post(&gateway, &path("never-begins"), &text).await;
    let error = &json_of(&answer)["error"];
    assert_eq!((answer.status, &error["loader"]["code"]), (504, &json!("LDR-CALL-DEADLINE")));
    let named = "`speech/1/synthesize` of the plugin `hoarse`";
    assert!(error["message"].as_str().is_some_and(|text| text.contains(named)), "{error}");
    for (bad, why) in
        [("stands-still", "no sound came for 300 ms"), ("never-ends", "more than 67108864 bytes")]
    {
        let answer = post(&gateway, &path(bad), &text).await;
        assert_eq!((answer.status, &answer.head["provider"]), (200, &json!(bad)));
        assert!(answer.body.is_none(), "{bad} comes to no good end");
        gateway.await_log(0, &[why, named]).await;
    }
    let answer = post(&gateway, &path("nobody"), &text).await;
    assert_eq!(json_of(&answer)["error"]["loader"]["code"], "LDR-CALL-NO-CAPABILITY");
}
