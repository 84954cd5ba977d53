//! `loader run`: starts the gateway and serves until it is asked to stop.

mod listen;
mod ready;

pub(super) use self::listen::failed as cannot_listen;

use std::time::{Duration, Instant};

use loader_core::crash::Crash;
use loader_gateway::Gateway;
use loader_gateway::config::LogFormat;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use self::ready::Ready;
use super::runtime;
use crate::args::Run;
use crate::context::Context;
use crate::exit_code::Exit;
use crate::finding::Finding;
use crate::http::{self, ConnectionLimits, Edge, Policy};
use crate::logging::{self, Filter, Switch};
use crate::output::{CommandResult, Outcome, Output, Refusal};
use crate::reconfiguration::Reconfiguration;
use crate::signals::{HangUp, StopSignals};
use crate::state_dir::{Claim, Claimed, StateDir};
use crate::token::Token;

/// How long what is left after everything was stopped may take to end.
const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// The settings that options of the command are short for.
pub(super) fn flags(arguments: &Run) -> Vec<(String, toml::Value)> {
    let listen = arguments.listen.iter();
    listen.map(|listen| ("gateway.listen".to_owned(), listen.to_string().into())).collect()
}

/// Serves until it is asked to stop.
pub(super) fn run(arguments: &Run, context: &Context, output: &Output) -> CommandResult {
    Ground::take("run", context, output)?.serve(arguments, context, output, |_| ())
}

/// What a gateway stands on: the log, and a state folder that is nobody else's.
pub(super) struct Ground {
    /// The command that serves.
    command: &'static str,
    switch: Switch,
    claim: Claim,
    token: Token,
}

impl Ground {
    /// Takes it, before anything else is done.
    pub(super) fn take(
        command: &'static str,
        context: &Context,
        output: &Output,
    ) -> Result<Self, Refusal> {
        let log = &context.resolved.config.log;
        let filter = Filter::parse(&log.filter)
            .map_err(|finding| Refusal::new(Exit::Configuration, finding))?;
        let switch = logging::start(log, &filter, output.is_colourful());
        tell(output, log.format, &context.warnings());
        let state = StateDir::open(context.state_dir()?)?;
        let claim = match state.claim(command)? {
            Claimed::Ours(claim) => claim,
            Claimed::Theirs(holder) => return Err(Finding::from(holder).at(state.path()).into()),
        };
        let token = Token::ensure(&state)?;
        Ok(Self { command, switch, claim, token })
    }

    /// Serves until it is asked to stop. Whoever goes along is told of the gateway once it serves.
    pub(super) fn serve(
        self,
        arguments: &Run,
        context: &Context,
        output: &Output,
        companion: impl FnOnce(&Gateway),
    ) -> CommandResult {
        let runtime = runtime::many()?;
        let Self { command, switch, claim, token } = self;
        let server = Server { command, arguments, context, output, token, claim };
        let result = runtime.block_on(server.serve(switch, companion));
        runtime.shutdown_timeout(LAST_MOMENTS);
        result
    }
}

/// Waits for the requests under way, then stops the plugins. The edge has been asked to stop, and
/// both together have until the deadline.
async fn end(edge: JoinHandle<usize>, gateway: &Gateway, deadline: Instant) {
    match edge.await {
        Ok(0) => {}
        Ok(connections) => warn!(connections, "connections were cut off at the end of the drain"),
        Err(error) => warn!(%error, "the HTTP edge did not end well"),
    }
    gateway.stop(deadline.saturating_duration_since(Instant::now())).await;
    info!("stopped");
}

/// Says what is wrong in the form in which standard error is read.
fn tell(output: &Output, format: LogFormat, findings: &[Finding]) {
    match format {
        LogFormat::Text => output.report(findings),
        LogFormat::Json => logging::record(findings),
    }
}

struct Server<'a> {
    command: &'static str,
    arguments: &'a Run,
    context: &'a Context,
    output: &'a Output,
    token: Token,
    claim: Claim,
}

impl Server<'_> {
    async fn serve(mut self, switch: Switch, companion: impl FnOnce(&Gateway)) -> CommandResult {
        let (mut signals, hang_up) = (StopSignals::new()?, HangUp::new()?);
        let config = &self.context.resolved.config;
        let (listen, drain) =
            (config.gateway.listen, Duration::from_millis(config.gateway.drain_timeout_ms));
        // Before any plugin starts: what cannot serve need not start.
        let listener = listen::bind(listen).await?;
        let address = listener.local_addr().map_err(|error| listen::failed(listen, &error))?;
        let policy = Policy::new(config, address, self.token.digest())
            .map_err(|diagnostic| Refusal::new(Exit::Configuration, diagnostic))?;
        self.tell(&listen::exposure(address));

        let mut settings = self.context.gateway_settings(Some(switch.for_plugins()));
        settings.crash = Some(Crash { safe_boot: !self.arguments.no_safe_boot });
        let started = tokio::select! {
            started = Gateway::start(settings) => started,
            signal = signals.asked() => {
                info!(signal, "asked to stop before everything had started");
                return Ok(Outcome::Ended(Exit::Success));
            }
        };
        let (gateway, diagnostics) = started.map_err(|diagnostic| match diagnostic.code {
            "LDR-CRASH-LOOP" => Refusal::new(Exit::CrashLoop, diagnostic),
            _ => Finding::from(diagnostic).into(),
        })?;
        let findings: Vec<_> = diagnostics.into_iter().map(Finding::from).collect();
        self.tell(&findings);

        let edge = Edge::new(gateway.clone(), policy);
        let digest = self.token.digest();
        let reconfiguration = Reconfiguration::new(
            self.context,
            gateway.clone(),
            edge.clone(),
            switch,
            address,
            digest,
        );
        let (stop, stopped) = oneshot::channel::<Instant>();
        let mut edge =
            tokio::spawn(http::serve(listener, edge, ConnectionLimits::default(), async {
                stopped.await.unwrap_or_else(|_| Instant::now())
            }));
        let ready = Ready {
            url: listen::url(address),
            gateway: &gateway,
            token_file: &self.token.file,
            context: self.context,
            findings,
        };
        if let Err(finding) = self.claim.announce(&ready.url) {
            self.tell(&[finding]);
        }
        self.announce(&ready);
        companion(&gateway);
        let beginning = gateway.clone();
        tokio::spawn(async move { beginning.listening().await });

        tokio::select! {
            signal = signals.asked() => info!(signal, "asked to stop"),
            never = reconfiguration.follow(hang_up) => match never {},
            ended = &mut edge => {
                gateway.stop(Duration::ZERO).await;
                let why = ended.map_or_else(|error| error.to_string(), |_| "it ended".to_owned());
                let message = format!("the HTTP edge does not serve any more: {why}");
                return Err(Finding::error("LDR-RUN-EDGE", message).into());
            }
        }
        if config.log.format == LogFormat::Text {
            self.output.note("Stopping; again to stop at once.\n");
        }
        let deadline = Instant::now() + drain;
        // Who hears of it first must leave the others time to finish.
        let _ = tokio::time::timeout(drain / 3, gateway.stopping()).await;
        let _ = stop.send(deadline);
        end(edge, &gateway, deadline).await;
        Ok(Outcome::Ended(Exit::Success))
    }

    fn tell(&self, findings: &[Finding]) {
        tell(self.output, self.context.resolved.config.log.format, findings);
    }

    /// Says that it serves. A reader that went away is no reason to stop serving.
    fn announce(&self, ready: &Ready<'_>) {
        let written = match (self.arguments.ready_json, self.output.is_json()) {
            (true, _) => self.output.write(&ready.line()),
            (false, true) => self.output.write_envelope(self.command, &ready.answer()),
            (false, false) => self.output.write(&ready.summary()),
        };
        if let Err(error) = written {
            warn!(%error, "nobody could be told that the gateway serves");
        }
    }
}
