//! The way from `/` to a folder: every folder and symbolic link on it, each opened from the one
//! before.
//!
//! The walk follows links as the system would, and keeps each one. A folder is looked at through the
//! handle that leads on, so that nobody can show one folder and lead through another.

use super::{Folder, Step, Unreadable, refused};
use rustix::{
    fs::{self, FileType, Mode, OFlags},
    io::Errno,
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::{fd::OwnedFd, unix::ffi::OsStrExt},
    path::{Component, Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// As many links as Linux follows.
const MAX_LINKS: usize = 40;

/// How a folder is opened on the way: to pass through it takes no right to list it.
#[cfg(target_os = "linux")]
pub(super) const FOLDER: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
pub(super) const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// The folders that plugins are kept in, each walked to once: for those who look at many plugins at about
/// the same moment.
#[derive(Default)]
pub(crate) struct Ways(Mutex<BTreeMap<PathBuf, Folder>>);

impl Ways {
    /// As [`Folder::reach`], by the way that was walked before.
    pub(crate) fn reach(&self, root: &Path, path: &Path) -> Result<Folder, Unreadable> {
        if root == path {
            // No other plugin is reached through it, and a folder that is kept stays open.
            return Folder::reach(root, path);
        }
        let mut walked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = match walked.get(root) {
            Some(folder) => folder.clone(),
            None => walked.entry(root.to_owned()).or_insert(Folder::walk(root)?).clone(),
        };
        drop(walked);
        folder.below(path)
    }
}

/// Opens a folder and returns what is on the way to it, itself at the end by the name it was given.
/// Everything but the folder itself lies above it.
pub(super) fn walk(folder: &Path) -> Result<(OwnedFd, Vec<Step>), Unreadable> {
    let absolute = std::path::absolute(folder).map_err(|error| super::system(&error))?;
    let slash = fs::open("/", FOLDER, Mode::empty()).map_err(Unreadable::System)?;
    let mut steps = vec![Step::of(&slash, Path::new("/"))?];
    let mut walk = Walk { folders: vec![slash], here: PathBuf::from("/"), names: Vec::new() };
    walk.queue(&absolute);
    let mut links = 0;
    while let Some(name) = walk.names.pop() {
        if name == ".." {
            walk.back();
            continue;
        }
        let step = walk.step(&name)?;
        links += usize::from(step.is_link());
        if links > MAX_LINKS {
            return Err(Unreadable::System(Errno::LOOP));
        }
        steps.push(step);
    }
    for step in &mut steps {
        step.is_above = true;
    }
    let handle = walk.folders.pop().ok_or(Unreadable::Missing)?;
    // `..` may have led back to a folder that is among the steps already.
    steps.push(Step::of(&handle, folder)?);
    let itself = steps.iter().rposition(|step| step.is_above && *step.path == *walk.here);
    if let Some(itself) = itself {
        steps.remove(itself);
    }
    Ok((handle, steps))
}

struct Walk {
    /// The open folders from `/` to where the walk is.
    folders: Vec<OwnedFd>,
    /// Where the walk is, without a link in it.
    here: PathBuf,
    /// The names that are still to be walked, the next one at the end.
    names: Vec<OsString>,
}

impl Walk {
    /// Puts a path before everything that is still to be walked.
    fn queue(&mut self, path: &Path) {
        for component in path.components().rev() {
            match component {
                Component::Normal(name) => self.names.push(name.to_owned()),
                Component::ParentDir => self.names.push("..".into()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
        if path.is_absolute() {
            self.folders.truncate(1);
            self.here = PathBuf::from("/");
        }
    }

    fn back(&mut self) {
        if self.folders.len() > 1 {
            self.folders.pop();
            self.here.pop();
        }
    }

    /// Goes into a folder, or takes a link's path for what is to be walked next.
    fn step(&mut self, name: &OsStr) -> Result<Step, Unreadable> {
        let folder = self.folders.last().ok_or(Unreadable::Missing)?;
        let path = self.here.join(name);
        match fs::openat(folder, name, FOLDER | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(handle) => {
                let step = Step::of(&handle, &path)?;
                self.folders.push(handle);
                self.here = path;
                Ok(step)
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let found = fs::statat(folder, name, fs::AtFlags::SYMLINK_NOFOLLOW);
                let found = found.map_err(refused)?;
                if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
                    return Err(Unreadable::Missing);
                }
                let target = fs::readlinkat(folder, name, Vec::new()).map_err(refused)?;
                self.queue(Path::new(OsStr::from_bytes(target.as_bytes())));
                Ok(Step { path: path.into(), found, is_above: false })
            }
            Err(errno) => Err(refused(errno)),
        }
    }
}
