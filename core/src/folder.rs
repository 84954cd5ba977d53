//! Opens files inside a plugin's folder without ever leaving it, and looks at everything on the way.
//!
//! A [`Folder`] is opened once; what is read afterwards is read below that open folder, one name
//! after the other and without following symbolic links. So what was looked at is what is read,
//! whatever happens to the path meanwhile.

mod way;

pub(crate) use way::Ways;

use crate::manifest::RelativePath;
use rustix::{
    fs::{self, Mode, OFlags, Stat, StatVfsMountFlags},
    io::Errno,
};
use std::{
    fmt,
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A plugin's folder, open.
#[derive(Clone)]
pub(crate) struct Folder {
    handle: Arc<OwnedFd>,
    path: PathBuf,
    /// Every folder and symbolic link on the way, from `/` to the folder itself; empty when nobody
    /// looked.
    pub(crate) way: Vec<Step>,
}

/// The device and the number of a folder on it.
pub(crate) type Identity = (fs::Dev, u64);

/// A folder, symbolic link or file on the way, as it was when it was opened.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Its path, for messages.
    pub(crate) path: Arc<Path>,
    /// What the system says of it.
    pub(crate) found: Stat,
    /// Whether it lies above the folder that plugins are kept in.
    pub(crate) is_above: bool,
}

/// A regular file, open for reading, and what it took to reach it.
pub(crate) struct Opened {
    /// The file.
    pub(crate) file: File,
    /// Its path, for messages.
    pub(crate) path: PathBuf,
    /// Its size in bytes when it was opened.
    pub(crate) size: u64,
    /// Every folder below the plugin's on the way, and the file.
    pub(crate) chain: Vec<Step>,
}

/// Why a file was not opened or read. Displays as the end of a sentence that begins with its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Nothing is there.
    Missing,
    /// It, or a folder on the way to it, is a symbolic link: this one.
    Link(PathBuf),
    /// It is a folder, a pipe, a device or a socket.
    NotAFile,
    /// It has more bytes than may be read.
    TooLarge {
        /// The bytes that may be read.
        limit: u64,
    },
    /// The operating system refused.
    System(Errno),
}

impl Folder {
    /// Opens a folder, wherever it is.
    pub(crate) fn open(path: &Path) -> Result<Self, Unreadable> {
        let handle = fs::open(path, way::FOLDER, Mode::empty()).map_err(refused)?;
        Ok(Self { handle: Arc::new(handle), path: path.to_owned(), way: Vec::new() })
    }

    /// Opens a plugin's folder, and looks at everything from `/` to it. `root` is the folder that
    /// plugins are kept in, or the plugin's own; links may lead there, but not from there on.
    pub(crate) fn reach(root: &Path, path: &Path) -> Result<Self, Unreadable> {
        Self::walk(root)?.below(path)
    }

    /// Opens a folder that plugins are kept in, and looks at everything from `/` to it.
    fn walk(root: &Path) -> Result<Self, Unreadable> {
        let (handle, way) = way::walk(root)?;
        Ok(Self { handle: Arc::new(handle), path: root.to_owned(), way })
    }

    /// Goes on to a folder below, and looks at everything on the way.
    fn below(mut self, path: &Path) -> Result<Self, Unreadable> {
        let names = path.strip_prefix(&self.path).map_err(|_| Unreadable::Missing)?;
        for name in names {
            self.path.push(name);
            let handle = open_below(&self.handle, Path::new(name), way::FOLDER)
                .map_err(|errno| at_link(errno, &self.path))?;
            self.way.push(Step::of(&handle, &self.path)?);
            self.handle = Arc::new(handle);
        }
        Ok(self)
    }

    /// Which folder it is, whatever its path; `None` when nobody looked.
    pub(crate) fn identity(&self) -> Option<Identity> {
        let found = self.way.last()?.found;
        Some((found.st_dev, found.st_ino))
    }

    /// Opens a regular file inside the folder.
    pub(crate) fn file(&self, file: &RelativePath) -> Result<Opened, Unreadable> {
        // Without a non-blocking open, a pipe in the file's place would hang the caller.
        let reading = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
        let (mut path, mut chain) = (self.path.clone(), Vec::<Step>::new());
        let mut opened: Option<OwnedFd> = None;
        for name in file.as_str().split('/') {
            if chain.last().is_some_and(|step| !step.is_folder()) {
                return Err(Unreadable::Missing);
            }
            path.push(name);
            let folder = opened.as_ref().unwrap_or_else(|| &*self.handle);
            let handle = open_below(folder, Path::new(name), reading)
                .map_err(|errno| at_link(errno, &path))?;
            chain.push(Step::of(&handle, &path)?);
            opened = Some(handle);
        }
        match (opened, chain.last()) {
            (Some(handle), Some(step)) if step.is_file() => {
                let size = u64::try_from(step.found.st_size).unwrap_or_default();
                Ok(Opened { file: File::from(handle), path, size, chain })
            }
            _ => Err(Unreadable::NotAFile),
        }
    }
}

impl Step {
    fn of(handle: impl AsFd, path: &Path) -> Result<Self, Unreadable> {
        let found = fs::fstat(handle).map_err(Unreadable::System)?;
        Ok(Self { path: path.into(), found, is_above: false })
    }

    /// Whether it is a regular file.
    pub(crate) fn is_file(&self) -> bool {
        fs::FileType::from_raw_mode(self.found.st_mode) == fs::FileType::RegularFile
    }

    /// Whether it is a symbolic link.
    pub(crate) fn is_link(&self) -> bool {
        fs::FileType::from_raw_mode(self.found.st_mode) == fs::FileType::Symlink
    }

    fn is_folder(&self) -> bool {
        fs::FileType::from_raw_mode(self.found.st_mode) == fs::FileType::Directory
    }
}

impl Opened {
    /// Reads the whole file. Call it once: it moves the file's position.
    pub(crate) fn read(&mut self, limit: u64) -> Result<Vec<u8>, Unreadable> {
        // One byte more than allowed, because a file can grow after its size was asked for.
        if self.size > limit {
            return Err(Unreadable::TooLarge { limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        let mut reader = (&self.file).take(limit + 1);
        reader.read_to_end(&mut bytes).map_err(|error| system(&error))?;
        if bytes.len() as u64 > limit {
            return Err(Unreadable::TooLarge { limit });
        }
        Ok(bytes)
    }

    /// Whether the file system it is on runs no programs.
    pub(crate) fn is_noexec(&self) -> bool {
        fs::fstatvfs(&self.file).is_ok_and(|mount| is_noexec(mount.f_flag))
    }
}

/// Opens one name in a folder, never through a symbolic link.
fn open_below(folder: &OwnedFd, name: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::ResolveFlags;
        let within =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match fs::openat2(folder, name, flags | OFlags::NOFOLLOW, Mode::empty(), within) {
            // An old kernel, or a filter of system calls that does not know this one.
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
            other => return other,
        }
    }
    // One name at a time cannot lead anywhere else either, since it is never `..`.
    fs::openat(folder, name, flags | OFlags::NOFOLLOW, Mode::empty())
}

/// Whether a file system runs no programs.
#[cfg(target_os = "linux")]
pub(crate) fn is_noexec(mount: StatVfsMountFlags) -> bool {
    mount.contains(StatVfsMountFlags::NOEXEC)
}

/// Other systems do not say it here; opening the library will tell.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_noexec(_mount: StatVfsMountFlags) -> bool {
    false
}

fn at_link(errno: Errno, path: &Path) -> Unreadable {
    let is_link = || {
        let found = fs::lstat(path);
        found.is_ok_and(|found| fs::FileType::from_raw_mode(found.st_mode).is_symlink())
    };
    match errno {
        Errno::LOOP | Errno::MLINK => Unreadable::Link(path.to_owned()),
        // A folder was wanted.
        Errno::NOTDIR if is_link() => Unreadable::Link(path.to_owned()),
        other => refused(other),
    }
}

fn refused(errno: Errno) -> Unreadable {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Unreadable::Missing,
        // A socket cannot be opened at all.
        Errno::NXIO => Unreadable::NotAFile,
        other => Unreadable::System(other),
    }
}

fn system(error: &io::Error) -> Unreadable {
    Unreadable::System(Errno::from_io_error(error).unwrap_or(Errno::IO))
}

impl Unreadable {
    /// The command that mends it, where one can.
    pub(crate) fn mending(&self, path: &Path) -> Option<String> {
        match self {
            Self::Link(link) => {
                let link = shell_word(link);
                Some(format!("cp -RL {link} {link}.new && rm {link} && mv {link}.new {link}"))
            }
            Self::System(Errno::ACCESS) => Some(format!("chmod u+r {}", shell_word(path))),
            Self::Missing | Self::NotAFile | Self::TooLarge { .. } | Self::System(_) => None,
        }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => formatter.write_str("does not exist"),
            Self::Link(link) => {
                let name = link.file_name().unwrap_or_default().display();
                write!(
                    formatter,
                    "is reached through the symbolic link `{name}`; nothing inside a plugin's folder \
                     may be one"
                )
            }
            Self::NotAFile => formatter.write_str("is not a regular file"),
            Self::TooLarge { limit } => write!(formatter, "has more than {limit} bytes"),
            Self::System(errno) => write!(formatter, "cannot be read: {errno}"),
        }
    }
}

/// A path as one word of a shell command, for hints that are pasted into a terminal.
pub(crate) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
