//! How far long work is, on standard error, for a person who watches.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Output;

/// Work that is over sooner is not worth a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far a fetch is. Shows nothing in the first second, nor to anything but a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
    since: Instant,
    is_wanted: bool,
}

impl Progress {
    /// Begins to watch the fetch of this name.
    pub(crate) fn new(output: &Output, name: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_message(super::harmless(name));
        let is_wanted = !output.json && !output.quiet && io::stderr().is_terminal();
        Self { bar, since: Instant::now(), is_wanted }
    }

    /// So many bytes are there, of so many.
    pub(crate) fn show(&mut self, bytes: u64, total: Option<u64>) {
        if self.is_wanted && self.bar.is_hidden() && self.since.elapsed() >= PATIENCE {
            let template = match total {
                Some(_) => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
                None => "{msg} {bytes} {bytes_per_sec}",
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                self.bar.set_style(style);
            }
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
