//! Systems that watch no more: in a user namespace of its own, where limits are nobody else's.

use crate::desk::{Content, Desk, content};
use loader_core::watch::Options;
use std::{env, fs, process::Command, time::Duration};
use tokio::time::{sleep, timeout};

/// The limit that the child is to lower, by the name of its setting.
const LIMIT: &str = "LOADER_TEST_LIMIT";

/// Runs one test of this file again, where it may lower this limit.
fn within_namespace(test: &str, limit: &str) {
    let namespace = ["--user", "--map-root-user"];
    if !Command::new("unshare").args(namespace).arg("true").status().is_ok_and(|end| end.success())
    {
        return println!("not run: user namespaces: sysctl user.max_user_namespaces=1024");
    }
    let output = Command::new("unshare")
        .args(namespace)
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(LIMIT, limit)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
    assert!(String::from_utf8_lossy(&text).contains("1 passed"));
}

#[test]
fn without_a_watcher_files_are_looked_at_instead() {
    match env::var(LIMIT) {
        Ok(limit) => polls_until_the_limit_is_raised(&limit),
        Err(_) => {
            let test = "limits::without_a_watcher_files_are_looked_at_instead";
            within_namespace(test, "max_inotify_instances");
        }
    }
}

#[test]
fn without_watches_folders_are_looked_at_instead() {
    match env::var(LIMIT) {
        Ok(limit) => polls_until_the_limit_is_raised(&limit),
        Err(_) => {
            let test = "limits::without_watches_folders_are_looked_at_instead";
            within_namespace(test, "max_inotify_watches");
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn polls_until_the_limit_is_raised(limit: &str) {
    let setting = format!("/proc/sys/user/{limit}");
    fs::write(&setting, "0").unwrap();
    let retry = Duration::from_secs(2);
    let desk = Desk::new(Options { retry, ..Options::default() }).await;
    let trouble = desk.watch.trouble().expect("a finding");
    assert_eq!(trouble.code, "LDR-WATCH-LIMIT");
    let hint = trouble.hint.unwrap();
    let name = limit.replace("inotify", "user");
    assert!(hint.starts_with(&format!("sudo sysctl fs.inotify.{name}=")), "{hint}");

    for serial in 1..=3 {
        let library = desk.library.clone();
        let write = move || fs::write(library, content(serial)).unwrap();
        let (_, late) = desk.keep_up(Content::Whole(serial), write).await;
        assert!(late <= Duration::from_secs(2), "{late:?}");
    }

    fs::write(&setting, "100").unwrap();
    let mended = async {
        while desk.watch.trouble().is_some() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(6), mended).await.expect("watched again");
    let library = desk.library.clone();
    let write = move || fs::write(library, content(9)).unwrap();
    let (_, late) = desk.keep_up(Content::Whole(9), write).await;
    assert!(late <= Duration::from_millis(500), "{late:?}");
}
