//! What this host is, as far as a library must match it.

use super::binary::Format;

/// The file format of this host's libraries.
pub(crate) const FORMAT: Format = if cfg!(windows) {
    Format::Pe
} else if cfg!(target_vendor = "apple") {
    Format::MachO
} else {
    Format::Elf
};

/// The part of the target triple behind the vendor: the system, and which C library it has.
const SYSTEM: &str = if cfg!(target_vendor = "apple") {
    "darwin"
} else if cfg!(all(windows, target_env = "msvc")) {
    "windows-msvc"
} else if cfg!(all(windows, target_env = "gnu")) {
    "windows-gnu"
} else if cfg!(all(target_os = "linux", target_env = "musl")) {
    "linux-musl"
} else if cfg!(all(target_os = "linux", target_env = "gnu")) {
    "linux-gnu"
} else {
    std::env::consts::OS
};

/// The vendor in the usual target triple.
const VENDOR: &str = if cfg!(target_vendor = "apple") {
    "apple"
} else if cfg!(windows) {
    "pc"
} else {
    "unknown"
};

/// The target triple of this host.
pub(crate) fn target() -> String {
    format!("{}-{VENDOR}-{SYSTEM}", std::env::consts::ARCH)
}

/// Whether a library built for this triple can run here. Distributions name their own vendors, so
/// the vendor does not count.
pub(crate) fn runs(triple: &str) -> bool {
    let mut parts = triple.splitn(3, '-');
    let (architecture, _vendor, system) = (parts.next(), parts.next(), parts.next());
    architecture == Some(std::env::consts::ARCH) && system == Some(SYSTEM)
}

/// The command that builds a library for this host.
pub(crate) fn build_command() -> String {
    format!("cargo build --release --target {}", target())
}
