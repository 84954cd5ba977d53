//! Packages: how a plugin travels, as a folder or as one archive.
//!
//! An archive `<id>-<version>.ldr` is a compressed tar whose bytes depend on nothing but the files in
//! it. Reading one follows rules of this module alone, since a program that unpacks whatever an
//! archive says can be made to write anywhere: regular files and folders only, names that mean the
//! same file everywhere, sizes that cannot surprise, and nothing that two readers could read in two
//! ways. Nothing of a package is executed here.

mod archive;
pub mod catalogue;
mod entries;
mod fetch;
mod folder;
mod inspection;
mod names;
mod pack;
mod pax;
mod source;
mod stamp;
mod tree;

pub use archive::{extract, unpack};
pub use catalogue::{Catalogue, CatalogueSource};
pub use fetch::{Fetched, Fetcher, Limits, Progress};
pub use folder::{copy_folder, measure};
pub use inspection::inspect;
pub use pack::{EXTENSION, Packed, file_name, pack};
pub use source::{Address, Source};
pub use stamp::Stamp;

use crate::{digest::Digest, manifest::RelativePath};
use std::collections::BTreeMap;

/// A package has no more files and folders than this.
pub const MAX_ENTRIES: usize = 1_000;

/// A path in a package has no more names than this.
pub const MAX_DEPTH: usize = 8;

/// A file of a package has no more bytes than this.
pub const MAX_FILE_BYTES: u64 = 128 * 1024 * 1024;

/// All files of a package together have no more bytes than this.
pub const MAX_TOTAL_BYTES: u64 = 256 * 1024 * 1024;

/// The files of a package, each with its digest and its size.
pub type Files = BTreeMap<RelativePath, (Digest, u64)>;

/// What was written to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// Every file, as it was written.
    pub files: Files,
}
