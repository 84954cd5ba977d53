//! The configuration as a whole: reads every layer of `loader.toml`, lays one over the other, and
//! says where each value came from and everything that is wrong.
//!
//! The layers, each overriding the ones before it key by key:
//!
//! 1. the defaults;
//! 2. the system's file, `/etc/loader/loader.toml`;
//! 3. the user's file, `$XDG_CONFIG_HOME/loader/loader.toml` or `~/.config/loader/loader.toml`;
//! 4. the project's file, `loader.toml` in the working directory, or instead of it the file that
//!    `--config` or the variable `LOADER_CONFIG` names;
//! 5. variables: `LOADER__GATEWAY__LISTEN=127.0.0.1:0`;
//! 6. flags.
//!
//! Lists replace lists. A secret is replaced as a whole, since it has exactly one source.
//!
//! What settings there are, of which type, with which defaults, and which of them only the operator
//! may set, is said by [`loader_gateway::config`] alone: its JSON Schema drives every check here.
//!
//! In strings, `${VAR}` stands for an environment variable and `$${` for `${`. Relative paths in a
//! file start at the file's folder, `~/` at the home folder.
//!
//! [`resolve`] takes everything it looks at from [`Sources`]; nothing here reads the process's own
//! environment or prints. It either returns [`Resolved`], with the warnings, or all problems at once.
//!
//! ```text
//! let mut sources = Sources::standard(std::env::current_dir()?, std::env::vars_os().collect());
//! sources.named = arguments.config;
//! sources.flags.push(("gateway.listen".into(), "127.0.0.1:0".into()));
//! match resolve(&sources) {
//!     Ok(resolved) => print(resolved.show_text()),
//!     Err(problems) => complain(problems),
//! }
//! ```

mod check;
mod correction;
mod document;
mod effective;
mod environment;
mod excerpt;
mod files;
mod flags;
mod interpolate;
mod key;
mod node;
mod origin;
mod problem;
mod sensitive;
mod shape;
mod show;
mod text;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use loader_gateway::config::Config;

use self::check::Checker;
use self::effective::Effective;
use self::key::Key;
use self::node::Table;
use self::shape::TableShape;

pub(crate) use self::files::{ConfigFile, Kept, places};
pub(crate) use self::origin::{Layer, Origin};
pub(crate) use self::problem::{Problem, Severity};
pub(crate) use self::sensitive::is_secret;
pub(crate) use self::show::Setting;

/// Environment variables by name.
pub(crate) type Environment = BTreeMap<OsString, OsString>;

/// Everything the configuration is made from.
#[derive(Clone)]
pub(crate) struct Sources {
    /// The system's file. It need not exist.
    pub(crate) system: PathBuf,
    /// The user's file. It need not exist; `None` when the user has no home folder.
    pub(crate) user: Option<PathBuf>,
    /// The absolute path of the folder where the project's `loader.toml` may be.
    pub(crate) working_directory: PathBuf,
    /// The file that `--config` names. It must exist, it takes the place of the project's file, and
    /// it is trusted like the user's own, because the user named it.
    pub(crate) named: Option<PathBuf>,
    /// The file that the variable `LOADER_CONFIG` names. It must exist and takes the place of the
    /// project's file, but it is trusted no more than that one: whoever sets variables need not be
    /// the user. It does not count when `named` is set.
    pub(crate) named_by_variable: Option<PathBuf>,
    /// The variables that `LOADER__…` settings and `${VAR}` are looked up in.
    pub(crate) environment: Environment,
    /// Dotted keys with their values; later ones override earlier ones.
    pub(crate) flags: Vec<(String, toml::Value)>,
    /// The files that were read before and are not read again.
    pub(crate) kept: Kept,
}

impl Sources {
    /// The files in their usual places, found through `environment`; no file named and no flags.
    pub(crate) fn standard(working_directory: PathBuf, environment: Environment) -> Self {
        let folder = |name: &str| {
            let folder = environment.get(OsStr::new(name)).map(PathBuf::from);
            // A relative folder would depend on where the program was started.
            folder.filter(|folder| folder.is_absolute())
        };
        let user = folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
        let variable = environment.get(OsStr::new("LOADER_CONFIG"));
        let named_by_variable = variable.filter(|file| !file.is_empty()).map(PathBuf::from);
        Self {
            system: PathBuf::from("/etc/loader/loader.toml"),
            user: user.map(|folder| folder.join("loader").join("loader.toml")),
            working_directory,
            named: None,
            named_by_variable,
            environment,
            flags: Vec::new(),
            kept: Kept::new(),
        }
    }
}

/// The configuration, and how it came to be.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// The values to use. They hold secrets.
    pub(crate) config: Config,
    /// Every setting in effect by its dotted key, as it may be shown, with its origin.
    pub(crate) settings: BTreeMap<String, Setting>,
    /// The files that exist and were read.
    pub(crate) files: Vec<ConfigFile>,
    /// Those of them that can be read only once.
    pub(crate) kept: Kept,
    /// What was ignored, and why.
    pub(crate) warnings: Vec<Problem>,
}

impl Resolved {
    /// Where the value of a dotted key came from; `None` when it has no value.
    pub(crate) fn origin(&self, key: &str) -> Option<&Origin> {
        self.settings.get(key).map(|setting| &setting.origin)
    }

    /// One line for each setting: `gateway.listen = "127.0.0.1:7280"   # default`. No secrets.
    pub(crate) fn show_text(&self) -> String {
        show::write_text(&self.settings)
    }

    /// `{"gateway.listen": {"value": "127.0.0.1:7280", "origin": {"layer": "default"}}, …}`. No
    /// secrets.
    pub(crate) fn show_json(&self) -> serde_json::Value {
        show::write_json(&self.settings)
    }
}

/// Reads, checks and merges all layers.
///
/// # Errors
///
/// Every problem of every layer, warnings included, when at least one of them is an error.
pub(crate) fn resolve(sources: &Sources) -> Result<Resolved, Vec<Problem>> {
    let shape = TableShape::of_config();
    let mut layers = Layers {
        shape: &shape,
        sources,
        merged: Table::new(),
        files: Vec::new(),
        kept: sources.kept.clone(),
        problems: Vec::new(),
    };
    layers.add_files();
    layers.add_variables();
    layers.add_flags();
    let Layers { merged, files, kept, mut problems, .. } = layers;

    let effective = Effective {
        environment: &sources.environment,
        working_directory: &sources.working_directory,
        problems: &mut problems,
    }
    .table(&merged, &shape, &Key::default());
    sort(&mut problems, sources);
    if problems.iter().any(Problem::is_error) {
        return Err(problems);
    }
    let config = serde_json::from_value::<Config>(effective);
    let config = config.and_then(|config| Ok((serde_json::to_value(&config)?, config)));
    match config {
        Ok((effective, config)) => {
            let settings = show::collect(&effective, &merged, &shape);
            Ok(Resolved { config, settings, files, kept, warnings: problems })
        }
        // The schema let something through that the types refuse. The message of the types could
        // repeat a value, so it is not passed on.
        Err(_) => {
            problems.push(Problem::error(
                problem::code::VALUE,
                "the configuration does not fit its own schema: this is a defect of loader",
            ));
            Err(problems)
        }
    }
}

/// Puts problems in the order in which a reader mends them: file by file, from the top.
fn sort(problems: &mut [Problem], sources: &Sources) {
    let files = files::list(sources);
    problems.sort_by_key(|problem| {
        let is_it = |file: &ConfigFile| Some(&file.path) == problem.file.as_ref();
        (files.iter().position(is_it).unwrap_or(files.len()), problem.line, problem.column)
    });
}

/// The layers read so far.
struct Layers<'a> {
    shape: &'a TableShape,
    sources: &'a Sources,
    merged: Table,
    files: Vec<ConfigFile>,
    kept: Kept,
    problems: Vec<Problem>,
}

impl Layers<'_> {
    fn add_files(&mut self) {
        for file in files::list(self.sources) {
            if let Some(text) = files::read(&file, &mut self.kept, &mut self.problems) {
                let layer = document::read(&text, file.layer, &file.path, &mut self.problems);
                self.files.push(file);
                self.add(layer);
            }
        }
    }

    fn add_variables(&mut self) {
        for variable in environment::variables(&self.sources.environment, &mut self.problems) {
            let key = variable.key(self.shape, &self.merged);
            let value = variable.value(&key, self.shape);
            self.add(node::single(&key, &variable.origin, value));
        }
    }

    fn add_flags(&mut self) {
        for (key, value) in &self.sources.flags {
            if let Some(layer) = flags::read(key, value, &mut self.problems) {
                self.add(layer);
            }
        }
    }

    fn add(&mut self, layer: Table) {
        let checked = Checker {
            config: self.shape,
            user_file: self.sources.user.as_deref(),
            problems: &mut self.problems,
        }
        .check(layer);
        node::overlay(&mut self.merged, checked, self.shape);
    }
}

#[cfg(test)]
mod tests;
