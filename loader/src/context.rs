//! What a command works with: the configuration, and the folders it and the arguments name.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use loader_core::LogFilter;
use loader_core::crash::Crash;
use loader_core::diagnostic::Severity;
use loader_core::discovery::{Origin, Root};
use loader_core::manifest::UsualSecret;
use loader_core::probe::Probe;
use loader_core::vetting::who_can_change;
use loader_gateway::Settings;
use loader_gateway::config::Trust;

use crate::args::{Global, Trial};
use crate::env_vars;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::output::Refusal;
use crate::secrets::{ConfiguredSecrets, Whereabouts};
use crate::settings::{self, Environment, Layer, Resolved, Sources};

/// The program's name and version, as plugins and clients see them.
pub(crate) const HOST: &str = concat!("loader ", env!("CARGO_PKG_VERSION"));

/// What a command works with.
pub(crate) struct Context {
    /// The configuration and where it came from.
    pub(crate) resolved: Resolved,
    sources: Sources,
    state_dir: Option<PathBuf>,
    file_warnings: Vec<Finding>,
}

impl Context {
    /// Reads the configuration. `flags` are settings that options of the command are short for.
    pub(crate) fn read(
        global: &Global,
        flags: Vec<(String, toml::Value)>,
    ) -> Result<Self, Refusal> {
        let working_directory = std::env::current_dir().map_err(|error| {
            Finding::error("LDR-FOLDER", format!("cannot tell the working directory: {error}"))
                .hint("start loader in a folder that exists")
        })?;
        let environment: Environment = std::env::vars_os().collect();
        let state_dir = global.state_dir.clone().filter(|folder| !folder.as_os_str().is_empty());
        let state_dir = state_dir.or_else(|| usual_state_dir(&environment));
        let state_dir = state_dir.map(|folder| working_directory.join(folder));
        let mut sources = Sources::standard(working_directory, environment);
        sources.named.clone_from(&global.config);
        sources.flags = global_flags(global)?.into_iter().chain(flags).collect();
        let explicit = global.settings.iter();
        sources.flags.extend(explicit.map(|one| (one.key.clone(), one.value.clone())));
        Self::resolve(sources, state_dir)
    }

    /// Reads the configuration again: the same files, with the variables and flags as they were.
    pub(crate) fn read_again(&self) -> Result<Self, Refusal> {
        Self::resolve(self.sources.clone(), self.state_dir.clone())
    }

    fn resolve(mut sources: Sources, state_dir: Option<PathBuf>) -> Result<Self, Refusal> {
        match settings::resolve(&sources) {
            Ok(resolved) => {
                let findings = check_owners(&resolved, &sources);
                sources.kept.clone_from(&resolved.kept);
                let (errors, file_warnings): (Vec<_>, Vec<_>) =
                    findings.into_iter().partition(Finding::is_error);
                if !errors.is_empty() {
                    let warnings = file_warnings;
                    return Err(Refusal { exit: Exit::Configuration, errors, warnings });
                }
                Ok(Self { resolved, sources, state_dir, file_warnings })
            }
            Err(problems) => {
                let findings = problems.into_iter().map(Finding::from);
                let (errors, warnings) = findings.partition(Finding::is_error);
                Err(Refusal { exit: Exit::Configuration, errors, warnings })
            }
        }
    }

    /// The keys nobody knows that were not there before, as errors: one that is meant for another release
    /// is ignored, but an edit that brings one is not what its author meant.
    pub(crate) fn misspelt_keys(&self, before: &Self) -> Vec<Finding> {
        let unknown = |context: &Self| {
            let warnings = context.resolved.warnings.iter();
            warnings.filter(|one| one.is_unknown_key()).cloned().collect::<Vec<_>>()
        };
        let known: BTreeSet<String> =
            unknown(before).into_iter().map(|problem| problem.message).collect();
        let fresh = unknown(self).into_iter().filter(|problem| !known.contains(&problem.message));
        fresh.map(|one| Finding { severity: Severity::Error, ..Finding::from(one) }).collect()
    }

    /// What was ignored in the configuration, and why, and whose files are written by whom.
    pub(crate) fn warnings(&self) -> Vec<Finding> {
        let ignored = self.resolved.warnings.iter().cloned().map(Finding::from);
        ignored.chain(self.file_warnings.iter().cloned()).collect()
    }

    /// Where configuration files may be, whether they are there or not. One that is read only once, such
    /// as a pipe, is left out.
    pub(crate) fn config_files(&self) -> Vec<PathBuf> {
        settings::places(&self.sources)
    }

    /// The file that the user's settings are written to: the one that `--config` names, or else the user's
    /// own, which need not be there yet. `None` without a home folder.
    pub(crate) fn own_file(&self) -> Option<PathBuf> {
        let named = self.sources.named.as_ref();
        let named = named.map(|path| self.sources.working_directory.join(path));
        named.or_else(|| self.sources.user.clone())
    }

    /// A path as it is meant where the program was started.
    pub(crate) fn absolute(&self, path: &Path) -> PathBuf {
        self.sources.working_directory.join(path)
    }

    /// The configuration as it would be with this text in a file, which counts as the one that `--config`
    /// names if it is not read now.
    pub(crate) fn with_text(&self, file: &Path, text: String) -> Result<Self, Refusal> {
        let mut sources = self.sources.clone();
        if !self.config_files().iter().any(|one| one == file) {
            sources.named = Some(file.to_owned());
        }
        sources.kept.insert(file.to_owned(), text);
        Self::resolve(sources, self.state_dir.clone())
    }

    /// The absolute path of the folder for state.
    pub(crate) fn state_dir(&self) -> Result<&Path, Finding> {
        self.state_dir.as_deref().ok_or_else(|| {
            Finding::error("LDR-STATE-NONE", "there is no folder for state: HOME is not set")
                .hint("name one with `--state-dir DIR`")
        })
    }

    /// The folder for state, if it is not the one that is used when nobody names one.
    pub(crate) fn unusual_state_dir(&self) -> Option<&Path> {
        let folder = self.state_dir.as_deref();
        let usual = usual_state_dir(&self.sources.environment);
        folder.filter(|folder| usual.as_deref() != Some(*folder))
    }

    /// Whether a file, a variable or a flag says what is logged.
    pub(crate) fn says_what_is_logged(&self) -> bool {
        self.resolved.origin("log.filter").is_some_and(|origin| origin.layer != Layer::Default)
    }

    /// The folder that `plugins install` manages; `None` without a home folder.
    pub(crate) fn user_plugins_dir(&self) -> Option<PathBuf> {
        let named = self.resolved.config.plugins.user_dir.clone();
        named.or_else(|| {
            // `XDG_DATA_HOME` is not asked: no variable but the one that says whose home this is
            // decides where code comes from.
            let environment = &self.sources.environment;
            let home = environment.get(OsStr::new(env_vars::HOME.name)).map(PathBuf::from);
            let home = home.filter(|home| home.is_absolute())?;
            Some(home.join(".local").join("share").join("loader").join("plugins"))
        })
    }

    /// The folders plugins are looked for in, in order of precedence.
    pub(crate) fn roots(&self) -> Vec<Root> {
        let plugins = &self.resolved.config.plugins;
        let named = plugins.load_paths.iter().map(|path| Root {
            path: path.clone(),
            origin: Origin::Config,
            required: true,
        });
        let workspaces = plugins.workspaces.iter().map(|workspace| Root {
            path: workspace.join(".loader").join("plugins"),
            origin: Origin::Workspace,
            required: true,
        });
        let user = self.user_plugins_dir().map(|path| Root {
            path,
            origin: Origin::User,
            required: plugins.user_dir.is_some(),
        });
        let bundled = match &plugins.bundled_dir {
            Some(path) => {
                Some(Root { path: path.clone(), origin: Origin::Bundled, required: true })
            }
            None => usual_plugins_dir().map(|path| Root {
                path,
                origin: Origin::Bundled,
                required: false,
            }),
        };
        named.chain(workspaces).chain(user).chain(bundled).collect()
    }

    /// The build of this program, unless nothing may be remembered or there is no place to.
    fn index(&self) -> Option<String> {
        let name = OsStr::new(env_vars::NO_INDEX.name);
        let is_off = self.sources.environment.get(name).is_some_and(|value| !value.is_empty());
        (!is_off && self.state_dir.as_ref()?.is_dir()).then(host_build)
    }

    /// Whether a secret, about which a plugin says what is usual, is said to be somewhere.
    pub(crate) fn whereabouts<'a>(
        &self,
        name: &str,
        usual: Option<&'a UsualSecret>,
    ) -> Whereabouts<'a> {
        let sources = &self.resolved.config.secrets;
        Whereabouts::of(name, usual, sources, &self.sources.environment)
    }

    /// What a gateway is started from, or what there would be to start it from is looked at with.
    pub(crate) fn gateway_settings(&self, log_filter: Option<LogFilter>) -> Settings {
        let config = self.resolved.config.clone();
        let secrets = ConfiguredSecrets::new(&config.secrets, &self.sources.environment);
        Settings {
            // Only looking at plugins needs no state.
            state_dir: self.state_dir.clone().unwrap_or_default(),
            roots: self.roots(),
            secrets: Arc::new(secrets),
            host: HOST.to_owned(),
            log_filter,
            index: self.index(),
            probe: probe(&config.plugins.trust, &self.sources.environment),
            crash: Some(Crash { safe_boot: true }),
            on_demand: false,
            config,
        }
    }
}

/// How libraries are tried: by this very program, in a process of its own. Needs Linux.
fn probe(trust: &Trust, environment: &Environment) -> Option<Probe> {
    cfg!(target_os = "linux").then(|| Probe {
        program: PathBuf::from(PROGRAM),
        arguments: vec![Trial::COMMAND.into()],
        environment: environment
            .get_key_value(OsStr::new("LD_LIBRARY_PATH"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .into_iter()
            .collect(),
        timeout: Duration::from_millis(trust.probe_timeout_ms),
        host_build: host_build(),
    })
}

/// What runs here, even if there is another program at its path by now. Where that is not there, no trial
/// succeeds, and nothing is opened.
const PROGRAM: &str = "/proc/self/exe";

/// Tells this build of the program from others.
fn host_build() -> String {
    let found = Path::new(PROGRAM).metadata().ok();
    let (length, time) = found.map_or((0, 0), |found| (found.len(), found.mtime()));
    format!("{HOST} ({length:x}-{time:x})")
}

/// The files that say where code comes from and whom to trust must be nobody else's to change.
fn check_owners(resolved: &Resolved, sources: &Sources) -> Vec<Finding> {
    let read = resolved.files.iter().filter(|file| !sources.kept.contains_key(&file.path));
    let trusted = read.filter(|file| file.layer.is_trusted());
    // What such a file says about owners counts only once it is trusted itself.
    let owners = BTreeSet::new();
    let findings = trusted.flat_map(|file| who_can_change(&file.path, &owners));
    findings.map(Finding::from).collect()
}

/// The settings that options of every command are short for.
fn global_flags(global: &Global) -> Result<Vec<(String, toml::Value)>, Finding> {
    let mut flags = Vec::new();
    if let Some(folder) = &global.plugins_dir {
        let text = folder.to_str().ok_or_else(|| {
            Finding::error("LDR-FOLDER", "the name of the plugins' folder is not UTF-8")
                .at(folder)
                .hint("rename the folder")
        })?;
        flags.push(("plugins.bundled_dir".to_owned(), text.into()));
    }
    let filter = match (global.quiet, global.verbose) {
        (true, _) => Some("error"),
        (false, 0) => None,
        (false, 1) => Some("info,loader=debug,plugin=debug"),
        (false, _) => Some("debug,loader=trace,plugin=trace"),
    };
    flags.extend(filter.map(|filter| ("log.filter".to_owned(), filter.into())));
    Ok(flags)
}

/// The state folder when nobody names one. As the XDG specification says, a relative folder is none.
fn usual_state_dir(environment: &Environment) -> Option<PathBuf> {
    let folder = |name: &str| {
        let folder = environment.get(OsStr::new(name)).map(PathBuf::from);
        folder.filter(|folder| folder.is_absolute())
    };
    let state = folder(env_vars::XDG_STATE_HOME.name)
        .or_else(|| Some(folder(env_vars::HOME.name)?.join(".local").join("state")));
    Some(state?.join("loader"))
}

/// The folder of the plugins that came with the program.
fn usual_plugins_dir() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.parent()?.join("plugins"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_follows_the_environment() {
        let folder = |variables: &[(&str, &str)]| {
            let variables = variables.iter();
            usual_state_dir(&variables.map(|(name, value)| (name.into(), value.into())).collect())
        };
        assert_eq!(folder(&[]), None);
        assert_eq!(folder(&[("HOME", "/h")]), Some("/h/.local/state/loader".into()));
        let both = [("HOME", "/h"), ("XDG_STATE_HOME", "/x")];
        assert_eq!(folder(&both), Some("/x/loader".into()));
        let relative = [("HOME", "/h"), ("XDG_STATE_HOME", "x")];
        assert_eq!(folder(&relative), Some("/h/.local/state/loader".into()));
    }
}
