//! The entries of a tar archive, read so strictly that no other reader can see something else.

use super::{MAX_FILE_BYTES, pax::Records};
use crate::diagnostic::Diagnostic;
use std::{
    io::{self, Read},
    mem,
};
use tar::{EntryType, Header};

const BLOCK: usize = 512;

/// No name in an extra header is longer; the padding of the longest path included.
const MAX_LONG_NAME: u64 = 1_200;
/// No extended header is longer.
const MAX_RECORDS: u64 = 64 * 1024;
/// No archive has more headers for all entries.
const MAX_GLOBAL_HEADERS: usize = 16;
/// Programs fill the archive up with zeros after its end; not with more than this.
const MAX_FILLING: usize = 1024 * 1024;

/// A file or a folder in an archive.
pub(super) struct Entry {
    /// Its path as it is written, without a slash at the end.
    pub(super) path: String,
    /// Whether it is a folder.
    pub(super) is_folder: bool,
    /// How many bytes the file has.
    pub(super) size: u64,
}

/// Reads the entries one after the other. Each file's content is read before the next entry.
pub(super) struct Entries<R> {
    reader: R,
    /// What is left of the content.
    content: u64,
    /// What fills the last block of the content.
    padding: u64,
    headers: usize,
    globals: usize,
    long_name: Option<Vec<u8>>,
    records: Option<Records>,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(reader: R) -> Self {
        Self {
            reader,
            content: 0,
            padding: 0,
            headers: 0,
            globals: 0,
            long_name: None,
            records: None,
        }
    }

    /// The next entry; `None` at the proper end of the archive, after which nothing follows.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Diagnostic> {
        loop {
            self.skip_padding()?;
            let block = self.block()?;
            if block == [0; BLOCK] {
                self.expect_end()?;
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            self.check(header, &block)?;
            self.headers += 1;
            let size = octal(&header.as_old().size)
                .ok_or_else(|| damaged("an entry's size is no octal number".to_owned()))?;
            self.content = size;
            self.padding = size.next_multiple_of(BLOCK as u64) - size;
            match header.entry_type() {
                EntryType::GNULongName => {
                    let name = self.extra(MAX_LONG_NAME)?;
                    if self.long_name.replace(long_name(name)?).is_some() {
                        return Err(ambiguous("an entry has two long names".to_owned()));
                    }
                }
                EntryType::XHeader => {
                    let records = Records::read(&self.extra(MAX_RECORDS)?)?;
                    if self.records.replace(records).is_some() {
                        return Err(ambiguous("an entry has two extended headers".to_owned()));
                    }
                }
                EntryType::XGlobalHeader => {
                    self.globals += 1;
                    if self.globals > MAX_GLOBAL_HEADERS {
                        return Err(ambiguous("there are many global headers".to_owned()));
                    }
                    if Records::read(&self.extra(MAX_RECORDS)?)?.matter() {
                        let message = "a global header changes the entries after it";
                        return Err(ambiguous(message.to_owned()));
                    }
                }
                kind => {
                    if let Some(entry) = self.entry(header, kind, size)? {
                        return Ok(Some(entry));
                    }
                }
            }
        }
    }

    /// Reads on in the content of the entry; 0 at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Diagnostic> {
        let most = usize::try_from(self.content).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let read = self.some(&mut buffer[..most])?;
        self.content -= read as u64;
        Ok(read)
    }

    /// What is left when the archive has ended.
    pub(super) fn into_reader(self) -> R {
        self.reader
    }

    /// `None` for the folder that everything lies in.
    fn entry(
        &mut self,
        header: &Header,
        kind: EntryType,
        size: u64,
    ) -> Result<Option<Entry>, Diagnostic> {
        let mut path = header_path(header)?;
        let records = mem::take(&mut self.records).unwrap_or_default();
        match (mem::take(&mut self.long_name), records.path) {
            (Some(_), Some(_)) => {
                return Err(ambiguous("an entry has two long names".to_owned()));
            }
            (Some(long), None) if !long.starts_with(&path) => {
                let message = "an entry has another name in its header than before it";
                return Err(ambiguous(message.to_owned()));
            }
            (Some(long), None) | (None, Some(long)) => path = long,
            (None, None) => {}
        }
        let path = String::from_utf8(path).map_err(|error| {
            let shown = String::from_utf8_lossy(error.as_bytes()).escape_debug().to_string();
            let hint = "rename it, and make the package anew";
            Diagnostic::error("LDR-PACKAGE-NAME", format!("`{shown}` is not UTF-8")).hint(hint)
        })?;
        let shown = path.escape_debug();
        let is_folder = match kind {
            EntryType::Regular => false,
            EntryType::Directory => true,
            other => return Err(kind_refused(&path, other)),
        };
        if records.size.is_some_and(|other| other != size) {
            return Err(ambiguous(format!("`{shown}` has two sizes")));
        }
        if is_folder && size > 0 {
            return Err(ambiguous(format!("`{shown}` is a folder with a content of its own")));
        }
        if size > MAX_FILE_BYTES {
            let message = format!("`{shown}` has {size} bytes; at most {MAX_FILE_BYTES} are taken");
            let hint = "put large data somewhere else, and make the package anew";
            return Err(Diagnostic::error("LDR-PACKAGE-LIMIT", message).hint(hint));
        }
        // `tar -C folder .` writes `./` before every name.
        let short = path.strip_prefix("./").unwrap_or(&path);
        let short = if is_folder { short.strip_suffix('/').unwrap_or(short) } else { short };
        if is_folder && (short.is_empty() || short == ".") && !path.starts_with('/') {
            return Ok(None);
        }
        Ok(Some(Entry { path: short.to_owned(), is_folder, size }))
    }

    /// Whether a block can be a header at all.
    fn check(&self, header: &Header, block: &[u8; BLOCK]) -> Result<(), Diagnostic> {
        let claimed = octal(&header.as_old().cksum);
        let checked = block.iter().enumerate().map(|(at, byte)| match at {
            148..156 => u64::from(b' '),
            _ => u64::from(*byte),
        });
        if claimed != Some(checked.sum()) {
            return Err(match self.headers {
                0 => not_tar(),
                _ => damaged("the checksum of an entry's header is wrong".to_owned()),
            });
        }
        let magic = &block[257..265];
        // Some readers take this field for a part of the name whatever the format is.
        let has_no_prefix = block[345..500].iter().all(|byte| *byte == 0);
        let is_gnu_or_old = matches!(magic, b"ustar  \0" | b"\0\0\0\0\0\0\0\0") && has_no_prefix;
        if magic == b"ustar\x0000" || is_gnu_or_old {
            return Ok(());
        }
        Err(ambiguous("an entry's header is of no known format".to_owned()))
    }

    /// The whole content of a header that belongs to the next entry.
    fn extra(&mut self, limit: u64) -> Result<Vec<u8>, Diagnostic> {
        if self.content > limit {
            return Err(ambiguous(format!("an extra header has more than {limit} bytes")));
        }
        let mut content = vec![0; usize::try_from(self.content).unwrap_or_default()];
        self.exactly(&mut content)?;
        self.content = 0;
        Ok(content)
    }

    fn expect_end(&mut self) -> Result<(), Diagnostic> {
        if self.long_name.is_some() || self.records.is_some() {
            return Err(ambiguous("the last header belongs to no entry".to_owned()));
        }
        if self.block()? != [0; BLOCK] {
            return Err(ambiguous("an empty block stands between entries".to_owned()));
        }
        let mut filling = 0;
        let mut buffer = [0; BLOCK];
        loop {
            let read = self.some_or_end(&mut buffer)?;
            filling += read;
            if buffer[..read].iter().any(|byte| *byte != 0) || filling > MAX_FILLING {
                return Err(ambiguous("data follows the end of the archive".to_owned()));
            }
            if read == 0 {
                return Ok(());
            }
        }
    }

    fn skip_padding(&mut self) -> Result<(), Diagnostic> {
        let mut padding = [0; BLOCK];
        let padding = &mut padding[..usize::try_from(mem::take(&mut self.padding)).unwrap_or(0)];
        self.exactly(padding)
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Diagnostic> {
        let mut block = [0; BLOCK];
        self.exactly(&mut block)?;
        Ok(block)
    }

    fn exactly(&mut self, mut buffer: &mut [u8]) -> Result<(), Diagnostic> {
        while !buffer.is_empty() {
            let read = self.some(buffer)?;
            buffer = &mut buffer[read..];
        }
        Ok(())
    }

    fn some(&mut self, buffer: &mut [u8]) -> Result<usize, Diagnostic> {
        match self.some_or_end(buffer)? {
            0 if self.headers == 0 => Err(not_tar()),
            0 => Err(damaged("it ends in the middle".to_owned())),
            read => Ok(read),
        }
    }

    fn some_or_end(&mut self, buffer: &mut [u8]) -> Result<usize, Diagnostic> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(|error| unreadable(&error)),
            }
        }
    }
}

/// What a reader said: damage it found, or trouble of the system.
pub(super) fn unreadable(error: &io::Error) -> Diagnostic {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged("it ends in the middle".to_owned()),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            damaged(format!("it cannot be decompressed: {error}"))
        }
        _ => Diagnostic::error("LDR-PACKAGE-READ", format!("it cannot be read: {error}"))
            .hint("look at the file with `ls -l`, or fetch it again"),
    }
}

fn not_tar() -> Diagnostic {
    Diagnostic::error("LDR-PACKAGE-FORMAT", "this is no tar archive")
        .hint("name an archive that `loader plugins pack FOLDER` made")
}

/// Bytes that no writer of archives makes.
fn damaged(why: String) -> Diagnostic {
    Diagnostic::error("LDR-PACKAGE-DAMAGED", format!("the archive is damaged: {why}"))
        .hint("fetch or copy it again, and compare `sha256sum` with what its publisher says")
}

/// What one program reads in one way and the next in another.
pub(super) fn ambiguous(what: String) -> Diagnostic {
    let message = format!("{what}, which programs read in different ways");
    Diagnostic::error("LDR-PACKAGE-AMBIGUOUS", message)
        .hint("unpack it elsewhere, look at it, and make it anew: loader plugins pack FOLDER")
}

fn kind_refused(path: &str, kind: EntryType) -> Diagnostic {
    let what = match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::GNULongLink => "the name of a link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        EntryType::Continuous => "a contiguous file",
        _ => "of an unknown kind",
    };
    let message = format!("`{}` is {what}; a package holds files and folders", path.escape_debug());
    Diagnostic::error("LDR-PACKAGE-KIND", message)
        .hint("leave it out, or put the file itself there, and make the package anew")
}

/// The path in a header: the prefix, if the format has one, and the name.
fn header_path(header: &Header) -> Result<Vec<u8>, Diagnostic> {
    let name = field(&header.as_old().name)?;
    let prefix = header.as_ustar().map(|header| field(&header.prefix)).transpose()?;
    Ok(match prefix {
        Some(prefix) if !prefix.is_empty() => [prefix, name].join(&b'/'),
        _ => name.to_vec(),
    })
}

/// A field's text up to the first NUL, after which there is nothing else.
fn field(bytes: &[u8]) -> Result<&[u8], Diagnostic> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, rest) = bytes.split_at(end);
    if rest.iter().any(|byte| *byte != 0) {
        return Err(ambiguous("a name goes on after its end".to_owned()));
    }
    Ok(text)
}

fn long_name(mut name: Vec<u8>) -> Result<Vec<u8>, Diagnostic> {
    if name.last() == Some(&0) {
        name.pop();
    }
    if name.is_empty() || name.contains(&0) {
        return Err(ambiguous("a long name goes on after its end".to_owned()));
    }
    Ok(name)
}

/// A number as programs write it: octal digits, perhaps after spaces, ended by NULs or spaces. Other
/// notations are for numbers that no package needs.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?;
    let digits = text.trim_end_matches(['\0', ' ']).trim_start_matches(' ');
    let plain = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    plain.then(|| u64::from_str_radix(digits, 8).ok()).flatten()
}
