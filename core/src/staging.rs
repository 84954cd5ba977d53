//! The private store: exactly the bytes that were vetted, where nobody else can reach them.
//!
//! A plugin's own file is never mapped, since whoever writes to a mapped file crashes the process.
//! It is copied, what is written is what was hashed, and the copy has a name of its own for every
//! generation, because the dynamic linker answers a path it has seen before with the library it has
//! seen before.

mod session;

use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::Candidate,
    folder::shell_word,
    manifest::PluginSpec,
    vetting::{Fresh, Vetted},
};
use loader_abi::facts::Facts;
use rustix::{
    fs::{self, Mode, OFlags},
    io::Errno,
};
use session::Session;
use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

/// How much is copied at once.
const CHUNK_BYTES: usize = 128 * 1024;

/// The staged libraries of this process: a folder of its own in `<state>/store`, which goes when the
/// last clone and the last [`Staged`] are gone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store(Arc<Session>);

impl Store {
    /// Opens the store of a state folder and makes both when they are not there. Removes what
    /// processes that are gone have left behind. Blocks on the file system.
    pub fn open(state: &Path) -> Result<Self, Diagnostic> {
        Session::open(state).map(|session| Self(Arc::new(session)))
    }

    /// The folder of this process.
    pub fn folder(&self) -> &Path {
        self.0.folder()
    }

    /// Writes a vetted library that is still in memory into the store. `generation` must be new in this
    /// process. Blocks on the file system.
    ///
    /// Looks at the file once more: whoever reads while somebody writes may have got the beginning of one
    /// version and the end of another, which is a library that nobody built.
    pub fn stage(&self, fresh: &Fresh, generation: u64) -> Result<Staged, Diagnostic> {
        let vetted = fresh.vetted();
        let about = |finding: Diagnostic| finding.about(&vetted.spec().id);
        let (copy, mut file) = self.create(vetted, generation).map_err(about)?;
        let same = holds(fresh.file(), fresh.bytes());
        if !same.map_err(|problem| about(problem.describe(vetted, &copy.path)))? {
            return Err(about(changed(vetted)));
        }
        let written = file.write_all(fresh.bytes()).map_err(|error| Problem::Write(errno(&error)));
        written.map_err(|problem| about(problem.describe(vetted, &copy.path)))?;
        self.staged(vetted, generation, copy, &file).map_err(about)
    }

    fn staged(
        &self,
        vetted: &Vetted,
        generation: u64,
        copy: Copy,
        file: &File,
    ) -> Result<Staged, Diagnostic> {
        let found = file
            .metadata()
            .map_err(|error| Problem::Write(errno(&error)).describe(vetted, &copy.path))?;
        Ok(Staged {
            vetted: vetted.clone(),
            generation,
            device: found.dev(),
            inode: found.ino(),
            copy,
            _store: self.clone(),
        })
    }

    fn create(&self, vetted: &Vetted, generation: u64) -> Result<(Copy, File), Diagnostic> {
        // A plus sign is in no id, so two ids never share a name.
        let id = vetted.spec().id.replace('/', "+");
        let suffix = std::env::consts::DLL_SUFFIX;
        let name = format!("{id}-g{generation}-{}{suffix}", vetted.digest().short());
        let path = self.folder().join(name);
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = fs::open(&path, flags, Mode::RUSR | Mode::XUSR)
            .map_err(|errno| Problem::Write(errno).describe(vetted, &path))?;
        let copy = Copy { path, is_kept: false };
        // The process may have an unusual umask.
        fs::fchmod(&handle, Mode::RUSR | Mode::XUSR)
            .map_err(|errno| Problem::Write(errno).describe(vetted, &copy.path))?;
        Ok((copy, File::from(handle)))
    }
}

/// A private copy of a vetted library, ready to be opened. Its file goes when it is dropped, unless
/// it was [kept](Self::keep).
#[derive(Debug)]
pub struct Staged {
    vetted: Vetted,
    generation: u64,
    device: u64,
    inode: u64,
    copy: Copy,
    /// Keeps the folder: it must go after the copy, and fields are dropped in order.
    _store: Store,
}

impl Staged {
    /// The copy's path, unique in the life of this process.
    pub fn path(&self) -> &Path {
        &self.copy.path
    }

    /// The device the copy is on, to compare with what was mapped.
    pub fn device(&self) -> u64 {
        self.device
    }

    /// The copy's inode number, to compare with what was mapped.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> Digest {
        self.vetted.digest()
    }

    /// The plugin as it was discovered.
    pub fn candidate(&self) -> &Candidate {
        self.vetted.candidate()
    }

    /// The plugin.
    pub fn spec(&self) -> &PluginSpec {
        self.vetted.spec()
    }

    /// What the library says about itself.
    pub fn facts(&self) -> &Facts {
        self.vetted.facts()
    }

    /// The generation it was staged for.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Leaves the file where it is, for a library that will not leave the process: its backtraces
    /// need it. The next process that opens the store removes it.
    pub fn keep(&mut self) {
        self.copy.is_kept = true;
    }
}

/// A file in the store.
#[derive(Debug)]
struct Copy {
    path: PathBuf,
    is_kept: bool,
}

impl Drop for Copy {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed now goes with the folder.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What went wrong while copying.
enum Problem {
    /// The vetted library could not be read.
    Read(Errno),
    /// The store could not be written.
    Write(Errno),
}

impl Problem {
    fn describe(&self, vetted: &Vetted, copy: &Path) -> Diagnostic {
        match *self {
            Self::Read(errno) => {
                let message = format!("the library cannot be read any more: {errno}");
                let hint = format!(
                    "look at its disk, then try again; ls -l {}",
                    shell_word(vetted.path())
                );
                Diagnostic::error("LDR-STAGE-READ", message).at(vetted.path()).hint(hint)
            }
            Self::Write(errno) => unwritable(errno, copy),
        }
    }
}

/// Why the store cannot be written.
fn unwritable(errno: Errno, path: &Path) -> Diagnostic {
    // The store itself, since this process's own folder in it may be gone when the hint is read.
    let folder = shell_word(path.ancestors().nth(2).unwrap_or(path));
    let finding = match errno {
        Errno::NOSPC | Errno::DQUOT => {
            let message = format!("no space is left for a private copy of the library: {errno}");
            let hint = format!("free some space (df -h {folder}), or choose another --state-dir");
            Diagnostic::error("LDR-STAGE-FULL", message).hint(hint)
        }
        Errno::EXIST => {
            let message = "this generation was staged before";
            Diagnostic::error("LDR-STAGE-WRITE", message).hint("load the plugin again")
        }
        _ => {
            let message = format!("the private copy of the library cannot be written: {errno}");
            let hint =
                format!("make the store writable (ls -ld {folder}), or choose another --state-dir");
            Diagnostic::error("LDR-STAGE-WRITE", message).hint(hint)
        }
    };
    finding.at(path)
}

fn changed(vetted: &Vetted) -> Diagnostic {
    let message = "the file changed while it was being loaded";
    Diagnostic::error("LDR-STAGE-CHANGED", message)
        .at(vetted.path())
        .hint("wait until it is written, then load the plugin again")
}

/// Whether a file holds exactly these bytes.
fn holds(file: &File, bytes: &[u8]) -> Result<bool, Problem> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut rest = bytes;
    loop {
        let offset = (bytes.len() - rest.len()) as u64;
        match file.read_at(&mut chunk, offset) {
            Ok(0) => return Ok(rest.is_empty()),
            Ok(length) => match rest.strip_prefix(&chunk[..length]) {
                Some(after) => rest = after,
                None => return Ok(false),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::Read(errno(&error))),
        }
    }
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_forbidden_folder_are_told_apart() {
        let copy = Path::new("/state/store/1-2/hello-g1-00.so");
        for (errno, code) in [
            (Errno::NOSPC, "LDR-STAGE-FULL"),
            (Errno::DQUOT, "LDR-STAGE-FULL"),
            (Errno::ACCESS, "LDR-STAGE-WRITE"),
            (Errno::ROFS, "LDR-STAGE-WRITE"),
            (Errno::EXIST, "LDR-STAGE-WRITE"),
        ] {
            let finding = unwritable(errno, copy);
            assert_eq!(finding.code, code, "{errno}");
            assert!(finding.is_error() && finding.hint.is_some() && finding.place.is_some());
        }
    }
}
