//! Installing, updating, rolling back and removing, cut short or refused by the system at every point.
//!
//! A first run under `strace` shows every system call that can fail. Then each command runs again and
//! again, and each time another one of them is where the process is killed, the disk is full, the
//! device fails, or a signal interrupts. Whatever happens, either the old state is there, whole, or
//! the new one; and the same command run again succeeds.
//!
//! `LOADER_TEST_FAULTS=all` tries every point; without it, some of each kind are tried.

use integration_tests::{
    operator::{Operator, release},
    peers,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// The system calls that change files or wait for them.
const CALLS: &str = "openat,openat2,open,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,\
                     fsync,fdatasync,write,pwrite64,read,pread64,fchmod,chmod,fchmodat,ftruncate,flock,\
                     getdents64,copy_file_range,sendfile,lseek,statx,newfstatat,fstat";

/// What is done to a call.
const FAULTS: [&str; 4] = ["signal=KILL", "error=ENOSPC", "error=EIO", "error=EINTR"];

/// How many points of each command and fault are tried when not all are.
const SAMPLE: usize = 12;

/// One command, from a state, to a state.
struct Case {
    name: &'static str,
    command: Vec<String>,
    before: &'static str,
    after: &'static str,
}

/// The states that commands begin in, made once and copied.
struct Stage {
    operator: Operator,
    cases: Vec<Case>,
}

impl Stage {
    fn new() -> Self {
        let operator = Operator::new();
        let shelf = operator.home().join("shelf");
        let (one, two) = (release(&shelf, "1.0.0"), release(&shelf, "2.0.0"));
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let cases = vec![
            Case {
                name: "install",
                command: words(&["plugins", "install", &text(&one)]),
                before: "absent",
                after: "1.0.0",
            },
            Case {
                name: "update",
                command: words(&["plugins", "install", &text(&two)]),
                before: "1.0.0",
                after: "2.0.0",
            },
            Case {
                name: "rollback",
                command: words(&["plugins", "rollback", "hello", "1.0.0"]),
                before: "2.0.0",
                after: "1.0.0",
            },
            Case {
                name: "remove",
                command: words(&["plugins", "remove", "hello", "--yes"]),
                before: "2.0.0",
                after: "absent",
            },
        ];
        // Each case begins where the one before it ends, but for the last.
        for case in &cases {
            let state = operator.home().join("states").join(case.name);
            copy(&operator.home().join(".local"), &state.join(".local"));
            if case.name != "rollback" {
                let words: Vec<&str> = case.command.iter().map(String::as_str).collect();
                operator.ask(&words);
            }
        }
        Self { operator, cases }
    }

    /// An account in the state that a case begins in.
    fn account(&self, case: &Case) -> Operator {
        let account = Operator::new();
        let state = self.operator.home().join("states").join(case.name);
        copy(&state.join(".local"), &account.home().join(".local"));
        account
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    if from.exists() {
        let from = from.join(".");
        let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(status.expect("cp runs").success());
    }
}

fn strace(account: &Operator, case: &Case, options: &[String]) -> (bool, PathBuf) {
    let words: Vec<&str> = case.command.iter().map(String::as_str).collect();
    let plain = account.command(&words);
    let log = account.home().join("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-y", "-o"]).arg(&log).args(options).arg("--");
    command.arg(plain.get_program()).args(plain.get_args()).current_dir(account.home());
    command.env_clear();
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    (ended.expect("strace runs").success(), log)
}

/// How often each call is made: the points at which it can fail.
fn points(stage: &Stage, case: &Case) -> Vec<(String, usize)> {
    let account = stage.account(case);
    let (succeeded, log) = strace(&account, case, &[format!("--trace={CALLS}")]);
    assert!(succeeded, "{} without a fault", case.name);
    assert_eq!(account.status("hello").as_deref(), Ok(case.after), "{} without a fault", case.name);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in fs::read_to_string(log).expect("a trace").lines() {
        let call = line.split_whitespace().nth(1).and_then(|rest| rest.split('(').next());
        if let Some(call) = call.filter(|call| CALLS.split(',').any(|known| known.trim() == *call))
        {
            *counts.entry(call.to_owned()).or_default() += 1;
        }
    }
    counts
        .into_iter()
        .flat_map(|(call, count)| (1..=count).map(move |k| (call.clone(), k)))
        .collect()
}

/// What is wrong after a fault; `None` when nothing is.
fn try_point(stage: &Stage, case: &Case, call: &str, k: usize, fault: &str) -> Option<String> {
    let account = stage.account(case);
    let inject = format!("--inject={call}:{fault}:when={k}");
    strace(&account, case, &[format!("--trace={call}"), inject]);
    let between = account.status("hello");
    let is_whole = between.as_deref().is_ok_and(|now| now == case.before || now == case.after);
    if !is_whole {
        return Some(format!("{} {call} #{k} {fault}: left {between:?}", case.name));
    }
    let words: Vec<&str> = case.command.iter().map(String::as_str).collect();
    let again = account.run(&words);
    let after = account.status("hello");
    if !again.status.success() || after.as_deref() != Ok(case.after) {
        let said = String::from_utf8_lossy(&again.stderr).into_owned();
        return Some(format!("{} {call} #{k} {fault}: again: {after:?} {said}", case.name));
    }
    let left = leftovers(&account);
    (!left.is_empty()).then(|| format!("{} {call} #{k} {fault}: left {left:?}", case.name))
}

/// What is in the plugin folder after a command succeeded and should not be.
fn leftovers(account: &Operator) -> Vec<String> {
    let entries = fs::read_dir(account.plugins()).expect("the plugin folder");
    let names =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    names.filter(|name| name.starts_with(".new-")).collect()
}

#[test]
fn no_fault_leaves_half_a_state_and_the_same_command_again_succeeds() {
    if peers::installed().is_none() {
        return;
    }
    let stage = Stage::new();
    let all = std::env::var("LOADER_TEST_FAULTS").is_ok_and(|wanted| wanted == "all");
    let mut jobs = Vec::new();
    for (number, case) in stage.cases.iter().enumerate() {
        let points = points(&stage, case);
        for fault in FAULTS {
            let step = if all { 1 } else { points.len().div_ceil(SAMPLE) };
            jobs.extend(
                points.iter().step_by(step).map(|(call, k)| (number, call.clone(), *k, fault)),
            );
        }
    }
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((number, call, k, fault)) =
                    jobs.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let failure = try_point(&stage, &stage.cases[*number], call, *k, fault);
                    failures.lock().expect("no panic").extend(failure);
                }
            });
        }
    });
    let failures = failures.into_inner().expect("no panic");
    println!("{} points, {} failures", jobs.len(), failures.len());
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), jobs.len(), failures.join("\n"));
}

#[test]
fn files_are_synced_before_they_are_renamed_and_folders_after() {
    if peers::installed().is_none() {
        return;
    }
    let stage = Stage::new();
    let case = &stage.cases[1];
    let account = stage.account(case);
    let calls = "--trace=openat,write,fsync,fdatasync,rename,renameat,renameat2".to_owned();
    let (succeeded, log) = strace(&account, case, &[calls]);
    assert!(succeeded);
    let plugins = account.plugins().to_str().expect("UTF-8").to_owned();
    let trace = fs::read_to_string(log).expect("a trace");
    let lines: Vec<&str> = trace.lines().filter(|line| line.contains(&plugins)).collect();
    let position = |what: &str, matches: &dyn Fn(&str) -> bool| {
        lines.iter().position(|line| matches(line)).unwrap_or_else(|| panic!("{what}:\n{trace}"))
    };
    let synced = |name: &str| {
        position(name, &|line| line.contains("sync(") && line.contains(&format!("{name}>")))
    };
    let release_renamed = position("the release's rename", &|line| {
        line.contains("rename") && line.contains("hello@2.0.0")
    });
    for file in ["libhello.so", "plugin.toml"] {
        assert!(synced(file) < release_renamed, "{file}:\n{}", lines.join("\n"));
    }
    let folder_sync = format!("{plugins}>");
    let root_synced_after = |at: usize| {
        lines[at..].iter().position(|line| line.contains("sync(") && line.contains(&folder_sync))
    };
    let lock_renamed = position("the lock's rename", &|line| {
        line.contains("rename") && line.contains("loader.lock")
    });
    let lock_synced = synced(".new-loader.lock");
    assert!(release_renamed < lock_synced && lock_synced < lock_renamed, "{}", lines.join("\n"));
    let between = root_synced_after(release_renamed).map(|after| release_renamed + after);
    assert!(between.is_some_and(|at| at < lock_renamed), "{}", lines.join("\n"));
    assert!(root_synced_after(lock_renamed).is_some(), "{}", lines.join("\n"));
}
