//! `wrk`, which makes as many requests as its connections bear.

use std::{io::Write as _, time::Duration};
use tempfile::NamedTempFile;
use tokio::process::Command;

const CONNECTIONS: u32 = 64;

/// Whether there is a `wrk` to be run.
pub(crate) fn is_installed() -> bool {
    std::process::Command::new("wrk").arg("--version").output().is_ok()
}

/// The same request over and over.
pub(crate) struct Load {
    url: String,
    authorization: String,
    script: NamedTempFile,
}

impl Load {
    /// A GET, or a POST of a body of so many bytes.
    pub(crate) fn new(url: &str, authorization: &str, body: Option<usize>) -> Self {
        let mut script = NamedTempFile::with_suffix(".lua").expect("a temporary file");
        if let Some(bytes) = body {
            write!(script, "wrk.method = 'POST'\nwrk.body = string.rep('x', {bytes})\n")
                .expect("a script can be written");
        }
        Self { url: url.to_owned(), authorization: authorization.to_owned(), script }
    }

    /// Requests per second over so long. Fails unless every request is answered with success.
    pub(crate) async fn run(&self, time: Duration) -> f64 {
        let mut wrk = Command::new("wrk");
        wrk.arg("-t2").arg(format!("-c{CONNECTIONS}")).arg(format!("-d{}s", time.as_secs()));
        wrk.arg("-H").arg(format!("Authorization: {}", self.authorization));
        wrk.arg("-s").arg(self.script.path()).arg(&self.url).kill_on_drop(true);
        let output = wrk.output().await.expect("wrk can be run");
        let said = String::from_utf8_lossy(&output.stdout);
        let failed = said.contains("Non-2xx") || said.contains("Socket errors");
        assert!(output.status.success() && !failed, "{}: {said}", self.url);
        let rate = said.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        let rate = rate.and_then(|rate| rate.trim().parse().ok());
        rate.unwrap_or_else(|| panic!("wrk says no rate: {said}"))
    }
}
