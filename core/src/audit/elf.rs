//! What only ELF files have: segments, versions of symbols, and what the dynamic linker runs by itself.

use super::text;
use object::{
    Object, RelocationFlags,
    elf::{
        DF_1_NOW, DF_BIND_NOW, DF_STATIC_TLS, DF_TEXTREL, DT_BIND_NOW, DT_FLAGS, DT_FLAGS_1,
        DT_INIT_ARRAYSZ, DT_PREINIT_ARRAYSZ, DT_RPATH, DT_RUNPATH, DT_TEXTREL, EM_AARCH64,
        EM_X86_64, PF_R, PF_W, PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_LOAD, R_AARCH64_IRELATIVE,
        R_X86_64_IRELATIVE, STT_GNU_IFUNC,
    },
    read::{
        Result,
        elf::{ElfFile, FileHeader, ProgramHeader, Sym},
    },
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What only ELF files have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ElfFacts {
    /// For each library, the versions of its symbols that are needed, and which symbols need them.
    pub versions: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// Folders it wants to be searched for what it needs.
    pub run_paths: Vec<String>,
    /// How many functions run when it is opened, those of the C runtime and of Rust's included.
    pub constructors: u64,
    /// How many of its functions are chosen by code that runs when it is opened.
    pub indirect_functions: u64,
    /// What is mapped, in the file's order.
    pub segments: Vec<Segment>,
    /// Whether its stack may be executed; `None` when it does not say, which means yes.
    pub executable_stack: Option<bool>,
    /// How much of its tables can no longer be written once it is open.
    pub relro: Relro,
    /// Whether its code is changed while it is opened.
    pub text_relocations: bool,
    /// Whether it demands thread-local storage that only libraries present at start-up get.
    pub static_tls: bool,
}

/// A part of the file that is mapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// What may be done with it, as `r-x`.
    pub access: String,
    /// Its size in memory, in bytes.
    pub bytes: u64,
}

/// How much of a library's tables can no longer be written once it is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relro {
    /// Nothing.
    #[default]
    None,
    /// All but the addresses of functions.
    Partial,
    /// Everything.
    Full,
}

pub(super) fn read<Elf: FileHeader>(file: &ElfFile<'_, Elf>) -> Result<ElfFacts> {
    let mut facts = ElfFacts::default();
    read_segments(file, &mut facts);
    read_dynamic(file, &mut facts)?;
    facts.versions = versions(file)?;
    facts.indirect_functions = indirect_functions(file);
    Ok(facts)
}

fn read_segments<Elf: FileHeader>(file: &ElfFile<'_, Elf>, facts: &mut ElfFacts) {
    let endian = file.endian();
    for segment in file.elf_program_headers() {
        let flags = segment.p_flags(endian);
        match segment.p_type(endian) {
            PT_LOAD => {
                let letter = |flag, letter| if flags.contains(flag) { letter } else { '-' };
                let access = [letter(PF_R, 'r'), letter(PF_W, 'w'), letter(PF_X, 'x')];
                let bytes = segment.p_memsz(endian).into();
                facts.segments.push(Segment { access: access.iter().collect(), bytes });
            }
            PT_GNU_STACK => facts.executable_stack = Some(flags.contains(PF_X)),
            PT_GNU_RELRO => facts.relro = Relro::Partial,
            _ => {}
        }
    }
}

fn read_dynamic<Elf: FileHeader>(file: &ElfFile<'_, Elf>, facts: &mut ElfFacts) -> Result<()> {
    let table = file.elf_dynamic_table()?;
    let pointer = if file.is_64() { 8 } else { 4 };
    let mut is_bound_now = false;
    for entry in &table {
        let value = entry.val;
        match entry.tag {
            DT_RPATH | DT_RUNPATH => {
                let paths = text(table.string(entry)?);
                facts.run_paths.extend(paths.split(':').map(str::to_owned));
            }
            DT_INIT_ARRAYSZ | DT_PREINIT_ARRAYSZ => facts.constructors += value / pointer,
            DT_TEXTREL => facts.text_relocations = true,
            DT_BIND_NOW => is_bound_now = true,
            DT_FLAGS => {
                facts.text_relocations |= value & DF_TEXTREL.0 != 0;
                facts.static_tls |= value & DF_STATIC_TLS.0 != 0;
                is_bound_now |= value & DF_BIND_NOW.0 != 0;
            }
            DT_FLAGS_1 => is_bound_now |= value & DF_1_NOW.0 != 0,
            _ => {}
        }
    }
    if is_bound_now && facts.relro == Relro::Partial {
        facts.relro = Relro::Full;
    }
    Ok(())
}

/// The versions of symbols that the library needs of others.
fn versions<Elf: FileHeader>(
    file: &ElfFile<'_, Elf>,
) -> Result<BTreeMap<String, BTreeMap<String, BTreeSet<String>>>> {
    let endian = file.endian();
    let mut needed = BTreeMap::<String, BTreeMap<String, BTreeSet<String>>>::new();
    let Some(versions) = file.elf_section_table().versions(endian, file.data())? else {
        return Ok(needed);
    };
    let symbols = file.elf_dynamic_symbol_table();
    for (index, symbol) in symbols.enumerate() {
        let wanted = versions.version(versions.version_index(endian, index).index())?;
        let Some((version, library)) = wanted.and_then(|one| Some((one.name(), one.file()?)))
        else {
            continue;
        };
        let users = needed.entry(text(library)).or_default().entry(text(version)).or_default();
        users.insert(text(symbols.symbol_name(endian, symbol)?));
    }
    Ok(needed)
}

fn indirect_functions<Elf: FileHeader>(file: &ElfFile<'_, Elf>) -> u64 {
    let endian = file.endian();
    let machine = file.elf_header().e_machine(endian);
    let relocations = file.dynamic_relocations().into_iter().flatten();
    let indirect = relocations.filter(|(_, relocation)| match (relocation.flags(), machine) {
        (RelocationFlags::Elf { r_type }, EM_X86_64) => r_type == R_X86_64_IRELATIVE,
        (RelocationFlags::Elf { r_type }, EM_AARCH64) => r_type == R_AARCH64_IRELATIVE,
        _ => false,
    });
    let symbols = file.elf_dynamic_symbol_table().iter();
    let exported =
        symbols.filter(|symbol| symbol.st_type() == STT_GNU_IFUNC && !symbol.is_undefined(endian));
    (indirect.count() + exported.count()) as u64
}

/// The highest version of a family that a library defines, such as `2.36` of `GLIBC_`.
pub(super) fn highest_defined(bytes: &[u8], family: &str) -> Option<String> {
    fn of<Elf: FileHeader>(file: &ElfFile<'_, Elf>, family: &str) -> Option<String> {
        let endian = file.endian();
        let (mut definitions, link) =
            file.elf_section_table().gnu_verdef(endian, file.data()).ok()??;
        let strings = file.elf_section_table().strings(endian, file.data(), link).ok()?;
        let mut highest: Option<String> = None;
        while let Ok(Some((_, mut names))) = definitions.next() {
            let Ok(Some(name)) = names.next() else { continue };
            let name = text(name.name(endian, strings).ok()?);
            let Some(version) = name.strip_prefix(family) else { continue };
            if number(version) > highest.as_deref().and_then(number) {
                highest = Some(version.to_owned());
            }
        }
        highest
    }
    match object::read::File::parse(bytes).ok()? {
        object::read::File::Elf32(file) => of(&file, family),
        object::read::File::Elf64(file) => of(&file, family),
        _ => None,
    }
}

/// A version of numbers and dots, to be compared; `None` for another word, such as `PRIVATE`.
pub(super) fn number(version: &str) -> Option<Vec<u32>> {
    version.split('.').map(|part| part.parse().ok()).collect()
}
