//! `hot-reload <LIBRARY> <ROUNDS>`: renames another build of the library into place, round after round,
//! and measures how long it takes until hot-lib-reloader, with its defaults, answers with it: alone, and
//! with 32 callers in calls of 20 ms. Writes one JSON object with two arrays of milliseconds; `null`
//! stands for a build that did not answer within 20 s, after which no more are tried.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

const MARK: &[u8] = b"BUILD-IS:";
const CALLERS: usize = 32;
const CALL_MS: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(20);

#[hot_lib_reloader::hot_module(dylib = "hot_lib", lib_dir = super::folder())]
mod hot {
    hot_functions_from_file!("hot/lib/src/lib.rs");
}

/// Where the library is swapped.
fn folder() -> String {
    std::env::temp_dir()
        .join(format!("hot-reload-{}", std::process::id()))
        .into_os_string()
        .into_string()
        .expect("the folder for temporary files has a plain name")
}

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let usage = "usage: hot-reload <LIBRARY> <ROUNDS>";
    let library = PathBuf::from(arguments.next().context(usage)?);
    let rounds: u64 =
        arguments.next().and_then(|text| text.into_string().ok()).context(usage)?.parse()?;
    let library = Library::new(&library)?;
    library.place(0)?;
    // The first call loads the library and begins to watch it; nothing says when that has come about.
    hot::which(0);
    thread::sleep(Duration::from_secs(2));

    let idle = measure(&library, 1..=rounds)?;
    let is_over = AtomicBool::new(false);
    let in_flight = thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    hot::which(CALL_MS);
                }
            });
        }
        let times = measure(&library, rounds + 1..=rounds * 2);
        is_over.store(true, Ordering::Relaxed);
        times
    })?;
    fs::remove_dir_all(folder()).context("removing the folder")?;
    let report = serde_json::json!({ "idle_ms": idle, "in_flight_ms": in_flight });
    writeln!(std::io::stdout().lock(), "{report}").context("writing the report")
}

/// The library's bytes, and where its number is in them.
struct Library {
    bytes: Vec<u8>,
    at: usize,
}

impl Library {
    fn new(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| path.display().to_string())?;
        let mark = bytes.windows(MARK.len()).position(|window| window == MARK);
        Ok(Self { at: mark.context("the library has no mark")? + MARK.len(), bytes })
    }

    /// Renames a build into place.
    fn place(&self, build: u64) -> Result<()> {
        let mut bytes = self.bytes.clone();
        bytes[self.at..][..16].copy_from_slice(format!("{build:016}").as_bytes());
        let folder = PathBuf::from(folder());
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("new"), bytes)?;
        Ok(fs::rename(folder.join("new"), folder.join("libhot_lib.so"))?)
    }
}

/// From each rename to its first answer, in milliseconds.
fn measure(library: &Library, builds: impl Iterator<Item = u64>) -> Result<Vec<Option<f64>>> {
    let mut times = Vec::new();
    for build in builds {
        library.place(build)?;
        let began = Instant::now();
        while hot::which(0) != build {
            if began.elapsed() > PATIENCE {
                times.push(None);
                return Ok(times);
            }
            thread::sleep(Duration::from_millis(1));
        }
        times.push(Some(began.elapsed().as_secs_f64() * 1e3));
    }
    Ok(times)
}
