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

/// Whether a needed library is part of this system's C run-time system, which every process has.
pub(super) fn brings(library: &str) -> bool {
    if cfg!(windows) {
        let name = library.to_ascii_lowercase();
        return name.starts_with("api-ms-win-") || WINDOWS.contains(&name.as_str());
    }
    if cfg!(target_vendor = "apple") {
        return library.starts_with("/System/Library/Frameworks/") || APPLE.contains(&library);
    }
    let is_linker = |prefix| library.starts_with(prefix) && !library.contains('/');
    RUNTIME.contains(&library) || ["ld-linux", "ld-musl-", "libc.musl-"].into_iter().any(is_linker)
}

/// glibc's libraries, the compiler's, and musl's one.
const RUNTIME: [&str; 8] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libdl.so.2",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libc.so",
];

const APPLE: [&str; 4] = [
    "/usr/lib/libSystem.B.dylib",
    "/usr/lib/libiconv.2.dylib",
    "/usr/lib/libobjc.A.dylib",
    "/usr/lib/libc++.1.dylib",
];

const WINDOWS: [&str; 11] = [
    "advapi32.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "kernel32.dll",
    "msvcrt.dll",
    "ntdll.dll",
    "ucrtbase.dll",
    "userenv.dll",
    "vcruntime140.dll",
    "ws2_32.dll",
    "synchronization.dll",
];
