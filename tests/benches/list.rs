//! What it costs to look at a thousand plugins: `loader plugins list` beside a plain program that walks
//! the same folders, parses the same manifests and asks for the same files, and, where everything is read
//! anew, hashes the same libraries.

use integration_tests::{
    bench::{Arguments, Goal, Report, Row, Unit, median},
    build,
};
use loader_core::digest::Digest;
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The variables that make this program the plain one: the folder, and whether it hashes.
const PLAIN: &str = "LOADER_BENCH_PLAIN";
const HASH: &str = "LOADER_BENCH_HASH";

/// Switches the index off.
const NO_INDEX: &str = "LOADER_DISABLE_PLUGIN_DISCOVERY_CACHE";

/// The fixture that every plugin is a copy of; their ids have as many letters.
const FIXTURE: &str = "bare-call";

fn main() {
    if let Some(folder) = env::var_os(PLAIN) {
        return plain(Path::new(&folder), env::var_os(HASH).is_some());
    }
    let arguments = Arguments::read();
    let count = arguments.pick(1_000, 50);
    let home = tempfile::tempdir().expect("a folder");
    let plugins = lay_out(home.path(), count);
    let state = home.path().join("state");
    fs::create_dir(&state).expect("a folder");
    // What changed just now is not remembered, and a young clock cannot be hurried.
    thread::sleep(Duration::from_secs(3));
    let list = |variables: &[(&str, &str)]| {
        let mut command = Command::new(build::loader());
        command.args(["plugins", "list", "--json", "--plugins-dir"]).arg(&plugins);
        command.arg("--state-dir").arg(&state).env_clear().env("HOME", home.path());
        command.envs(variables.iter().copied());
        milliseconds(&mut command)
    };
    let plain = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env::current_exe().expect("this program"));
        command.env_clear().env(PLAIN, &plugins).envs(variables.iter().copied());
        milliseconds(&mut command)
    };
    list(&[]);
    let mut times = [const { Vec::new() }; 6];
    for _ in 0..arguments.pick(9, 2) {
        times[0].push(plain(&[]));
        times[1].push(list(&[]));
        times[2].push(plain(&[(HASH, "1")]));
        times[3].push(list(&[(NO_INDEX, "1")]));
    }
    let can_forget = forget();
    for _ in 0..arguments.pick(5, 1) {
        forget();
        times[4].push(plain(&[]));
        forget();
        times[5].push(list(&[]));
    }
    let [plain, warm, hashing, anew, cold_plain, cold] = times.map(|times| median(&times));
    let mut report = Report::new("list", "`loader plugins list` of a thousand plugins");
    let row = |name: &str, value, beside: &str, base| {
        Row::new(name, Unit::Milliseconds, value).beside(beside, base)
    };
    let walk = "walk, parse, stat";
    report.add(row("with the index", warm, walk, plain).goal(Goal::AtMost(2.0 * plain)));
    let all = "walk, parse, stat, hash";
    report.add(row("every library anew", anew, all, hashing).goal(Goal::AtMost(1.3 * hashing)));
    if can_forget {
        report.add(row("with the index, cold", cold, walk, cold_plain));
    } else {
        report.not_run("with the index, cold: the system's cache can be emptied by root only");
    }
    report.print(arguments);
}

/// Lays out so many plugins, each with an id of its own in its manifest and in its library.
fn lay_out(home: &Path, count: usize) -> PathBuf {
    let plugins = home.join("plugins");
    let source = build::crate_folder(FIXTURE).join("plugin.toml");
    let manifest = fs::read_to_string(source).expect("the manifest");
    let library = fs::read(build::library(FIXTURE)).expect("the library");
    let own = format!("\"{FIXTURE}\"");
    let places: Vec<usize> = (0..library.len() - own.len())
        .filter(|at| &library[*at..at + own.len()] == own.as_bytes())
        .collect();
    for number in 0..count {
        let id = format!("plug-{number:04}");
        let folder = plugins.join(&id);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("plugin.toml"), manifest.replace(FIXTURE, &id)).expect("a manifest");
        let mut library = library.clone();
        for at in &places {
            library[at + 1..=at + id.len()].copy_from_slice(id.as_bytes());
        }
        fs::write(folder.join("libbare_call.so"), library).expect("a library");
    }
    plugins
}

fn milliseconds(command: &mut Command) -> f64 {
    let since = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("it runs");
    assert!(status.success(), "{command:?}");
    since.elapsed().as_secs_f64() * 1e3
}

/// Makes the system forget what it read of files; says whether it may be asked.
fn forget() -> bool {
    fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

/// The plain program, on all processors.
fn plain(folder: &Path, hash: bool) {
    let entries = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry"));
    let folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for part in folders.chunks(folders.len().div_ceil(workers).max(1)) {
            scope.spawn(move || part.iter().for_each(|folder| look(folder, hash)));
        }
    });
}

fn look(folder: &Path, hash: bool) {
    let text = fs::read_to_string(folder.join("plugin.toml")).expect("a manifest");
    let manifest: toml::Table = text.parse().expect("TOML");
    let library = manifest["library"]["path"].as_str().expect("its library");
    let library = folder.join(library);
    for path in library.ancestors() {
        fs::symlink_metadata(path).expect("it is there");
    }
    if hash {
        std::hint::black_box(Digest::of(&fs::read(&library).expect("its bytes")));
    }
}
