//! A machine in small: folders above the plugins, one plugin, and a cage to run the product in.

use super::Elf;
use crate::build;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};
use tempfile::TempDir;

/// A user nobody is.
pub const STRANGER: u32 = 65_533;

/// The folders of one case. All of them are gone afterwards, mounts included.
pub struct Ground {
    folder: TempDir,
    /// Where the product is told to look for plugins.
    pub plugins: PathBuf,
    /// Options of the product, besides those every case has.
    pub options: Vec<String>,
    /// A program that the product is started by, and its options.
    pub wrapper: Vec<String>,
    mounts: Vec<PathBuf>,
}

impl Default for Ground {
    fn default() -> Self {
        Self::new()
    }
}

impl Ground {
    /// A sound plugin in a sound place, whose path a shell must have quoted.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("loader test's ").tempdir();
        let folder = folder.expect("a temporary folder");
        let plugins = folder.path().join("above/plugins");
        let (options, wrapper, mounts) = (Vec::new(), Vec::new(), Vec::new());
        let ground = Self { folder, plugins, options, wrapper, mounts };
        for path in [&ground.plugin(), &ground.cage(), &ground.path("state")] {
            fs::create_dir_all(path).expect("a folder");
        }
        for path in [&ground.above(), &ground.plugins, &ground.plugin()] {
            chmod(path, 0o755);
        }
        ground.lay_out();
        ground
    }

    /// Lays the plugin's files out.
    pub fn lay_out(&self) {
        let source = build::crate_folder("canary").join("plugin.toml");
        place(&self.manifest(), &fs::read(source).expect("the manifest"));
        place(&self.library(), &fs::read(build::library("canary")).expect("the library"));
    }

    /// A path in the ground.
    pub fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    /// The folder that holds the folder of plugins.
    pub fn above(&self) -> PathBuf {
        self.path("above")
    }

    /// The plugin's folder.
    pub fn plugin(&self) -> PathBuf {
        self.path("above/plugins/canary")
    }

    /// The plugin's library.
    pub fn library(&self) -> PathBuf {
        self.plugin().join("libcanary.so")
    }

    /// The plugin's manifest.
    pub fn manifest(&self) -> PathBuf {
        self.plugin().join("plugin.toml")
    }

    /// Where the product runs, and where the canaries land.
    pub fn cage(&self) -> PathBuf {
        self.path("cage")
    }

    /// Puts other bytes in the library's place.
    pub fn replace_library(&self, bytes: &[u8]) {
        place(&self.library(), bytes);
    }

    /// Changes the library's bytes.
    pub fn patch(&self, change: impl FnOnce(&mut Elf)) {
        let mut elf = Elf::read(&self.library());
        change(&mut elf);
        place(&self.library(), &elf.0);
    }

    /// Changes the manifest's text.
    pub fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.manifest()).expect("the manifest");
        assert!(text.contains(from), "the manifest has no `{from}`");
        place(&self.manifest(), text.replacen(from, to, 1).as_bytes());
    }

    /// Moves the library into a folder of its own inside the plugin's.
    pub fn nest(&self) -> PathBuf {
        let nest = self.plugin().join("lib");
        fs::create_dir(&nest).expect("a folder");
        chmod(&nest, 0o755);
        fs::rename(self.library(), nest.join("libcanary.so")).expect("moved");
        self.edit("path = \"", "path = \"lib/");
        nest
    }

    /// Gives the plugin a schema of its configuration.
    pub fn add_schema(&self) -> PathBuf {
        let schema = self.plugin().join("config.schema.json");
        place(&schema, b"{}\n");
        self.edit("[provides]", "[config]\nschema = \"config.schema.json\"\n\n[provides]");
        schema
    }

    /// Makes a bundle with one skill out of the plugin, and answers the skill. The library stays beside it.
    pub fn make_bundle(&self) -> PathBuf {
        let manifest = "manifest = 1\nid = \"canary\"\nversion = \"0.1.0\"\n\n[bundle]\n\
                        skills = [\"skills/song/SKILL.md\"]\n";
        place(&self.manifest(), manifest.as_bytes());
        let folder = self.plugin().join("skills/song");
        fs::create_dir_all(&folder).expect("folders");
        for path in [folder.as_path(), &self.plugin().join("skills")] {
            chmod(path, 0o755);
        }
        let skill = folder.join("SKILL.md");
        place(&skill, b"# Sing\n");
        skill
    }

    /// Mounts an empty file system on the folder of plugins, with these options, and lays the plugin
    /// out there.
    pub fn mount(&mut self, options: &str) {
        assert!(mount(&self.plugins, options), "a file system can be mounted");
        self.mounts.push(self.plugins.clone());
        fs::create_dir(self.plugin()).expect("a folder");
        chmod(&self.plugin(), 0o755);
        self.lay_out();
    }

    /// Whether file systems can be mounted here.
    pub fn can_mount() -> bool {
        let folder = tempfile::tempdir().expect("a temporary folder");
        mount(folder.path(), "ro") && unmount(folder.path())
    }

    /// The product with the options of this case and these settings, in the cage.
    pub fn product(&self, settings: &[&str]) -> Command {
        let mut words = self.wrapper.iter().map(Into::into).chain([build::loader()]);
        let mut product = Command::new(words.next().expect("a program"));
        product.args(words);
        product.current_dir(self.cage()).env_clear().env("HOME", self.cage());
        product.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // Where the dynamic linker finds what the canary needs.
        product.env("LD_LIBRARY_PATH", needed_folder());
        for setting in ["plugins.trust.libraries=[\"libldr-canary.so\"]"].iter().chain(settings) {
            product.args(["--set", setting]);
        }
        product.arg("--state-dir").arg(self.path("state"));
        product.arg("--plugins-dir").arg(&self.plugins).args(&self.options);
        product
    }

    /// What ran, by the files it left. The cage is clean afterwards.
    pub fn songs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cage()).expect("the cage").flatten();
        let songs =
            entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b"canary-"));
        let mut songs: Vec<String> = songs
            .map(|entry| {
                fs::remove_file(entry.path()).expect("removed");
                entry.file_name().to_string_lossy().into_owned()
            })
            .collect();
        songs.sort();
        songs
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        for mount in &self.mounts {
            unmount(mount);
        }
    }
}

fn mount(folder: &Path, options: &str) -> bool {
    let options = format!("mode=755,{options}");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", &options, "loader-test"]).arg(folder);
    mount.output().is_ok_and(|output| output.status.success())
}

fn unmount(folder: &Path) -> bool {
    let unmounted = Command::new("umount").arg(folder).output();
    unmounted.is_ok_and(|output| output.status.success())
}

/// The folder of the library that the canary needs, built by the C compiler.
pub fn needed_folder() -> &'static Path {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-fPIC", "-shared", "-Wl,-soname,libldr-canary.so"]);
        compiler.arg(build::crate_folder("canary").join("c/needed.c"));
        compiler.arg("-o").arg(folder.path().join("libldr-canary.so"));
        assert!(compiler.status().expect("a C compiler").success());
        folder
    });
    folder.path()
}

/// Writes a file that only its owner can write, as a new file.
pub fn place(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::write(path, bytes).expect("written");
    chmod(path, 0o644);
}

/// Changes a file's mode.
pub fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode is changed");
}

/// Gives a file away.
pub fn give_away(path: &Path) {
    chown(path, Some(STRANGER), None).expect("its owner is changed");
}
