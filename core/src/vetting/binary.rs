//! What a library file is, read from its bytes: nothing of it is executed or mapped.
//!
//! The bytes may be anything at all. Whatever they are, [`inspect`] answers.

use loader_abi::{facts, layout::ROOT_SYMBOL};
use object::{
    BinaryFormat, Object, ObjectKind, ObjectSection,
    elf::{DF_1_PIE, DF_STATIC_TLS, DT_FLAGS, DT_FLAGS_1, PT_LOAD},
    read::{
        File, FileKind,
        elf::{Dyn, ElfFile, FileHeader, ProgramHeader},
    },
};
use std::fmt;

/// What a library file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary<'a> {
    /// The file format.
    pub format: Format,
    /// The processor it was built for, by the name in target triples where there is one.
    pub architecture: String,
    /// Whether it is a shared library, and not a program, an object file or a core dump.
    pub is_library: bool,
    /// Whether it exports the root symbol of a plugin.
    pub has_root_symbol: bool,
    /// The content of the metadata section; `None` when there is no such section.
    pub facts: Option<&'a [u8]>,
    /// Whether it demands thread-local storage that only libraries present at start-up get.
    pub has_static_tls: bool,
}

/// A file format of libraries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Linux and most Unix systems.
    Elf,
    /// macOS.
    MachO,
    /// Windows.
    Pe,
}

/// Bytes that are no complete library. Displays as the end of a sentence about the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

/// Reads the headers, the exports and the metadata section of a library.
pub fn inspect(bytes: &[u8]) -> Result<Binary<'_>, Malformed> {
    let kind = FileKind::parse(bytes).map_err(|_| Malformed("is no library".into()))?;
    let format = match kind {
        FileKind::Elf32 | FileKind::Elf64 => Format::Elf,
        FileKind::MachO32 | FileKind::MachO64 => Format::MachO,
        FileKind::Pe32 | FileKind::Pe64 => Format::Pe,
        FileKind::MachOFat32 | FileKind::MachOFat64 => {
            let reason = "is a universal file of several libraries; `lipo -thin` makes single ones";
            return Err(Malformed(reason.into()));
        }
        _ => return Err(Malformed("is no library".into())),
    };
    let file = File::parse(bytes).map_err(|error| damaged(&error))?;
    let elf = match &file {
        File::Elf32(elf) => inspect_elf(elf)?,
        File::Elf64(elf) => inspect_elf(elf)?,
        _ => ElfOnly::default(),
    };
    Ok(Binary {
        format,
        architecture: architecture(&file),
        is_library: file.kind() == ObjectKind::Dynamic && !elf.is_program,
        has_root_symbol: has_root_symbol(&file)?,
        facts: facts_section(&file)?,
        has_static_tls: elf.has_static_tls,
    })
}

fn architecture(file: &File<'_>) -> String {
    format!("{:?}", file.architecture()).to_ascii_lowercase()
}

fn has_root_symbol(file: &File<'_>) -> Result<bool, Malformed> {
    // Mach-O puts an underscore before every symbol.
    let prefix = if file.format() == BinaryFormat::MachO { "_" } else { "" };
    let wanted = format!("{prefix}{ROOT_SYMBOL}");
    for export in file.exports().map_err(|error| damaged(&error))? {
        let export = export.map_err(|error| damaged(&error))?;
        if export.name().name() == Some(wanted.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn facts_section<'a>(file: &File<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    let mut sections = file.sections();
    let ours = |section: &object::read::Section<'a, '_>| {
        if file.format() != BinaryFormat::MachO {
            return section.name_bytes().is_ok_and(|name| name == facts::SECTION.as_bytes());
        }
        let segment = section.segment_name_bytes().ok().flatten().unwrap_or_default();
        let name = section.name_bytes().unwrap_or_default();
        facts::SECTION_MACHO.split_once(',').is_some_and(|(wanted, section)| {
            segment == wanted.as_bytes() && name == section.as_bytes()
        })
    };
    sections.find(ours).map(|section| section.data().map_err(|error| damaged(&error))).transpose()
}

/// What only ELF files have.
#[derive(Default)]
struct ElfOnly {
    is_program: bool,
    has_static_tls: bool,
}

fn inspect_elf<Elf: FileHeader>(file: &ElfFile<'_, Elf>) -> Result<ElfOnly, Malformed> {
    let endian = file.endian();
    let end = file.data().len() as u64;
    for segment in file.elf_program_headers() {
        let (offset, size) = (segment.p_offset(endian).into(), segment.p_filesz(endian).into());
        let fits = offset.checked_add(size).is_some_and(|last| last <= end);
        if segment.p_type(endian) == PT_LOAD && !fits {
            return Err(Malformed("ends before its last segment: it was cut short".into()));
        }
    }
    let mut only = ElfOnly::default();
    let dynamic = file.elf_dynamic_table().map_err(|error| damaged(&error))?;
    for entry in dynamic.dynamics() {
        let value: u64 = entry.d_val(endian).into();
        if entry.d_tag(endian) == DT_FLAGS {
            only.has_static_tls |= value & DF_STATIC_TLS.0 != 0;
        }
        if entry.d_tag(endian) == DT_FLAGS_1 {
            only.is_program |= value & DF_1_PIE.0 != 0;
        }
    }
    Ok(only)
}

fn damaged(error: &object::read::Error) -> Malformed {
    Malformed(format!("is damaged or was cut short: {error}"))
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Elf => "ELF",
            Self::MachO => "Mach-O",
            Self::Pe => "PE",
        })
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}
