//! A plugin outside the repository: the commands of `plugins/hello/README.md`, as they stand there.

use integration_tests::{build, process::Running};
use std::{fs, os::unix::fs::symlink, path::Path, process::Command};
use tempfile::TempDir;

/// The blocks of a Markdown text that are marked `sh`.
fn commands(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while lines.any(|line| line == "```sh") {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(block.join("\n"));
    }
    blocks
}

/// A shell in the new plugin's folder, which knows where the repository lies.
fn shell(folder: &Path, command: &str) -> Command {
    let mut shell = Command::new("bash");
    shell.args(["-euc", command]).current_dir(folder).env("LOADER", build::repository());
    // The tutorial builds below the folder itself, with what an author's first build downloads.
    shell.env_remove("CARGO_TARGET_DIR").env("XDG_CONFIG_HOME", folder.join("no-config"));
    // An author waits for the optimiser; this test does not.
    shell.env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0");
    shell
}

fn run(folder: &Path, command: &str) -> String {
    let output = shell(folder, command).output().expect("bash can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}\n{errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_hello_builds_and_serves_outside_the_repository() {
    let readme = build::repository().join("plugins/hello/README.md");
    let readme = fs::read_to_string(readme).expect("the tutorial");
    let blocks = commands(&readme);
    let [copy, compile, lay_out, serve, ask] = blocks.as_slice() else {
        panic!("the tutorial has other steps than this test: {blocks:#?}")
    };
    let loader = build::loader();

    let temporary = TempDir::new().expect("an empty folder");
    let folder = temporary.path();
    // What cargo builds is kept for the next time; the commands do not notice.
    let kept = build::target().join("out-of-tree");
    fs::create_dir_all(&kept).expect("a folder");
    symlink(kept, folder.join("target")).expect("a link");

    // Where the repository lies is the one thing a reader fills in.
    let copy: Vec<&str> = copy.lines().filter(|line| !line.starts_with("LOADER=")).collect();
    run(folder, &copy.join("\n"));
    run(folder, compile);
    run(folder, lay_out);

    let serve = serve.replace("\"$LOADER/target/release/loader\"", loader.to_str().expect("UTF-8"));
    let serve = format!("exec {serve} --listen 127.0.0.1:0 --ready-json");
    let mut gateway = Running::start(Path::new("bash"), |command| {
        *command = shell(folder, &serve).into();
        command.stdout(std::process::Stdio::piped()).kill_on_drop(true);
    });
    let ready = gateway.json().await;
    let ask = ask.replace("http://127.0.0.1:7280", ready["url"].as_str().expect("a URL"));
    let promised = readme.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
    assert_eq!(Some(run(folder, &ask).as_str()), promised);

    gateway.signal("TERM");
    assert!(gateway.child.wait().await.expect("it ends").success());
}
