//! How long the product takes to serve, and how much memory an idle plugin keeps.

use integration_tests::{
    Home,
    bench::{Arguments, Gateway, Goal, Report, Row, Unit, median},
    build,
};
use std::{collections::BTreeMap, fs, time::Duration};

/// What every start is compared with: the gateway alone.
const NO_PLUGINS: &str = "no plugins";

fn main() {
    let arguments = Arguments::read();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut report = Report::new("startup", "to the ready line, and memory of idle plugins");
    let bundled = bundled();
    runtime.block_on(async {
        time_to_ready(arguments, &bundled, &mut report).await;
        memory(arguments, &bundled, &mut report).await;
    });
    report.print(arguments);
}

/// The ids of the bundled plugins.
fn bundled() -> Vec<String> {
    let folders = fs::read_dir(build::repository().join("plugins")).expect("the plugins' folder");
    let folders = folders.map(|folder| folder.expect("an entry").path());
    let plugins = folders.filter(|folder| folder.join("plugin.toml").is_file());
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

/// Milliseconds from executing the program to its ready line.
async fn ready(home: &Home) -> f64 {
    let gateway = Gateway::start(home, &[]).await;
    let took = gateway.took;
    gateway.stop().await;
    took.as_secs_f64() * 1e3
}

async fn memory(arguments: Arguments, bundled: &[String], report: &mut Report) {
    let mut all = bundled.to_vec();
    all.push("bare-call".to_owned());
    let alone = megabytes(&[], arguments).await;
    let together = megabytes(&all, arguments).await;
    let name = format!("idle plugin, mean of {}", all.len());
    let each = |memory: &Memory| (memory.resident - alone.resident) / all.len() as f64;
    let row = Row::new(name, Unit::Megabytes, each(&together)).goal(Goal::AtMost(1.0));
    report.add(row.beside(NO_PLUGINS, alone.resident));
    let private = (together.private - alone.private) / all.len() as f64;
    let row = Row::new("  of it private", Unit::Megabytes, private);
    report.add(row.beside(NO_PLUGINS, alone.private));
    for plugin in &all {
        let memory = megabytes(std::slice::from_ref(plugin), arguments).await;
        let row = Row::new(
            format!("  {plugin} alone"),
            Unit::Megabytes,
            memory.resident - alone.resident,
        );
        report.add(row.beside(NO_PLUGINS, alone.resident));
    }
}

/// What a process keeps in memory, in megabytes.
struct Memory {
    resident: f64,
    private: f64,
}

/// The memory of an idle gateway with these plugins, as the median of some starts.
async fn megabytes(plugins: &[String], arguments: Arguments) -> Memory {
    let home = home(plugins);
    let (mut resident, mut private) = (Vec::new(), Vec::new());
    for _ in 0..arguments.pick(5, 1) {
        let gateway = Gateway::start(&home, &[]).await;
        let memory = settled(gateway.id()).await;
        gateway.stop().await;
        resident.push(memory["Rss"]);
        private.push(memory["Private_Clean"] + memory["Private_Dirty"]);
    }
    Memory { resident: median(&resident), private: median(&private) }
}

/// The process's memory once it no longer changes.
async fn settled(process: u32) -> BTreeMap<String, f64> {
    let mut before = rollup(process);
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = rollup(process);
        if now == before {
            break;
        }
        before = now;
    }
    before
}

/// The sums over all mappings of a process, in megabytes.
fn rollup(process: u32) -> BTreeMap<String, f64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(path).expect("Linux, and a process of our own");
    let lines = text.lines().filter_map(|line| line.strip_suffix(" kB")?.split_once(':'));
    lines
        .filter_map(|(name, value)| {
            Some((name.to_owned(), value.trim().parse::<f64>().ok()? * 1024.0 / 1e6))
        })
        .collect()
}
