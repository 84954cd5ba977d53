//! Where the dynamic linker would find a library on this machine: its cache, and the folders it knows.
//!
//! The cache is glibc's `/etc/ld.so.cache` in its present format. Its bytes may be anything at all.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// glibc's cache.
const CACHE: &str = "/etc/ld.so.cache";

/// A larger cache is not read.
const MAX_CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// What a cache begins with; one for old programs may stand before it.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";

/// The bytes before the first entry.
const HEADER: usize = 48;

/// The bytes of an entry.
const ENTRY: usize = 24;

/// How entries for this processor and C library are marked.
const KIND: u32 = if cfg!(target_arch = "x86_64") {
    0x0303
} else if cfg!(target_arch = "aarch64") {
    0x0a03
} else {
    0x0003
};

/// Folders that are searched without being named.
const FOLDERS: [&str; 4] = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// The libraries of this machine, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    cached: BTreeMap<String, PathBuf>,
}

impl Installed {
    /// Reads the dynamic linker's cache. Without one, only its folders are searched.
    pub fn here() -> Self {
        let is_small = fs::metadata(CACHE).is_ok_and(|found| found.len() <= MAX_CACHE_BYTES);
        let bytes = is_small.then(|| fs::read(CACHE).ok()).flatten();
        Self::parse(&bytes.unwrap_or_default())
    }

    /// Reads a cache. What cannot be understood is left out.
    pub fn parse(cache: &[u8]) -> Self {
        let mut cached = BTreeMap::new();
        let start = cache.windows(MAGIC.len()).position(|bytes| bytes == MAGIC);
        // Every offset counts from there.
        let cache = start.map_or(&[][..], |start| &cache[start..]);
        let count = number(cache, MAGIC.len()).unwrap_or_default() as usize;
        let entries = cache.get(HEADER..).unwrap_or_default().chunks_exact(ENTRY);
        for entry in entries.take(count) {
            let string = |at| string(cache, number(entry, at)?);
            let (Some(kind), Some(name), Some(path)) = (number(entry, 0), string(4), string(8))
            else {
                continue;
            };
            if kind == KIND {
                // The first is preferred.
                cached.entry(name.to_owned()).or_insert_with(|| path.into());
            }
        }
        Self { cached }
    }

    /// Where a library is. A name with a slash is a path.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let exists = |path: &PathBuf| path.is_file();
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(exists);
        }
        if name.is_empty() {
            return None;
        }
        let cached = self.cached.get(name).cloned();
        let architecture = std::env::consts::ARCH;
        let folders = FOLDERS.iter().flat_map(|folder| {
            let folder = Path::new(folder);
            [folder.join(format!("{architecture}-linux-gnu")).join(name), folder.join(name)]
        });
        cached.into_iter().chain(folders).find(exists)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_ne_bytes(*bytes))
}

fn string(cache: &[u8], at: u32) -> Option<&str> {
    let bytes = cache.get(at as usize..)?;
    let end = bytes.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(&bytes[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache of these entries: kind, name, path.
    fn cache(entries: &[(u32, &str, &str)]) -> Vec<u8> {
        let mut cache = MAGIC.to_vec();
        cache.extend((entries.len() as u32).to_ne_bytes());
        cache.resize(HEADER, 0);
        let mut strings = Vec::new();
        for (kind, name, path) in entries {
            let mut add = |text: &str| {
                let at = HEADER + ENTRY * entries.len() + strings.len();
                strings.extend(text.bytes().chain([0]));
                at as u32
            };
            for number in [*kind, add(name), add(path), 0, 0, 0] {
                cache.extend(number.to_ne_bytes());
            }
        }
        [cache, strings].concat()
    }

    #[test]
    fn the_first_entry_for_this_processor_that_exists_counts() {
        let here = "/proc/self/exe";
        let bytes = cache(&[
            (KIND ^ 0x4000, "libone.so", here),
            (KIND, "libtwo.so", here),
            (KIND, "libtwo.so", "/etc"),
            (KIND, "libgone.so", "/nonexistent/libgone.so"),
        ]);
        for bytes in [bytes.clone(), [b"ld.so-1.7.0\0\0\0\0\0".to_vec(), bytes].concat()] {
            let installed = Installed::parse(&bytes);
            assert_eq!(installed.find("libtwo.so"), Some(here.into()));
            assert_eq!(installed.find("libone.so"), None, "another processor's");
            assert_eq!(installed.find("libgone.so"), None, "the cache is out of date");
            assert_eq!(installed.find(here), Some(here.into()), "a path is no name");
        }
    }

    #[test]
    fn a_cache_that_is_cut_short_still_answers() {
        let bytes = cache(&[(KIND, "liba.so", "/proc/self/exe")]);
        for end in 0..bytes.len() {
            assert_eq!(Installed::parse(&bytes[..end]).find("liba.so"), None);
        }
    }
}
