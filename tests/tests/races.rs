//! What was checked is what runs, whoever changes the files meanwhile.
//!
//! `LOADER_TEST_ATTEMPTS` sets the number of attempts to load; the promise is made for 100,000.

use integration_tests::{
    Home, build, expect_no_error,
    hostile::{Elf, Ground, is_root, not_run},
};
use loader_core::{
    CallOptions, Engine, Options, Retirement,
    discovery::{Origin, Root, discover},
    message::Metadata,
};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

fn attempts() -> usize {
    let said = std::env::var("LOADER_TEST_ATTEMPTS").ok().and_then(|said| said.parse().ok());
    said.unwrap_or(2_000)
}

/// A process that swaps good and evil until the test ends.
struct Swapper {
    process: Child,
    /// Hears of every round.
    rounds: mpsc::Receiver<()>,
    heard: usize,
}

impl Swapper {
    fn start(folder: &Path) -> Self {
        let mut swapper = Command::new(env!("CARGO_BIN_EXE_swapper"));
        let mut swapper =
            swapper.arg(folder).stdout(Stdio::piped()).spawn().expect("the swapper starts");
        let mut said = BufReader::new(swapper.stdout.take().expect("its output")).lines();
        said.next().expect("its first round").expect("its output");
        // Read all along, so that it never waits.
        let (made, rounds) = mpsc::channel();
        std::thread::spawn(move || said.try_for_each(|_| made.send(())));
        Self { process: swapper, rounds, heard: 0 }
    }

    /// Waits until it has made a round since it was last asked: on a machine that is busy elsewhere there is
    /// no race without it.
    fn await_round(&mut self) {
        let round = self.rounds.recv_timeout(Duration::from_secs(60));
        round.expect("the swapper goes on");
        self.heard += 1 + self.rounds.try_iter().count();
    }

    /// Ends it, and says how many rounds it made.
    fn stop(mut self) -> usize {
        let _ = self.process.kill();
        let _ = self.process.wait();
        self.heard + self.rounds.iter().count()
    }
}

impl Drop for Swapper {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The canary without the library it needs, leaving its files by this word.
fn library(word: &str) -> Elf {
    let mut elf = Elf::read(&build::library("canary"));
    elf.forget_needed();
    elf.replace("canary-constructor", &format!("{word}-constructor"));
    elf.replace("canary-resolver", &format!("{word}-resolver"));
    elf
}

/// Lays `live` and `evil` out. In `evil`, everything is as it should be but for its owner; one library
/// has the right owner and two names; `flawed.so` has an entry that is refused.
fn lay_out(ground: &Ground) -> PathBuf {
    let folder = ground.path("race");
    for (side, word) in [("live", "canary"), ("evil", "vermin")] {
        let plugin = folder.join(side).join("above/plugins/canary");
        fs::create_dir_all(&plugin).expect("folders");
        fs::copy(ground.manifest(), plugin.join("plugin.toml")).expect("a manifest");
        fs::write(plugin.join("libcanary.so"), library(word).0).expect("a library");
    }
    let evil = folder.join("evil");
    for path in ["above", "above/plugins", "above/plugins/canary"] {
        chown(evil.join(path), Some(65_533), None).expect("given away");
    }
    for file in ["plugin.toml", "libcanary.so"] {
        let path = evil.join("above/plugins/canary").join(file);
        chown(path, Some(65_533), None).expect("given away");
    }
    fs::write(evil.join("linked.so"), library("vermin").0).expect("a library");
    let mut flawed = library("vermin");
    let name = flawed.string("canary.so");
    flawed.add_dynamic(29, name);
    fs::write(folder.join("flawed.so"), flawed.0).expect("a library");
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_evil_is_loaded_while_files_are_swapped() {
    if !is_root() {
        return not_run("loading while files are swapped: as root, who can give files away");
    }
    let ground = Ground::new();
    let folder = lay_out(&ground);
    // What runs leaves its file where this process is.
    std::env::set_current_dir(ground.cage()).expect("the cage");
    let root = folder.join("live/above/plugins");
    let root = Root { path: root, origin: Origin::User, required: true };
    let options = Options::new(ground.path("state"), vec![root.clone()]);
    let engine = Engine::new(options).expect("an engine");
    let mut swapper = Swapper::start(&folder);
    let (mut loaded, mut refused) = (0usize, 0usize);
    let total = attempts();
    for attempt in 0..total {
        if attempt % 20 == 0 {
            swapper.await_round();
        }
        let found = discover(std::slice::from_ref(&root));
        let Some(candidate) = found.candidates.first() else {
            refused += 1;
            continue;
        };
        let findings = engine.load(candidate).await;
        if findings.iter().any(|finding| finding.is_error()) {
            refused += 1;
        } else {
            loaded += 1;
            let retirement = engine.unload("canary", Duration::from_secs(5)).await;
            assert_eq!(retirement, Some(Retirement::Unloaded));
        }
        if attempt % 1_000 == 0 || attempt + 1 == total {
            for evil in ["vermin-constructor", "vermin-resolver"] {
                assert!(!ground.cage().join(evil).exists(), "evil ran before attempt {attempt}");
            }
        }
    }
    let swaps = swapper.stop() * 10;
    assert!(ground.songs().contains(&"canary-constructor".to_owned()), "the good one ran");
    println!("{total} attempts, {swaps} swaps: {loaded} honest loads, {refused} refusals, 0 evil");
    assert!(loaded * 10 >= total, "only {loaded} of {total} honest loads");
    assert!(refused > 0, "the swapper was never noticed");
}

/// One of the things that happen to a file that a build or a person is not careful with.
fn mistreat(library: &Path, good: &[u8], number: usize) {
    match number % 5 {
        0 => drop(fs::File::create(library)), // truncates
        1 => fs::write(library, vec![0xcc; good.len()]).expect("written over"),
        2 => {
            let other = library.with_extension("new");
            fs::write(&other, good).expect("written");
            fs::rename(other, library).expect("replaced");
        }
        3 => {
            let mode = fs::Permissions::from_mode(0o000);
            fs::set_permissions(library, mode).expect("its mode is changed");
        }
        _ => {
            let _ = fs::remove_file(library);
            fs::write(library, good).expect("written anew");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_the_original_does_not_matter_while_it_serves() {
    const MUTATIONS: usize = 10_000;
    let home = Home::new();
    let folder = home.add("shout");
    let engine = Engine::new(home.options()).expect("an engine");
    expect_no_error(&engine.load(&home.candidate("shout")).await);
    let target = engine.target("shout/1", None, "shout").expect("it is served");
    let library = folder.join("libshout.so");
    let good = fs::read(&library).expect("the library");
    let (done, mutated) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut calls = 0usize;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..MUTATIONS {
                mistreat(&library, &good, number);
                mutated.fetch_add(1, Ordering::Relaxed);
            }
            done.store(true, Ordering::Release);
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                while !done.load(Ordering::Acquire) {
                    let options = CallOptions::by("test").within(Duration::from_secs(20));
                    let body = serde_json::to_vec("quiet").expect("JSON");
                    let reply = target.call(options, Metadata::new(), body).await;
                    assert_eq!(reply.expect("no call fails").body, b"\"QUIET\"");
                    calls += 1;
                }
            });
        });
    });
    println!("{} changes to the original, {calls} calls meanwhile, 0 failed", mutated.into_inner());
    assert!(calls > 0);
    let retirement = engine.unload("shout", Duration::from_secs(5)).await;
    assert_eq!(retirement, Some(Retirement::Unloaded));
}
