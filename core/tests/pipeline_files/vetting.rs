//! The gate: a sound plugin passes; each single defect is refused with its own code.

use crate::{
    elf::{ET_REL, Elf, foreign_machine, framed},
    plugin::{Folder, MANIFEST, chmod, codes, facts, write},
};
use loader_abi::facts::Facts;
use loader_core::{
    digest::Digest,
    trust::Trust,
    vetting::{
        Policy,
        binary::{self, Format},
        vet,
    },
};
use std::{fs, path::Path};

/// A defect in the library's metadata, its code, and what the refusal must mention.
type FactsDefect = (fn(&mut Facts), &'static str, &'static str);
/// The same for the library around it.
type FileDefect = (fn(&mut Elf), &'static str, &'static str);

pub(crate) fn policy() -> Policy {
    Policy::new(["kv/1", "clock/1"])
}

fn refusal(folder: &Folder, manifest: &str, library: &[u8], code: &str, mention: &str) {
    let candidate = folder.candidate(manifest, library);
    let refusals = vet(&candidate, &policy()).expect_err(code);
    assert_eq!(codes(&refusals), [code], "{refusals:#?}");
    let refusal = &refusals[0];
    assert!(refusal.message.contains(mention), "`{mention}` in {refusal:#?}");
    assert_eq!(refusal.plugin.as_deref(), Some("hello"));
}

#[test]
fn a_sound_plugin_passes_with_its_facts_and_digest() {
    let folder = Folder::new();
    let library = Elf::new(&facts()).bytes();
    let vetted = vet(&folder.candidate(MANIFEST, &library), &policy()).unwrap();
    assert_eq!(vetted.facts(), &facts());
    assert_eq!(vetted.digest(), Digest::of(&library));
    assert_eq!(vetted.size(), library.len() as u64);
    assert_eq!(vetted.spec().id, "hello");
    assert!(vetted.path().ends_with("hello/libhello.so"));
    assert_eq!(vetted.warnings(), []);
}

#[test]
fn facts_that_disagree_with_the_manifest_or_the_host_are_refused() {
    let defects: [FactsDefect; 11] = [
        (|facts| facts.abi = "2.0".into(), "LDR-VET-ABI", "interface 2.0"),
        (|facts| facts.abi = "0.9".into(), "LDR-VET-ABI", "this host has interface 1.0"),
        (|facts| facts.abi = "one".into(), "LDR-VET-ABI", "`one`"),
        (|facts| facts.version = "0.1.1".into(), "LDR-VET-VERSION", "0.1.1"),
        (|facts| facts.panic = "abort".into(), "LDR-VET-PANIC", "abort"),
        (|facts| facts.target = "x86_64-unknown-linux-musl".into(), "LDR-VET-TARGET", "musl"),
        (
            |facts| facts.target = "riscv64gc-unknown-linux-gnu".into(),
            "LDR-VET-TARGET",
            "riscv64gc",
        ),
        (|facts| facts.plugins.clear(), "LDR-VET-ID", "nothing"),
        (|facts| facts.plugins[0].id = "goodbye".into(), "LDR-VET-ID", "goodbye"),
        (
            |facts| drop(facts.plugins[0].provides.pop()),
            "LDR-VET-PROVIDES",
            "only the manifest has health/1 hello",
        ),
        (
            |facts| facts.plugins[0].provides[1].contract = "channel/1".into(),
            "LDR-VET-PROVIDES",
            "only the library has channel/1 hello",
        ),
    ];
    for (spoil, code, mention) in defects {
        let mut spoilt = facts();
        spoil(&mut spoilt);
        refusal(&Folder::new(), MANIFEST, &Elf::new(&spoilt).bytes(), code, mention);
    }
}

#[test]
fn a_file_that_is_no_plugin_of_this_host_is_refused() {
    let defects: [FileDefect; 11] = [
        (|elf| elf.machine = foreign_machine().0, "LDR-VET-ARCH", foreign_machine().1),
        (|elf| elf.kind = ET_REL, "LDR-VET-FORMAT", "not a shared library"),
        (|elf| elf.symbol = "something_else".into(), "LDR-VET-SYMBOL", "root symbol"),
        (|elf| elf.symbol_section = 0, "LDR-VET-SYMBOL", "root symbol"),
        (|elf| elf.section = ".other".into(), "LDR-VET-FACTS", ".ldrplug"),
        (|elf| elf.facts[0] = b'l', "LDR-VET-FACTS", "not ours"),
        (|elf| elf.facts[8] = 9, "LDR-VET-FACTS", "format 9"),
        (|elf| elf.facts = framed(b"{"), "LDR-VET-FACTS", "damaged"),
        (|elf| elf.symbol_info = 0x01, "LDR-VET-SYMBOL", "root symbol"), // local
        (|elf| elf.symbol_info = 0x12, "LDR-VET-SYMBOL", "root symbol"), // a function
        (|elf| elf.symbol_info = 0x1a, "LDR-VET-SYMBOL", "root symbol"), // found by a resolver
    ];
    for (spoil, code, mention) in defects {
        let mut spoilt = Elf::new(&facts());
        spoil(&mut spoilt);
        refusal(&Folder::new(), MANIFEST, &spoilt.bytes(), code, mention);
    }
}

#[test]
fn a_library_that_would_run_other_code_or_weaken_the_process_is_refused() {
    let defects: [FileDefect; 22] = [
        // A program that can be loaded anywhere has a library's type and this flag.
        (|elf| elf.flags_1 = 0x0800_0000, "LDR-VET-PROGRAM", "is a program"),
        (|elf| elf.segment = 3, "LDR-VET-PROGRAM", "is a program"),
        (|elf| elf.kind = 2, "LDR-VET-PROGRAM", "is a program"),
        (|elf| elf.flags_1 = 0x40, "LDR-VET-NOOPEN", "DF_1_NOOPEN"),
        (|elf| elf.flags = 0x10, "LDR-VET-TLS", "DF_STATIC_TLS"),
        (|elf| elf.flags = 0x4, "LDR-VET-TEXTREL", "text relocations"),
        (|elf| elf.numbers.push((22, 0)), "LDR-VET-TEXTREL", "text relocations"),
        (|elf| elf.names.push((15, "/tmp/a".into())), "LDR-VET-RUNPATH", "`/tmp/a`"),
        (|elf| elf.names.push((29, "$ORIGIN".into())), "LDR-VET-RUNPATH", "`$ORIGIN`"),
        (|elf| elf.names.push((0x6fff_fefc, "a.so".into())), "LDR-VET-AUDIT", "`a.so`"),
        (|elf| elf.names.push((0x6fff_fefb, "a.so".into())), "LDR-VET-AUDIT", "`a.so`"),
        (|elf| elf.names.push((0x7fff_ffff, "a.so".into())), "LDR-VET-FILTER", "`a.so`"),
        (|elf| elf.names.push((0x7fff_fffd, "a.so".into())), "LDR-VET-FILTER", "`a.so`"),
        (|elf| elf.names.push((1, "libevil.so.1".into())), "LDR-VET-NEEDED", "libevil.so.1"),
        (|elf| elf.names.push((1, "/tmp/libc.so.6".into())), "LDR-VET-NEEDED-PATH", "/tmp/libc"),
        (|elf| elf.load = 7, "LDR-VET-WX", "written and executed"),
        (|elf| elf.stack = Some(7), "LDR-VET-STACK", "stacks"),
        (|elf| elf.stack = None, "LDR-VET-STACK", "stacks"),
        (|elf| elf.segment = 2, "LDR-VET-TABLES", "or several"),
        (|elf| elf.segment = 1, "LDR-VET-TABLES", "overlap"),
        (|elf| elf.facts_address = Some(1 << 40), "LDR-VET-TABLES", "no part of what is loaded"),
        (|elf| elf.numbers.push((5, 0)), "LDR-VET-TABLES", "one thing twice"),
    ];
    for (spoil, code, mention) in defects {
        let mut spoilt = Elf::new(&facts());
        spoil(&mut spoilt);
        refusal(&Folder::new(), MANIFEST, &spoilt.bytes(), code, mention);
    }
}

#[test]
fn a_needed_library_is_the_systems_or_trusted() {
    let mut elf = Elf::new(&facts());
    for name in ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"] {
        elf.names.push((1, name.into()));
    }
    let folder = Folder::new();
    vet(&folder.candidate(MANIFEST, &elf.bytes()), &policy()).expect("the system's");
    elf.names.push((1, "libsqlite3.so.0".into()));
    let folder = Folder::new();
    let candidate = folder.candidate(MANIFEST, &elf.bytes());
    assert_eq!(codes(&vet(&candidate, &policy()).unwrap_err()), ["LDR-VET-NEEDED"]);
    let trust = Trust { libraries: ["libsqlite3.so.0".into()].into(), ..Trust::default() };
    vet(&candidate, &Policy { trust, ..policy() }).expect("the operator trusts it");
}

#[test]
fn a_file_that_is_cut_short_anywhere_is_refused() {
    let whole = Elf::new(&facts()).bytes();
    for length in [1, 15, 63, 64, 200, whole.len() / 2, whole.len() - 64, whole.len() - 1] {
        refusal(&Folder::new(), MANIFEST, &whole[..length], "LDR-VET-FORMAT", "libhello.so");
    }
    refusal(&Folder::new(), MANIFEST, b"", "LDR-VET-FORMAT", "is empty");
    refusal(&Folder::new(), MANIFEST, b"#!/bin/sh\nexit\n", "LDR-VET-FORMAT", "is no library");
    for length in 0..whole.len() {
        assert!(binary::inspect(&whole[..length]).is_err(), "{length} of {}", whole.len());
    }
}

/// A library that a compiler made, from the fuzzing corpus.
fn seed(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus/binary");
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn libraries_of_every_platform_are_read() {
    for (name, format, architecture, target) in [
        ("elf-x86_64", Format::Elf, "x86_64", "x86_64-unknown-linux-gnu"),
        ("elf-aarch64", Format::Elf, "aarch64", "aarch64-unknown-linux-gnu"),
        ("elf-i386", Format::Elf, "i386", "i686-unknown-linux-gnu"),
        ("macho-x86_64", Format::MachO, "x86_64", "x86_64-apple-darwin"),
        ("macho-aarch64", Format::MachO, "aarch64", "aarch64-apple-darwin"),
        ("pe-x86_64", Format::Pe, "x86_64", "x86_64-pc-windows-gnu"),
    ] {
        let library = seed(name);
        let found = binary::inspect(&library).unwrap();
        assert_eq!((found.format, found.architecture.as_str()), (format, architecture), "{name}");
        assert!(found.is_library && found.has_root_symbol, "{found:?}");
        assert_eq!(found.defects, [], "{name}");
        let facts = loader_abi::facts::parse(found.facts.unwrap()).unwrap();
        assert_eq!(facts.target, target);
    }
}

#[test]
fn files_of_other_systems_are_refused_by_what_they_are() {
    for (name, code, mention) in [
        ("pe-x86_64", "LDR-VET-FORMAT", "is a PE file; this host loads ELF"),
        ("macho-x86_64", "LDR-VET-FORMAT", "is a Mach-O file"),
        ("macho-universal", "LDR-VET-FORMAT", "universal file"),
        ("elf-i386", "LDR-VET-ARCH", "built for i386"),
        ("script", "LDR-VET-FORMAT", "is no library"),
    ] {
        refusal(&Folder::new(), MANIFEST, &seed(name), code, mention);
    }
}

#[test]
fn a_manifest_that_does_not_fit_this_host_is_refused() {
    let library = Elf::new(&facts()).bytes();
    let only_windows = "windows-x86_64 = \"hello.dll\"";
    for (from, to, code, mention) in [
        ("path = \"libhello.so\"", only_windows, "LDR-VET-PLATFORM", "windows-x86_64"),
        ("abi = \"1.0\"", "abi = \"2.1\"", "LDR-VET-ABI", "2.1"),
        ("0.1.0", "0.2.0", "LDR-VET-VERSION", "0.2.0"),
        ("id = \"hello\"\n", "id = \"hallo\"\n", "LDR-VET-ID", "hallo"),
        ("\"health/1\" = [\"hello\"]", "", "LDR-VET-PROVIDES", "health/1 hello"),
    ] {
        let folder = Folder::new();
        let candidate = folder.candidate(&MANIFEST.replacen(from, to, 1), &library);
        let refusals = vet(&candidate, &policy()).expect_err(code);
        assert_eq!(codes(&refusals), [code], "{refusals:#?}");
        assert!(refusals[0].message.contains(mention), "{refusals:#?}");
    }
    let needs = |services: &str| format!("{MANIFEST}[requires]\nservices = {services}\n");
    refusal(&Folder::new(), &needs("[\"kv/2\"]"), &library, "LDR-VET-SERVICE", "kv/2");
    let folder = Folder::new();
    vet(&folder.candidate(&needs("[\"kv/1\"]"), &library), &policy()).unwrap();
}

#[test]
fn names_that_need_escaping_are_compared_as_they_are() {
    let name = r#"it"s\it"#;
    let mut named = facts();
    named.plugins[0].provides[1].id = name.into();
    let library = Elf::new(&named).bytes();
    let folder = Folder::new();
    let manifest = MANIFEST.replace("[\"hello\"]", &format!("['{name}']"));
    vet(&folder.candidate(&manifest, &library), &policy()).expect("they agree");
    let shown = r#"only the library has health/1 it\"s\\it"#;
    refusal(&Folder::new(), MANIFEST, &library, "LDR-VET-PROVIDES", shown);
}

#[test]
fn every_independent_disagreement_is_told_at_once() {
    let mut spoilt = facts();
    spoilt.version = "9.9.9".into();
    spoilt.panic = "abort".into();
    let folder = Folder::new();
    let candidate = folder.candidate(MANIFEST, &Elf::new(&spoilt).bytes());
    chmod(&candidate.folder().join("libhello.so"), 0o666);
    let refusals = vet(&candidate, &policy()).unwrap_err();
    assert_eq!(codes(&refusals), ["LDR-VET-MODE", "LDR-VET-PANIC", "LDR-VET-VERSION"]);
}

#[test]
fn what_is_not_a_plain_file_in_the_folder_is_refused() {
    let replaced = |make: &dyn Fn(&Path)| {
        let folder = Folder::new();
        let candidate = folder.sound();
        let library = candidate.folder().join("libhello.so");
        fs::remove_file(&library).unwrap();
        make(&library);
        codes(&vet(&candidate, &policy()).unwrap_err())
    };
    assert_eq!(replaced(&|_| {}), ["LDR-VET-FILE"]);
    assert_eq!(replaced(&|path| fs::create_dir(path).unwrap()), ["LDR-VET-FILE"]);
    let link = |path: &Path| std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
    assert_eq!(replaced(&link), ["LDR-VET-FILE"]);
    let socket = |path: &Path| {
        drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    };
    assert_eq!(replaced(&socket), ["LDR-VET-FILE"]);
    // Nobody writes to this pipe, so a gate that waits for bytes would wait for ever.
    let pipe = |path: &Path| {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    };
    assert_eq!(replaced(&pipe), ["LDR-VET-FILE"]);
}

#[test]
fn a_link_on_the_way_to_the_library_is_refused() {
    let folder = Folder::new();
    let manifest = MANIFEST.replace("libhello.so", "lib/libhello.so");
    let candidate = folder.candidate(&manifest, b"");
    let elsewhere = folder.path().join("_elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    write(&elsewhere.join("libhello.so"), &Elf::new(&facts()).bytes());
    let way = candidate.folder().join("lib");
    std::os::unix::fs::symlink(&elsewhere, &way).unwrap();
    let refusals = vet(&candidate, &policy()).unwrap_err();
    assert_eq!(codes(&refusals), ["LDR-VET-FILE"]);
    assert!(refusals[0].message.contains("symbolic link"), "{refusals:#?}");
    fs::remove_file(&way).unwrap();
    fs::rename(&elsewhere, &way).unwrap();
    chmod(&way, 0o755);
    vet(&candidate, &policy()).expect("a real folder on the way is fine");
    chmod(&way, 0o777);
    assert_eq!(codes(&vet(&candidate, &policy()).unwrap_err()), ["LDR-VET-MODE"]);
}

#[test]
fn a_plugin_of_a_pack_is_looked_up_by_its_own_id() {
    let manifest = "manifest = 1\nid = \"pack\"\nversion = \"0.1.0\"\nabi = \"1.0\"\n\
        library = { path = \"libhello.so\" }\n[[extensions]]\nid = \"hello\"\n\
        provides = { \"http-route/1\" = [\"hello\"], \"health/1\" = [\"hello\"] }\n";
    let folder = Folder::new();
    let candidate = folder.candidate(manifest, &Elf::new(&facts()).bytes());
    let vetted = vet(&candidate, &policy()).unwrap();
    assert_eq!(vetted.spec().id, "pack/hello");
    assert_eq!(vetted.spec().library_plugin_id, "hello");
}

#[test]
fn hostile_text_in_facts_reaches_no_terminal() {
    let mut spoilt = facts();
    spoilt.version = "\u{1b}[2J".into();
    spoilt.panic = "\u{7}".into();
    spoilt.target = "\u{1b}]0;x".into();
    spoilt.plugins[0].id = "a\nb".into();
    let folder = Folder::new();
    let candidate = folder.candidate(MANIFEST, &Elf::new(&spoilt).bytes());
    for refusal in vet(&candidate, &policy()).unwrap_err() {
        assert!(!refusal.to_string().contains(char::is_control), "{refusal:?}");
    }
}
