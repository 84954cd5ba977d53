//! A running gateway follows the files: whoever writes a library, and however, the new code answers soon
//! and no part of it is ever loaded.
//!
//! The short form writes a few dozen times; `LOADER_TEST_WRITES=1000` is the long one.

use integration_tests::{Home, build, client::Client, gateway::Gateway, often};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};
use tokio::time::sleep;

const LIBRARY: &str = "libtide.so";

/// So late is as bad as never.
const PATIENCE: Duration = Duration::from_secs(30);

/// So late after the last write the new code has to answer.
const LIMIT: Duration = Duration::from_secs(1);

type Writer = fn(&Path, &[u8]);

/// The ways in which linkers, editors and copying programs write a file. Each returns with its last
/// byte.
const WRITERS: [(&str, Writer); 8] = [
    ("renamed into place", |folder, bytes| {
        fs::write(folder.join("libtide.so.tmp1f3a"), bytes).expect("written");
        fs::rename(folder.join("libtide.so.tmp1f3a"), folder.join(LIBRARY)).expect("renamed");
    }),
    ("removed and linked, as cargo does", |folder, bytes| {
        let deps = folder.parent().expect("a folder").with_file_name("deps");
        fs::create_dir_all(&deps).expect("a folder");
        let built = deps.join(LIBRARY);
        let _ = fs::remove_file(&built);
        fs::write(&built, bytes).expect("written");
        let _ = fs::remove_file(folder.join(LIBRARY));
        fs::copy(&built, folder.join(LIBRARY)).expect("copied");
    }),
    ("truncated and written in place", |folder, bytes| {
        fs::write(folder.join(LIBRARY), bytes).expect("written");
    }),
    ("written little by little", |folder, bytes| {
        let mut file = File::create(folder.join(LIBRARY)).expect("a file");
        for piece in bytes.chunks(bytes.len() / 8 + 1) {
            file.write_all(piece).expect("written");
            std::thread::sleep(Duration::from_millis(15));
        }
    }),
    ("removed, and written after a while", |folder, bytes| {
        fs::remove_file(folder.join(LIBRARY)).expect("removed");
        std::thread::sleep(Duration::from_millis(60));
        fs::write(folder.join(LIBRARY), bytes).expect("written");
    }),
    ("cp", |folder, bytes| {
        let other = folder.parent().expect("a folder").with_file_name("other.so");
        fs::write(&other, bytes).expect("written");
        let copied = Command::new("cp").arg(&other).arg(folder.join(LIBRARY)).status();
        assert!(copied.expect("cp").success());
    }),
    ("install", |folder, bytes| {
        let other = folder.parent().expect("a folder").with_file_name("other.so");
        fs::write(&other, bytes).expect("written");
        let installed = Command::new("install").arg(&other).arg(folder.join(LIBRARY)).status();
        assert!(installed.expect("install").success());
    }),
    ("with the whole folder", |folder, bytes| {
        let fresh = folder.with_extension("fresh");
        let old = folder.parent().expect("a folder").with_file_name("old");
        let _ = fs::remove_dir_all(&old);
        fs::create_dir(&fresh).expect("a folder");
        fs::copy(folder.join("plugin.toml"), fresh.join("plugin.toml")).expect("copied");
        fs::write(fresh.join(LIBRARY), bytes).expect("written");
        fs::rename(folder, &old).expect("renamed");
        fs::rename(&fresh, folder).expect("renamed");
    }),
];

struct Site {
    home: Home,
    gateway: Gateway,
    client: Client,
}

impl Site {
    async fn new() -> Self {
        let home = Home::new();
        home.add("tide");
        fs::write(home.plugins().join("tide").join(LIBRARY), build::named("tide", "first"))
            .expect("written");
        let config = "[plugins.reload]\nwindow_ms = 0\n[log]\nfilter = \"warn\"\n";
        let gateway = Gateway::start(&home, config).await;
        let client = Client::connect(&gateway).await;
        Self { home, gateway, client }
    }

    fn folder(&self) -> PathBuf {
        self.home.plugins().join("tide")
    }

    async fn build(&mut self) -> String {
        let answer = self.client.get("/tide").await.expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// How long it takes until this build answers.
    async fn until(&mut self, name: &str) -> Duration {
        let began = Instant::now();
        while self.build().await != name {
            assert!(
                began.elapsed() < PATIENCE,
                "`{name}` does not answer: {}",
                self.reloads().await
            );
            sleep(Duration::from_millis(1)).await;
        }
        began.elapsed()
    }

    async fn reloads(&mut self) -> Value {
        self.client.get("/admin/reloads").await.expect("an answer").json()
    }

    /// Waits until a plugin that is new is served.
    async fn until_served(&mut self, path: &str) {
        let began = Instant::now();
        while self.client.get(path).await.expect("an answer").status != 200 {
            assert!(began.elapsed() < PATIENCE, "{path} is not served");
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Every reload, by number. The gateway remembers the last 256 only: they are gathered as
/// they come.
#[derive(Default)]
struct Ledger(BTreeMap<u64, Value>);

impl Ledger {
    async fn gather(&mut self, site: &mut Site) {
        for reload in site.reloads().await.as_array().expect("a list") {
            self.0.insert(reload["id"].as_u64().expect("a number"), reload.clone());
        }
    }

    /// Waits until every reload is decided, and demands that each was kept.
    async fn expect_kept(mut self, site: &mut Site) {
        let undecided = self.0.iter().filter(|(_, reload)| reload["verdict"].is_null());
        for number in undecided.map(|(number, _)| *number).collect::<Vec<_>>() {
            let answer = site.client.get(&format!("/admin/reloads/{number}?wait=decided")).await;
            assert_eq!(answer.expect("an answer").status, 200);
        }
        self.gather(site).await;
        let bad: Vec<_> = self.0.values().filter(|reload| reload["verdict"] != "kept").collect();
        assert!(bad.is_empty(), "{} of {} were not kept: {bad:#?}", bad.len(), self.0.len());
    }
}

/// Demands that none took too long; the message has them all, so that one outlier is seen as such.
fn expect_in_time(what: &str, took: &[Duration]) {
    let late = took.iter().filter(|took| **took >= LIMIT).count();
    assert_eq!(late, 0, "{what}: {late} of {} are late: {took:?}", took.len());
}

fn percentile(took: &mut [Duration], percent: usize) -> f64 {
    took.sort_unstable();
    took[(took.len() * percent / 100).min(took.len() - 1)].as_secs_f64() * 1e3
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_the_new_code_answers_within_a_second_and_no_part_of_it_is_loaded() {
    let writes = often("LOADER_TEST_WRITES", 48);
    let mut site = Site::new().await;
    let mut took: Vec<Vec<Duration>> = vec![Vec::new(); WRITERS.len()];
    let mut ledger = Ledger::default();
    for round in 0..writes {
        let which = usize::try_from(round).expect("few") % WRITERS.len();
        let name = format!("build-{round}");
        let (folder, bytes) = (site.folder(), build::named("tide", &name));
        let write = move || WRITERS[which].1(&folder, &bytes);
        tokio::task::spawn_blocking(write).await.expect("written");
        took[which].push(site.until(&name).await);
        ledger.gather(&mut site).await;
    }
    for ((how, _), took) in WRITERS.iter().zip(&mut took).filter(|(_, took)| !took.is_empty()) {
        let (median, late) = (percentile(took, 50), percentile(took, 99));
        println!("{how}: last byte to new answer {median:.0} ms, at the latest {late:.0} ms");
    }
    for ((how, _), took) in WRITERS.iter().zip(&took) {
        expect_in_time(how, took);
    }
    ledger.expect_kept(&mut site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_thirty_two_calls_in_flight_new_code_gets_through() {
    let rounds = often("LOADER_TEST_WRITES", 20).min(300);
    let mut site = Site::new().await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut callers = Vec::new();
    for _ in 0..32 {
        let (mut client, stop) = (Client::connect(&site.gateway).await, stop.clone());
        callers.push(tokio::spawn(async move {
            let mut answered = 0_usize;
            while !stop.load(SeqCst) {
                let answer = client.get("/tide/wait/20").await.expect("an answer");
                assert_eq!(answer.status, 200, "{}", answer.body);
                answered += 1;
            }
            answered
        }));
    }
    let mut took = Vec::new();
    for round in 0..rounds {
        let name = format!("build-{round}");
        WRITERS[0].1(&site.folder(), &build::named("tide", &name));
        took.push(site.until(&name).await);
    }
    stop.store(true, SeqCst);
    let mut answered = 0;
    for caller in callers {
        answered += caller.await.expect("no call was lost");
    }
    println!(
        "32 in flight: rename to new answer {:.0} ms, p99 {:.0} ms; {answered} calls answered",
        percentile(&mut took, 50),
        percentile(&mut took, 99)
    );
    expect_in_time("32 in flight", &took);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_costs_no_call_and_the_next_good_one_is_loaded() {
    let mut site = Site::new().await;
    let whole = build::named("tide", "broken");
    let broken: [(&str, Vec<u8>); 4] = [
        ("no library at all", b"this is a text\n".repeat(1000)),
        ("half of one", whole[..whole.len() / 2].to_vec()),
        ("nothing", Vec::new()),
        ("one that does not start", build::named("tide", "start-error")),
    ];
    for (index, (what, bytes)) in broken.iter().enumerate() {
        let before = site.reloads().await.as_array().expect("a list").len();
        WRITERS[0].1(&site.folder(), bytes);
        // A half of one is given ten seconds to become a whole one.
        let began = Instant::now();
        loop {
            site.build().await;
            let reloads = site.reloads().await;
            if reloads.as_array().is_some_and(|all| all.len() > before) {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(15), "{what}: nobody noticed");
            sleep(Duration::from_millis(20)).await;
        }
        let good = format!("good-{index}");
        WRITERS[0].1(&site.folder(), &build::named("tide", &good));
        site.until(&good).await;
        let refused = site.reloads().await[before].clone();
        assert_eq!(refused["verdict"], "refused", "{what}: {refused}");
        let finding = &refused["findings"][0];
        assert!(finding["code"].as_str().is_some_and(|code| code.starts_with("LDR-")), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_events_hides_no_change() {
    let mut site = Site::new().await;
    let folder = site.folder();
    let flood = tokio::task::spawn_blocking(move || {
        for index in 0..12_000 {
            fs::write(folder.join(format!("noise-{}", index % 500)), b"noise").expect("written");
        }
        WRITERS[0].1(&folder, &build::named("tide", "after"));
        for index in 0..500 {
            let _ = fs::remove_file(folder.join(format!("noise-{index}")));
        }
    });
    flood.await.expect("flooded");
    // The old connection was idle for too long.
    site.client = Client::connect(&site.gateway).await;
    let took = site.until("after").await;
    println!("after 12,000 events: {:.0} ms", took.as_secs_f64() * 1e3);
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_goes_takes_nothing_down_and_one_that_comes_is_served() {
    let mut site = Site::new().await;
    let (folder, away) = (site.folder(), site.home.plugins().with_file_name("away"));
    fs::rename(&folder, &away).expect("moved");
    // Whoever serves this one has looked at all folders since.
    site.home.add("hello");
    site.until_served("/hello/you").await;
    assert_eq!(site.build().await, "first", "what is loaded serves on");
    fs::write(away.join(LIBRARY), build::named("tide", "returned")).expect("written");
    fs::rename(&away, &folder).expect("moved back");
    site.until("returned").await;
}
