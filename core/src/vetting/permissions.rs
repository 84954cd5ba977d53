//! Who can change a plugin's files: only the superuser, the user the host runs as, and owners that the
//! operator trusts.
//!
//! Looks at everything from `/` to each file that decides something, links on the way among it, each
//! as it was when it was opened. Whoever may write in one of these folders can put another file there.
//!
//! Above the folder that plugins are kept in, a folder like `/tmp` is fine, in which everybody may write
//! but only owners may remove: what follows on the way belongs to somebody who is trusted.

use crate::{
    diagnostic::Diagnostic,
    folder::{Step, shell_word},
};
use rustix::{
    fs::RawMode,
    process::{getegid, geteuid},
};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

/// Others may write: the group's and everybody's write bits. An access-control list that lets somebody
/// write shows as the group's.
const WRITABLE_BY_OTHERS: RawMode = 0o022;

/// The group may write.
const WRITABLE_BY_GROUP: RawMode = 0o020;

/// Only owners may remove what is in the folder.
const STICKY: RawMode = 0o1000;

/// The set-user-id, set-group-id and sticky bits.
const SPECIAL: RawMode = 0o7000;

/// Folders that belong to everybody, which no command of ours may close to others.
const SHARED: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];

/// Whether a user is the one as which the system shows all users that a user namespace does not map.
fn is_nobody(user: u32) -> bool {
    static UNKNOWN: OnceLock<Option<u32>> = OnceLock::new();
    let unknown = UNKNOWN.get_or_init(|| {
        let map = fs::read_to_string("/proc/self/uid_map").ok()?;
        let mapped =
            map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
        // Every user but the one that means none.
        if mapped.sum::<u64>() >= u64::from(u32::MAX) {
            return None;
        }
        fs::read_to_string("/proc/sys/kernel/overflowuid").ok()?.trim().parse().ok()
    });
    *unknown == Some(user)
}

/// Whose files are trusted, and how strictly.
pub(crate) struct Permissions<'a> {
    us: u32,
    our_group: u32,
    owners: &'a BTreeSet<u32>,
    is_linked: bool,
    seen: BTreeSet<Arc<Path>>,
}

impl<'a> Permissions<'a> {
    /// The rules for a plugin. Where something is under development, the user's own group may write.
    pub(crate) fn new(owners: &'a BTreeSet<u32>, is_linked: bool) -> Self {
        let (us, our_group) = (geteuid().as_raw(), getegid().as_raw());
        Self { us, our_group, owners, is_linked, seen: BTreeSet::new() }
    }

    /// Everything among these steps that somebody else could have changed. What was looked at before
    /// is not told again.
    pub(crate) fn check(&mut self, steps: &[Step]) -> Vec<Diagnostic> {
        let findings = steps.iter().filter_map(|step| {
            let finding = self.check_one(step)?;
            self.seen.insert(Arc::clone(&step.path)).then(|| finding.at(&step.path))
        });
        findings.collect()
    }

    fn check_one(&self, step: &Step) -> Option<Diagnostic> {
        self.check_owner(step)
            .or_else(|| self.check_mode(step))
            .or_else(|| self.check_special(step))
            .or_else(|| self.check_links(step))
    }

    fn check_owner(&self, step: &Step) -> Option<Diagnostic> {
        let owner = step.found.st_uid;
        if owner == self.us && is_nobody(self.us) {
            let message = format!(
                "belongs to user {owner}, as which this user namespace shows everybody it does not \
                 know: whose it is cannot be told"
            );
            let hint =
                "run loader as a user that the namespace maps, and give the files to that one";
            return Some(Diagnostic::error("LDR-VET-OWNER", message).hint(hint));
        }
        if owner == 0 || owner == self.us || self.owners.contains(&owner) {
            return None;
        }
        let us = self.us;
        let message = format!(
            "belongs to user {owner}, who could change it; it must belong to root or user {us}"
        );
        let command = if step.is_link() { "chown -h" } else { "chown" };
        let hint = self.by(owner, format!("{command} {us} {}", shell_word(&step.path)));
        Some(Diagnostic::error("LDR-VET-OWNER", message).hint(hint))
    }

    fn check_mode(&self, step: &Step) -> Option<Diagnostic> {
        let mode = step.found.st_mode;
        if step.is_link() || mode & WRITABLE_BY_OTHERS == 0 {
            return None;
        }
        let is_sticky = !step.is_file() && mode & STICKY != 0;
        if is_sticky && step.is_above {
            return None;
        }
        if is_sticky {
            return Some(self.sticky(step));
        }
        let message = format!(
            "can be changed by other users (mode {:04o}, wanted {:04o})",
            mode & 0o7777,
            mode & 0o7755
        );
        let by_group_only = mode & WRITABLE_BY_OTHERS == WRITABLE_BY_GROUP;
        let is_development = self.is_linked && by_group_only && step.found.st_gid == self.our_group;
        let finding = match is_development {
            true => Diagnostic::warning("LDR-VET-MODE", message),
            false => Diagnostic::error("LDR-VET-MODE", message),
        };
        let command = format!("chmod go-w {}", shell_word(&step.path));
        Some(finding.hint(self.by(step.found.st_uid, command)))
    }

    fn sticky(&self, step: &Step) -> Diagnostic {
        let message = format!(
            "everybody can put files there (mode {:04o}), a plugin of their own among them",
            step.found.st_mode & 0o7777
        );
        let hint = if SHARED.iter().any(|shared| *step.path == *Path::new(shared)) {
            "move the plugins to a folder that only you can write".to_owned()
        } else {
            let command = format!("chmod go-w,-t {}", shell_word(&step.path));
            self.by(step.found.st_uid, command)
        };
        Diagnostic::error("LDR-VET-STICKY", message).hint(hint)
    }

    fn check_special(&self, step: &Step) -> Option<Diagnostic> {
        let mode = step.found.st_mode;
        (step.is_file() && mode & SPECIAL != 0).then(|| {
            let message = format!(
                "has a set-user-id, set-group-id or sticky bit (mode {:04o}), which no plugin's file \
                 needs",
                mode & 0o7777
            );
            let command = format!("chmod u-s,g-s,-t {}", shell_word(&step.path));
            let hint = self.by(step.found.st_uid, command);
            Diagnostic::error("LDR-VET-SETUID", message).hint(hint)
        })
    }

    fn check_links(&self, step: &Step) -> Option<Diagnostic> {
        let links = step.found.st_nlink;
        if self.is_linked && links == 2 && is_cargos(step) {
            return None;
        }
        (step.is_file() && links > 1).then(|| {
            let message = format!("has {links} hard links, and can be changed through each");
            let word = shell_word(&step.path);
            let finding = match self.is_linked {
                true => Diagnostic::warning("LDR-VET-LINKS", message),
                false => Diagnostic::error("LDR-VET-LINKS", message),
            };
            let command = format!("cp -p {word} {word}.new && mv -f {word}.new {word}");
            finding.hint(command)
        })
    }

    /// A command as its user must run it to be obeyed.
    fn by(&self, owner: u32, command: String) -> String {
        let obeyed = self.us == 0 || self.us == owner && !command.starts_with("chown");
        if obeyed { command } else { format!("sudo {command}") }
    }
}

/// Whether the other name of a file is the one that cargo built it under: in `deps`, beside it.
fn is_cargos(step: &Step) -> bool {
    let other = step.path.parent().zip(step.path.file_name());
    let other = other.map(|(folder, name)| folder.join("deps").join(name));
    let other = other.and_then(|other| rustix::fs::lstat(other).ok());
    let found = &step.found;
    other.is_some_and(|other| (other.st_dev, other.st_ino) == (found.st_dev, found.st_ino))
}
