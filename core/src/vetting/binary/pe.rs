//! PE: which libraries a file imports from, and whether its memory is protected.

use super::{Defect, Linkage};
use object::{
    LittleEndian as LE,
    pe::{
        IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
        IMAGE_SCN_MEM_EXECUTE, IMAGE_SCN_MEM_WRITE,
    },
    read::{
        Error,
        pe::{ImageNtHeaders, ImageOptionalHeader, PeFile},
    },
};

/// What Windows would make of the file.
pub(super) fn inspect<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> Result<Linkage, Error> {
    let mut linkage = Linkage::default();
    if let Some(imports) = file.import_table()? {
        let mut descriptors = imports.descriptors()?;
        while let Some(descriptor) = descriptors.next()? {
            let name = imports.name(descriptor.name.get(LE))?;
            linkage.needed.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    if let Some(imports) = file.delay_load_import_table()? {
        let mut descriptors = imports.descriptors()?;
        while let Some(descriptor) = descriptors.next()? {
            let name = imports.name(descriptor.dll_name_rva.get(LE))?;
            linkage.needed.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    let protection = file.nt_headers().optional_header().dll_characteristics();
    let wanted = IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE | IMAGE_DLLCHARACTERISTICS_NX_COMPAT;
    if !protection.contains(wanted) {
        linkage.defects.push(Defect::FixedAddress);
    }
    let both = IMAGE_SCN_MEM_WRITE | IMAGE_SCN_MEM_EXECUTE;
    let sections = file.section_table();
    if sections.iter().any(|section| section.characteristics.get(LE).contains(both)) {
        linkage.defects.push(Defect::WritableCode);
    }
    Ok(linkage)
}
