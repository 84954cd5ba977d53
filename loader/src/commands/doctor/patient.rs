//! What the checks look at, taken once: the configuration, the state folder, the plugins.

use std::path::{Path, PathBuf};

use loader_core::Survey;
use loader_core::staging::Store;
use rustix::fs::{Access, access};

use crate::args::Global;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::Refusal;
use crate::state_dir::{Claim, Claimed, Holder, StateDir};
use crate::token::Token;

/// What the checks look at.
pub(super) struct Patient {
    /// The configuration, or why it cannot be used: then nothing else is looked at.
    pub(super) configuration: Result<Configured, Refusal>,
}

/// A machine whose configuration can be used.
pub(super) struct Configured {
    pub(super) context: Context,
    pub(super) state: State,
    pub(super) survey: Survey,
}

/// The state folder, as `run` would use it.
pub(super) struct State {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Why `run` could not use it.
    pub(super) folder: Result<(), Finding>,
    /// The gateway that uses it now.
    pub(super) holder: Option<Holder>,
    /// Why its token cannot be used; nothing when there is none yet.
    pub(super) token: Option<Finding>,
    /// The store; `None` when there is no state folder yet.
    pub(super) store: Option<Result<Store, Finding>>,
    /// The folder is held while it is looked at, unless a gateway holds it.
    _claim: Option<Claim>,
}

impl Patient {
    /// Looks at the machine. Libraries are tried only if `probe` says so.
    pub(super) fn examine(global: &Global, probe: bool) -> Self {
        let examine = || {
            let context = Context::read(global, Vec::new())?;
            let state = State::examine(context.state_dir()?);
            let mut settings = context.gateway_settings(None);
            if !probe {
                settings.probe = None;
            }
            let survey = match &state.store {
                Some(Ok(store)) => loader_gateway::rehearse(&settings, store),
                _ => loader_gateway::survey(&settings),
            };
            Ok(Configured { context, state, survey })
        };
        Self { configuration: examine() }
    }

    /// What a check finds on a machine whose configuration can be used.
    pub(super) fn look(&self, look: impl FnOnce(&Configured) -> Vec<Finding>) -> Vec<Finding> {
        self.configuration.as_ref().map_or_else(|_| Vec::new(), look)
    }
}

impl State {
    fn examine(path: &Path) -> Self {
        let mut state = Self {
            path: path.to_owned(),
            folder: Ok(()),
            holder: None,
            token: None,
            store: None,
            _claim: None,
        };
        if !path.exists() {
            state.folder = can_be_made(path);
            return state;
        }
        match StateDir::open(path) {
            Ok(folder) => state.look_into(&folder),
            Err(finding) => state.folder = Err(finding),
        }
        state
    }

    fn look_into(&mut self, folder: &StateDir) {
        match folder.claim("doctor") {
            Ok(Claimed::Ours(claim)) => self._claim = Some(claim),
            Ok(Claimed::Theirs(holder)) => self.holder = holder,
            Err(finding) => self.folder = Err(finding),
        }
        if self.path.join("token").symlink_metadata().is_ok() {
            self.token = Token::read(folder).err();
        }
        self.store = Some(Store::open(&self.path).map_err(Finding::from));
    }
}

/// Whether a folder that does not exist could be made, without making it.
fn can_be_made(path: &Path) -> Result<(), Finding> {
    let above = path.ancestors().find(|above| above.exists()).unwrap_or(Path::new("/"));
    access(above, Access::WRITE_OK | Access::EXEC_OK).map_err(|errno| {
        Finding::error("LDR-STATE-FOLDER", format!("cannot make the state folder: {errno}"))
            .at(path)
            .hint("name a folder that can be written to with `--state-dir DIR`")
    })
}
