//! How long the product takes to serve, and how much memory an idle plugin keeps.

use integration_tests::{
    Home,
    bench::{Arguments, Gateway, Goal, Logs, Report, Row, Unit, median},
    build,
};
use std::{fs, time::Duration};

/// What every start is compared with: the gateway alone.
const NO_PLUGINS: &str = "no plugins";

fn main() {
    let arguments = Arguments::read();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut report = Report::new("startup", "to the ready line, and memory of idle plugins");
    let bundled = bundled();
    runtime.block_on(async {
        time_to_ready(arguments, &bundled, &mut report).await;
        many_installed(arguments, &bundled, &mut report).await;
        memory(arguments, &bundled, &mut report).await;
    });
    report.print(arguments);
}

/// The ids of the bundled plugins that have code.
fn bundled() -> Vec<String> {
    let folders = fs::read_dir(build::repository().join("plugins")).expect("the plugins' folder");
    let folders = folders.map(|folder| folder.expect("an entry").path());
    let plugins = folders.filter(|folder| folder.join("Cargo.toml").is_file());
    let mut ids: Vec<String> =
        plugins.filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned())).collect();
    ids.sort();
    ids
}

fn home(plugins: &[String]) -> Home {
    let home = Home::new();
    for plugin in plugins {
        home.add(plugin);
    }
    home
}

async fn time_to_ready(arguments: Arguments, bundled: &[String], report: &mut Report) {
    let (alone, full) = (home(&[]), home(bundled));
    let mut times = [const { Vec::new() }; 3];
    // Once for the token and the store, which the later starts find.
    for home in [&alone, &full] {
        ready(home).await;
    }
    for _ in 0..arguments.pick(15, 2) {
        let first = home(bundled);
        for (home, times) in [&alone, &full, &first].into_iter().zip(&mut times) {
            times.push(ready(home).await);
        }
    }
    let [alone, full, first] = times.map(|times| median(&times));
    let name = format!("start, {} bundled plugins", bundled.len());
    for (name, value) in [(format!("first {name}"), first), (name, full)] {
        let row = Row::new(name, Unit::Milliseconds, value).beside(NO_PLUGINS, alone);
        report.add(row.goal(Goal::AtMost(150.0)));
    }
}

/// How many plugins are installed, and how many of them are opened at the start.
const INSTALLED: usize = 500;
const ACTIVATED: usize = 10;

/// A start with many plugins that wait until they are wanted, beside one without them.
async fn many_installed(arguments: Arguments, bundled: &[String], report: &mut Report) {
    let fixtures = ["vendor", "customer"].map(str::to_owned);
    let active: Vec<String> = bundled.iter().cloned().chain(fixtures).take(ACTIVATED).collect();
    assert_eq!(active.len(), ACTIVATED);
    let (few, many) = (home(&active), home(&active));
    for number in 0..INSTALLED - ACTIVATED {
        let id = format!("sleeper-{number}");
        let folder = many.plugins().join(&id);
        fs::create_dir(&folder).expect("a folder");
        let manifest = format!(
            "manifest = 1\nid = \"{id}\"\nversion = \"0.1.0\"\nabi = \"1.0\"\n\
             [library]\npath = \"lib.so\"\n[activation]\ncommands = [\"{id}\"]\n\
             [provides]\n\"tool/1\" = [{{ id = \"{id}\", about = \"Sleeps.\" }}]\n"
        );
        fs::write(folder.join("plugin.toml"), manifest).expect("a manifest");
        fs::copy(build::library("hello"), folder.join("lib.so")).expect("a library");
    }
    for home in [&few, &many] {
        ready(home).await;
    }
    let mut times = [const { Vec::new() }; 2];
    for _ in 0..arguments.pick(15, 2) {
        for (home, times) in [&few, &many].into_iter().zip(&mut times) {
            times.push(ready(home).await);
        }
    }
    let [few, many] = times.map(|times| median(&times));
    let name = format!("start, {INSTALLED} installed, {ACTIVATED} activated");
    let row = Row::new(name, Unit::Milliseconds, many).beside("those 10 alone", few);
    report.add(row.goal(Goal::RatioAtMost(2.0)));
}

/// Milliseconds from executing the program to its ready line.
async fn ready(home: &Home) -> f64 {
    let gateway = Gateway::start(home, &[], Logs::Errors).await;
    let took = gateway.took;
    gateway.stop().await;
    took.as_secs_f64() * 1e3
}

async fn memory(arguments: Arguments, bundled: &[String], report: &mut Report) {
    let mut all = bundled.to_vec();
    all.push("bare-call".to_owned());
    let alone = megabytes(&[], arguments).await;
    let together = megabytes(&all, arguments).await;
    let mut each = Vec::new();
    for plugin in &all {
        // What goes when the plugin goes: the host's own code that any plugin needs stays.
        let others: Vec<String> = all.iter().filter(|other| *other != plugin).cloned().collect();
        let others = megabytes(&others, arguments).await;
        each.push((plugin, together - others));
    }
    let mean = each.iter().map(|(_, memory)| memory).sum::<f64>() / each.len() as f64;
    let row =
        |name: String, memory| Row::new(name, Unit::Megabytes, memory).beside(NO_PLUGINS, alone);
    report.add(row("idle plugin, mean".to_owned(), mean).goal(Goal::AtMost(1.0)));
    for (plugin, memory) in each {
        report.add(row(format!("idle plugin, {plugin}"), memory));
    }
    report.add(row(format!("gateway with all {}", all.len()), together));
}

/// The resident memory of an idle gateway with these plugins, in megabytes: the median of some
/// starts.
async fn megabytes(plugins: &[String], arguments: Arguments) -> f64 {
    let home = home(plugins);
    let mut resident = Vec::new();
    for _ in 0..arguments.pick(5, 1) {
        let gateway = Gateway::start(&home, &[], Logs::Errors).await;
        resident.push(settled(gateway.id()).await);
        gateway.stop().await;
    }
    median(&resident)
}

/// A process's resident memory once it no longer changes, in megabytes.
async fn settled(process: u32) -> f64 {
    let mut before = resident(process);
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = resident(process);
        if now == before {
            break;
        }
        before = now;
    }
    before as f64 * 1024.0 / 1e6
}

/// A process's resident memory, in kibibytes.
fn resident(process: u32) -> u64 {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(path).expect("Linux, and a process of our own");
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")?.strip_suffix("kB"));
    line.and_then(|size| size.trim().parse().ok()).expect("a size")
}
