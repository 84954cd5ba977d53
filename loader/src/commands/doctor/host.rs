//! Whether this machine can do what a gateway needs of it.

use std::fs;
use std::net::TcpListener;

use rustix::fs::{CWD, Mode, OFlags, RenameFlags, ResolveFlags, openat2, renameat_with};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::patient::Patient;
use crate::commands::run::cannot_listen;
use crate::finding::Finding;

/// Fewer open files are soon used up by connections.
const LEAST_FILES: u64 = 1024;

/// The kernel's own default. Each loaded library takes four or five mappings.
const LEAST_MAPPINGS: u64 = 65_530;

/// What inotify must allow: its name below `/proc/sys/fs/inotify`, and the least.
const WATCHES: [(&str, u64); 2] = [("max_user_watches", 8_192), ("max_user_instances", 64)];

pub(super) fn unload(_: &Patient) -> Vec<Finding> {
    let refused = loader_core::unload_support().err();
    let finding = refused.map(|reason| {
        let message = format!("plugins stay in the process when they are stopped: {reason}");
        Finding::warning("LDR-DOCTOR-UNLOAD", message)
            .hint("restart the gateway now and then; a build for GNU/Linux unloads")
    });
    finding.into_iter().collect()
}

pub(super) fn files(_: &Patient) -> Vec<Finding> {
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < LEAST_FILES => {
            let message = format!("only {limit} files can be open; {LEAST_FILES} are wanted");
            let hint = format!("ulimit -n {LEAST_FILES}; or LimitNOFILE= in the service");
            vec![Finding::warning("LDR-DOCTOR-FILES", message).hint(hint)]
        }
        _ => Vec::new(),
    }
}

pub(super) fn mappings(_: &Patient) -> Vec<Finding> {
    let low = below("/proc/sys/vm/max_map_count", LEAST_MAPPINGS);
    let finding = low.map(|found| {
        let message = format!("vm.max_map_count is {found}; {LEAST_MAPPINGS} are wanted");
        Finding::warning("LDR-DOCTOR-MAPPINGS", message)
            .hint(format!("sysctl -w vm.max_map_count={LEAST_MAPPINGS}"))
    });
    finding.into_iter().collect()
}

pub(super) fn watches(_: &Patient) -> Vec<Finding> {
    let low = WATCHES.iter().filter_map(|(name, least)| {
        let found = below(&format!("/proc/sys/fs/inotify/{name}"), *least)?;
        let message = format!("fs.inotify.{name} is {found}; {least} are wanted");
        Some(
            Finding::warning("LDR-DOCTOR-WATCHES", message)
                .hint(format!("sysctl -w fs.inotify.{name}={least}")),
        )
    });
    low.collect()
}

/// A number that the kernel says, if it is less than is wanted.
fn below(path: &str, least: u64) -> Option<u64> {
    let found = fs::read_to_string(path).ok()?.trim().parse().ok()?;
    (found < least).then_some(found)
}

pub(super) fn kernel(_: &Patient) -> Vec<Finding> {
    let opened = openat2(CWD, "/", OFlags::PATH, Mode::empty(), ResolveFlags::empty());
    // Of a name that cannot exist: what matters is whether the call does.
    let exchanged = renameat_with(CWD, "", CWD, "", RenameFlags::EXCHANGE);
    let missing = [("openat2", opened.err()), ("renameat2", exchanged.err())];
    let missing = missing.into_iter().filter(|(_, errno)| {
        errno.is_some_and(|errno| matches!(errno, Errno::NOSYS | Errno::PERM))
    });
    let findings = missing.map(|(name, _)| {
        let message = format!("the system call {name} cannot be used");
        let hint = "use Linux 5.6 or newer, and let the container's seccomp filter allow the call";
        Finding::warning("LDR-DOCTOR-KERNEL", message).hint(hint)
    });
    findings.collect()
}

pub(super) fn address(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| {
        if it.state.holder.is_some() {
            return Vec::new();
        }
        let address = it.context.resolved.config.gateway.listen;
        let bound = TcpListener::bind(address);
        bound.err().map(|error| cannot_listen(address, &error)).into_iter().collect()
    })
}
