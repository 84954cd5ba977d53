//! `loader abi explain`: a library against this host, from its metadata alone.

use integration_tests::build;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What is said of a library, as data and as text of at most ten lines.
fn explain(library: &Path) -> (Value, String) {
    let run = |words: &[&str]| {
        let mut command = Command::new(build::loader());
        command.env_clear().args(["abi", "explain"]).arg(library).args(words);
        let output = command.output().expect("the product");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let text = run(&[]);
    assert!(text.lines().count() <= 10, "{text}");
    let envelope: Value = serde_json::from_str(&run(&["--json"])).expect("an envelope");
    assert_eq!(envelope["schema"], "loader.abi.explain/1");
    (envelope["data"].clone(), text)
}

fn expect_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|found| found == *line), "`{line}` is missing:\n{text}");
    }
}

/// A file made for another platform by that platform's compiler.
fn foreign(name: &str) -> PathBuf {
    build::repository().join("tests/fuzz/corpus/binary").join(name)
}

/// A copy of a built library whose bytes were changed.
fn changed(name: &str, change: impl FnOnce(&mut Vec<u8>)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut bytes = fs::read(build::library(name)).expect("a library");
    change(&mut bytes);
    let path = folder.path().join("library.so");
    fs::write(&path, bytes).expect("a library");
    (folder, path)
}

fn position(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|found| found == wanted).expect("it is in the file")
}

#[test]
fn a_library_of_the_same_interface_fits() {
    let (data, text) = explain(&build::library("hello"));
    assert_eq!((&data["fits"], &data["interface"]), (&json!(true), &json!("same")));
    assert_eq!(
        data["contracts"][0],
        json!({ "library": "http-route/1", "host": [1, 1], "fits": true })
    );
    let lines = ["verdict      it fits this host", "interface    library 1.0, host 1.0: the same"];
    expect_lines(&text, &lines);
}

#[test]
fn a_library_of_the_next_minor_fits() {
    let (data, text) = explain(&build::library("abi-next"));
    assert_eq!((&data["fits"], &data["interface"]), (&json!(true), &json!("host-is-older")));
    expect_lines(
        &text,
        &["interface    library 1.1, host 1.0: the library does without what the host lacks"],
    );
}

#[test]
fn a_library_of_another_major_says_which_side_moves() {
    let (data, text) = explain(&build::library("abi-major"));
    assert_eq!((&data["fits"], &data["interface"]), (&json!(false), &json!("unrelated")));
    assert_eq!(data["remedy"]["side"], "host");
    expect_lines(
        &text,
        &[
            "verdict      it does not fit this host",
            "because      its interface 2.0 (loader-sdk 0.1.0) and this host's 1.0 have nothing in common",
            "how          upgrade loader, or install a build of the plugin for interface 1",
        ],
    );
}

#[test]
fn a_library_that_aborts_is_for_its_author_to_mend() {
    let (_folder, path) = changed("hello", |bytes| {
        let at = position(bytes, br#""panic":"unwind""#);
        bytes[at..at + 16].copy_from_slice(br#""panic":"abort" "#);
    });
    let (data, _) = explain(&path);
    assert_eq!(data["reasons"], json!(["it was built with `panic = \"abort\"`"]));
    assert_eq!(data["remedy"]["side"], "author");
}

#[test]
fn libraries_of_other_platforms_are_read_as_well() {
    for (file, platform, target) in [
        ("macho-aarch64", "Mach-O for aarch64", "aarch64-apple-darwin"),
        ("macho-x86_64", "Mach-O for x86_64", "x86_64-apple-darwin"),
        ("pe-x86_64", "PE for x86_64", "x86_64-pc-windows-gnu"),
        ("elf-aarch64", "ELF for aarch64", "aarch64-unknown-linux-gnu"),
    ] {
        let (data, text) = explain(&foreign(file));
        assert_eq!(data["platform"], platform);
        assert_eq!(data["library"]["target"], target);
        assert_eq!((&data["fits"], &data["interface"]), (&json!(false), &json!("same")), "{text}");
        let how = "cargo build --release --target x86_64-unknown-linux-gnu";
        if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
            assert_eq!(data["remedy"], json!({ "side": "author", "command": how }));
        }
    }
}

#[test]
fn without_metadata_it_says_so() {
    let (_folder, path) = changed("hello", |bytes| {
        let at = position(bytes, b"LDRPLUG\0");
        bytes[at] = b'X';
    });
    let (data, text) = explain(&path);
    let reason = "it does not say what it was built with: its metadata section is not ours";
    assert_eq!((&data["fits"], &data["reasons"]), (&json!(false), &json!([reason])));
    expect_lines(&text, &["interface    library not known, host 1.0"]);

    let (_folder, path) = changed("hello", |bytes| {
        let at = position(bytes, br#"{"abi":"#);
        bytes[at] = b'[';
    });
    let damaged = explain(&path).0["reasons"][0].as_str().expect("a reason").to_owned();
    assert!(damaged.contains("its metadata is damaged"), "{damaged}");

    let libc = Path::new("/lib64/ld-linux-x86-64.so.2");
    if libc.exists() {
        let none = explain(libc).0["reasons"][0].as_str().expect("a reason").to_owned();
        assert!(none.contains("it has no section `.ldrplug`"), "{none}");
    }
}

#[test]
fn what_is_no_library_is_explained_too() {
    for (file, says) in [
        ("empty", "the file is no library"),
        ("script", "the file is no library"),
        ("elf-truncated", "the file is damaged or was cut short"),
        ("macho-universal", "the file is a universal file of several libraries"),
    ] {
        let (data, _) = explain(&foreign(file));
        let reason = data["reasons"][0].as_str().expect("a reason").to_owned();
        assert!(reason.starts_with(says), "{file}: {reason}");
    }
}
