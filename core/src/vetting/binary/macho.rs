//! Mach-O: what its load commands say. dyld checks more of the structure than ELF's linker does.

use super::{Defect, Linkage};
use object::{
    Endianness,
    macho::{MH_ALLOW_STACK_EXECUTION, VM_PROT_EXECUTE, VM_PROT_WRITE},
    read::{
        Error,
        macho::{LoadCommandVariant, MachHeader, MachOFile},
    },
};

/// What dyld would make of the file.
pub(super) fn inspect<Mach: MachHeader<Endian = Endianness>>(
    file: &MachOFile<'_, Mach>,
) -> Result<Linkage, Error> {
    let endian = file.endian();
    let mut linkage = Linkage::default();
    if file.macho_header().flags(endian).contains(MH_ALLOW_STACK_EXECUTION) {
        linkage.defects.push(Defect::ExecutableStack);
    }
    let mut commands = file.macho_load_commands()?;
    let mut protections = Vec::new();
    while let Some(command) = commands.next()? {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match command.variant()? {
            LoadCommandVariant::Rpath(found) => {
                let path = text(command.string(endian, found.path)?);
                linkage.defects.push(Defect::RunPath(path));
            }
            LoadCommandVariant::Dylib(found) => {
                linkage.needed.push(text(command.string(endian, found.dylib.name)?));
            }
            LoadCommandVariant::Segment32(found, _) => protections.push(found.initprot.get(endian)),
            LoadCommandVariant::Segment64(found, _) => protections.push(found.initprot.get(endian)),
            _ => {}
        }
    }
    let both = VM_PROT_WRITE | VM_PROT_EXECUTE;
    if protections.into_iter().any(|protection| protection.contains(both)) {
        linkage.defects.push(Defect::WritableCode);
    }
    Ok(linkage)
}
