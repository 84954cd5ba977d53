//! Changes single fields of a 64-bit little-endian ELF file, and nothing else of it.

use std::{fs, path::Path};

/// The bytes of a library.
#[derive(Clone)]
pub struct Elf(pub Vec<u8>);

const SEGMENT_BYTES: usize = 56;
const SECTION_BYTES: usize = 64;
const SYMBOL_BYTES: usize = 24;
const DT_RELACOUNT: u64 = 0x6fff_fff9;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;

impl Elf {
    /// Reads a library.
    pub fn read(path: &Path) -> Self {
        Self(fs::read(path).expect("a library"))
    }

    /// Overwrites bytes.
    pub fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Reads a number of so many bytes.
    pub fn number(&self, at: usize, bytes: usize) -> u64 {
        self.0[at..at + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// Sets bits of a 64-bit number.
    pub fn set_bits(&mut self, at: usize, bits: u64) {
        let value = self.number(at, 8) | bits;
        self.put(at, &value.to_le_bytes());
    }

    /// Where the program headers of a type are.
    pub fn segments(&self, kind: u32) -> Vec<usize> {
        let (table, count) = (self.number(32, 8) as usize, self.number(56, 2) as usize);
        let all = (0..count).map(|index| table + index * SEGMENT_BYTES);
        all.filter(|at| self.number(*at, 4) == u64::from(kind)).collect()
    }

    /// Where the first program header of a type is.
    pub fn segment(&self, kind: u32) -> usize {
        *self.segments(kind).first().unwrap_or_else(|| panic!("no segment of type {kind:#x}"))
    }

    /// Where the first entry of the dynamic table with a tag is.
    pub fn dynamic(&self, tag: u64) -> usize {
        let table = self.number(self.segment(2) + 8, 8) as usize;
        let entries = (0..).map(|index| table + index * 16);
        let mut entries = entries.take_while(|at| self.number(*at, 8) != 0);
        entries.find(|at| self.number(*at, 8) == tag).unwrap_or_else(|| panic!("no tag {tag:#x}"))
    }

    /// Makes an entry of the dynamic table into another. The one that goes is a count which only
    /// saves the linker some time.
    pub fn add_dynamic(&mut self, tag: u64, value: u64) {
        let at = self.dynamic(DT_RELACOUNT);
        self.put(at, &tag.to_le_bytes());
        self.put(at + 8, &value.to_le_bytes());
    }

    /// The place of a string, or of the end of one, among the dynamic strings.
    pub fn string(&self, text: &str) -> u64 {
        let address = self.number(self.dynamic(DT_STRTAB) + 8, 8);
        let size = self.number(self.dynamic(DT_STRSZ) + 8, 8) as usize;
        let start = self.offset_of(address);
        let wanted = [text.as_bytes(), b"\0"].concat();
        let strings = &self.0[start..start + size];
        let at = strings.windows(wanted.len()).position(|window| window == wanted);
        at.unwrap_or_else(|| panic!("no string `{text}`")) as u64
    }

    fn offset_of(&self, address: u64) -> usize {
        let loads = self.segments(1).into_iter();
        let offset = loads.map(|at| (at, self.number(at + 16, 8))).find_map(|(at, start)| {
            let within = address.checked_sub(start)?;
            (within < self.number(at + 32, 8)).then(|| self.number(at + 8, 8) + within)
        });
        offset.expect("an address in the file") as usize
    }

    /// Where the header of a section is.
    pub fn section(&self, name: &str) -> usize {
        let (table, count) = (self.number(40, 8) as usize, self.number(60, 2) as usize);
        let header = |index: usize| table + index * SECTION_BYTES;
        let names = self.number(header(self.number(62, 2) as usize) + 24, 8) as usize;
        let wanted = [name.as_bytes(), b"\0"].concat();
        let is_it =
            |at: &usize| self.0[names + self.number(*at, 4) as usize..].starts_with(&wanted);
        (0..count).map(header).find(is_it).unwrap_or_else(|| panic!("no section {name}"))
    }

    /// Where the entry of an exported symbol is.
    pub fn symbol(&self, name: &str) -> usize {
        let section = self.section(".dynsym");
        let (start, size) = (self.number(section + 24, 8), self.number(section + 32, 8));
        let wanted = self.string(name);
        let mut entries = (start as usize..(start + size) as usize).step_by(SYMBOL_BYTES);
        entries.find(|at| self.number(*at, 4) == wanted).unwrap_or_else(|| panic!("no {name}"))
    }

    /// Replaces text by other text of the same length, wherever it is.
    pub fn replace(&mut self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len(), "nothing may move");
        let found: Vec<usize> = self
            .0
            .windows(from.len())
            .enumerate()
            .filter_map(|(at, window)| (window == from.as_bytes()).then_some(at))
            .collect();
        assert!(!found.is_empty(), "the library has no `{from}`");
        for at in found {
            self.put(at, to.as_bytes());
        }
    }

    /// Takes the library that leaves a canary of its own out of those that are needed.
    pub fn forget_needed(&mut self) {
        let wanted = self.string("libldr-canary.so");
        let table = self.number(self.segment(2) + 8, 8) as usize;
        let mut entries = (0..).map(|index| table + index * 16);
        let at = entries.find(|at| self.number(*at, 8) == 1 && self.number(at + 8, 8) == wanted);
        // DT_DEBUG, which a library has no use for.
        self.put(at.expect("needed"), &21u64.to_le_bytes());
    }
}
