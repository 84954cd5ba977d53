//! Writes the smallest ELF file that the gate accepts, with every part open to being wrong.

use loader_abi::{facts, layout::ROOT_SYMBOL};

/// The parts of a small ELF library.
#[derive(Clone)]
pub(crate) struct Elf {
    /// `EM_*`.
    pub(crate) machine: u16,
    /// `ET_*`.
    pub(crate) kind: u16,
    /// The one exported symbol.
    pub(crate) symbol: String,
    /// The section the symbol is in; 0 means that it is imported.
    pub(crate) symbol_section: u16,
    /// What kind of symbol it is, and who sees it: `st_info`.
    pub(crate) symbol_info: u8,
    /// The name of the metadata section.
    pub(crate) section: String,
    /// Its content.
    pub(crate) facts: Vec<u8>,
    /// `DT_FLAGS`.
    pub(crate) flags: u64,
    /// `DT_FLAGS_1`.
    pub(crate) flags_1: u64,
    /// Further entries of the dynamic table that hold names, such as `DT_NEEDED`.
    pub(crate) names: Vec<(u64, String)>,
    /// Further entries of the dynamic table that hold numbers.
    pub(crate) numbers: Vec<(u64, u64)>,
    /// The flags of the one segment that is loaded.
    pub(crate) load: u32,
    /// The flags of `PT_GNU_STACK`; `None` leaves it out.
    pub(crate) stack: Option<u32>,
    /// The type of one segment more.
    pub(crate) segment: u32,
    /// The address of the metadata section, if it is not where it lies in the file.
    pub(crate) facts_address: Option<u64>,
}

const X86_64: u16 = 62;
const AARCH64: u16 = 183;
/// A shared library.
pub(crate) const ET_DYN: u16 = 3;
/// An object file.
pub(crate) const ET_REL: u16 = 1;
const HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: usize = 56;
const SEGMENTS: usize = 4;
/// Which section the dynamic table is.
const DYNAMIC: usize = 5;

/// This host's `EM_*`.
pub(crate) fn host_machine() -> u16 {
    if cfg!(target_arch = "x86_64") { X86_64 } else { AARCH64 }
}

/// The `EM_*` of a processor that is not this host's, and its name.
pub(crate) fn foreign_machine() -> (u16, &'static str) {
    if cfg!(target_arch = "x86_64") { (AARCH64, "aarch64") } else { (X86_64, "x86_64") }
}

/// Frames facts as the metadata section holds them.
pub(crate) fn framed(json: &[u8]) -> Vec<u8> {
    let mut section = facts::MAGIC.to_vec();
    section.extend(facts::FORMAT.to_le_bytes());
    section.extend((json.len() as u32).to_le_bytes());
    section.extend(json);
    section
}

impl Elf {
    /// A library of this host with these facts.
    pub(crate) fn new(facts: &facts::Facts) -> Self {
        Self {
            machine: host_machine(),
            kind: ET_DYN,
            symbol: ROOT_SYMBOL.to_owned(),
            symbol_section: 3,
            symbol_info: 0x11, // a global object
            section: facts::SECTION.to_owned(),
            facts: framed(&serde_json::to_vec(facts).unwrap()),
            flags: 0,
            flags_1: 0,
            names: Vec::new(),
            numbers: Vec::new(),
            load: 4,
            stack: Some(6),
            segment: 0,
            facts_address: None,
        }
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let sections = ["", ".dynsym", ".dynstr", &self.section, ".hash", ".dynamic", ".shstrtab"];
        let (section_names, name_at) = string_table(&sections);
        let strings = ["", &self.symbol].into_iter().chain(self.names.iter().map(|name| &*name.1));
        let (strings, string_at) = string_table(&strings.collect::<Vec<_>>());
        let mut symbols = vec![0; 24];
        symbols.extend(string_at[1].to_le_bytes());
        symbols.extend([self.symbol_info, 0]);
        symbols.extend(self.symbol_section.to_le_bytes());
        symbols.extend([0; 16]);
        // One bucket, two symbols.
        let hash: Vec<u8> = [1u32, 2, 1, 0, 0].into_iter().flat_map(u32::to_le_bytes).collect();
        let mut file = vec![0; HEADER_BYTES + SEGMENTS * SEGMENT_BYTES];
        let mut places: Vec<(u64, u64)> = Vec::new();
        let contents = [vec![], symbols, strings, self.facts.clone(), hash, vec![], section_names];
        for (index, mut content) in contents.into_iter().enumerate() {
            if index == DYNAMIC {
                content = self.dynamic(&places, &string_at[2..]);
            }
            file.resize(file.len().next_multiple_of(8), 0);
            places.push((file.len() as u64, content.len() as u64));
            file.extend(content);
        }
        file.resize(file.len().next_multiple_of(8), 0);
        let section_table = file.len() as u64;
        // (type, link, info, entry size) of each section.
        let shapes = [
            (0, 0, 0, 0),
            (11, 2, 1, 24),
            (3, 0, 0, 0),
            (1, 0, 0, 0),
            (5, 1, 0, 4),
            (6, 2, 0, 16),
            (3, 0, 0, 0),
        ];
        for (index, (kind, link, info, entry)) in shapes.into_iter().enumerate() {
            let (offset, size) = if index == 0 { (0, 0) } else { places[index] };
            let address = if index == 3 { self.facts_address } else { None }.unwrap_or(offset);
            file.extend(name_at[index].to_le_bytes());
            file.extend(u32::to_le_bytes(kind));
            file.extend([2, address, offset, size].into_iter().flat_map(u64::to_le_bytes));
            file.extend([link, info].into_iter().flat_map(u32::to_le_bytes));
            file.extend([8, entry].into_iter().flat_map(u64::to_le_bytes));
        }
        let size = file.len() as u64;
        let header = self.header(section_table, shapes.len() as u16);
        file[..HEADER_BYTES].copy_from_slice(&header);
        let stack = self.stack.map_or((0, 0), |flags| (0x6474_e551, flags));
        for (index, ((kind, flags), (offset, size))) in [
            ((1, self.load), (0, size)),
            ((2, 4), places[DYNAMIC]),
            (stack, (0, 0)),
            ((self.segment, 4), (0, 8)),
        ]
        .into_iter()
        .enumerate()
        {
            let at = HEADER_BYTES + index * SEGMENT_BYTES;
            file[at..at + SEGMENT_BYTES].copy_from_slice(&segment(kind, flags, offset, size));
        }
        file
    }

    fn dynamic(&self, places: &[(u64, u64)], names_at: &[u32]) -> Vec<u8> {
        let [symbols, strings, hash] = [places[1], places[2], places[4]];
        let mut entries = vec![(5, strings.0), (10, strings.1), (6, symbols.0), (4, hash.0)];
        entries.extend([(30, self.flags), (0x6fff_fffb, self.flags_1)]);
        let names = self.names.iter().zip(names_at);
        entries.extend(names.map(|((tag, _), at)| (*tag, u64::from(*at))));
        entries.extend(&self.numbers);
        entries.push((0, 0));
        let words = entries.into_iter().flat_map(|(tag, value)| [tag, value]);
        words.flat_map(u64::to_le_bytes).collect()
    }

    fn header(&self, section_table: u64, sections: u16) -> Vec<u8> {
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(16, 0);
        header.extend([self.kind, self.machine].into_iter().flat_map(u16::to_le_bytes));
        header.extend(1u32.to_le_bytes());
        header
            .extend([0, HEADER_BYTES as u64, section_table].into_iter().flat_map(u64::to_le_bytes));
        header.extend(0u32.to_le_bytes());
        let sizes = [HEADER_BYTES, SEGMENT_BYTES, SEGMENTS, 64].map(|size| size as u16);
        let sizes = sizes.into_iter().chain([sections, sections - 1]);
        header.extend(sizes.flat_map(u16::to_le_bytes));
        header
    }
}

fn segment(kind: u32, flags: u32, offset: u64, size: u64) -> Vec<u8> {
    let mut segment = [kind, flags].into_iter().flat_map(u32::to_le_bytes).collect::<Vec<_>>();
    segment.extend([offset, offset, offset, size, size, 8].into_iter().flat_map(u64::to_le_bytes));
    segment
}

/// Strings joined by zero bytes, and where each begins.
fn string_table(strings: &[&str]) -> (Vec<u8>, Vec<u32>) {
    let mut table = Vec::new();
    let mut places = Vec::new();
    for string in strings {
        places.push(table.len() as u32);
        table.extend(string.as_bytes());
        table.push(0);
    }
    (table, places)
}
