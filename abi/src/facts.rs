//! What a library says about itself without being loaded.
//!
//! Every plugin library carries one section, [`SECTION`], with a magic number, a format number, a
//! length and a JSON object ([`Facts`]). It survives stripping and link-time optimisation, and the
//! loader reads it from the file before one instruction of the library runs. Unknown keys are
//! ignored, so facts may grow.

use serde::{Deserialize, Serialize};

/// The section's name in ELF and PE files. In Mach-O it is [`SECTION_MACHO`].
pub const SECTION: &str = ".ldrplug";

/// The section's segment and name in Mach-O files.
pub const SECTION_MACHO: &str = "__DATA,__ldrplug";

/// What the section begins with.
pub const MAGIC: [u8; 8] = *b"LDRPLUG\0";

/// The format of what follows the magic number: `u32` format, `u32` length, JSON. Little-endian.
pub const FORMAT: u32 = 1;

/// Bytes before the JSON.
pub const HEADER_BYTES: usize = 16;

/// More JSON than this is not read.
pub const MAX_JSON_BYTES: usize = 64 * 1024;

/// The facts of one library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The interface version, such as `1.0`.
    pub abi: String,
    /// The SDK and its version, such as `loader-sdk 0.1.0`.
    #[serde(default)]
    pub sdk: String,
    /// The compiler, as `rustc --version` says it.
    #[serde(default)]
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// `unwind` or `abort`.
    pub panic: String,
    /// The crate's version.
    pub version: String,
    /// The plugins in the library.
    #[serde(default)]
    pub plugins: Vec<PluginFacts>,
}

/// The facts of one plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginFacts {
    /// The plugin's id.
    pub id: String,
    /// The capabilities it will register.
    #[serde(default)]
    pub provides: Vec<CapabilityFacts>,
}

/// One capability a plugin will register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapabilityFacts {
    /// The contract with its major version, such as `http-route/1`.
    pub contract: String,
    /// The capability's id.
    pub id: String,
}

/// Why a section cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactsError {
    /// It does not begin with [`MAGIC`], or is shorter than its header.
    NotOurs,
    /// It has a format this build does not know.
    Format(u32),
    /// Its length points beyond its end or is unreasonable.
    Length(u32),
    /// The JSON is not a [`Facts`] object.
    Json(String),
}

/// Reads the content of the section.
pub fn parse(section: &[u8]) -> Result<Facts, FactsError> {
    let header = section.get(..HEADER_BYTES).ok_or(FactsError::NotOurs)?;
    if header[..8] != MAGIC {
        return Err(FactsError::NotOurs);
    }
    let number = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (format, length) = (number(8), number(12));
    if format != FORMAT {
        return Err(FactsError::Format(format));
    }
    let json = (length as usize <= MAX_JSON_BYTES)
        .then(|| section.get(HEADER_BYTES..HEADER_BYTES + length as usize))
        .flatten()
        .ok_or(FactsError::Length(length))?;
    serde_json::from_slice(json).map_err(|error| FactsError::Json(error.to_string()))
}

/// The number of bytes [`concatenate`] makes of these parts.
pub const fn length_of(parts: &[&str]) -> usize {
    let (mut total, mut part) = (0, 0);
    while part < parts.len() {
        total += parts[part].len();
        part += 1;
    }
    total
}

/// Joins string constants to JSON at compile time. `N` is [`length_of`] the same parts.
///
/// A macro cannot leave out the comma after the last element, so a closing bracket overwrites a
/// comma before it; the bytes that saves become spaces at the end.
pub const fn concatenate<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut out = [b' '; N];
    let (mut at, mut part) = (0, 0);
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            if bytes[byte] == b']' && at > 0 && out[at - 1] == b',' {
                at -= 1;
            }
            out[at] = bytes[byte];
            at += 1;
            byte += 1;
        }
        part += 1;
    }
    out
}

/// Puts the header before the JSON. `N` is the JSON's length and [`HEADER_BYTES`].
pub const fn frame<const N: usize>(json: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    let mut at = 0;
    while at < 8 {
        out[at] = MAGIC[at];
        at += 1;
    }
    let (format, length) = (FORMAT.to_le_bytes(), (json.len() as u32).to_le_bytes());
    let mut byte = 0;
    while byte < 4 {
        out[8 + byte] = format[byte];
        out[12 + byte] = length[byte];
        byte += 1;
    }
    let mut byte = 0;
    while byte < json.len() {
        out[HEADER_BYTES + byte] = json[byte];
        byte += 1;
    }
    out
}
