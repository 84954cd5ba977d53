//! The gateway that runs with the state folder, for commands that ask it something.

use serde_json::Value;
use tokio::runtime::Runtime;

use super::runtime;
use crate::context::Context;
use crate::finding::Finding;
use crate::output::Refusal;
use crate::running::RunningGateway;
use crate::shell;
use crate::state_dir::{Holder, StateDir};
use crate::token::Token;

/// A running gateway, and the threads to ask it with.
pub(super) struct Running {
    gateway: RunningGateway,
    runtime: Runtime,
}

impl Running {
    /// The gateway that runs with the state folder. Makes no folder and claims none.
    pub(super) fn find(context: &Context) -> Result<Self, Finding> {
        let path = context.state_dir()?;
        let none = || {
            let folder = context.unusual_state_dir();
            let option = folder.map(|it| format!(" --state-dir {}", shell::word(it)));
            Finding::error("LDR-RUN-NONE", "no gateway runs with this state folder")
                .at(path)
                .hint(format!("start one: loader run{}", option.unwrap_or_default()))
        };
        if !path.exists() {
            return Err(none());
        }
        let state = StateDir::open(path)?;
        let Some(Holder { url: Some(url), .. }) = state.holder()? else { return Err(none()) };
        let gateway = RunningGateway::new(url, Token::read(&state)?);
        Ok(Self { gateway, runtime: runtime::single()? })
    }

    /// Its address.
    pub(super) fn url(&self) -> &str {
        &self.gateway.url
    }

    /// Asks it something.
    pub(super) fn ask(&self, path: &str) -> Result<Value, Finding> {
        self.runtime.block_on(self.gateway.ask(path))
    }

    /// Has it read its configuration again, or only say what that would change.
    pub(super) fn apply_config(&self, dry_run: bool) -> Result<Value, Refusal> {
        self.runtime.block_on(self.gateway.apply_config(dry_run))
    }

    /// Tells it to do something.
    pub(super) fn tell(&self, path: &str, wish: &Value) -> Result<Value, Finding> {
        self.runtime.block_on(self.gateway.tell(path, wish))
    }
}
