//! On a machine that is not as it should be, `doctor` says of the start and of every plugin what the start
//! itself says.
//!
//! Run as an ordinary user, since the superuser ignores modes; it takes the superuser to become one.

use integration_tests::{
    build,
    operator::{Operator, envelope, release},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// An ordinary user, whom no machine knows.
const USER: u32 = 64_123;

/// Another one.
const STRANGER: u32 = 64_124;

/// A machine with an account that has `hello` installed.
struct Machine {
    operator: Operator,
    /// What the program is run in: a command and its arguments.
    within: Vec<String>,
    mounts: Vec<PathBuf>,
}

/// What a start, or the doctor, says.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    /// Why the gateway does not start at all.
    refusal: Option<String>,
    /// What becomes of the plugin: loaded, or why not; `None` when it is not found.
    plugin: Option<Result<(), BTreeSet<String>>>,
}

impl Machine {
    fn new() -> Self {
        let operator = Operator::new();
        let source = release(operator.home(), "0.1.0");
        fs::copy(build::loader(), operator.home().join("loader")).expect("a copy");
        let machine = Self { operator, within: Vec::new(), mounts: Vec::new() };
        machine.give(machine.home());
        let installed = machine.run(&["plugins", "install", text(&source)]);
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stdout));
        machine
    }

    fn home(&self) -> &Path {
        self.operator.home()
    }

    fn state(&self) -> PathBuf {
        self.operator.state()
    }

    fn config(&self) -> PathBuf {
        self.home().join(".config/loader/loader.toml")
    }

    fn release(&self) -> PathBuf {
        let entries = fs::read_dir(self.operator.plugins()).expect("the plugin folder").flatten();
        entries.map(|entry| entry.path()).find(|path| path.is_dir()).expect("a release")
    }

    /// Gives everything below a folder to the user.
    fn give(&self, folder: &Path) {
        let owner = format!("{USER}:{USER}");
        let status = Command::new("chown").args(["-R", &owner]).arg(folder).status();
        assert!(status.expect("chown runs").success());
    }

    fn configure(&self, content: &str) {
        self.operator.configure(content);
        self.give(&self.home().join(".config"));
    }

    /// Mounts a file system of memory over a folder.
    fn mount(&mut self, folder: &Path, options: &str) {
        fs::create_dir_all(folder).expect("a folder");
        let options = format!("mode=700,uid={USER},gid={USER},{options}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder);
        assert!(mount.status().expect("mount runs").success());
        self.mounts.push(folder.to_owned());
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let none = self.home().join("none");
        let _ = fs::create_dir_all(&none);
        let id = USER.to_string();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--"]);
        command.args(&self.within).arg(self.home().join("loader")).args(arguments);
        command.arg("--plugins-dir").arg(none).current_dir("/").env_clear();
        command.env("HOME", self.home()).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(&[arguments, &["--json"]].concat()).output().expect("it runs")
    }

    /// What a real start says.
    fn start(&self) -> Said {
        let arguments = ["run", "--listen", "127.0.0.1:0", "--json"];
        let mut command = self.command(&arguments);
        let log = fs::File::create(self.operator.home().join("log"));
        let log = log.map_or_else(|_| Stdio::null(), Stdio::from);
        let mut running = command.stdout(Stdio::piped()).stderr(log).spawn().expect("it starts");
        let mut line = String::new();
        let mut said = BufReader::new(running.stdout.take().expect("its output"));
        said.read_line(&mut line).expect("its output");
        // What it is run in passes the signal on, or ends with it.
        let pids = pids_of(self.home());
        for pid in pids {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
        let _ = running.wait();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let log = fs::read_to_string(self.home().join("log")).unwrap_or_default();
            panic!("{error}: {line}{log}")
        });
        if said["ok"] != true {
            let code = said["error"]["code"].as_str().expect("a code").to_owned();
            return Said { refusal: Some(code), plugin: None };
        }
        let plugins = said["data"]["plugins"].as_array().expect("plugins").iter();
        let plugin = plugins.into_iter().find(|plugin| plugin["id"] == "hello");
        let plugin = plugin.map(|plugin| match plugin["status"].as_str() {
            Some("served") => Ok(()),
            _ => Err(errors(plugin["diagnostics"].as_array())),
        });
        Said { refusal: None, plugin }
    }

    /// What the doctor says a start would say.
    fn doctor(&self) -> (Said, bool) {
        let said = envelope(&self.run(&["doctor"]));
        let healthy = said["data"]["healthy"] == true;
        let checks = said["data"]["checks"].as_array().expect("checks");
        let failed = checks.iter().filter(|check| {
            let section = check["section"].as_str().expect("a section");
            matches!(section, "configuration" | "state") && check["grade"] == "failed"
        });
        let mut refusals = failed.flat_map(|check| errors(check["findings"].as_array()));
        if let Some(code) = refusals.next() {
            return (Said { refusal: Some(code), plugin: None }, healthy);
        }
        let plugins = said["data"]["plugins"].as_array().expect("plugins").iter();
        let plugin = plugins.into_iter().find(|plugin| plugin["id"] == "hello");
        let plugin = plugin.map(|plugin| match plugin["status"].as_str() {
            Some("ok") => Ok(()),
            _ => Err(errors(plugin["findings"].as_array())),
        });
        (Said { refusal: None, plugin }, healthy)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for folder in self.mounts.iter().rev() {
            let _ = Command::new("umount").arg("-l").arg(folder).status();
        }
    }
}

/// The processes that run the account's program.
fn pids_of(home: &Path) -> Vec<u32> {
    let program = home.join("loader");
    let entries = fs::read_dir("/proc").expect("Linux").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program))
        .collect()
}

fn errors(findings: Option<&Vec<Value>>) -> BTreeSet<String> {
    let findings = findings.into_iter().flatten();
    let errors = findings.filter(|finding| finding["severity"] == "error");
    errors.map(|finding| finding["code"].as_str().expect("a code").to_owned()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
}

/// One way in which a machine is not as it should be.
type Case = (&'static str, fn(&mut Machine));

const CASES: [Case; 32] = [
    ("nothing is wrong", |_| {}),
    ("the state folder is mounted noexec", |it| it.mount(&it.state(), "noexec")),
    ("the state folder's disk is full", |it| {
        it.mount(&it.state(), "size=64k");
    }),
    ("the state folder is read-only", |it| {
        it.mount(&it.state(), "ro");
    }),
    ("the state folder is another user's", |it| {
        chown(it.state(), Some(STRANGER), None).expect("chown");
    }),
    ("others can write to the state folder", |it| chmod(&it.state(), 0o777)),
    ("the state folder cannot be entered", |it| chmod(&it.state(), 0)),
    ("a file is in the place of the state folder", |it| {
        fs::remove_dir_all(it.state()).expect("removed");
        fs::write(it.state(), "").expect("a file");
        it.give(&it.state());
    }),
    ("the state folder cannot be made", |it| {
        fs::remove_dir_all(it.state()).expect("removed");
        chmod(it.state().parent().expect("a parent"), 0o555);
    }),
    ("the store is another user's", |it| {
        fs::create_dir_all(it.state().join("store")).expect("a folder");
        chown(it.state().join("store"), Some(STRANGER), None).expect("chown");
    }),
    ("others can read the token", |it| {
        it.start();
        chmod(&it.state().join("token"), 0o644);
    }),
    ("the token is empty", |it| {
        it.start();
        fs::write(it.state().join("token"), "").expect("written");
    }),
    ("the token is another user's", |it| {
        it.start();
        chown(it.state().join("token"), Some(STRANGER), None).expect("chown");
    }),
    ("the configuration cannot be read", |it| {
        it.configure("");
        chmod(&it.config(), 0);
    }),
    ("the configuration is not TOML", |it| it.configure("plugins = [")),
    ("the configuration has a wrong type", |it| it.configure("plugins.enabled = 1")),
    ("others can write the configuration", |it| {
        it.configure("");
        chmod(&it.config(), 0o666);
    }),
    ("the configuration is another user's", |it| {
        it.configure("");
        chown(it.config(), Some(STRANGER), None).expect("chown");
    }),
    ("the plugin is denied by its id", |it| it.configure("plugins.deny = [\"hello\"]")),
    ("signatures are demanded", |it| it.configure("plugins.trust.signatures = \"required\"")),
    ("the lock is damaged", |it| {
        fs::write(it.operator.plugins().join("loader.lock"), "lock = 1\n").expect("written");
    }),
    ("the lock cannot be read", |it| chmod(&it.operator.plugins().join("loader.lock"), 0)),
    ("the lock is gone", |it| {
        fs::remove_file(it.operator.plugins().join("loader.lock")).expect("removed");
    }),
    ("the lock is an old one", |it| {
        let lock = it.operator.plugins().join("loader.lock");
        let old = fs::read(&lock).expect("the lock");
        let two = release(it.home(), "2.0.0");
        it.give(it.home());
        assert!(it.run(&["plugins", "install", text(&two)]).status.success());
        fs::write(&lock, old).expect("put back");
    }),
    ("the release's folder is gone", |it| {
        fs::remove_dir_all(it.release()).expect("removed");
    }),
    ("the library cannot be read", |it| chmod(&it.release().join("libhello.so"), 0)),
    ("the manifest cannot be read", |it| chmod(&it.release().join("plugin.toml"), 0)),
    ("the library is another user's", |it| {
        chown(it.release().join("libhello.so"), Some(STRANGER), None).expect("chown");
    }),
    ("others can write to the plugin folder", |it| chmod(&it.operator.plugins(), 0o777)),
    ("the plugin folder cannot be read", |it| chmod(&it.operator.plugins(), 0)),
    ("the kernel knows neither openat2 nor renameat2", |it| {
        let inject = ["-f", "-qq", "-o", "/dev/null", "--trace=openat2,renameat2"];
        let faults = ["openat2:error=ENOSYS", "renameat2:error=ENOSYS"];
        it.within = ["strace"].iter().chain(&inject).map(|word| (*word).to_owned()).collect();
        it.within.extend(faults.iter().map(|fault| format!("--inject={fault}")));
    }),
    ("another user namespace, in which root is nobody", |it| {
        it.within = ["unshare", "--user", "--"].map(str::to_owned).to_vec();
    }),
];

#[test]
fn doctor_and_a_real_start_agree_on_machines_that_are_not_as_they_should_be() {
    if !rustix::process::geteuid().is_root() {
        println!(
            "not run: degraded machines: sudo scripts/test -p integration-tests --test degraded"
        );
        assert!(std::env::var_os("LOADER_TEST_STRICT").is_none());
        return;
    }
    let mut failures = Vec::new();
    let mut unhealthy = 0;
    for (name, degrade) in CASES {
        let mut machine = Machine::new();
        degrade(&mut machine);
        let (predicted, healthy) = machine.doctor();
        let said = machine.start();
        let is_whole = said == Said { refusal: None, plugin: Some(Ok(())) };
        if predicted != said || (healthy && !is_whole && !name.contains("by its id")) {
            failures
                .push(format!("{name}:\n  doctor {predicted:?} ({healthy})\n  start  {said:?}"));
        }
        println!("{name}: {said:?}");
        unhealthy += usize::from(!is_whole);
    }
    println!(
        "{} machines, {unhealthy} of them unfit, {} disagreements",
        CASES.len(),
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
