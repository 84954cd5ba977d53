//! The dynamic table: everything the dynamic linker is told.

use super::segments::Segments;
use loader_abi::layout::ROOT_SYMBOL;
use object::{
    Endianness,
    elf::{
        DT_AUDIT, DT_AUXILIARY, DT_DEPAUDIT, DT_FILTER, DT_FLAGS, DT_FLAGS_1, DT_GNU_HASH, DT_HASH,
        DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, DT_SYMTAB, DT_TEXTREL,
        DynamicTag, PT_DYNAMIC, STB_GLOBAL, STT_NOTYPE, STT_OBJECT, STV_DEFAULT, STV_PROTECTED,
    },
    pod,
    read::elf::{Dyn, ElfFile, FileHeader, GnuHashTable, HashTable, ProgramHeader, Sym},
};

/// More entries than this are no dynamic table.
const MAX_ENTRIES: usize = 4096;

/// What the dynamic linker is told.
#[derive(Debug, Default)]
pub(super) struct Dynamic {
    pub(super) needed: Vec<String>,
    pub(super) run_paths: Vec<String>,
    pub(super) auditors: Vec<String>,
    pub(super) filters: Vec<String>,
    pub(super) flags: u64,
    pub(super) flags_1: u64,
    pub(super) has_text_relocations: bool,
    pub(super) has_root_symbol: bool,
}

impl Dynamic {
    /// Reads the table, or says how it contradicts the rest of the file.
    pub(super) fn read<Elf: FileHeader<Endian = Endianness>>(
        file: &ElfFile<'_, Elf>,
        segments: &Segments<'_>,
    ) -> Result<Self, &'static str> {
        let table = Table::read(file, segments)?;
        let mut dynamic = Self {
            flags: table.one(DT_FLAGS)?.unwrap_or_default(),
            flags_1: table.one(DT_FLAGS_1)?.unwrap_or_default(),
            has_text_relocations: table.all(DT_TEXTREL).next().is_some(),
            ..Self::default()
        };
        let (address, size) = (table.one(DT_STRTAB)?, table.one(DT_STRSZ)?);
        let (Some(address), Some(size)) = (address, size) else {
            return Err("its dynamic table names no strings");
        };
        let strings = segments.offset_of(address, size).and_then(|_| segments.from(address));
        let strings = strings.and_then(|bytes| bytes.get(..usize::try_from(size).ok()?));
        let strings = Strings(strings.ok_or("its dynamic strings lie outside of what is loaded")?);
        for (tags, names) in [
            (&[DT_NEEDED][..], &mut dynamic.needed),
            (&[DT_RPATH, DT_RUNPATH], &mut dynamic.run_paths),
            (&[DT_AUDIT, DT_DEPAUDIT], &mut dynamic.auditors),
            (&[DT_FILTER, DT_AUXILIARY], &mut dynamic.filters),
        ] {
            for offset in tags.iter().flat_map(|tag| table.all(*tag)) {
                let name = strings.at(offset).ok_or("a name lies outside of its strings")?;
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        let endian = file.endian();
        for symbol in symbols::<Elf>(&table, segments, endian)? {
            let name = strings.at(symbol.st_name(endian).into());
            if name == Some(ROOT_SYMBOL.as_bytes()) && is_exported_data(symbol, segments, endian) {
                dynamic.has_root_symbol = true;
            }
        }
        Ok(dynamic)
    }
}

/// Whether a symbol is data that others may use. A function, or one that has a resolver run to be
/// found, is no root of a plugin.
fn is_exported_data<Symbol: Sym<Endian = Endianness>>(
    symbol: &Symbol,
    segments: &Segments<'_>,
    endian: Endianness,
) -> bool {
    let section = symbol.st_shndx(endian);
    !symbol.is_undefined(endian)
        && !section.is_special()
        && symbol.st_bind() == STB_GLOBAL
        && matches!(symbol.st_type(), STT_OBJECT | STT_NOTYPE)
        && matches!(symbol.st_visibility(), STV_DEFAULT | STV_PROTECTED)
        && segments.hold(symbol.st_value(endian).into(), symbol.st_size(endian).into())
}

/// The symbols that others may look up, counted as the linker would by its hash table.
fn symbols<'a, Elf: FileHeader<Endian = Endianness>>(
    table: &Table,
    segments: &Segments<'a>,
    endian: Endianness,
) -> Result<&'a [Elf::Sym], &'static str> {
    let Some(address) = table.one(DT_SYMTAB)? else { return Ok(&[]) };
    let bytes = segments.from(address).ok_or("its symbols lie outside of what is loaded")?;
    let damaged = "its table for looking symbols up is damaged";
    let count = if let Some(hash) = table.one(DT_GNU_HASH)? {
        let hash = GnuHashTable::<Elf>::parse(endian, segments.from(hash).ok_or(damaged)?);
        let hash = hash.map_err(|_| damaged)?;
        hash.symbol_table_length(endian).unwrap_or(hash.symbol_base())
    } else if let Some(hash) = table.one(DT_HASH)? {
        let hash = HashTable::<Elf>::parse(endian, segments.from(hash).ok_or(damaged)?);
        hash.map_err(|_| damaged)?.symbol_table_length()
    } else {
        return Ok(&[]);
    };
    let count = usize::try_from(count).map_err(|_| damaged)?;
    let symbols = pod::slice_from_bytes::<Elf::Sym>(bytes, count);
    symbols.map(|(symbols, _)| symbols).map_err(|()| "it counts more symbols than it has")
}

/// The entries, in their order, without the one that ends them.
struct Table(Vec<(DynamicTag, u64)>);

impl Table {
    fn read<Elf: FileHeader<Endian = Endianness>>(
        file: &ElfFile<'_, Elf>,
        segments: &Segments<'_>,
    ) -> Result<Self, &'static str> {
        let endian = file.endian();
        let headers = file.elf_program_headers().iter();
        let mut headers = headers.filter(|header| header.p_type(endian) == PT_DYNAMIC);
        let (Some(header), None) = (headers.next(), headers.next()) else {
            return Err("it has no dynamic table, or several");
        };
        let address = header.p_vaddr(endian).into();
        let (offset, size) = header.file_range(endian);
        if segments.offset_of(address, size) != Some(offset) {
            return Err("its dynamic table lies outside of what is loaded");
        }
        // The linker does not know the table's size: it reads on until the end is marked.
        let mut rest = segments.from(address).unwrap_or_default();
        let mut entries = Vec::new();
        while let Ok((entry, tail)) = pod::from_bytes::<Elf::Dyn>(rest) {
            let tag = entry.tag(endian);
            if tag == DT_NULL {
                return Ok(Self(entries));
            }
            if entries.len() == MAX_ENTRIES {
                break;
            }
            entries.push((tag, entry.val(endian)));
            rest = tail;
        }
        Err("its dynamic table does not end")
    }

    fn all(&self, tag: DynamicTag) -> impl Iterator<Item = u64> {
        self.0.iter().filter(move |entry| entry.0 == tag).map(|entry| entry.1)
    }

    /// The value of a tag that must not come twice, since readers differ in which one they obey.
    fn one(&self, tag: DynamicTag) -> Result<Option<u64>, &'static str> {
        let mut values = self.all(tag);
        match (values.next(), values.next()) {
            (first, None) => Ok(first),
            _ => Err("its dynamic table says one thing twice"),
        }
    }
}

/// Strings that end with a zero byte each.
struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    fn at(&self, offset: u64) -> Option<&'a [u8]> {
        let rest = self.0.get(usize::try_from(offset).ok()?..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest.get(..end)
    }
}
