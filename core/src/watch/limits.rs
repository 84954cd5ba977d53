//! What is to be said when the system does not watch.

use crate::{diagnostic::Diagnostic, folder::shell_word};
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
        _ => failed(&reason(error)),
    }
}

/// A folder is not watched.
pub(super) fn no_watch(path: &Path, error: &Error) -> Diagnostic {
    let finding = match (&error.kind, setting("max_user_watches")) {
        (ErrorKind::MaxFilesWatch, Ok((name, limit))) => used_up(&name, limit, "watched folders"),
        (ErrorKind::Io(error), _) if is(error, Errno::ACCESS) => {
            failed("it may not be read").hint(format!("chmod u+r {}", shell_word(path)))
        }
        _ => failed(&reason(error)),
    };
    finding.at(path)
}

fn used_up(name: &str, limit: u64, what: &str) -> Diagnostic {
    let message = format!("this user has all the {what} it may have ({limit}); {INSTEAD}");
    let hint = format!("sudo sysctl {name}={}", limit.saturating_mul(4));
    Diagnostic::warning("LDR-WATCH-LIMIT", message).hint(hint)
}

fn failed(reason: &str) -> Diagnostic {
    let message = format!("the system does not tell of changes here: {reason}; {INSTEAD}");
    Diagnostic::warning("LDR-WATCH-FAILED", message)
}

fn reason(error: &Error) -> String {
    match &error.kind {
        ErrorKind::Io(error) => error.to_string(),
        ErrorKind::Generic(reason) => reason.clone(),
        _ => "too much is watched already".to_owned(),
    }
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
