//! Which bytes of the file come to lie at which address.

use super::{Defect, Malformed};
use object::{
    Endianness,
    elf::{PT_LOAD, PT_NULL},
    read::elf::{ElfFile, FileHeader, ProgramHeader},
};

/// The parts of a file that are loaded, in the order of their addresses.
pub(super) struct Segments<'a> {
    data: &'a [u8],
    loads: Vec<Load>,
}

/// One part. `address + in_memory` and `offset + in_file` do not overflow, and the latter is inside the
/// file.
struct Load {
    address: u64,
    in_memory: u64,
    offset: u64,
    in_file: u64,
}

impl<'a> Segments<'a> {
    /// Reads the program headers, and says what is wrong with them.
    pub(super) fn read<Elf: FileHeader<Endian = Endianness>>(
        file: &ElfFile<'a, Elf>,
        defects: &mut Vec<Defect>,
    ) -> Result<Self, Malformed> {
        let (endian, data) = (file.endian(), file.data());
        let mut segments = Self { data, loads: Vec::new() };
        for header in file.elf_program_headers() {
            let kind = header.p_type(endian);
            let (offset, in_file) = header.file_range(endian);
            let end = offset.checked_add(in_file);
            let fits = in_file == 0 || end.is_some_and(|end| end <= data.len() as u64);
            match kind {
                PT_LOAD if !fits => {
                    let reason = "ends before its last segment: it was cut short";
                    return Err(Malformed(reason.into()));
                }
                PT_NULL => {}
                PT_LOAD => {
                    let load = Load {
                        address: header.p_vaddr(endian).into(),
                        in_memory: header.p_memsz(endian).into(),
                        offset,
                        in_file,
                    };
                    match segments.contradiction(&load, header.p_align(endian).into()) {
                        Some(what) => defects.push(Defect::Tables(what.into())),
                        None => segments.loads.push(load),
                    }
                }
                _ if !fits => {
                    let what = "a segment lies outside of the file";
                    defects.push(Defect::Tables(what.into()));
                }
                _ => {}
            }
        }
        Ok(segments)
    }

    /// Why a part cannot follow those before it.
    fn contradiction(&self, load: &Load, alignment: u64) -> Option<&'static str> {
        let end = load.address.checked_add(load.in_memory);
        if end.is_none() || load.in_file > load.in_memory {
            return Some("a segment has more bytes in the file than in memory");
        }
        if alignment > 1 && !alignment.is_power_of_two() {
            return Some("a segment's alignment is no power of two");
        }
        if alignment > 1 && load.address.wrapping_sub(load.offset) & (alignment - 1) != 0 {
            return Some("a segment cannot be mapped at its address");
        }
        let last = self.loads.last();
        last.is_some_and(|last| load.address < last.address + last.in_memory)
            .then_some("its segments overlap in memory, or are out of order")
    }

    fn holding(&self, address: u64, size: u64) -> Option<&Load> {
        let end = address.checked_add(size)?;
        let holds = |load: &&Load| load.address <= address && end <= load.address + load.in_memory;
        self.loads.iter().find(holds)
    }

    /// Whether these addresses are part of what is loaded.
    pub(super) fn hold(&self, address: u64, size: u64) -> bool {
        self.holding(address, size).is_some()
    }

    /// Where in the file these addresses come from.
    pub(super) fn offset_of(&self, address: u64, size: u64) -> Option<u64> {
        let load = self.holding(address, size)?;
        let within = address - load.address;
        (within.checked_add(size)? <= load.in_file).then(|| load.offset + within)
    }

    /// The bytes of the file from an address to the end of its segment.
    pub(super) fn from(&self, address: u64) -> Option<&'a [u8]> {
        let load = self.holding(address, 1)?;
        let within = address - load.address;
        let (start, end) = (load.offset.checked_add(within)?, load.offset + load.in_file);
        self.data.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}
