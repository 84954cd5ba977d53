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
    collections::BTreeMap,
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

/// Reloads before anything is counted: as many as the ledger remembers.
const WARM_UP: u64 = 256;

/// Requests a second, of all callers together.
const RATE: u32 = 1200;
const CALLERS: u32 = 12;

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_micros()).expect("not that late")
}

/// One answer: when it was asked for, how long it took, and which generation gave it.
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

fn sound(answer: Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

impl Load {
    async fn start(gateway: &Gateway, path: &'static str, with_models: bool) -> Self {
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
                    let life = sound(answer).parse().expect("a life, once");
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
    line.split_whitespace().nth(1).or(line.split_whitespace().next()).map_or(0, |_| {
        line.trim_start_matches(':')
            .split_whitespace()
            .next()
            .expect("a value")
            .parse()
            .expect("a number")
    })
}

/// The images of the gateway's store that are mapped into it.
fn images(gateway: &Gateway, home: &Home) -> usize {
    let pid = gateway.process.child.id().expect("it runs");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("Linux");
    let store = home.state().join("store");
    let store = store.to_str().expect("UTF-8");
    let images: std::collections::BTreeSet<&str> =
        maps.lines().filter_map(|line| line.find(store).map(|at| &line[at..])).collect();
    images.len()
}

async fn keys(client: &mut Client) -> u64 {
    let status = client.get("/admin/status").await.expect("an answer").json();
    status["process"]["thread_local_keys"].as_u64().expect("counted")
}

/// A build of `tide` by another name, renamed into place.
fn place_tide(home: &Home, name: &str) {
    let mut bytes = fs::read(build::library("tide")).expect("the fixture");
    let mark = b"TIDE-IS:";
    let at = bytes.windows(mark.len()).position(|window| window == mark).expect("the mark");
    bytes[at + mark.len()..][..16].copy_from_slice(format!("{name:<16}").as_bytes());
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
}

/// When the generation that a reload replaced was gone, in microseconds since 1970.
fn retired_us(reload: &Value) -> u64 {
    let steps = reload["steps"].as_array().expect("steps");
    let retire = steps.iter().find(|step| step["name"] == "retire").expect("it retired");
    let at = |key: &str| retire[key].as_u64().expect("a time");
    // The beginning is rounded down to a millisecond.
    reload["began_ms"].as_u64().expect("a time") * 1000 + 1000 + at("at_us") + at("took_us")
}

async fn reload(client: &mut Client, plugin: &str) -> Value {
    let wish = json!({ "window_ms": 0, "wait": "published" });
    let answer = client.post(&format!("/admin/plugins/{plugin}/reload"), &wish).await;
    serde_json::from_str(&sound(answer.expect("an answer"))).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_every_fifty_milliseconds_loses_doubles_and_keeps_nothing() {
    let reloads = often("LOADER_TEST_RELOADS", 500);
    let home = Home::new();
    home.add("tide");
    place_tide(&home, "one");
    // The files are replaced by hand, so that each reload is one of those that are counted.
    let config = "[plugins.reload]\nwatch = false\n[log]\nfilter = \"warn\"\n";
    let gateway = Gateway::start(&home, config).await;
    let mut operator = Client::connect(&gateway).await;

    let load = Load::start(&gateway, "/tide/life", true).await;
    sleep(Duration::from_secs(5)).await;
    let (quiet, ..) = load.stop().await;
    let usual = percentile(&quiet, 99);

    let load = Load::start(&gateway, "/tide/life", true).await;
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What the first reloads under load take once is not counted: both times are taken in the middle.
    for round in 0..WARM_UP {
        ticks.tick().await;
        place_tide(&home, if round % 2 == 0 { "two" } else { "one" });
        reload(&mut operator, "tide").await;
    }
    let mut ledger = Ledger::default();
    ledger.gather(&mut operator).await;
    let remembered = ledger.0.len() as u64;
    let settled = ledger.0.keys().last().copied().expect("reloads");
    let (resident, threads) = (status(&gateway, "VmRSS"), status(&gateway, "Threads"));
    let keys_before = keys(&mut operator).await;

    let began = Instant::now();
    let (mut last, mut most_alive) = (settled, 0);
    for round in 0..reloads {
        ticks.tick().await;
        place_tide(&home, if round % 2 == 0 { "two" } else { "one" });
        last = reload(&mut operator, "tide").await["id"].as_u64().expect("a number");
        if round % 20 == 0 {
            ledger.gather(&mut operator).await;
            most_alive = most_alive.max(images(&gateway, &home));
        }
    }
    let grown = status(&gateway, "VmRSS").saturating_sub(resident) * 1024;
    let took = began.elapsed();
    let answer = operator.get(&format!("/admin/reloads/{last}?wait=over")).await;
    sound(answer.expect("an answer"));
    let (told, turns, streams) = load.stop().await;
    // The last streams hold generations that ended before the last one did.
    let all_over = async {
        loop {
            ledger.gather(&mut operator).await;
            if ledger.0.values().all(|reload| reload["state"] == "over") {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(20), all_over).await;
    let open: Vec<&Value> = ledger.0.values().filter(|one| one["state"] != "over").collect();
    assert!(ended.is_ok(), "{} reloads do not end: {:?}", open.len(), open.first());

    assert_eq!(ledger.0.len() as u64, reloads + remembered, "every reload is in the ledger");
    for reload in ledger.0.values() {
        assert_eq!(reload["verdict"], "kept", "{reload}");
    }
    // Lives begin in the order of the reloads, since one has to wait for the other.
    let mut lives: Vec<u64> = told.iter().map(|one| one.life).collect();
    lives.sort_unstable();
    lives.dedup();
    let loaded: Vec<&Value> = ledger.0.values().collect();
    // The one before the first reload lived, too.
    let all = loaded.len() + 1;
    assert!(lives.len() <= all, "{} lives of {} reloads", lives.len(), loaded.len());
    let mut late = 0;
    if lives.len() == all {
        let gone: BTreeMap<u64, u64> =
            lives.iter().copied().zip(loaded.iter().map(|next| retired_us(next))).collect();
        late = told
            .iter()
            .filter(|one| gone.get(&one.life).is_some_and(|at| one.asked_us > *at))
            .count();
    }
    assert_eq!(late, 0, "answers of generations that were gone");

    let slow = percentile(&told, 99);
    let rate = told.len() as f64 / (took.as_secs_f64() + PERIOD.as_secs_f64() * WARM_UP as f64);
    println!(
        "{reloads} reloads in {:.1} s; {:.0} requests/s, {turns} turns, {streams} streams: none lost; \
         {} of {} lives told apart; p99 {:.2} ms ({:.2} ms without); at most {most_alive} generations \
         mapped; {} B more a reload",
        took.as_secs_f64(),
        rate,
        lives.len(),
        all,
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

/// Plugins whose unloading is delicate, reloaded under load.
async fn leaves_every_time(fixture: &str, path: &'static str) {
    let reloads = often("LOADER_TEST_RELOADS", 500).div_ceil(5).min(2000);
    let home = Home::new();
    home.add(fixture);
    let config = "[plugins.reload]\nwatch = false\n[log]\nfilter = \"warn\"\n";
    let gateway = Gateway::start(&home, config).await;
    let mut operator = Client::connect(&gateway).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for _ in 0..4 {
        let (mut client, stop) = (Client::connect(&gateway).await, stop.clone());
        callers.push(tokio::spawn(async move {
            let mut answered = 0_usize;
            while !stop.load(SeqCst) {
                sound(client.get(path).await.expect("an answer"));
                answered += 1;
                sleep(Duration::from_millis(4)).await;
            }
            answered
        }));
    }
    for _ in 0..WARM_UP {
        reload(&mut operator, fixture).await;
    }
    let (resident, threads) = (status(&gateway, "VmRSS"), status(&gateway, "Threads"));
    let keys_before = keys(&mut operator).await;
    let mut last = 0;
    for _ in 0..reloads {
        let reload = reload(&mut operator, fixture).await;
        assert!(reload["verdict"] == "kept" || reload["verdict"].is_null(), "{reload}");
        last = reload["id"].as_u64().expect("a number");
    }
    stop.store(true, SeqCst);
    let mut answered = 0;
    for caller in callers {
        answered += caller.await.expect("no answer was lost");
    }
    sound(operator.get(&format!("/admin/reloads/{last}?wait=over")).await.expect("an answer"));
    let grown = status(&gateway, "VmRSS").saturating_sub(resident) * 1024;
    println!(
        "{fixture}: {reloads} reloads, {answered} answers, {} B more a reload",
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
