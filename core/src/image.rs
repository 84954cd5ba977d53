//! Opens a staged library: the only place where plugin code enters the process.
#![expect(unsafe_code, reason = "dlopen, and trust in what vetting and the layout check proved")]

use crate::{
    crash::Resident, diagnostic::Diagnostic, message::Failure, platform, probe::Probed,
    staging::Staged,
};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use loader_abi::{
    HostBox, PluginBox, PluginRoot_Ref,
    abi_stable::std_types::RResult,
    layout::{self, Incompatible, ROOT_SYMBOL, RootHeader},
};
use std::{
    mem::ManuallyDrop,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// An opened library. Dropping it leaves the library mapped; [`close`](Image::close) lets it go.
pub(crate) struct Image {
    library: ManuallyDrop<Library>,
    header: RootHeader,
    span: Option<platform::ImageSpan>,
    resident: Resident,
    staged: Option<Staged>,
}

/// The entry of an image whose interface was accepted.
pub(crate) struct Root(PluginRoot_Ref, Resident);

impl Image {
    /// Opens the staged copy.
    ///
    /// Runs the library's constructors, so call it on a thread of the generation.
    pub(crate) fn open(probed: Probed, resident: Resident) -> Result<Self, Diagnostic> {
        let staged = probed.into_staged();
        let refuse = |finding: Diagnostic| {
            finding.at(staged.candidate().manifest_path()).about(staged.spec().id.clone())
        };
        let visit = resident.visit("open");
        let opened = open_library(staged.path());
        drop(visit);
        let (library, header) = opened.map_err(refuse).inspect_err(|_| resident.leave())?;
        let address = std::ptr::from_ref(&*header).addr();
        if let Err(message) = verify_identity(&staged, address) {
            // The handle is on a library that others hold, too: nothing of the copy was mapped.
            let _ = ManuallyDrop::into_inner(library).close();
            resident.leave();
            let finding = refuse(Diagnostic::error("LDR-IMAGE-IDENTITY", message));
            return Err(finding.hint("restart the loader"));
        }
        let span = platform::span_of(address);
        if let Some((begin, end)) = span.map(platform::ImageSpan::bounds) {
            resident.settle(begin, end);
        }
        Ok(Self { library, header, span, resident, staged: Some(staged) })
    }

    /// Checks the library's interface in both directions.
    ///
    /// Runs plugin code, so call it on a thread of the generation. A refused image is still to be
    /// [closed](Self::close).
    pub(crate) fn accept(&self) -> Result<Root, Diagnostic> {
        let _visit = self.resident.visit("open");
        // SAFETY: the library is held by the image, and an image is closed only after everything
        // made from its root module is gone.
        let root = unsafe { layout::accept(self.header) };
        root.map(|root| Root(root, self.resident)).map_err(|incompatible| explain(&incompatible))
    }

    /// Lets the library go, and proves that it is gone.
    ///
    /// Everything made from the library must have been dropped, and the generation's threads joined.
    /// Returns why it stays when it does.
    pub(crate) fn close(mut self, patience: Duration) -> Result<(), String> {
        let stay = |mut image: Self, reason: String| {
            if let Some(staged) = &mut image.staged {
                staged.keep();
            }
            Err(reason)
        };
        if let Err(reason) = platform::unload_support() {
            return stay(self, reason.to_owned());
        }
        let Some(span) = self.span else {
            return stay(self, "where the image lies in memory is not known".into());
        };
        let threads = await_threads(span, patience);
        if !threads.is_empty() {
            let ids = threads.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
            return stay(self, format!("it left threads running (thread ids {ids})"));
        }
        let signals = platform::signal_handlers_in(span);
        if !signals.is_empty() {
            let numbers = signals.iter().map(i32::to_string).collect::<Vec<_>>().join(", ");
            return stay(self, format!("it left handlers for signals {numbers}"));
        }
        platform::delete_keys_of(span);
        let Some(mut staged) = self.staged.take() else { return Ok(()) };
        let resident = self.resident;
        // SAFETY: the field is not used again: `self` is forgotten right below.
        let library = unsafe { ManuallyDrop::take(&mut self.library) };
        std::mem::forget(self);
        // The library's destructors run during the close, and what they leave on the thread goes
        // with the thread.
        let close = move || {
            let _visit = resident.visit("unload");
            library.close()
        };
        let (closed_sender, closed) = mpsc::channel();
        let closing = thread::Builder::new().name("loader-unload".into()).spawn(move || {
            let _ = closed_sender.send(close());
        });
        let closed = closing.map(|_| closed.recv_timeout(patience));
        if matches!(closed, Ok(Err(RecvTimeoutError::Timeout))) {
            staged.keep();
            return Err("its destructors do not end".into());
        }
        if !matches!(closed, Ok(Ok(Ok(())))) || platform::is_mapped(staged.path()) {
            staged.keep();
            return Err("the dynamic linker keeps it mapped".into());
        }
        resident.leave();
        drop(staged);
        Ok(())
    }
}

/// What opening a library and looking at its interface may find wrong.
pub(crate) const REFUSALS: [&str; 5] =
    ["LDR-IMAGE-OPEN", "LDR-IMAGE-SYMBOL", "LDR-IMAGE-ABI", "LDR-IMAGE-LAYOUT", "LDR-IMAGE-ROOT"];

/// Does with the library at a path what loading would do with it, up to its accepted interface, and
/// leaves it mapped. `opened` is called in between, once its constructors have run.
///
/// For a process that ends right after.
#[cfg(target_os = "linux")]
pub(crate) fn rehearse<Said>(
    path: &Path,
    opened: impl FnOnce() -> Said,
) -> Result<Said, Diagnostic> {
    let (_library, header) = open_library(path)?;
    let said = opened();
    // SAFETY: the library is never closed.
    let root = unsafe { layout::accept(header) };
    root.map(|_| said).map_err(|incompatible| explain(&incompatible))
}

/// Opens a library, which stays mapped until it is closed, and finds its root.
fn open_library(path: &Path) -> Result<(ManuallyDrop<Library>, RootHeader), Diagnostic> {
    // SAFETY: the file is our private copy of bytes that were vetted; running its constructors is what
    // loading means, and the operator's trust in the plugin covers it.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) };
    let library = library.map_err(|error| {
        let message = format!("the library cannot be opened: {}", cause(&error));
        Diagnostic::error("LDR-IMAGE-OPEN", message).hint(
            "ldd shows what the library needs: install it, or rebuild the plugin for this system",
        )
    })?;
    let library = ManuallyDrop::new(library);
    // SAFETY: vetting found the symbol, and every library that exports it under this name stores an
    // abi_stable header there.
    let header = unsafe { library.get::<RootHeader>(ROOT_SYMBOL.as_bytes()) };
    let header = *header.map_err(|error| {
        let message = format!("the root symbol is missing: {}", cause(&error));
        Diagnostic::error("LDR-IMAGE-SYMBOL", message)
    })?;
    Ok((library, header))
}

impl Root {
    /// Makes one plugin of the library.
    ///
    /// Runs plugin code, so call it on a thread of the generation.
    pub(crate) fn create(&self, plugin_id: &str, host: HostBox) -> Result<PluginBox, Failure> {
        let _visit = self.1.visit("create");
        match (self.0.create())(plugin_id.into(), host) {
            RResult::ROk(plugin) => Ok(plugin),
            RResult::RErr(error) => Err(Failure::from_abi(error, format!("plugin:{plugin_id}"))),
        }
    }
}

/// Checks that the linker mapped the copy and not an older library it takes for the same.
fn verify_identity(staged: &Staged, address: usize) -> Result<(), String> {
    if platform::unload_support().is_err() {
        return Ok(());
    }
    let wanted = staged.inode();
    match platform::inode_at(address, staged.path()) {
        Some(inode) if inode == wanted && is_still(staged.path(), staged.device(), wanted) => {
            Ok(())
        }
        found => Err(format!(
            "the dynamic linker mapped another file than the copy: inode {found:?} instead of {wanted}"
        )),
    }
}

/// Whether the file at a path is this one. What `/proc` says of a mapping cannot tell the device: on btrfs
/// and overlays it has a number there that no file has.
fn is_still(path: &Path, device: u64, inode: u64) -> bool {
    let found = std::fs::metadata(path);
    found.is_ok_and(|found| (found.dev(), found.ino()) == (device, inode))
}

fn await_threads(span: platform::ImageSpan, patience: Duration) -> Vec<i32> {
    let deadline = Instant::now() + patience;
    loop {
        let threads = platform::threads_of(span);
        if threads.is_empty() || Instant::now() >= deadline {
            return threads;
        }
        // The kernel tells nobody but a joiner when a thread is gone.
        thread::sleep(Duration::from_millis(1));
    }
}

fn cause(error: &libloading::Error) -> String {
    let inner = std::error::Error::source(error).map(ToString::to_string);
    inner.unwrap_or_else(|| error.to_string())
}

/// What differs, and who builds what anew.
fn explain(incompatible: &Incompatible) -> Diagnostic {
    let ours = loader_abi::ABI_VERSION_TEXT;
    let rebuild = "rebuild the plugin: cargo update -p loader-sdk && cargo build --release";
    let (code, message, hint): (_, _, String) = match incompatible {
        Incompatible::Foundation { host, plugin } => (
            "LDR-IMAGE-ABI",
            format!("the library stands on {plugin}; this host stands on {host}"),
            rebuild.into(),
        ),
        Incompatible::Major { host, plugin } => (
            "LDR-IMAGE-ABI",
            format!("the library has interface {plugin}; this host has {host}"),
            if major(plugin) > major(host) {
                "upgrade loader, or install a build of the plugin for this interface".into()
            } else {
                "its author rebuilds it: cargo update -p loader-sdk && cargo build --release".into()
            },
        ),
        Incompatible::Layout(differences) => (
            "LDR-IMAGE-LAYOUT",
            format!(
                "the library's interface differs from this host's {ours}:\n  {}",
                differences.join("\n  ")
            ),
            rebuild.into(),
        ),
        Incompatible::Root(message) => {
            ("LDR-IMAGE-ROOT", format!("the root module failed: {message}"), rebuild.into())
        }
    };
    Diagnostic::error(code, message).hint(hint)
}

fn major(version: &str) -> Option<u64> {
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_the_same_on_the_same_device_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("copy.so");
        fs::write(&path, "one").expect("written");
        let found = fs::metadata(&path).expect("it is there");
        let (device, inode) = (found.dev(), found.ino());
        assert!(is_still(&path, device, inode));
        assert!(!is_still(&path, device + 1, inode), "another device has a file of that number");
        let other = folder.path().join("other.so");
        fs::write(&other, "two").expect("written");
        fs::rename(&other, &path).expect("renamed");
        assert!(!is_still(&path, device, inode), "another file is there now");
    }
}
