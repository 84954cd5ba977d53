//! Reloads of a gateway under load, over HTTP, as an operator would do them: nothing is lost, nothing is
//! doubled, nothing is answered by what is gone, and nothing stays.
//!
//! The short form reloads 500 times; `LOADER_TEST_RELOADS=10000` is the long one.

use integration_tests::{
    Home, build,
    client::{Answer, Client},
    gateway::Gateway,
    often,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep},
};

/// How often a reload is asked for.
const PERIOD: Duration = Duration::from_millis(50);

/// Reloads before anything is counted: until the ledger is full and the allocator has seen everything
/// that is ever alive at once.
const WARM_UP: u64 = 768;

/// Requests a second, of all callers together.
const RATE: u32 = 1200;
const CALLERS: u32 = 12;

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("not that late")
}

/// One answer: when it was asked for, how long it took, and which generation gave it: the microsecond
/// since 1970 at which that one started.
struct Told {
    asked_us: u64,
    took: Duration,
    life: u64,
}

struct Load {
    stop: Arc<AtomicBool>,
    callers: Vec<JoinHandle<Vec<Told>>>,
    turns: Vec<JoinHandle<usize>>,
    streams: Vec<JoinHandle<usize>>,
}

fn life_of_tide(answer: &str) -> u64 {
    answer.parse().expect("a life, once")
}

fn sound(answer: Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

impl Load {
    /// `life` reads from an answer which generation gave it.
    async fn start(
        gateway: &Gateway,
        path: &'static str,
        life: fn(&str) -> u64,
        with_models: bool,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut load = Self {
            stop: stop.clone(),
            callers: Vec::new(),
            turns: Vec::new(),
            streams: Vec::new(),
        };
        for _ in 0..CALLERS {
            let (mut client, stop) = (Client::connect(gateway).await, stop.clone());
            load.callers.push(tokio::spawn(async move {
                let mut told = Vec::new();
                let mut ticks = interval(Duration::from_secs(1) * CALLERS / RATE);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                while !stop.load(SeqCst) {
                    ticks.tick().await;
                    let (asked_us, began) = (now_us(), Instant::now());
                    let answer = client.get(path).await.expect("an answer");
                    let took = began.elapsed();
                    let life = life(&sound(answer));
                    told.push(Told { asked_us, took, life });
                }
                told
            }));
        }
        if !with_models {
            return load;
        }
        for _ in 0..2 {
            let (mut client, stop) = (Client::connect(gateway).await, stop.clone());
            load.turns.push(tokio::spawn(async move {
                let request = json!({
                    "model": "tide/life", "max_tokens": 1,
                    "messages": [{ "role": "user", "content": "which?" }],
                });
                let mut turns = 0;
                while !stop.load(SeqCst) {
                    let answer = client.post("/v1/chat/completions", &request).await;
                    let answer = sound(answer.expect("an answer"));
                    let answer: Value = serde_json::from_str(&answer).expect("JSON");
                    let said = answer["choices"][0]["message"]["content"].as_str().expect("text");
                    assert_eq!(said.split_whitespace().count(), 1, "{said}");
                    turns += 1;
                    sleep(Duration::from_millis(20)).await;
                }
                turns
            }));
        }
        for index in 0..6_u32 {
            let (mut client, stop) = (Client::connect(gateway).await, stop.clone());
            load.streams.push(tokio::spawn(async move {
                let mut streams = 0;
                while !stop.load(SeqCst) {
                    let tokens = 20 + (index * 37 + streams * 53) % 170;
                    let request = json!({
                        "model": "tide/life", "max_tokens": tokens, "stream": true,
                        "messages": [{ "role": "user", "content": "which?" }],
                    });
                    let answer = client.post("/v1/chat/completions", &request).await;
                    let answer = sound(answer.expect("an answer"));
                    assert!(answer.trim_end().ends_with("[DONE]"), "cut off: {answer}");
                    let lives = words(&answer);
                    assert_eq!(lives.len(), tokens as usize, "lost or doubled: {answer}");
                    assert!(
                        lives.iter().all(|life| *life == lives[0]),
                        "two generations: {answer}"
                    );
                    streams += 1;
                }
                streams as usize
            }));
        }
        load
    }

    async fn stop(self) -> (Vec<Told>, usize, usize) {
        self.stop.store(true, SeqCst);
        let (mut told, mut turns, mut streams) = (Vec::new(), 0, 0);
        for caller in self.callers {
            told.extend(caller.await.expect("no answer was lost"));
        }
        for turn in self.turns {
            turns += turn.await.expect("no turn was lost");
        }
        for stream in self.streams {
            streams += stream.await.expect("no stream was lost");
        }
        (told, turns, streams)
    }
}

/// The texts of a streamed answer.
fn words(answer: &str) -> Vec<String> {
    let data = answer.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let texts = chunks.filter_map(|chunk| {
        Some(chunk["choices"][0]["delta"]["content"].as_str()?.trim().to_owned())
    });
    texts.filter(|text| !text.is_empty()).collect()
}

fn percentile(told: &[Told], percent: usize) -> Duration {
    let mut took: Vec<Duration> = told.iter().map(|one| one.took).collect();
    took.sort_unstable();
    took[took.len() * percent / 100]
}

/// The value of a line of `/proc/<pid>/status`.
fn status(gateway: &Gateway, key: &str) -> u64 {
    let pid = gateway.process.child.id().expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(key)).expect("the key");
    let value = line.trim_start_matches(':').split_whitespace().next().expect("a value");
    value.parse().expect("a number")
}

/// The images of the gateway's store that are mapped into it.
fn images(gateway: &Gateway, home: &Home) -> usize {
    let pid = gateway.process.child.id().expect("it runs");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("Linux");
    let store = home.state().join("store");
    let store = store.to_str().expect("UTF-8");
    let images: BTreeSet<&str> =
        maps.lines().filter_map(|line| line.find(store).map(|at| &line[at..])).collect();
    images.len()
}

async fn keys(client: &mut Client) -> u64 {
    let status = client.get("/admin/status").await.expect("an answer").json();
    status["process"]["thread_local_keys"].as_u64().expect("counted")
}

/// A build of `tide` by another name, or of another interface, renamed into place.
fn place_build(home: &Home, name: &str) {
    let bytes = match name {
        "abi-major" => fs::read(build::library(name)).expect("the fixture"),
        _ => build::named("tide", name),
    };
    let file = home.plugins().join("tide/libtide.so");
    fs::write(file.with_extension("new"), bytes).expect("written");
    fs::rename(file.with_extension("new"), file).expect("renamed");
}

/// What the gateway remembers of reloads, gathered while they are remembered.
#[derive(Default)]
struct Ledger(BTreeMap<u64, Value>);

impl Ledger {
    async fn gather(&mut self, client: &mut Client) {
        let reloads = client.get("/admin/reloads").await.expect("an answer").json();
        for reload in reloads.as_array().expect("a list") {
            self.0.insert(reload["id"].as_u64().expect("a number"), reload.clone());
        }
    }

    /// Gathers until nothing is left to do for any reload: the last streams hold generations that
    /// were replaced before the last one was.
    async fn gather_until_over(&mut self, client: &mut Client) {
        self.gather(client).await;
        let open = |reload: &&Value| reload["state"] != "over";
        while let Some(reload) = self.0.values().find(open) {
            over(client, reload).await;
            self.gather(client).await;
        }
    }
}

/// When a reload began, in microseconds since 1970, rounded down to a millisecond.
fn began_us(reload: &Value) -> u64 {
    reload["began_ms"].as_u64().expect("a time") * 1000
}

/// When the generation that a reload replaced was gone, in microseconds since 1970.
fn retired_us(reload: &Value) -> u64 {
    let steps = reload["steps"].as_array().expect("steps");
    let retire = steps.iter().find(|step| step["name"] == "retire").expect("it retired");
    let at = |key: &str| retire[key].as_u64().expect("a time");
    began_us(reload) + 1000 + at("at_us") + at("took_us")
}

async fn reload(client: &mut Client, plugin: &str) -> Value {
    let wish = json!({ "window_ms": 0, "wait": "published" });
    let answer = client.post(&format!("/admin/plugins/{plugin}/reload"), &wish).await;
    serde_json::from_str(&sound(answer.expect("an answer"))).expect("JSON")
}

/// Waits until nothing is left to do for a reload.
async fn over(client: &mut Client, reload: &Value) {
    let path = format!("/admin/reloads/{}?wait=over", reload["id"]);
    let waited = tokio::time::timeout(Duration::from_secs(20), client.get(&path)).await;
    let answer = waited.unwrap_or_else(|_| panic!("it does not end: {reload}"));
    let ended: Value = serde_json::from_str(&sound(answer.expect("an answer"))).expect("JSON");
    assert_eq!(ended["state"], "over", "{ended}");
}

/// Puts one build in the place of the other, at most once every `period`, and reloads. Returns how many
/// generations were mapped at most.
async fn replace(
    gateway: &Gateway,
    home: &Home,
    client: &mut Client,
    ledger: &mut Ledger,
    reloads: u64,
    period: Duration,
) -> usize {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut most_alive = 0;
    for round in 0..reloads {
        ticks.tick().await;
        place_build(home, if round % 2 == 0 { "two" } else { "one" });
        reload(client, "tide").await;
        if round % 20 == 0 {
            ledger.gather(client).await;
            most_alive = most_alive.max(images(gateway, home));
        }
    }
    most_alive
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_every_fifty_milliseconds_loses_doubles_and_keeps_nothing() {
    let reloads = often("LOADER_TEST_RELOADS", 500);
    let home = Home::new();
    home.add("tide");
    place_build(&home, "one");
    // The files are replaced by hand, so that each reload is one of those that are counted.
    let config = "[plugins.reload]\nwatch = false\n[log]\nfilter = \"warn\"\n";
    let gateway = Gateway::start(&home, config).await;
    let mut operator = Client::connect(&gateway).await;

    let load = Load::start(&gateway, "/tide/life", life_of_tide, true).await;
    sleep(Duration::from_secs(5)).await;
    let (quiet, ..) = load.stop().await;
    let usual = percentile(&quiet, 99);

    let load = Load::start(&gateway, "/tide/life", life_of_tide, true).await;
    let mut ledger = Ledger::default();
    replace(&gateway, &home, &mut operator, &mut ledger, WARM_UP, PERIOD / 2).await;
    let (mut told, mut turns, mut streams) = load.stop().await;
    ledger.gather_until_over(&mut operator).await;
    let remembered = ledger.0.len() as u64;
    // Taken when nobody calls and nothing retires: generations on their way out are no growth.
    let (resident, threads) = (status(&gateway, "VmRSS"), status(&gateway, "Threads"));
    let keys_before = keys(&mut operator).await;

    let load = Load::start(&gateway, "/tide/life", life_of_tide, true).await;
    let began = Instant::now();
    let most_alive = replace(&gateway, &home, &mut operator, &mut ledger, reloads, PERIOD).await;
    let took = began.elapsed();
    let under_load = load.stop().await;
    let rate = under_load.0.len() as f64 / took.as_secs_f64();
    let slow = percentile(&under_load.0, 99);
    told.extend(under_load.0);
    (turns, streams) = (turns + under_load.1, streams + under_load.2);
    ledger.gather_until_over(&mut operator).await;
    let grown = status(&gateway, "VmRSS").saturating_sub(resident) * 1024;

    assert_eq!(ledger.0.len() as u64, reloads + remembered, "every reload is in the ledger");
    for reload in ledger.0.values() {
        assert_eq!(reload["verdict"], "kept", "{reload}");
    }
    // A generation began within the reload that loaded it, and was gone when the next one had retired it.
    let began_us: Vec<u64> = ledger.0.values().map(began_us).collect();
    let gone_us: Vec<u64> = ledger.0.values().map(retired_us).collect();
    let late = told.iter().filter(|one| {
        let replaced_by = began_us.partition_point(|began| *began <= one.life);
        gone_us.get(replaced_by).is_some_and(|gone| one.asked_us > *gone)
    });
    let late = late.count();
    assert_eq!(late, 0, "answers of generations that were gone");

    let lives: BTreeSet<u64> = told.iter().map(|one| one.life).collect();
    println!(
        "{reloads} reloads in {:.1} s; {:.0} requests/s, {turns} turns, {streams} streams: none lost; \
         {} lives told apart; p99 {:.2} ms ({:.2} ms without); at most {most_alive} generations \
         mapped; {} B more a reload",
        took.as_secs_f64(),
        rate,
        lives.len(),
        slow.as_secs_f64() * 1e3,
        usual.as_secs_f64() * 1e3,
        grown / reloads,
    );
    assert!(rate >= 1000.0, "{rate:.0} requests a second are no load");
    assert_eq!(images(&gateway, &home), 1, "what was retired is not mapped");
    assert!(grown / reloads <= 4096, "{} B stay with every reload", grown / reloads);
    assert!(status(&gateway, "Threads") <= threads + 2, "threads stay");
    assert!(keys(&mut operator).await <= keys_before + 1, "thread-local keys stay");
    assert!(
        slow <= (usual * 2).max(usual + Duration::from_millis(5)),
        "p99 {slow:?} under reloads, {usual:?} without"
    );
}

/// Reloads at most once every `period`, and waits until nothing is left to do.
async fn reload_often(
    client: &mut Client,
    plugin: &str,
    ledger: &mut Ledger,
    reloads: u64,
    period: Duration,
) {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for round in 0..reloads {
        ticks.tick().await;
        reload(client, plugin).await;
        if round % 20 == 0 {
            ledger.gather(client).await;
        }
    }
    ledger.gather_until_over(client).await;
    for reload in ledger.0.values() {
        assert_eq!(reload["verdict"], "kept", "{reload}");
    }
}

/// Plugins whose unloading is delicate, reloaded under load.
async fn leaves_every_time(fixture: &str, path: &'static str) {
    let reloads = often("LOADER_TEST_RELOADS", 500).div_ceil(2).min(2000);
    let home = Home::new();
    home.add(fixture);
    let config = "[plugins.reload]\nwatch = false\n[log]\nfilter = \"warn\"\n";
    let gateway = Gateway::start(&home, config).await;
    let mut operator = Client::connect(&gateway).await;
    let load = Load::start(&gateway, path, |_| 0, false).await;
    let mut ledger = Ledger::default();
    reload_often(&mut operator, fixture, &mut ledger, WARM_UP, PERIOD / 5).await;
    let (resident, threads) = (status(&gateway, "VmRSS"), status(&gateway, "Threads"));
    let keys_before = keys(&mut operator).await;
    reload_often(&mut operator, fixture, &mut ledger, reloads, PERIOD).await;
    let (told, ..) = load.stop().await;
    let grown = status(&gateway, "VmRSS").saturating_sub(resident) * 1024;
    println!(
        "{fixture}: {reloads} reloads, {} answers, {} B more a reload",
        told.len(),
        grown / reloads
    );
    assert_eq!(images(&gateway, &home), 1, "what was retired is not mapped");
    assert!(grown / reloads <= 4096, "{} B stay with every reload", grown / reloads);
    assert!(status(&gateway, "Threads") <= threads + 2, "threads stay");
    assert!(keys(&mut operator).await <= keys_before + 1, "thread-local keys stay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_with_its_own_tokio_leaves_at_every_reload() {
    leaves_every_time("own-tokio", "/own-tokio").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_with_thread_locals_leaves_at_every_reload() {
    leaves_every_time("thread-locals", "/thread-locals").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_spawns_and_joins_threads_leaves_at_every_reload() {
    leaves_every_time("spawner", "/spawner").await;
}

/// A build that must not stay, placed where the watch finds it; what became of it.
async fn try_bad_build(gateway: &Gateway, home: &Home, client: &mut Client, name: &str) -> Value {
    let said = gateway.log().len();
    place_build(home, name);
    gateway.await_log(said, &["reload", "tide", "verdict"]).await;
    let reloads = client.get("/admin/reloads").await.expect("an answer").json();
    reloads.as_array().and_then(|all| all.last()).expect("it was tried").clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bad_build_costs_a_request_and_none_is_tried_twice() {
    let home = Home::new();
    home.add("tide");
    place_build(&home, "one");
    let config = "[plugins.reload]\ncheck_ms = 500\n[log]\nfilter = \"warn\"\n";
    let gateway = Gateway::start(&home, config).await;
    let mut operator = Client::connect(&gateway).await;
    let load = Load::start(&gateway, "/tide/life", life_of_tide, true).await;
    let builds = [
        ("abi-major", "refused", "LDR-VET-ABI"),
        ("start-error", "refused", "LDR-START-FAILED"),
        ("start-panic", "refused", "LDR-START-PANIC"),
        ("never-ready", "refused", "LDR-RELOAD-UNHEALTHY"),
        ("errors", "returned", "LDR-RELOAD-CANARY"),
        ("500", "returned", "LDR-RELOAD-CANARY"),
        ("panics", "returned", "LDR-RELOAD-CANARY"),
    ];
    for (build, verdict, code) in builds {
        let tried = try_bad_build(&gateway, &home, &mut operator, build).await;
        println!("{build}: {}: {}", tried["verdict"], tried["findings"][0]["message"]);
        assert_eq!(tried["cause"], "files", "{tried}");
        assert_eq!(tried["verdict"], verdict, "{tried}");
        assert_eq!(tried["findings"][0]["code"], code, "{tried}");
        if code == "LDR-RELOAD-CANARY" {
            let message = tried["findings"][0]["message"].as_str().expect("a text");
            let failures = message.split_whitespace().next().expect("a number");
            let failures: u32 = failures.parse().expect("a number");
            assert!((3..3 + CALLERS).contains(&failures), "it goes at the third: {message}");
        }
    }
    // What the gate refuses was never tried; the others are not tried again.
    for (build, _, code) in builds {
        let again = try_bad_build(&gateway, &home, &mut operator, build).await;
        let expected = if code == "LDR-VET-ABI" { code } else { "LDR-RELOAD-REMEMBERED" };
        assert_eq!(again["findings"][0]["code"], expected, "{again}");
    }
    let (told, turns, streams) = load.stop().await;
    let lives: BTreeSet<u64> = told.iter().map(|one| one.life).collect();
    assert_eq!(lives.len(), 1, "nobody but the first answered");
    println!("{} requests, {turns} turns, {streams} streams: none failed", told.len());
}
