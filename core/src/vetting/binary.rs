//! What a library file is, read from its bytes: nothing of it is executed or mapped.
//!
//! The bytes may be anything at all. Whatever they are, [`inspect`] answers. What decides how a library
//! is loaded is read where the dynamic linker reads it, and not where other tools would look.

mod defect;
mod elf;
mod macho;
mod pe;

pub use defect::Defect;

use loader_abi::{facts, layout::ROOT_SYMBOL};
use object::{
    BinaryFormat, Object, ObjectKind, ObjectSection,
    read::{File, FileKind},
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
    /// Whether it exports the root symbol of a plugin, as data.
    pub has_root_symbol: bool,
    /// The content of the metadata section; `None` when there is no such section.
    pub facts: Option<&'a [u8]>,
    /// The libraries that are loaded with it, by the names it gives them.
    pub needed: Vec<String>,
    /// What no plugin may have.
    pub defects: Vec<Defect>,
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

/// What the dynamic linker of a format makes of a file.
#[derive(Debug, Default)]
struct Linkage {
    has_root_symbol: bool,
    needed: Vec<String>,
    defects: Vec<Defect>,
}

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
    let linkage = match &file {
        File::Elf32(elf) => elf::inspect(elf)?,
        File::Elf64(elf) => elf::inspect(elf)?,
        File::MachO32(macho) => Linkage {
            has_root_symbol: exports_root_symbol(&file)?,
            ..macho::inspect(macho).map_err(|error| damaged(&error))?
        },
        File::MachO64(macho) => Linkage {
            has_root_symbol: exports_root_symbol(&file)?,
            ..macho::inspect(macho).map_err(|error| damaged(&error))?
        },
        File::Pe32(pe) => Linkage {
            has_root_symbol: exports_root_symbol(&file)?,
            ..pe::inspect(pe).map_err(|error| damaged(&error))?
        },
        File::Pe64(pe) => Linkage {
            has_root_symbol: exports_root_symbol(&file)?,
            ..pe::inspect(pe).map_err(|error| damaged(&error))?
        },
        _ => Linkage::default(),
    };
    Ok(Binary {
        format,
        architecture: architecture(&file),
        is_library: file.kind() == ObjectKind::Dynamic,
        has_root_symbol: linkage.has_root_symbol,
        facts: facts_section(&file)?,
        needed: linkage.needed,
        defects: linkage.defects,
    })
}

fn architecture(file: &File<'_>) -> String {
    let name = format!("{:?}", file.architecture()).to_ascii_lowercase();
    if file.is_little_endian() { name } else { format!("{name}_be") }
}

fn exports_root_symbol(file: &File<'_>) -> Result<bool, Malformed> {
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
