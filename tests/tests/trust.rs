//! What was installed is what runs, who signed it counts, and what is denied stops: by the product's own
//! commands, with the real `minisign`.
//!
//! `LOADER_TEST_BITS=N` says how many bits are flipped; without it, 256.

use integration_tests::{
    Home,
    gateway::Gateway,
    operator::{Operator, release},
    peers,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A publisher's key, made by `minisign` itself.
struct Key {
    secret: PathBuf,
    public: String,
}

/// A publisher with a workshop of his own.
struct Publisher {
    workshop: tempfile::TempDir,
}

impl Publisher {
    /// `None`, with the line that says so, where there is no `minisign`.
    fn new() -> Option<Self> {
        peers::installed()?;
        Some(Self { workshop: tempfile::tempdir().expect("a folder") })
    }

    fn key(&self, name: &str) -> Key {
        let secret = self.workshop.path().join(format!("{name}.key"));
        let public = self.workshop.path().join(format!("{name}.pub"));
        let mut minisign = Command::new("minisign");
        minisign.args(["-G", "-W", "-f", "-p"]).arg(&public).arg("-s").arg(&secret);
        let status = minisign.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("minisign runs").success());
        let text = fs::read_to_string(&public).expect("the public key");
        Key { secret, public: text.lines().nth(1).expect("its second line").to_owned() }
    }

    /// A folder with a release of `hello`, packed by the product, signed by these keys' first.
    fn release(&self, operator: &Operator, version: &str, serial: u64, key: &Key) -> PathBuf {
        let folder = release(self.workshop.path(), version);
        for old in ["release.toml", "release.toml.minisig"] {
            let _ = fs::remove_file(folder.join(old));
        }
        let path = folder.to_str().expect("UTF-8");
        let archive = self.workshop.path().join(format!("{version}-{serial}.ldr"));
        let archive = archive.to_str().expect("UTF-8").to_owned();
        let serial = serial.to_string();
        operator.ask(&["plugins", "pack", path, "--serial", &serial, "--output", &archive]);
        sign(&folder.join("release.toml"), key);
        let copy = self.workshop.path().join(format!("signed-{version}-{serial}"));
        let _ = fs::remove_dir_all(&copy);
        fs::rename(&folder, &copy).expect("renamed");
        copy
    }
}

fn sign(file: &Path, key: &Key) {
    let mut minisign = Command::new("minisign");
    minisign.args(["-S", "-s"]).arg(&key.secret).arg("-m").arg(file);
    let status = minisign.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.expect("minisign runs").success());
}

fn trust(operator: &Operator, keys: &[&Key]) {
    let keys: Vec<String> = keys.iter().map(|key| format!("\"{}\"", key.public)).collect();
    operator.configure(&format!(
        "[plugins.trust]\nsignatures = \"required\"\n\n[plugins.trust.publishers.acme]\nkeys = [{}]\n",
        keys.join(", ")
    ));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn every_flipped_bit_of_what_was_installed_is_refused() {
    let Some(publisher) = Publisher::new() else { return };
    let operator = Operator::new();
    let key = publisher.key("one");
    trust(&operator, &[&key]);
    let source = publisher.release(&operator, "1.0.0", 1, &key);
    operator.ask(&["plugins", "install", text(&source)]);
    assert_eq!(operator.status("hello").as_deref(), Ok("1.0.0"));

    let folder = fs::read_dir(operator.plugins()).expect("the plugin folder").flatten();
    let folder = folder.map(|entry| entry.path()).find(|path| path.is_dir()).expect("the release");
    let files = [
        folder.join("libhello.so"),
        folder.join("plugin.toml"),
        folder.join("release.toml"),
        folder.join("release.toml.minisig"),
        operator.plugins().join("loader.lock"),
    ];
    let wanted = std::env::var("LOADER_TEST_BITS").ok().and_then(|bits| bits.parse().ok());
    let each = wanted.unwrap_or(256_usize).div_ceil(files.len());
    let mut flipped = 0;
    for file in &files {
        let sound = fs::read(file).expect("the file");
        let bits = sound.len() * 8;
        // Spread evenly, each time in another bit of its byte.
        for number in 0..each.min(bits) {
            let bit = number * bits / each.min(bits);
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(file, &bytes).expect("written");
            let status = operator.status("hello");
            let is_refused = status.is_err() || status.as_deref() == Ok("absent");
            assert!(is_refused, "bit {bit} of {}: {status:?}", file.display());
            flipped += 1;
        }
        fs::write(file, &sound).expect("written");
    }
    println!("{flipped} of {flipped} flipped bits refused");
    assert_eq!(operator.status("hello").as_deref(), Ok("1.0.0"), "all is as it was");
}

#[test]
fn what_is_older_or_replayed_needs_a_word_and_a_lock_put_back_loads_nothing() {
    let Some(publisher) = Publisher::new() else { return };
    let operator = Operator::new();
    let key = publisher.key("one");
    trust(&operator, &[&key]);
    let old = publisher.release(&operator, "1.0.0", 1, &key);
    let new = publisher.release(&operator, "2.0.0", 2, &key);
    // A newer version that carries an older serial number is an older release.
    let replayed = publisher.release(&operator, "3.0.0", 1, &key);
    let lock = operator.plugins().join("loader.lock");
    operator.ask(&["plugins", "install", text(&old)]);
    let old_lock = fs::read(&lock).expect("the lock");
    operator.ask(&["plugins", "install", text(&new)]);
    let new_lock = fs::read(&lock).expect("the lock");

    for source in [&old, &replayed] {
        let refusal = operator.refused(&["plugins", "install", text(source)]);
        assert_eq!(refusal, ["LDR-INSTALL-DOWNGRADE"]);
    }
    fs::write(&lock, &old_lock).expect("put back");
    assert_eq!(operator.status("hello"), Err(vec!["LDR-VET-DOWNGRADE".to_owned()]));
    fs::remove_file(&lock).expect("deleted");
    assert_eq!(operator.status("hello").as_deref(), Ok("absent"));
    let refusal = operator.refused(&["plugins", "install", text(&old)]);
    assert_eq!(refusal, ["LDR-INSTALL-DOWNGRADE"], "without a lock, too");
    fs::write(&lock, &new_lock).expect("put back");
    assert_eq!(operator.status("hello").as_deref(), Ok("2.0.0"));

    operator.ask(&["plugins", "install", "--allow-downgrade", text(&old)]);
    assert_eq!(operator.status("hello").as_deref(), Ok("1.0.0"));
}

#[test]
fn keys_are_replaced_without_a_load_that_fails() {
    let Some(publisher) = Publisher::new() else { return };
    let operator = Operator::new();
    let (old, new) = (publisher.key("old"), publisher.key("new"));
    let one = publisher.release(&operator, "1.0.0", 1, &old);
    let two = publisher.release(&operator, "2.0.0", 2, &new);
    trust(&operator, &[&old]);
    operator.ask(&["plugins", "install", text(&one)]);
    assert_eq!(operator.status("hello").as_deref(), Ok("1.0.0"));
    let refusal = operator.refused(&["plugins", "install", text(&two)]);
    assert!(refusal.iter().all(|code| code.starts_with("LDR-SIGN-")), "{refusal:?}");

    trust(&operator, &[&old, &new]);
    assert_eq!(operator.status("hello").as_deref(), Ok("1.0.0"), "the old key still counts");
    operator.ask(&["plugins", "install", text(&two)]);
    assert_eq!(operator.status("hello").as_deref(), Ok("2.0.0"));

    trust(&operator, &[&new]);
    assert_eq!(operator.status("hello").as_deref(), Ok("2.0.0"), "the new key is enough");
    let rolled = operator.refused(&["plugins", "rollback", "hello"]);
    assert!(rolled.iter().all(|code| code.starts_with("LDR-SIGN-")), "{rolled:?}");
}

#[test]
fn what_the_configuration_demands_signed_is_not_loaded_unsigned() {
    let Some(publisher) = Publisher::new() else { return };
    let operator = Operator::new();
    let key = publisher.key("one");
    let unsigned = release(operator.home(), "1.0.0");
    operator.ask(&["plugins", "install", text(&unsigned)]);
    assert_eq!(operator.status("hello").as_deref(), Ok("1.0.0"));
    trust(&operator, &[&key]);
    assert_eq!(operator.status("hello"), Err(vec!["LDR-SIGN-MISSING".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_denied_while_they_serve_are_out_within_five_seconds() {
    let home = Home::new();
    home.add("hello");
    home.add("echo");
    let gateway = Gateway::start(&home, "").await;
    let loader = |arguments: &[&str]| {
        let mut command = Command::new(integration_tests::build::loader());
        command.args(arguments).arg("--state-dir").arg(home.state());
        command.arg("--plugins-dir").arg(home.plugins());
        command.env("HOME", home.state());
        assert!(command.output().expect("it runs").status.success(), "{arguments:?}");
    };
    let from = gateway.log().len();
    let denied = Instant::now();
    loader(&["plugins", "deny", "hello", "--reason", "stolen key"]);
    let wait = gateway.await_log(from, &["LDR-VET-DENIED", "stolen key"]);
    let after = tokio::time::timeout(Duration::from_secs(5), wait).await.expect("within 5 s");
    gateway.await_log(after - 1, &["retired and unloaded", "hello"]).await;
    println!("denied -> out: {} ms", denied.elapsed().as_millis());
    assert!(denied.elapsed() < Duration::from_secs(5));
    // The others serve on.
    let url = format!("{}/v1/models", gateway.url);
    let answer = Command::new("curl")
        .args(["-s", "-H", &format!("Authorization: Bearer {}", gateway.token), &url])
        .output()
        .expect("curl runs");
    assert!(String::from_utf8_lossy(&answer.stdout).contains("echo/echo"));
}
