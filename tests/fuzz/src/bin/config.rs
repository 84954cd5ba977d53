//! Any text as `loader.toml`, the user's and a project's: values or problems that point into the
//! text, and never a word from a project about where code comes from.
#![no_main]

// The binary's own modules: there is no library to take them from.
#[path = "../../../../loader/src"]
mod loader {
    #[allow(dead_code, unused_imports, reason = "files, flags and `config show` need the rest")]
    pub(crate) mod settings;
}

use libfuzzer_sys::fuzz_target;
use loader::settings::{Environment, Layer, Problem, Resolved, Sources, resolve};
use rustix::fs::{MemfdFlags, memfd_create};
use std::{
    fs::File,
    os::{fd::AsRawFd, unix::fs::FileExt},
    path::PathBuf,
    sync::LazyLock,
};

/// How many dots a key may have for any reader of TOML to take it.
const DEEPEST_KEY: usize = 64;

/// A file in memory alone.
static CONFIGURATION: LazyLock<File> = LazyLock::new(|| {
    memfd_create("loader.toml", MemfdFlags::CLOEXEC).expect("a file in memory").into()
});

fuzz_target!(|text: &str| {
    CONFIGURATION.set_len(0).expect("an empty file");
    CONFIGURATION.write_all_at(text.as_bytes(), 0).expect("the text is written");
    let file = PathBuf::from(format!("/proc/self/fd/{}", CONFIGURATION.as_raw_fd()));
    let nothing = Sources {
        system: PathBuf::from("/proc/none"),
        user: None,
        working_directory: PathBuf::from("/proc/none"),
        named: None,
        named_by_variable: None,
        environment: Environment::from([("A".into(), "a".into())]),
        flags: Vec::new(),
        kept: Default::default(),
    };

    let users = resolve(&Sources { user: Some(file.clone()), ..nothing.clone() });
    check(text, &users);
    let projects = resolve(&Sources { named_by_variable: Some(file), ..nothing });
    check(text, &projects);
    if let Ok(resolved) = projects {
        let plugins = resolved.config.plugins;
        assert!(plugins.load_paths.is_empty() && plugins.bundled_dir.is_none());
        assert!(plugins.allow.is_empty() && plugins.deny.is_empty());
        assert_eq!(plugins.trust, Default::default());
    }
});

fn check(text: &str, outcome: &Result<Resolved, Vec<Problem>>) {
    let problems = match outcome {
        Ok(resolved) => {
            assert!(!resolved.warnings.iter().any(Problem::is_error));
            for (key, setting) in &resolved.settings {
                let origin = &setting.origin;
                if origin.layer != Layer::Default {
                    expect_inside(text, origin.line, origin.column, key);
                }
            }
            // A header and a key below it may lead deeper than a single key may.
            if resolved.settings.keys().all(|key| key.matches('.').count() < DEEPEST_KEY) {
                let shown = resolved.show_text();
                assert!(shown.parse::<toml::Table>().is_ok(), "{shown}");
            }
            &resolved.warnings
        }
        Err(problems) => {
            assert!(problems.iter().any(Problem::is_error));
            problems
        }
    };
    for problem in problems {
        assert!(problem.code.starts_with("LDR-CFG-") && problem.hint.is_some(), "{problem:?}");
        assert!(!problem.message.contains(char::is_control), "{problem:?}");
        expect_inside(text, problem.line, problem.column, &problem.message);
    }
}

fn expect_inside(text: &str, line: Option<usize>, column: Option<usize>, what: &str) {
    let (line, column) = line.zip(column).unwrap_or_else(|| panic!("{what}: no place"));
    let found = text.split('\n').nth(line - 1).expect("the line is in the text");
    assert!((1..=found.chars().count() + 1).contains(&column), "{what}: {line}:{column}");
}
