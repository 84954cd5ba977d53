//! ELF, as the dynamic linker reads it: from the program headers and the dynamic table alone. The
//! section table, which most tools read, is used for the metadata only, and must agree.

mod dynamic;
mod segments;

use super::{Defect, Linkage, Malformed, facts};
use dynamic::Dynamic;
use object::{
    Endianness,
    elf::{
        DF_1_NOOPEN, DF_1_PIE, DF_STATIC_TLS, DF_TEXTREL, ELFOSABI_GNU, ELFOSABI_SYSV, ET_EXEC,
        PF_W, PF_X, PT_GNU_STACK, PT_INTERP,
    },
    read::elf::{ElfFile, FileHeader, ProgramHeader, SectionHeader},
};
use segments::Segments;

/// What the dynamic linker would make of the file.
pub(super) fn inspect<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
) -> Result<Linkage, Malformed> {
    let mut defects = Vec::new();
    let segments = Segments::read(file, &mut defects)?;
    check_kind(file, &mut defects);
    check_protection(file, &mut defects);
    let dynamic = match Dynamic::read(file, &segments) {
        Ok(dynamic) => dynamic,
        Err(contradiction) => {
            // An object file or a core dump has no such table, and is told by its type.
            if file.elf_header().e_type(file.endian()) == object::elf::ET_DYN {
                defects.push(Defect::Tables(contradiction.into()));
            }
            return Ok(Linkage { defects, ..Linkage::default() });
        }
    };
    check_facts_section(file, &segments, &mut defects);
    check_dynamic(&dynamic, &mut defects);
    Ok(Linkage { has_root_symbol: dynamic.has_root_symbol, needed: dynamic.needed, defects })
}

fn check_kind<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
    defects: &mut Vec<Defect>,
) {
    let (header, endian) = (file.elf_header(), file.endian());
    let names_a_loader =
        file.elf_program_headers().iter().any(|segment| segment.p_type(endian) == PT_INTERP);
    if names_a_loader || header.e_type(endian) == ET_EXEC {
        defects.push(Defect::Program);
    }
    let system = header.e_ident().os_abi;
    if system != ELFOSABI_SYSV && system != ELFOSABI_GNU {
        let what = format!("it says it is for another system (OS ABI {})", system.0);
        defects.push(Defect::Tables(what));
    }
}

fn check_protection<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
    defects: &mut Vec<Defect>,
) {
    let endian = file.endian();
    let segments = file.elf_program_headers();
    let is_stack = |segment: &&Elf::ProgramHeader| segment.p_type(endian) == PT_GNU_STACK;
    let both = |segment: &&Elf::ProgramHeader| {
        !is_stack(segment)
            && segment.p_flags(endian).contains(PF_W)
            && segment.p_flags(endian).contains(PF_X)
    };
    if segments.iter().any(|segment| both(&segment)) {
        defects.push(Defect::WritableCode);
    }
    // The linker obeys the last one.
    let stack = segments.iter().rfind(is_stack);
    if stack.is_none_or(|stack| stack.p_flags(endian).contains(PF_X)) {
        defects.push(Defect::ExecutableStack);
    }
}

/// The metadata must be part of what is loaded: what a tool reads from the file is then what the
/// process would see.
fn check_facts_section<Elf: FileHeader<Endian = Endianness>>(
    file: &ElfFile<'_, Elf>,
    segments: &Segments<'_>,
    defects: &mut Vec<Defect>,
) {
    let (endian, table) = (file.endian(), file.elf_section_table());
    let ours = table.iter().filter(|section| {
        table.section_name(endian, section).is_ok_and(|name| name == facts::SECTION.as_bytes())
    });
    let ours: Vec<_> = ours.collect();
    if ours.len() > 1 {
        let what = format!("it has {} sections `{}`", ours.len(), facts::SECTION);
        defects.push(Defect::Tables(what));
    }
    let is_loaded = |section: &&&Elf::SectionHeader| {
        let (address, offset) = (section.sh_addr(endian).into(), section.sh_offset(endian).into());
        segments.offset_of(address, section.sh_size(endian).into()) == Some(offset)
    };
    if !ours.iter().all(|section| is_loaded(&section)) {
        let what = format!("its section `{}` is no part of what is loaded", facts::SECTION);
        defects.push(Defect::Tables(what));
    }
}

fn check_dynamic(dynamic: &Dynamic, defects: &mut Vec<Defect>) {
    if dynamic.flags_1 & DF_1_PIE.0 != 0 && !defects.contains(&Defect::Program) {
        defects.push(Defect::Program);
    }
    if dynamic.flags_1 & DF_1_NOOPEN.0 != 0 {
        defects.push(Defect::NotLoadable);
    }
    if dynamic.flags & DF_STATIC_TLS.0 != 0 {
        defects.push(Defect::StaticTls);
    }
    if dynamic.has_text_relocations || dynamic.flags & DF_TEXTREL.0 != 0 {
        defects.push(Defect::TextRelocations);
    }
    let named = |names: &[String], defect: fn(String) -> Defect| {
        names.iter().cloned().map(defect).collect::<Vec<_>>()
    };
    defects.extend(named(&dynamic.run_paths, Defect::RunPath));
    defects.extend(named(&dynamic.auditors, Defect::Audit));
    defects.extend(named(&dynamic.filters, Defect::Filter));
    let paths = dynamic.needed.iter().filter(|name| name.contains('/'));
    defects.extend(paths.cloned().map(Defect::NeededPath));
}
