//! Makes an archive of a folder: the same bytes from the same files, whoever packs them and when.

use super::{Files, folder};
use crate::{
    diagnostic::Diagnostic, digest::Digest, durable, folder::shell_word, manifest::RelativePath,
    trust::Release,
};
use flate2::{Compression, GzBuilder, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};
use tar::{EntryType, Header};

/// How names of archives end.
pub const EXTENSION: &str = "ldr";

/// "Unknown", as the header of gzip calls the system that made it.
const ANY_SYSTEM: u8 = 255;

/// An archive that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// The digest of the archive's bytes.
    pub digest: Digest,
    /// The archive's size in bytes.
    pub size: u64,
    /// Every file in it.
    pub files: Files,
}

/// What the archive of a release is called.
pub fn file_name(release: &Release) -> String {
    format!("{}-{}.{EXTENSION}", release.id, release.version)
}

/// Writes a folder's archive: it is there whole and durable, or not at all. The folder must hold the
/// files of the release, besides the release file and its signature. `progress` is told how many bytes
/// of how many are done.
pub fn pack(
    folder: &Path,
    release: &Release,
    output: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Packed, Diagnostic> {
    check_output(folder, output)?;
    let packed = durable::replace(output, |file| {
        let packed = write(folder, file, progress)?;
        match release.differences(folder, &packed.files).into_iter().next() {
            Some(difference) => Err(Fault::Refused(difference)),
            None => Ok(packed),
        }
    });
    packed.map_err(|fault| match fault {
        Fault::Refused(refusal) => refusal,
        Fault::Unwritten(error) => unwritable(output, &error),
    })
}

/// Why there is no archive.
enum Fault {
    Refused(Diagnostic),
    Unwritten(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Unwritten(error)
    }
}

impl From<Diagnostic> for Fault {
    fn from(refusal: Diagnostic) -> Self {
        Self::Refused(refusal)
    }
}

fn write(
    folder: &Path,
    file: &mut File,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Packed, Fault> {
    let listing = folder::list(folder)?;
    let total = listing.files.iter().map(|(_, size)| size).sum();
    let folders = listing.folders.into_iter().map(|path| (path, None));
    let files = listing.files.into_iter().map(|(path, size)| (path, Some(size)));
    let mut entries: Vec<(RelativePath, Option<u64>)> = folders.chain(files).collect();
    entries.sort();
    let sink = Hashed { file: BufWriter::new(file), hasher: Sha256::new(), size: 0 };
    let gzip = GzBuilder::new().mtime(0).operating_system(ANY_SYSTEM);
    let mut archive = gzip.write(sink, Compression::new(6));
    let mut files = Files::new();
    let mut done = 0;
    for (path, size) in entries {
        archive.write_all(header(&path, size)?.as_bytes())?;
        let Some(size) = size else { continue };
        let digest = append(folder, &path, size, &mut archive, &mut |read| {
            done += read;
            progress(done, total);
        })?;
        files.insert(path, (digest, size));
    }
    archive.write_all(&[0; 1024])?;
    let mut sink = archive.finish()?;
    sink.file.flush()?;
    Ok(Packed { digest: Digest::finish(sink.hasher), size: sink.size, files })
}

fn header(path: &RelativePath, size: Option<u64>) -> Result<Header, Diagnostic> {
    let mut header = Header::new_ustar();
    let (kind, mode, slash) = match size {
        Some(_) => (EntryType::Regular, 0o644, ""),
        None => (EntryType::Directory, 0o755, "/"),
    };
    header.set_path(format!("{path}{slash}")).map_err(|_| {
        let message = format!("`{path}` is too long for an archive");
        Diagnostic::error("LDR-PACKAGE-NAME", message)
            .hint("choose a shorter name: no more than 100 bytes each, and 255 with its folders")
    })?;
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size.unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

fn append<W: Write>(
    folder: &Path,
    path: &RelativePath,
    size: u64,
    archive: &mut GzEncoder<W>,
    progress: &mut dyn FnMut(u64),
) -> Result<Digest, Fault> {
    let mut opened = folder::open(folder, path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut read_so_far = 0;
    loop {
        let read = folder::read(&mut opened, &mut buffer)?;
        read_so_far += read as u64;
        if read_so_far > size || (read == 0 && read_so_far < size) {
            return Err(folder::changed(path).at(&path.under(folder)).into());
        }
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        archive.write_all(&buffer[..read])?;
        progress(read as u64);
    }
    let padding = size.next_multiple_of(512) - size;
    archive.write_all(&[0; 512][..usize::try_from(padding).unwrap_or_default()])?;
    Ok(Digest::finish(hasher))
}

/// Hashes and counts what is written.
struct Hashed<W> {
    file: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// An archive in the folder that is packed would be packed the next time.
fn check_output(folder: &Path, output: &Path) -> Result<(), Diagnostic> {
    let above = output.parent().unwrap_or(output).canonicalize();
    let above = above.map_err(|error| unwritable(output, &error))?;
    let inside = folder.canonicalize().is_ok_and(|folder| above.starts_with(folder));
    if !inside {
        return Ok(());
    }
    let message = "the archive would lie in the folder that is packed";
    Err(Diagnostic::error("LDR-PACKAGE-WRITE", message)
        .at(output)
        .hint("name another place: --output FILE"))
}

fn unwritable(output: &Path, error: &io::Error) -> Diagnostic {
    let above = shell_word(output.parent().unwrap_or(output));
    Diagnostic::error("LDR-PACKAGE-WRITE", format!("the archive cannot be written: {error}"))
        .at(output)
        .hint(format!("make space and the folder writable: df -h {above}; ls -ld {above}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        package::{Extracted, unpack},
        trust::release,
    };
    use std::{
        fs::{self, Permissions},
        os::unix::fs::PermissionsExt as _,
        path::PathBuf,
        time::{Duration, SystemTime},
    };

    const MANIFEST: &str = "manifest = 1\nid = \"a\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n\
                            [library]\npath = \"lib/a.so\"\n";

    /// A folder with a release, and the release.
    fn released(home: &Path, name: &str) -> (PathBuf, Release) {
        let folder = home.join(name);
        fs::create_dir_all(folder.join("lib")).expect("made");
        fs::write(folder.join("plugin.toml"), MANIFEST).expect("written");
        fs::write(folder.join("lib/a.so"), "x".repeat(100_000)).expect("written");
        let long = folder.join("lib").join("f".repeat(90));
        fs::create_dir_all(&long).expect("made");
        fs::write(long.join("n".repeat(90)), "").expect("written");
        let release = Release::describe(&folder, 1).expect("described");
        fs::write(folder.join(release::FILE_NAME), release.to_text()).expect("written");
        (folder, release)
    }

    #[test]
    fn the_same_files_make_the_same_bytes_and_come_out_again() {
        let home = tempfile::tempdir().expect("a folder");
        let (first, release) = released(home.path(), "first");
        let (second, _) = released(home.path(), "second");
        let library = File::options().write(true).open(second.join("lib/a.so")).expect("open");
        library.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1)).expect("set");
        let odd = Permissions::from_mode(0o700);
        fs::set_permissions(second.join("lib/a.so"), odd).expect("set");
        let output = |name: &str| home.path().join(name).join(file_name(&release));
        let mut told = Vec::new();
        let mut packed = |folder: &Path, to: &str| {
            fs::create_dir_all(home.path().join(to)).expect("made");
            pack(folder, &release, &output(to), &mut |done, all| told.push((done, all)))
        };
        let one = packed(&first, "x").expect("packed");
        assert_eq!(packed(&second, "y").expect("packed"), one);
        assert_eq!(told.last().map(|(done, all)| done == all), Some(true));
        let bytes = fs::read(output("x")).expect("there");
        assert_eq!((Digest::of(&bytes), bytes.len() as u64), (one.digest, one.size));
        let out = home.path().join("out");
        let extracted = unpack(&output("x"), &out).expect("unpacked");
        assert_eq!(extracted, Extracted { files: one.files });
        assert_eq!(release.differences(&out, &extracted.files), []);
    }

    #[test]
    fn what_was_not_released_is_not_packed() {
        let home = tempfile::tempdir().expect("a folder");
        let (folder, release) = released(home.path(), "a");
        let output = home.path().join("a.ldr");
        let refused = |output: &Path| {
            let refusal = pack(&folder, &release, output, &mut |_, _| ()).expect_err("refused");
            assert!(!output.exists());
            refusal.code
        };
        assert_eq!(refused(&folder.join("a.ldr")), "LDR-PACKAGE-WRITE");
        fs::write(folder.join("more"), "").expect("written");
        assert_eq!(refused(&output), "LDR-RELEASE-EXTRA");
        fs::remove_file(folder.join("more")).expect("removed");
        fs::write(folder.join("lib/a.so"), "y".repeat(100_000)).expect("written");
        assert_eq!(refused(&output), "LDR-RELEASE-DIGEST");
        assert_eq!(fs::read_dir(home.path()).expect("there").count(), 1);
    }
}
