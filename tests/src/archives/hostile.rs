//! The corpus: what advisories about programs that unpack archives tell of, and what else an archive
//! could do. Those of tar are named where there is one; of zip there is no reader here to trick.

use super::tar::{FILE, FOLDER, Tar, gzip, gzip_to, header};
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

const KIND: &str = "LDR-PACKAGE-KIND";
const NAME: &str = "LDR-PACKAGE-NAME";
const DUPLICATE: &str = "LDR-PACKAGE-DUPLICATE";
const AMBIGUOUS: &str = "LDR-PACKAGE-AMBIGUOUS";
const DAMAGED: &str = "LDR-PACKAGE-DAMAGED";
const LIMIT: &str = "LDR-PACKAGE-LIMIT";
const FORMAT: &str = "LDR-PACKAGE-FORMAT";

/// One archive that is refused.
pub struct Hostile {
    /// What is wrong with it.
    pub name: &'static str,
    /// The archive.
    pub path: PathBuf,
    /// The code an operator sees,
    pub code: &'static str,
    /// and words that tell the reason from others with the code.
    pub says: &'static str,
}

/// Writes every archive into a folder. Those that name an absolute path name one in `outside`.
pub fn hostile(folder: &Path, outside: &Path) -> Vec<Hostile> {
    let mut corpus = Corpus { folder, all: Vec::new() };
    links_and_devices(&mut corpus, outside);
    names(&mut corpus, outside);
    twice(&mut corpus);
    two_readings(&mut corpus);
    long_names(&mut corpus);
    damage(&mut corpus);
    sizes(&mut corpus);
    other_formats(&mut corpus);
    corpus.all
}

struct Corpus<'a> {
    folder: &'a Path,
    all: Vec<Hostile>,
}

impl Corpus<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{:02}-{}.ldr", self.all.len(), name.replace([' ', '/'], "-")))
    }

    fn add(&mut self, name: &'static str, bytes: &[u8], code: &'static str, says: &'static str) {
        let path = self.path(name);
        fs::write(&path, bytes).expect("written");
        self.all.push(Hostile { name, path, code, says });
    }

    /// A package with one thing more in it, compressed as packages are.
    fn tar(&mut self, name: &'static str, tar: Tar, code: &'static str, says: &'static str) {
        self.add(name, &gzip(&tar.end()), code, says);
    }
}

fn links_and_devices(corpus: &mut Corpus<'_>, outside: &Path) {
    let outside = outside.to_str().expect("text");
    let package = Tar::package;
    corpus.tar("symbolic link", package().link(b'2', "lib", outside), KIND, "symbolic link");
    // RUSTSEC-2026-0067, -0113: the mode of what the link leads to was changed.
    let tar = package().link(b'2', "lib", outside).entry(FOLDER, "lib/", b"");
    corpus.tar("folder over a link", tar, KIND, "symbolic link");
    // RUSTSEC-2026-0546: one link through another.
    let tar = package().link(b'2', "a", ".").link(b'2', "a/b", "..").file("a/b/evil", b"x");
    corpus.tar("chain of links", tar, KIND, "symbolic link");
    corpus.tar("hard link outside", package().link(b'1', "x", "/etc/passwd"), KIND, "hard link");
    corpus.tar("hard link inside", package().link(b'1', "x", "plugin.toml"), KIND, "hard link");
    corpus.tar("character device", package().entry(b'3', "null", b""), KIND, "a device");
    corpus.tar("block device", package().entry(b'4', "disk", b""), KIND, "a device");
    corpus.tar("pipe", package().entry(b'6', "pipe", b""), KIND, "a pipe");
    corpus.tar("contiguous file", package().entry(b'7', "x", b"x"), KIND, "contiguous");
    corpus.tar("sparse file", package().entry(b'S', "x", b""), KIND, "sparse");
    corpus.tar("part of another volume", package().entry(b'M', "x", b"x"), KIND, "unknown kind");
    corpus.tar("volume label", package().entry(b'V', "x", b""), KIND, "unknown kind");
    let tar = package().entry(b'K', "././@LongLink", b"/etc/passwd\0").link(b'2', "x", "y");
    corpus.tar("long name of a link", tar, KIND, "name of a link");
}

fn names(corpus: &mut Corpus<'_>, outside: &Path) {
    let absolute = outside.join("evil");
    let absolute = absolute.to_str().expect("text");
    let deep = ["d"; 9].join("/");
    let long = "n".repeat(256);
    let with_name = |name: &[u8]| Tar::package().file(name, b"x");
    for (what, name, says) in [
        ("parent", "../evil".as_bytes(), "leads out of the folder"),
        ("parent in the middle", b"a/../../evil", "leads out of the folder"),
        ("parent after a dot", b"./../evil", "leads out of the folder"),
        ("absolute path", absolute.as_bytes(), "is absolute"),
        ("backslash", b"..\\evil", "has the character"),
        ("drive", b"C:evil", "has the character"),
        ("stream of a file", b"plugin.toml:evil", "has the character"),
        ("line break", b"a\nb", "has the character"),
        ("escape", b"\x1b[2Jx", "has the character"),
        ("empty name", b"a//b", "empty name"),
        ("no name", b"", "is empty"),
        ("file with a slash", b"evil/", "empty name"),
        ("dot at the end", b"evil.", "ends in a dot or a space"),
        ("space at the end", b"evil ", "ends in a dot or a space"),
        ("device", b"NUL.txt", "is a device on Windows"),
        ("device below", b"lib/com1", "is a device on Windows"),
        ("device with raised digit", "LPT²".as_bytes(), "is a device on Windows"),
        ("no text", b"\xff\xfe", "is not UTF-8"),
        ("too deep", deep.as_bytes(), "deeper than"),
    ] {
        corpus.tar(what, with_name(name), NAME, says);
    }
    let path = |path: &str| Tar::package().pax(b'x', &[("path", path)]).file("good", b"x");
    corpus.tar("parent in an extended header", path("../evil"), NAME, "leads out of the folder");
    corpus.tar("NUL in an extended header", path("good\0/../evil"), NAME, "has the character");
    corpus.tar("long name between slashes", path(&long), NAME, "more than 255 bytes");
    let tar = Tar::package().edited(FILE, "evil", b"x", |header| {
        header[345..347].copy_from_slice(b"..");
    });
    corpus.tar("parent in the prefix", tar, NAME, "leads out of the folder");
}

fn twice(corpus: &mut Corpus<'_>) {
    let with = |names: &[&str]| {
        names.iter().fold(Tar::default(), |tar, name| match name.strip_suffix('/') {
            Some(folder) => tar.entry(FOLDER, format!("{folder}/"), b""),
            None => tar.file(name, b"x"),
        })
    };
    for (what, names, says) in [
        ("file twice", &["plugin.toml", "plugin.toml"][..], "there twice"),
        ("folder twice", &["lib/", "lib/"], "there twice"),
        ("other case", &["plugin.toml", "Plugin.TOML"], "one name on some systems"),
        ("other case of a folder", &["lib/a", "LIB/b"], "one name on some systems"),
        ("other case of a letter", &["ä", "Ä"], "one name on some systems"),
        ("file in a file", &["plugin.toml", "plugin.toml/x"], "has files in it"),
        ("file over a folder", &["lib/x", "lib"], "both a file and a folder"),
        ("folder over a file", &["lib", "lib/"], "both a file and a folder"),
    ] {
        corpus.tar(what, with(names), DUPLICATE, says);
    }
}

fn two_readings(corpus: &mut Corpus<'_>) {
    let package = Tar::package;
    let hidden = Tar::default().file("evil", b"x").cut();
    // CVE-2025-62518 (TARmageddon), RUSTSEC-2026-0068: an archive hides in what one reader skips.
    let tar = package().pax(b'x', &[("size", "1024")]).edited(FILE, "x", b"", |_| ()).raw(&hidden);
    corpus.tar("size hides entries", tar, AMBIGUOUS, "two sizes");
    let tar = package().pax(b'x', &[("size", "0")]).file("x", &hidden);
    corpus.tar("size shows entries", tar, AMBIGUOUS, "two sizes");
    // RUSTSEC-2026-0112, -0145: a header that one reader gives to the next header, not to the entry.
    let tar = package().pax(b'x', &[("size", "1024")]).entry(b'L', "././@LongLink", b"x\0");
    corpus.tar("size of a header", tar.file("x", b"").raw(&hidden), AMBIGUOUS, "two sizes");
    let tar = package().pax(b'x', &[("size", "1"), ("size", "2")]).file("x", b"x");
    corpus.tar("size twice in a header", tar, AMBIGUOUS, "`size` twice");
    let tar = package().pax(b'x', &[("size", "+1")]).file("x", b"x");
    corpus.tar("size with a sign", tar, AMBIGUOUS, "no number");
    let tar = package().pax(b'g', &[("size", "1024")]).file("x", b"x");
    corpus.tar("global size", tar, AMBIGUOUS, "global header");
    let tar = package().pax(b'g', &[("path", "evil")]).file("x", b"x");
    corpus.tar("global path", tar, AMBIGUOUS, "global header");
    let tar = package().pax(b'x', &[("linkpath", "/etc")]).file("x", b"x");
    corpus.tar("link in a header", tar, AMBIGUOUS, "`linkpath`");
    let tar = package().pax(b'x', &[("GNU.sparse.major", "1")]).file("x", b"x");
    corpus.tar("sparse in a header", tar, AMBIGUOUS, "`GNU.sparse.major`");
    let tar = package().pax(b'x', &[("path", "a")]).pax(b'x', &[("path", "b")]).file("x", b"x");
    corpus.tar("two extended headers", tar, AMBIGUOUS, "two extended headers");
    for (what, record) in [
        ("record too long", "99 path=evil\n"),
        ("record too short", "5 path=evil\n"),
        ("record without a length", "path=evil\n"),
        ("record without an end", "13 path=evil_"),
    ] {
        let tar = package().entry(b'x', "PaxHeaders/x", record.as_bytes()).file("x", b"x");
        corpus.tar(what, tar, AMBIGUOUS, "extended header is damaged");
    }
    let tar = package().edited(FOLDER, "lib/", &hidden, |_| ());
    corpus.tar("folder with a content", tar, AMBIGUOUS, "a folder with a content");
    let tar = package().raw(&[0; 512]).raw(&hidden);
    corpus.tar("entry after an empty block", tar, AMBIGUOUS, "between entries");
    let tar = package().raw(&[0; 1024]).raw(&hidden);
    corpus.tar("entry after the end", tar, AMBIGUOUS, "follows the end");
    let two = [gzip(&package().end()), gzip(&Tar::default().file("evil", b"x").end())].concat();
    corpus.add("second compressed archive", &two, AMBIGUOUS, "follows the end of the compressed");
    let more = [gzip(&package().end()), b"evil".to_vec()].concat();
    corpus.add("data after the compressed archive", &more, AMBIGUOUS, "follows the end of the");
    let tar = package().edited(FILE, b"good\0evil", b"x", |_| ());
    corpus.tar("name after its end", tar, AMBIGUOUS, "goes on after its end");
    // Some readers take a prefix from headers whose format has none.
    let tar = package().edited(FILE, "evil", b"x", |header| {
        header[257..265].copy_from_slice(b"ustar  \0");
        header[345..347].copy_from_slice(b"..");
    });
    corpus.tar("prefix in a GNU header", tar, AMBIGUOUS, "no known format");
    let tar = package().edited(FILE, "x", b"x", |header| header[257..265].fill(b'?'));
    corpus.tar("unknown format of a header", tar, AMBIGUOUS, "no known format");
    let filled = package().raw(&vec![0; 3 * 1024 * 1024]);
    corpus.tar("endless filling", filled, AMBIGUOUS, "follows the end");
}

fn long_names(corpus: &mut Corpus<'_>) {
    let package = Tar::package;
    let long = |name: &[u8]| package().entry(b'L', "././@LongLink", name);
    let tar = long(b"evil\0../evil\0").file("evil", b"x");
    corpus.tar("long name after its end", tar, AMBIGUOUS, "goes on after its end");
    let tar = long(b"evil\0").file("good", b"x");
    corpus.tar("long name of something else", tar, AMBIGUOUS, "another name in its header");
    let tar = long(b"good-a\0").entry(b'L', "././@LongLink", b"good-b\0").file("good-", b"x");
    corpus.tar("two long names", tar, AMBIGUOUS, "two long names");
    let tar = long(b"good-a\0").pax(b'x', &[("path", "good-b")]).file("good-", b"x");
    corpus.tar("long name and extended header", tar, AMBIGUOUS, "two long names");
    corpus.tar("long name of nothing", long(b"good\0"), AMBIGUOUS, "belongs to no entry");
    let tar = long(&[b'n'; 4096]).file("n", b"x");
    corpus.tar("endless long name", tar, AMBIGUOUS, "extra header has more than");
    let huge = header(b'L', b"././@LongLink", 1 << 30, |_| ());
    corpus.tar("long name of a gigabyte", package().raw(&huge), AMBIGUOUS, "extra header has more");
    let huge = header(b'x', b"PaxHeaders/x", 1 << 30, |_| ());
    corpus.tar("extended header of a gigabyte", package().raw(&huge), AMBIGUOUS, "has more than");
    let many = (0..20).fold(package(), |tar, _| tar.pax(b'g', &[("comment", "x")]));
    corpus.tar("many global headers", many.file("x", b"x"), AMBIGUOUS, "many global headers");
}

fn damage(corpus: &mut Corpus<'_>) {
    let package = Tar::package;
    for (what, size) in [
        ("size in another notation", *b"\x80\0\0\0\0\0\0\0\0\0\0\x01"),
        ("negative size", *b"-0000000001\0"),
        ("size that is no number", *b"0000000000x\0"),
    ] {
        let tar =
            package().edited(FILE, "x", b"", |header| header[124..136].copy_from_slice(&size));
        corpus.tar(what, tar, DAMAGED, "no octal number");
    }
    let mut bytes = package().file("x", b"x").end();
    bytes[1024] = b'y';
    corpus.add("wrong checksum", &gzip(&bytes), DAMAGED, "checksum");
    let cut = header(FILE, b"x", 1000, |_| ());
    corpus.add("cut in a file", &gzip(&package().raw(&cut).cut()), DAMAGED, "ends in the middle");
    corpus.add("no end", &gzip(&package().cut()), DAMAGED, "ends in the middle");
    corpus.add("half an end", &gzip(&package().raw(&[0; 512]).cut()), DAMAGED, "in the middle");
    let whole = gzip(&package().end());
    corpus.add("cut while compressed", &whole[..whole.len() - 12], DAMAGED, "in the middle");
    let mut wrong = whole.clone();
    let sum = wrong.len() - 6;
    wrong[sum] ^= 1;
    corpus.add("wrong sum of the compressed", &wrong, DAMAGED, "cannot be decompressed");
    let mut noise = whole;
    noise[20..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    corpus.add("noise while compressed", &noise, DAMAGED, "archive is damaged");
}

fn sizes(corpus: &mut Corpus<'_>) {
    let many = (0..1001).fold(Tar::default(), |tar, number| tar.file(format!("{number}"), b""));
    corpus.tar("many entries", many, LIMIT, "more than 1000 files");
    let huge = header(FILE, b"x", 129 << 20, |_| ());
    corpus.tar("large file", Tar::package().raw(&huge), LIMIT, "at most");
    // 120 MiB of zeros in 120 kB.
    let path = corpus.path("bomb");
    let size: u64 = 120 << 20;
    let tar = io::Cursor::new(header(FILE, b"zeros", size, |_| ()).to_vec())
        .chain(io::repeat(0).take(size + 1024));
    gzip_to(File::create(&path).expect("made"), tar).expect("compressed");
    corpus.all.push(Hostile { name: "bomb", path, code: LIMIT, says: "grows more than" });
    // Three files of 100 MiB, as such: holes on the disk.
    let path = corpus.path("too much together");
    let mut file = File::create(&path).expect("made");
    let mut size: u64 = 100 << 20;
    for (name, at) in [("a", 0), ("b", size + 512), ("c", 2 * (size + 512))] {
        file.set_len(at).expect("set");
        io::Seek::seek(&mut file, io::SeekFrom::Start(at)).expect("sought");
        file.write_all(&header(FILE, name.as_bytes(), size, |_| ())).expect("written");
    }
    size = 3 * (size + 512) + 1024;
    file.set_len(size).expect("set");
    let name = "too much together";
    corpus.all.push(Hostile { name, path, code: LIMIT, says: "bytes together" });
    let inner = gzip(&Tar::package().end());
    corpus.add("archive in an archive", &gzip(&inner), FORMAT, "no tar archive");
}

fn other_formats(corpus: &mut Corpus<'_>) {
    // The beginning is enough: none of them is ever read further. The first are those of archives as
    // the advisories about zip have them: names that lead out, links, bombs, overlapping files.
    let zipped = |name: &str| {
        let mut zip = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0".to_vec();
        zip.extend_from_slice(&(name.len() as u16).to_le_bytes());
        zip.extend_from_slice(&[0, 0]);
        zip.extend_from_slice(name.as_bytes());
        zip.push(b'x');
        zip
    };
    corpus.add("zip that leads out", &zipped("../evil"), FORMAT, "archive is zip");
    corpus.add("zip with a link", &zipped("lib"), FORMAT, "archive is zip");
    corpus.add("zip bomb", &zipped(&"z".repeat(60_000)), FORMAT, "archive is zip");
    let empty = [b"PK\x05\x06".as_slice(), &[0; 18]].concat();
    corpus.add("empty zip", &empty, FORMAT, "archive is zip");
    corpus.add("zip in parts", b"PK\x07\x08PK\x03\x04", FORMAT, "archive is zip");
    let stub = [b"#!/bin/sh\nexit\n".as_slice(), &zipped("evil")].concat();
    corpus.add("zip behind a script", &stub, FORMAT, "no tar archive");
    corpus.add("xz", b"\xfd7zXZ\0\0\x04", FORMAT, "archive is xz");
    corpus.add("bzip2", b"BZh91AY&SY", FORMAT, "archive is bzip2");
    corpus.add("zstd", b"\x28\xb5\x2f\xfd\x04\0", FORMAT, "archive is zstd");
    corpus.add("7z", b"7z\xbc\xaf\x27\x1c\0\x04", FORMAT, "archive is 7z");
    corpus.add("text", "just text\n".repeat(100).as_bytes(), FORMAT, "no tar archive");
    corpus.add("nothing", b"", FORMAT, "no tar archive");
    corpus.add("gzip of nothing", &gzip(b""), FORMAT, "no tar archive");
}
