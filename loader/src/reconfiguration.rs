//! Another configuration while the gateway runs: noticed, read, checked, applied, told of.
//!
//! Changed files, SIGHUP and `loader config apply` do the same, one after the other. What cannot be used
//! changes nothing.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use loader_core::watch::{self, Targets, Watch};
use loader_gateway::{Applied, Gateway, Key};
use tokio::sync::mpsc;
use tokio::task::block_in_place;
use tracing::{error, info, warn};

use crate::context::Context;
use crate::finding::Finding;
use crate::http::{Edge, Policy, Wish};
use crate::logging::{self, Filter, Switch};
use crate::output::Refusal;
use crate::signals::HangUp;

/// How long nothing may have been written to a file that its writer has not closed. Editors are slower
/// than linkers, and an empty file is a configuration too.
const SETTLE: Duration = Duration::from_millis(500);

/// What takes another configuration.
pub(crate) struct Reconfiguration<'a> {
    /// As it was at the start.
    context: &'a Context,
    gateway: Gateway,
    edge: Edge<Gateway>,
    switch: Switch,
    address: SocketAddr,
    token: [u8; 32],
    /// Files whose content was complained of.
    complained_of: Option<u64>,
}

/// Who wants the configuration to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A file changed, or was only touched.
    Files,
    /// Somebody asked for it.
    Asked,
}

impl<'a> Reconfiguration<'a> {
    /// For a gateway that serves at this address, with a token of this digest.
    pub(crate) fn new(
        context: &'a Context,
        gateway: Gateway,
        edge: Edge<Gateway>,
        switch: Switch,
        address: SocketAddr,
        token: [u8; 32],
    ) -> Self {
        Self { context, gateway, edge, switch, address, token, complained_of: None }
    }

    /// Follows the files, the signal and wishes, until it is dropped.
    pub(crate) async fn follow(mut self, mut hang_up: HangUp) -> Infallible {
        let watch = self.watch();
        let mut wishes = self.edge.wishes();
        loop {
            tokio::select! {
                () = changed(watch.as_ref()) => self.apply_and_tell(Cause::Files).await,
                () = hang_up.asked() => {
                    info!("asked by SIGHUP to read the configuration again");
                    self.apply_and_tell(Cause::Asked).await;
                }
                wish = next(&mut wishes) => self.grant(wish).await,
            }
        }
    }

    fn watch(&self) -> Option<Watch> {
        let files = self.context.config_files().into_iter().map(without_links).collect();
        let options = watch::Options { settle: SETTLE, ..watch::Options::default() };
        match Watch::start(Targets { files, ..Targets::default() }, options) {
            Ok(watch) => Some(watch),
            Err(finding) => {
                logging::record(&[Finding::from(finding).weakened()]);
                None
            }
        }
    }

    async fn grant(&mut self, Wish { dry_run, answer }: Wish) {
        let outcome = match dry_run {
            true => self.compare().await,
            false => self.apply().await.inspect(tell),
        };
        if !dry_run && outcome.is_ok() {
            self.complained_of = None;
        }
        // Who asked may have gone away.
        let _ = answer.send(outcome);
    }

    async fn apply_and_tell(&mut self, cause: Cause) {
        let content = block_in_place(|| content_of(&self.context.config_files()));
        if cause == Cause::Files && self.complained_of == Some(content) {
            return;
        }
        self.complained_of = None;
        match self.apply().await {
            Ok(applied) => tell(&applied),
            Err(errors) => {
                self.complained_of = Some(content);
                complain(&errors);
            }
        }
    }

    async fn compare(&self) -> Result<Applied, Vec<Finding>> {
        let (settings, ..) = self.read()?;
        self.gateway.compare(settings).await.map_err(|finding| vec![finding.into()])
    }

    async fn apply(&self) -> Result<Applied, Vec<Finding>> {
        let (settings, policy, filter) = self.read()?;
        self.switch.change(&filter);
        self.edge.adjust(policy);
        self.gateway.apply(settings).await.map_err(|finding| vec![finding.into()])
    }

    /// Reads and checks everything, before anything is changed.
    fn read(&self) -> Result<(loader_gateway::Settings, Policy, Filter), Vec<Finding>> {
        block_in_place(|| {
            let context = self.context.read_again().map_err(|Refusal { errors, .. }| errors)?;
            let misspelt = context.misspelt_keys(self.context);
            if !misspelt.is_empty() {
                return Err(misspelt);
            }
            let config = &context.resolved.config;
            let policy = Policy::new(config, self.address, self.token);
            let policy = policy.map_err(|diagnostic| vec![Finding::from(diagnostic)])?;
            let filter = Filter::parse(&config.log.filter).map_err(|finding| vec![finding])?;
            Ok((context.gateway_settings(Some(self.switch.for_plugins())), policy, filter))
        })
    }
}

/// Waits for a change of the files; for ever when they cannot be watched.
async fn changed(watch: Option<&Watch>) {
    match watch {
        Some(watch) => drop::<BTreeSet<PathBuf>>(watch.changed().await),
        None => std::future::pending().await,
    }
}

/// The next wish; the edge, which sends them, lives as long as who takes them.
async fn next(wishes: &mut mpsc::Receiver<Wish>) -> Wish {
    match wishes.recv().await {
        Some(wish) => wish,
        None => std::future::pending().await,
    }
}

/// The path with the links above the file itself resolved.
fn without_links(file: PathBuf) -> PathBuf {
    let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, file.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => file,
    }
}

/// Tells what is in these files from what is in others.
fn content_of(files: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file).map_err(|error| error.kind()).hash(&mut hasher);
    }
    hasher.finish()
}

/// Says in the log what was done. What went wrong with a plugin or an account was said when it did.
fn tell(applied: &Applied) {
    let Applied { changed, after_restart, plugins, accounts } = applied;
    let keys = |keys: &[Key]| keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ");
    if !changed.is_empty() || !plugins.is_empty() || !accounts.is_empty() {
        let (plugins, accounts) = (plugins.len(), accounts.len());
        info!(changed = keys(changed), plugins, accounts, "the configuration is applied");
    }
    if !after_restart.is_empty() {
        let (code, keys) = ("LDR-CFG-RESTART", keys(after_restart));
        warn!(code, keys, "these settings count at the next start");
    }
}

/// Says in the log why nothing was changed.
fn complain(errors: &[Finding]) {
    for Finding { code, message, place, hint, .. } in errors.iter().filter(|one| one.is_error()) {
        let place = place.as_ref().map(tracing::field::display);
        error!(%code, place, hint, "the configuration stays as it was: {message}");
    }
}
