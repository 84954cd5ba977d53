//! Small libraries of C, each with one property that Rust has no easy way to give a library.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Compiles a library in this folder from a source, with further words for the compiler.
pub fn library(folder: &Path, source: &str, words: &[&str]) -> PathBuf {
    let (file, library) = (folder.join("library.c"), folder.join("library.so"));
    fs::write(&file, source).expect("a source");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&file).args(words);
    let output = command.output().expect("a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    library
}
