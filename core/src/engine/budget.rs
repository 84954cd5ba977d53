//! How much of a process may be taken up by generations that could not leave it.

use super::Inner;
use crate::{diagnostic::Diagnostic, platform};
use std::fs;

/// Thread-local keys of a process, on Linux with glibc.
const MOST_KEYS: usize = 1024;

/// What is left of these limits for the program itself, in percent.
const RESERVE: usize = 20;

impl Inner {
    /// Refuses a further generation where those that could not leave have used up their room.
    pub(super) fn check_budget(&self, plugin: &str) -> Result<(), Vec<Diagnostic>> {
        let (retained, own) = {
            let all = self.retained();
            (all.len(), all.iter().filter(|one| one.plugin == plugin).count())
        };
        if retained == 0 {
            return Ok(());
        }
        let most = self.options().reload.most_retained;
        let full = |most: usize| most * (100 - RESERVE) / 100;
        let keys = platform::pthread_keys_in_use().unwrap_or(0);
        let (mappings, most_mappings) = mappings().unwrap_or((0, usize::MAX));
        let what = if retained >= most {
            format!(
                "{retained} generations could not leave the process, {own} of them of this plugin"
            )
        } else if keys >= full(MOST_KEYS) {
            format!("{keys} of {MOST_KEYS} thread-local keys are in use")
        } else if mappings >= most_mappings / 100 * (100 - RESERVE) {
            format!("{mappings} of {most_mappings} memory mappings are in use")
        } else {
            return Ok(());
        };
        let message = format!("{what}; another generation could end the process");
        let finding = Diagnostic::error("LDR-RELOAD-BUDGET", message).about(plugin);
        Err(vec![
            finding.hint(
                "restart the gateway when it suits; why each stays is in: loader status --all",
            ),
        ])
    }
}

/// Memory mappings of this process, and how many it may have.
fn mappings() -> Option<(usize, usize)> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let most = fs::read_to_string("/proc/sys/vm/max_map_count").ok()?;
    Some((maps.lines().count(), most.trim().parse().ok()?))
}
