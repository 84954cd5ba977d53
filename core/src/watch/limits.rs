//! What is to be said when the system does not watch.

use crate::diagnostic::Diagnostic;
use notify::{Error, ErrorKind};
use rustix::io::Errno;
use std::{fs, io, path::Path};

/// Where Linux says how much may be watched.
const SETTINGS: &str = "/proc/sys/fs/inotify";

const INSTEAD: &str = "plugin files are looked at every second instead";

/// There is nobody who could watch.
pub(super) fn no_instance(error: &Error) -> Diagnostic {
    match &error.kind {
        ErrorKind::Io(error) if is(error, Errno::MFILE) => match setting("max_user_instances") {
            Ok((name, limit)) => used_up(&name, limit, "watchers"),
            Err(_) => {
                let message = format!("no file can be opened any more; {INSTEAD}");
                Diagnostic::warning("LDR-WATCH-LIMIT", message).hint("ulimit -n 65536")
            }
        },
        _ => failed(error),
    }
}

/// A folder is not watched.
pub(super) fn no_watch(path: &Path, error: &Error) -> Diagnostic {
    let finding = match &error.kind {
        ErrorKind::MaxFilesWatch => match setting("max_user_watches") {
            Ok((name, limit)) => used_up(&name, limit, "watched folders"),
            Err(_) => failed(error),
        },
        _ => failed(error),
    };
    finding.at(path)
}

fn used_up(name: &str, limit: u64, what: &str) -> Diagnostic {
    let message = format!("this user has all the {what} it may have ({limit}); {INSTEAD}");
    let hint = format!("sudo sysctl {name}={}", limit.saturating_mul(4));
    Diagnostic::warning("LDR-WATCH-LIMIT", message).hint(hint)
}

fn failed(error: &Error) -> Diagnostic {
    // The place is named apart, and the path would stand there twice.
    let reason = match &error.kind {
        ErrorKind::Io(error) => error.to_string(),
        _ => Error { kind: ErrorKind::Generic(error.to_string()), paths: Vec::new() }.to_string(),
    };
    let message = format!("the system does not tell of changes: {reason}; {INSTEAD}");
    Diagnostic::warning("LDR-WATCH-FAILED", message)
        .hint("nothing needs mending; only changes are seen a second later")
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// The name and the value of a setting.
fn setting(name: &str) -> io::Result<(String, u64)> {
    let text = fs::read_to_string(Path::new(SETTINGS).join(name))?;
    let value = text.trim().parse().map_err(io::Error::other)?;
    Ok((format!("fs.inotify.{name}"), value))
}
