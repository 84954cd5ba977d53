//! The platforms a plugin's library can be built for.

use serde::{Serialize, Serializer};
use std::{fmt, str::FromStr};

/// An operating system and a processor architecture, written `linux-x86_64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// The operating system.
    pub system: System,
    /// The processor architecture.
    pub architecture: Architecture,
}

/// An operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// Linux.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
}

/// A processor architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

impl Platform {
    /// Every platform a manifest can name.
    pub const ALL: [Self; 6] = [
        Self::new(System::Linux, Architecture::X86_64),
        Self::new(System::Linux, Architecture::Aarch64),
        Self::new(System::Macos, Architecture::X86_64),
        Self::new(System::Macos, Architecture::Aarch64),
        Self::new(System::Windows, Architecture::X86_64),
        Self::new(System::Windows, Architecture::Aarch64),
    ];

    /// Puts the two together.
    pub const fn new(system: System, architecture: Architecture) -> Self {
        Self { system, architecture }
    }

    /// The platform of this build; `None` when no manifest can name it.
    pub fn current() -> Option<Self> {
        let here = Some((std::env::consts::OS, std::env::consts::ARCH));
        Self::ALL.into_iter().find(|platform| platform.key().split_once('-') == here)
    }

    /// The key of `[library]` that names it.
    pub const fn key(self) -> &'static str {
        match (self.system, self.architecture) {
            (System::Linux, Architecture::X86_64) => "linux-x86_64",
            (System::Linux, Architecture::Aarch64) => "linux-aarch64",
            (System::Macos, Architecture::X86_64) => "macos-x86_64",
            (System::Macos, Architecture::Aarch64) => "macos-aarch64",
            (System::Windows, Architecture::X86_64) => "windows-x86_64",
            (System::Windows, Architecture::Aarch64) => "windows-aarch64",
        }
    }
}

impl Architecture {
    /// Its name in target triples.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }
}

/// Text that names no platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlatformError;

impl fmt::Display for PlatformError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a platform, which looks like `linux-x86_64`")
    }
}

impl std::error::Error for PlatformError {}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|platform| platform.key() == text).ok_or(PlatformError)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.key())
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}
