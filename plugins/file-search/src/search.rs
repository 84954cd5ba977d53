//! One search: through folders and files, within its limits.

use crate::{
    config::Config,
    folder::{self, Entry, Start},
    pattern::Pattern,
};
use rustix::fd::{AsFd as _, BorrowedFd};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 64;

/// How much of a line is shown.
const LINE_CHARACTERS: usize = 200;

/// How many lines of one file are shown.
const LINES_OF_A_FILE: usize = 10;

/// How long an answer may be.
const ANSWER_BYTES: usize = 128 * 1024;

/// A file that has a zero byte among its first so many is no text.
const LOOKED_AT_FOR_ZERO: usize = 8 * 1024;

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    text: Option<Text>,
    name: Option<Pattern>,
}

#[derive(Debug)]
struct Text {
    wanted: String,
    is_exact: bool,
}

impl Wanted {
    /// `None` when nothing is.
    pub(crate) fn new(text: Option<&str>, name: Option<&str>) -> Option<Self> {
        let text = text.filter(|text| !text.is_empty()).map(|text| Text {
            wanted: text.to_owned(),
            is_exact: text.contains(char::is_uppercase),
        });
        let name = name.filter(|name| !name.is_empty()).map(Pattern::new);
        (text.is_some() || name.is_some()).then_some(Self { text, name })
    }
}

impl Text {
    fn is_in(&self, line: &str) -> bool {
        match self.is_exact {
            true => line.contains(&self.wanted),
            false => line.to_lowercase().contains(&self.wanted),
        }
    }
}

/// How much a search may do.
pub(crate) struct Limits {
    hidden: bool,
    results: usize,
    files: u64,
    file_bytes: u64,
    bytes: u64,
    until: Instant,
    cancelled: Arc<AtomicBool>,
}

impl Limits {
    pub(crate) fn new(config: &Config, cancelled: Arc<AtomicBool>) -> Self {
        Self {
            hidden: config.hidden,
            results: usize::try_from(config.max_results).unwrap_or(usize::MAX),
            files: config.max_files,
            file_bytes: config.max_file_bytes,
            bytes: config.max_total_bytes,
            until: Instant::now() + Duration::from_millis(config.timeout_ms),
            cancelled,
        }
    }
}

/// Why a search ended before it had looked everywhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    Results,
    Files,
    Bytes,
    Time,
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Results => "there are more matches",
            Self::Files => "there are too many files",
            Self::Bytes => "there is too much to read",
            Self::Time => "it took too long",
        })
    }
}

/// What a search found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) matches: Vec<Match>,
    /// How many files it looked at.
    pub(crate) files: u64,
    /// How many files and folders it could not read.
    unreadable: u64,
    pub(crate) ended_early: Option<Limit>,
}

/// One match.
#[derive(Debug)]
pub(crate) struct Match {
    /// The path below the root.
    pub(crate) path: String,
    /// The line, counted from one, where a text was looked for.
    pub(crate) line: Option<(usize, String)>,
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count =
            |number: u64, one, many| format!("{number} {}", if number == 1 { one } else { many });
        let matches = count(self.matches.len() as u64, "match", "matches");
        let mut text = format!("{matches} among {}", count(self.files, "file", "files"));
        if let Some(limit) = self.ended_early {
            text.push_str(&format!("; the search ended early: {limit}"));
        }
        if self.unreadable > 0 {
            text.push_str(&format!("; {} could not be read", self.unreadable));
        }
        for one in &self.matches {
            let line = match &one.line {
                Some((number, line)) => format!("\n{}:{number}: {line}", one.path),
                None => format!("\n{}", one.path),
            };
            if text.len() + line.len() > ANSWER_BYTES {
                text.push_str("\n…");
                break;
            }
            text.push_str(&line);
        }
        formatter.write_str(&text)
    }
}

/// A search under way.
pub(crate) struct Search {
    wanted: Wanted,
    limits: Limits,
    found: Found,
}

impl Search {
    pub(crate) fn new(wanted: Wanted, limits: Limits) -> Self {
        Self { wanted, limits, found: Found::default() }
    }

    /// Searches a folder and everything below it.
    pub(crate) fn run(mut self, start: Start) -> Found {
        let ended = self.folder(start.folder.as_fd(), &start.path, 0);
        self.found.ended_early = ended.err();
        self.found
    }

    fn folder(&mut self, folder: BorrowedFd<'_>, path: &str, depth: usize) -> Result<(), Limit> {
        let Ok((entries, seen)) = folder::entries(folder, self.limits.files) else {
            self.found.unreadable += 1;
            return Ok(());
        };
        self.limits.files -= seen;
        for entry in entries {
            self.look_at_the_clock()?;
            if entry.shown.starts_with('.') && !self.limits.hidden {
                continue;
            }
            let path = format!("{path}{}", entry.shown);
            if !entry.is_folder {
                self.file(folder, &entry, path)?;
            } else if depth < MAX_DEPTH {
                match entry.enter(folder) {
                    Ok(inner) => self.folder(inner.as_fd(), &format!("{path}/"), depth + 1)?,
                    Err(_) => self.found.unreadable += 1,
                }
            }
        }
        if self.limits.files == 0 { Err(Limit::Files) } else { Ok(()) }
    }

    fn look_at_the_clock(&self) -> Result<(), Limit> {
        let is_over = self.limits.cancelled.load(Ordering::Relaxed);
        if is_over || Instant::now() >= self.limits.until { Err(Limit::Time) } else { Ok(()) }
    }

    fn file(&mut self, folder: BorrowedFd<'_>, entry: &Entry, path: String) -> Result<(), Limit> {
        self.found.files += 1;
        if self.wanted.name.as_ref().is_some_and(|name| !name.fits(&path)) {
            return Ok(());
        }
        if self.wanted.text.is_none() {
            return self.note(Match { path, line: None });
        }
        let most = self.limits.file_bytes.min(self.limits.bytes);
        match entry.read(folder, most) {
            Ok(Some(bytes)) => {
                self.limits.bytes -= bytes.len() as u64;
                self.lines(&bytes, &path)
            }
            Ok(None) if most < self.limits.file_bytes => Err(Limit::Bytes),
            Ok(None) => Ok(()),
            Err(_) => {
                self.found.unreadable += 1;
                Ok(())
            }
        }
    }

    fn lines(&mut self, bytes: &[u8], path: &str) -> Result<(), Limit> {
        let beginning = &bytes[..bytes.len().min(LOOKED_AT_FOR_ZERO)];
        let Some(text) = self.wanted.text.take() else { return Ok(()) };
        let mut result = Ok(());
        if !beginning.contains(&0) {
            let whole = String::from_utf8_lossy(bytes);
            let lines = whole.lines().zip(1..).filter(|(line, _)| text.is_in(line));
            for (line, number) in lines.take(LINES_OF_A_FILE) {
                let line = line.trim().chars().take(LINE_CHARACTERS).collect();
                result = self.note(Match { path: path.to_owned(), line: Some((number, line)) });
                if result.is_err() {
                    break;
                }
            }
        }
        self.wanted.text = Some(text);
        result
    }

    fn note(&mut self, found: Match) -> Result<(), Limit> {
        if self.found.matches.len() == self.limits.results {
            return Err(Limit::Results);
        }
        self.found.matches.push(found);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink, path::Path};

    fn search(root: &Path, config: &Config, text: &str, name: &str) -> Found {
        let wanted = Wanted::new(Some(text), Some(name)).expect("something is wanted");
        let limits = Limits::new(config, Arc::default());
        Search::new(wanted, limits).run(folder::open(root, "", false).expect("a folder"))
    }

    fn told(found: &Found) -> Vec<String> {
        let matches = found.matches.iter().map(|one| match &one.line {
            Some((number, line)) => format!("{}:{number}:{line}", one.path),
            None => one.path.clone(),
        });
        matches.collect()
    }

    /// A root with files, and what must not be found in it.
    fn ground() -> tempfile::TempDir {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().join("root");
        for (file, text) in [
            ("root/notes.md", "first\nThe Needle is here\n"),
            ("root/deep/er/notes.txt", "a needle\nanother needle\n"),
            ("root/binary.bin", "\0needle"),
            ("root/.hidden/notes.md", "needle"),
            ("outside.md", "needle"),
            ("outside/notes.md", "needle"),
        ] {
            let path = place.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        symlink(place.path().join("outside.md"), root.join("link.md")).expect("a link");
        symlink(place.path().join("outside"), root.join("linked")).expect("a link");
        symlink("..", root.join("up")).expect("a link");
        place
    }

    #[test]
    fn names_and_texts_are_found_and_links_lead_nowhere() {
        let place = ground();
        let root = place.path().join("root");
        let config = Config::default();
        assert_eq!(
            told(&search(&root, &config, "needle", "")),
            [
                "deep/er/notes.txt:1:a needle",
                "deep/er/notes.txt:2:another needle",
                "notes.md:2:The Needle is here"
            ]
        );
        assert_eq!(told(&search(&root, &config, "Needle", "")), ["notes.md:2:The Needle is here"]);
        assert_eq!(told(&search(&root, &config, "", "notes.*")), ["deep/er/notes.txt", "notes.md"]);
        assert_eq!(
            told(&search(&root, &config, "needle", "*.md")),
            ["notes.md:2:The Needle is here"]
        );
        let hidden = Config { hidden: true, ..config };
        assert_eq!(told(&search(&root, &hidden, "", ".hidden/*")), [".hidden/notes.md"]);
    }

    #[test]
    fn a_search_ends_within_its_limits_and_says_which() {
        let place = ground();
        let root = place.path().join("root");
        let limited = |config: Config| search(&root, &config, "needle", "").ended_early;
        let config = Config::default;
        assert_eq!(limited(config()), None);
        assert_eq!(limited(Config { max_results: 2, ..config() }), Some(Limit::Results));
        assert_eq!(limited(Config { max_files: 3, ..config() }), Some(Limit::Files));
        assert_eq!(limited(Config { max_total_bytes: 30, ..config() }), Some(Limit::Bytes));
        assert_eq!(limited(Config { timeout_ms: 0, ..config() }), Some(Limit::Time));
        assert!(
            search(&root, &Config { max_file_bytes: 3, ..config() }, "needle", "")
                .matches
                .is_empty()
        );
    }

    #[test]
    fn a_search_that_nobody_waits_for_ends() {
        let place = ground();
        let wanted = Wanted::new(Some("needle"), None).expect("something");
        let cancelled = Arc::new(AtomicBool::new(true));
        let limits = Limits::new(&Config::default(), cancelled);
        let found = Search::new(wanted, limits)
            .run(folder::open(place.path(), "", false).expect("a folder"));
        assert_eq!((found.files, found.ended_early), (0, Some(Limit::Time)));
    }
}
