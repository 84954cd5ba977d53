//! Libraries that would run other code, weaken the process, lie about themselves, or are none at all.

use super::{Case, DECIDE, Elf, Ground, RESTORE};
use crate::build;
use std::fs;

const ROOT_SYMBOL: &str = loader_abi::layout::ROOT_SYMBOL;
const FACTS: &str = loader_abi::facts::SECTION;

/// Another processor than this one.
const FOREIGN_MACHINE: u16 = if cfg!(target_arch = "x86_64") { 183 } else { 62 };

// Where fields lie in the file's header.
const CLASS: usize = 4;
const ENDIANNESS: usize = 5;
const SYSTEM: usize = 7;
const TYPE: usize = 16;
const MACHINE: usize = 18;
const SEGMENT_TABLE: usize = 32;
const SECTION_TABLE: usize = 40;
const SEGMENT_SIZE: usize = 54;

// Types of segments.
const LOAD: u32 = 1;
const DYNAMIC: u32 = 2;
const INTERPRETER: u32 = 3;
const UNWINDING: u32 = 0x6474_e550;
const STACK: u32 = 0x6474_e551;

// Where fields lie in a program header.
const FLAGS: usize = 4;
const ADDRESS: usize = 16;
const IN_FILE: usize = 32;
const IN_MEMORY: usize = 40;
const ALIGNMENT: usize = 48;

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = no_libraries();
    cases.extend(headers());
    cases.extend(dynamic_tables());
    cases.extend(segments());
    cases.extend(symbols_and_facts());
    cases
}

/// A patch of the library as a defect.
macro_rules! patched {
    ($name:literal, $code:literal, $patch:expr) => {
        Case::new($name, $code, |ground: &mut Ground| {
            let patch: fn(&mut Elf) = $patch;
            ground.patch(patch);
        })
    };
}

fn no_libraries() -> Vec<Case> {
    let format = "LDR-VET-FORMAT";
    [
        Case::new("empty file", format, |it| it.replace_library(b"")),
        Case::new("one byte", format, |it| it.replace_library(b"\x7f")),
        Case::new("nothing but zeros", format, |it| it.replace_library(&[0; 4096])),
        Case::new("script", format, |it| it.replace_library(b"#!/bin/sh\ntouch canary-script\n")),
        Case::new("linker script", format, |it| it.replace_library(b"INPUT(libldr-canary.so)\n")),
        Case::new("compressed", format, |it| it.replace_library(b"\x1f\x8b\x08\0\0\0\0\0\0\x03")),
        Case::new("archive of objects", format, |it| it.replace_library(b"!<arch>\n")),
        Case::new("header only", format, |it| cut(it, |_| 64)),
        Case::new("first half", format, |it| cut(it, |length| length / 2)),
        Case::new("all but the last byte", format, |it| cut(it, |length| length - 1)),
        Case::new("library of Windows", format, |it| it.replace_library(&seed("pe-x86_64"))),
        Case::new("library of macOS", format, |it| it.replace_library(&seed("macho-aarch64"))),
        Case::new("universal library", format, |it| it.replace_library(&seed("macho-universal"))),
        Case::new("32-bit library", "LDR-VET-ARCH", |it| it.replace_library(&seed("elf-i386"))),
    ]
    .map(|case| case.mending(RESTORE))
    .into()
}

fn headers() -> Vec<Case> {
    vec![
        patched!("another processor", "LDR-VET-ARCH", |elf| {
            elf.put(MACHINE, &FOREIGN_MACHINE.to_le_bytes());
        }),
        patched!("says 32 bits", "LDR-VET-FORMAT", |elf| elf.put(CLASS, &[1])),
        patched!("says big-endian", "LDR-VET-FORMAT", |elf| elf.put(ENDIANNESS, &[2])),
        patched!("for another system", "LDR-VET-TABLES", |elf| elf.put(SYSTEM, &[9])),
        patched!("object file", "LDR-VET-FORMAT", |elf| elf.put(TYPE, &[1])),
        patched!("program at a fixed address", "LDR-VET-PROGRAM", |elf| elf.put(TYPE, &[2])),
        patched!("core dump", "LDR-VET-FORMAT", |elf| elf.put(TYPE, &[4])),
        patched!("segment table outside", "LDR-VET-FORMAT", |elf| {
            elf.put(SEGMENT_TABLE, &u64::MAX.to_le_bytes());
        }),
        patched!("segment headers of a wrong size", "LDR-VET-FORMAT", |elf| {
            elf.put(SEGMENT_SIZE, &[32]);
        }),
        patched!("section table outside", "LDR-VET-FORMAT", |elf| {
            elf.put(SECTION_TABLE, &(1u64 << 40).to_le_bytes());
        }),
        patched!("loader of its own", "LDR-VET-PROGRAM", |elf| {
            let at = elf.segment(UNWINDING);
            elf.put(at, &INTERPRETER.to_le_bytes());
        }),
        patched!("movable program", "LDR-VET-PROGRAM", |elf| flags_1(elf, 0x0800_0000)),
        Case::new("a real program", "LDR-VET-PROGRAM", |it| {
            it.replace_library(&fs::read("/bin/true").expect("a program"));
        }),
    ]
}

fn dynamic_tables() -> Vec<Case> {
    vec![
        patched!("DF_1_NOOPEN", "LDR-VET-NOOPEN", |elf| flags_1(elf, 0x40)),
        patched!("static thread-local storage", "LDR-VET-TLS", |elf| flags(elf, 0x10)),
        patched!("text relocations as a flag", "LDR-VET-TEXTREL", |elf| flags(elf, 4)),
        patched!("text relocations as an entry", "LDR-VET-TEXTREL", |elf| elf.add_dynamic(22, 0)),
        patched!("RPATH", "LDR-VET-RUNPATH", |elf| named(elf, 15, "canary.so")),
        patched!("RUNPATH", "LDR-VET-RUNPATH", |elf| named(elf, 29, "canary.so")),
        patched!("AUDIT", "LDR-VET-AUDIT", |elf| named(elf, 0x6fff_fefc, "libldr-canary.so")),
        patched!("DEPAUDIT", "LDR-VET-AUDIT", |elf| named(elf, 0x6fff_fefb, "libldr-canary.so")),
        patched!("FILTER", "LDR-VET-FILTER", |elf| named(elf, 0x7fff_ffff, "libldr-canary.so")),
        patched!("AUXILIARY", "LDR-VET-FILTER", |elf| named(elf, 0x7fff_fffd, "libldr-canary.so")),
        Case::new("needs a foreign library", "LDR-VET-NEEDED", |it| {
            it.patch(|elf| named(elf, 1, "canary.so"));
        })
        .mending(DECIDE),
        patched!("needs a library by its path", "LDR-VET-NEEDED-PATH", |elf| {
            elf.replace("libldr-canary.so", "./bldr-canary.so");
        }),
        patched!("needs a library with an empty name", "LDR-VET-NEEDED", |elf| {
            elf.add_dynamic(1, 0);
        }),
        patched!("strings outside", "LDR-VET-TABLES", |elf| value(elf, 5, 1 << 40)),
        patched!("more strings than there are", "LDR-VET-TABLES", |elf| value(elf, 10, 1 << 40)),
        patched!("two tables of strings", "LDR-VET-TABLES", |elf| elf.add_dynamic(5, 0)),
        patched!("symbols outside", "LDR-VET-TABLES", |elf| value(elf, 6, 1 << 40)),
        patched!("hash table outside", "LDR-VET-TABLES", |elf| {
            value(elf, 0x6fff_fef5, 1 << 40);
        }),
        patched!("a name outside its strings", "LDR-VET-TABLES", |elf| {
            elf.add_dynamic(1, 1 << 40);
        }),
    ]
}

fn segments() -> Vec<Case> {
    vec![
        patched!("writable code", "LDR-VET-WX", |elf| {
            let at = code(elf);
            elf.put(at + FLAGS, &[7]);
        }),
        patched!("executable stack", "LDR-VET-STACK", |elf| {
            let at = elf.segment(STACK);
            elf.put(at + FLAGS, &[7]);
        }),
        patched!("silent about its stack", "LDR-VET-STACK", |elf| {
            let at = elf.segment(STACK);
            elf.put(at, &[0; 4]);
        }),
        patched!("overlapping segments", "LDR-VET-TABLES", |elf| {
            let loads = elf.segments(LOAD);
            let first =
                elf.number(loads[0] + ADDRESS, 8) + elf.number(loads[1] + ADDRESS, 8) % 4096;
            elf.put(loads[1] + ADDRESS, &first.to_le_bytes());
        }),
        patched!("more in the file than in memory", "LDR-VET-TABLES", |elf| {
            let at = code(elf);
            elf.put(at + IN_MEMORY, &16u64.to_le_bytes());
        }),
        patched!("segment outside of the file", "LDR-VET-FORMAT", |elf| {
            let at = code(elf);
            elf.put(at + IN_FILE, &(1u64 << 40).to_le_bytes());
            elf.put(at + IN_MEMORY, &(1u64 << 40).to_le_bytes());
        }),
        patched!("segment at the end of memory", "LDR-VET-TABLES", |elf| {
            let at = *elf.segments(LOAD).last().expect("a segment");
            elf.put(at + IN_MEMORY, &u64::MAX.to_le_bytes());
        }),
        patched!("odd alignment", "LDR-VET-TABLES", |elf| {
            let at = code(elf);
            elf.put(at + ALIGNMENT, &4097u64.to_le_bytes());
        }),
        patched!("two dynamic tables", "LDR-VET-TABLES", |elf| {
            let at = elf.segment(UNWINDING);
            elf.put(at, &DYNAMIC.to_le_bytes());
        }),
        patched!("no dynamic table", "LDR-VET-TABLES", |elf| {
            let at = elf.segment(DYNAMIC);
            elf.put(at, &[0; 4]);
        }),
        // Tools read the table at its offset in the file, the linker at its address in memory.
        patched!("a dynamic table for tools", "LDR-VET-TABLES", |elf| {
            let at = elf.segment(DYNAMIC) + ADDRESS;
            let address = elf.number(at, 8) + 16;
            elf.put(at, &address.to_le_bytes());
        }),
    ]
}

fn symbols_and_facts() -> Vec<Case> {
    vec![
        patched!("no root symbol", "LDR-VET-SYMBOL", |elf| {
            elf.replace(ROOT_SYMBOL, &format!("x{}", &ROOT_SYMBOL[1..]));
        }),
        patched!("imported root symbol", "LDR-VET-SYMBOL", |elf| root(elf, 6, &[0, 0])),
        patched!("local root symbol", "LDR-VET-SYMBOL", |elf| root(elf, 4, &[0x01])),
        patched!("weak root symbol", "LDR-VET-SYMBOL", |elf| root(elf, 4, &[0x21])),
        patched!("root symbol is a function", "LDR-VET-SYMBOL", |elf| root(elf, 4, &[0x12])),
        patched!("root symbol has a resolver", "LDR-VET-SYMBOL", |elf| root(elf, 4, &[0x1a])),
        patched!("hidden root symbol", "LDR-VET-SYMBOL", |elf| root(elf, 5, &[2])),
        patched!("root symbol outside", "LDR-VET-SYMBOL", |elf| root(elf, 8, &[0xff; 8])),
        patched!("no metadata", "LDR-VET-FACTS", |elf| elf.replace(FACTS, ".ldrplux")),
        patched!("metadata of somebody else", "LDR-VET-FACTS", |elf| facts(elf, 0, b"X")),
        patched!("metadata of a newer format", "LDR-VET-FACTS", |elf| facts(elf, 8, &[9])),
        patched!("metadata longer than it is", "LDR-VET-FACTS", |elf| facts(
            elf,
            12,
            &[0xff, 0xff]
        )),
        patched!("metadata that is no JSON", "LDR-VET-FACTS", |elf| facts(elf, 16, b"[")),
        // Such a section is in the file, but the process would never see it.
        patched!("metadata that is not loaded", "LDR-VET-TABLES", |elf| {
            let at = elf.section(FACTS);
            elf.put(at + 16, &(1u64 << 40).to_le_bytes());
        }),
        patched!("metadata somewhere else", "LDR-VET-TABLES", |elf| {
            let at = elf.section(FACTS) + 16;
            let address = elf.number(at, 8) + 8;
            elf.put(at, &address.to_le_bytes());
        }),
        patched!("metadata twice", "LDR-VET-TABLES", |elf| {
            let (ours, other) = (elf.section(FACTS), elf.section(".comment"));
            let header = elf.0[ours..ours + 64].to_vec();
            elf.put(other, &header);
        }),
    ]
}

fn cut(ground: &Ground, keep: fn(usize) -> usize) {
    let bytes = fs::read(ground.library()).expect("the library");
    ground.replace_library(&bytes[..keep(bytes.len())]);
}

/// A library of another platform, from the fuzzing corpus.
fn seed(name: &str) -> Vec<u8> {
    fs::read(build::repository().join("tests/fuzz/corpus/binary").join(name)).expect("a seed")
}

fn flags(elf: &mut Elf, bits: u64) {
    let at = elf.dynamic(30) + 8;
    elf.set_bits(at, bits);
}

fn flags_1(elf: &mut Elf, bits: u64) {
    let at = elf.dynamic(0x6fff_fffb) + 8;
    elf.set_bits(at, bits);
}

fn named(elf: &mut Elf, tag: u64, name: &str) {
    let at = elf.string(name);
    elf.add_dynamic(tag, at);
}

fn value(elf: &mut Elf, tag: u64, value: u64) {
    let at = elf.dynamic(tag) + 8;
    elf.put(at, &value.to_le_bytes());
}

/// The program header of the executable segment.
fn code(elf: &Elf) -> usize {
    let loads = elf.segments(LOAD).into_iter();
    let mut code = loads.filter(|at| elf.number(at + FLAGS, 4) & 1 != 0);
    code.next().expect("an executable segment")
}

fn root(elf: &mut Elf, field: usize, bytes: &[u8]) {
    let at = elf.symbol(ROOT_SYMBOL);
    elf.put(at + field, bytes);
}

fn facts(elf: &mut Elf, field: usize, bytes: &[u8]) {
    let at = elf.number(elf.section(FACTS) + 24, 8) as usize;
    elf.put(at + field, bytes);
}
