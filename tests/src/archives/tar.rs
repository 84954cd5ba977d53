//! Writes tar archives as no honest program would.

use flate2::{Compression, write::GzEncoder};
use std::io::{self, Read, Write};

pub const FILE: u8 = b'0';
pub const FOLDER: u8 = b'5';

/// A tar archive under construction.
#[derive(Default)]
pub struct Tar(Vec<u8>);

impl Tar {
    /// An archive that begins like any package.
    pub fn package() -> Self {
        Self::default().file("plugin.toml", b"manifest = 1\n")
    }

    /// A regular file.
    pub fn file(self, name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        self.entry(FILE, name, content)
    }

    /// An entry of any kind, with what belongs to it.
    pub fn entry(self, kind: u8, name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        self.edited(kind, name, content, |_| ())
    }

    /// A link of any kind.
    pub fn link(self, kind: u8, name: &str, target: &str) -> Self {
        self.edited(kind, name, b"", |header| {
            header[157..157 + target.len()].copy_from_slice(target.as_bytes());
        })
    }

    /// An entry whose header is changed before its checksum is made.
    pub fn edited(
        mut self,
        kind: u8,
        name: impl AsRef<[u8]>,
        content: &[u8],
        edit: impl FnOnce(&mut [u8; 512]),
    ) -> Self {
        self.0.extend_from_slice(&header(kind, name.as_ref(), content.len() as u64, edit));
        self.0.extend_from_slice(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// An extended header with these records, for the next entry or, with `g`, for all.
    pub fn pax(self, kind: u8, records: &[(&str, &str)]) -> Self {
        let text: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.entry(kind, "PaxHeaders/x", text.as_bytes())
    }

    /// Bytes as they are.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The archive with its proper end.
    pub fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }

    /// The archive without an end.
    pub fn cut(self) -> Vec<u8> {
        self.0
    }
}

/// A header of the ustar format.
pub fn header(kind: u8, name: &[u8], size: u64, edit: impl FnOnce(&mut [u8; 512])) -> [u8; 512] {
    let mut header = [0; 512];
    let name = &name[..name.len().min(100)];
    header[..name.len()].copy_from_slice(name);
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..124].copy_from_slice(b"0000000\x000000000\0");
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    header[136..148].copy_from_slice(b"00000000000\0");
    header[156] = kind;
    header[257..265].copy_from_slice(b"ustar\x0000");
    edit(&mut header);
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

/// A record whose length counts itself.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = (1..6)
        .map(|digits| rest + digits)
        .find(|length| length.to_string().len() + rest == *length);
    format!("{} {key}={value}\n", length.expect("a short record"))
}

/// The bytes, compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    gzip_to(&mut compressed, bytes).expect("memory takes everything");
    compressed
}

/// Compresses on the way, so that what is large is never held.
pub fn gzip_to(sink: impl Write, mut bytes: impl Read) -> io::Result<()> {
    let mut encoder = GzEncoder::new(sink, Compression::best());
    io::copy(&mut bytes, &mut encoder)?;
    encoder.finish().map(drop)
}
