//! The contract suite: everything a plugin promises by what it provides, asked one by one.
//!
//! A *promise* is a name, a sentence and a check. [`plugin`] has those of every plugin, [`every`] those
//! of every capability, and each contract has a file with its own. A check talks to the plugin as the
//! gateway would, through a [`Bench`].
//!
//! Promises are asked in *groups*, each with a life of the plugin to itself: the plugin as such, then
//! one group for each capability. What one group does to the plugin does not reach the next.

mod bench;
mod channel;
mod chat_command;
mod cli_command;
mod every;
mod health;
mod hook;
mod http_route;
mod plugin;
mod promise;
mod report;
mod sample;
mod scheduled_task;
mod service;
mod speech;
mod text_inference;
mod tool;
mod web_fetch;

pub use promise::Promise;
pub use report::{Case, Counts, Outcome, Report, Under};

use crate::{Host, subject};
use bench::Bench;
use futures_util::FutureExt as _;
use loader_core::{diagnostic::Diagnostic, discovery::Candidate};
use promise::{Kept, Verdict, broken};
use sample::Sample;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::AssertUnwindSafe,
    path::Path,
    time::{Duration, Instant},
};

/// What is said about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The plugin's configuration; without one, whatever it can do with nothing configured is tested.
    pub config: Option<serde_json::Value>,
    /// The secrets it may fetch.
    pub secrets: BTreeMap<String, String>,
    /// Only the promises of this contract.
    pub only: Option<String>,
    /// How long one answer may take.
    pub patience: Duration,
    /// The commands of the program's own: a plugin's of the same name is not offered.
    pub commands: BTreeSet<String>,
    /// Groups that are not asked: they were before.
    pub without: BTreeSet<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: None,
            secrets: BTreeMap::new(),
            only: None,
            patience: Duration::from_secs(5),
            commands: BTreeSet::new(),
            without: BTreeSet::new(),
        }
    }
}

impl Options {
    /// A host that has what was said.
    fn host(&self) -> Host {
        let mut host = Host::new().patience(self.patience);
        host = web_fetch::pages(host);
        if let Some(config) = &self.config {
            host = host.config(config.clone());
        }
        for (name, value) in &self.secrets {
            host = host.secret(name, value);
        }
        host
    }
}

/// What happens in a run, as it happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A promise is asked now.
    Began(Under),
    /// It was, and this came of it.
    Ended(Case),
}

/// One contract's part of the suite.
pub(crate) struct Chapter {
    /// The contract.
    contract: &'static str,
    /// Its promises.
    promises: &'static [Promise<Bench>],
    /// A sound request of a method.
    sample: fn(&Bench, &str) -> Sample,
    /// The method whose answer says what sound requests are; asked once.
    told_by: Option<&'static str>,
    /// The method that can be asked at will; where none is named, one that the catalogue calls
    /// idempotent.
    safe: Option<&'static str>,
}

const CHAPTERS: [&Chapter; 12] = [
    &channel::CHAPTER,
    &chat_command::CHAPTER,
    &cli_command::CHAPTER,
    &health::CHAPTER,
    &hook::CHAPTER,
    &http_route::CHAPTER,
    &scheduled_task::CHAPTER,
    &service::CHAPTER,
    &speech::CHAPTER,
    &text_inference::CHAPTER,
    &tool::CHAPTER,
    &web_fetch::CHAPTER,
];

/// What a plugin promises while it is asked about a capability: that it is there, before and after.
const STARTS: &str = "starts";
const LEAVES: &str = "leaves-when-asked";

/// What is found out last, by whoever started the process in which a plugin was asked.
pub const ENDS_WELL: &str = "process-ends-well";

/// Every promise: whose it is (`plugin`, `every`, or a contract), its name, and what it says.
pub fn promises() -> Vec<(&'static str, &'static str, &'static str)> {
    let plugin = plugin::PROMISES.iter().map(|one| (PLUGIN, one.name, one.about));
    let process =
        (PLUGIN, ENDS_WELL, "The process in which it was asked ends well after all that.");
    let before =
        ("every", STARTS, "It is served when it is to be asked; otherwise it is not asked.");
    let every = every::PROMISES.iter().map(|one| ("every", one.name, one.about));
    let after = ("every", LEAVES, "Its library leaves the process after it was asked.");
    let contracts = CHAPTERS.iter().flat_map(|chapter| {
        let own = chapter.promises.iter();
        own.map(|one| (chapter.contract, one.name, one.about))
    });
    plugin.chain([process, before]).chain(every).chain([after]).chain(contracts).collect()
}

/// Asks the plugin at a path for what it promises, and tells what happens meanwhile. Must be called
/// within a tokio runtime of several threads. The plugin's code runs in this process.
///
/// Fails where there is nothing to test: `LDR-TEST-PATH`, `LDR-TEST-LIBRARY`, `LDR-TEST-ONLY`, or what
/// is wrong with the manifest.
pub async fn run(
    path: &Path,
    options: &Options,
    tell: &mut (dyn FnMut(Event) + Send),
) -> Result<Report, Diagnostic> {
    let subject = subject::find(path)?;
    require_contract(&subject, options)?;
    let mut run = Run { options, tell, cases: Vec::new() };
    for candidate in &subject.candidates {
        run.plugin(candidate).await;
    }
    Ok(Report { path: subject.folder, cases: run.cases })
}

/// The contract that is asked for alone must be one that is provided.
pub fn require_contract(subject: &subject::Subject, options: &Options) -> Result<(), Diagnostic> {
    let Some(only) = &options.only else { return Ok(()) };
    let provided = subject.candidates.iter().flat_map(|candidate| &candidate.spec().provides);
    let provided: BTreeSet<String> = provided.map(|one| one.contract.to_string()).collect();
    if provided.contains(only) || only == PLUGIN {
        return Ok(());
    }
    let names: Vec<&str> = provided.iter().map(String::as_str).collect();
    let message = format!(
        "the plugin provides nothing of `{}`; it provides {}",
        only.escape_debug(),
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    );
    Err(Diagnostic::error("LDR-TEST-ONLY", message)
        .at(&subject.folder)
        .hint("name one of those, or leave --only out"))
}

/// The group that is about the plugin as such, and what stands for its contract.
pub const PLUGIN: &str = "plugin";

struct Run<'a> {
    options: &'a Options,
    tell: &'a mut (dyn FnMut(Event) + Send),
    cases: Vec<Case>,
}

impl Run<'_> {
    async fn plugin(&mut self, candidate: &Candidate) {
        let about = |contract: &str, capability: &str| Under {
            plugin: candidate.id().to_owned(),
            contract: contract.to_owned(),
            capability: capability.to_owned(),
            name: String::new(),
        };
        if self.wants(PLUGIN, &about(PLUGIN, candidate.id())) {
            let life = plugin::Life::new(candidate, self.options);
            for promise in plugin::PROMISES {
                self.ask(about(PLUGIN, candidate.id()), promise, &life).await;
            }
        }
        if candidate.bundle().is_some() {
            return;
        }
        for provided in &candidate.spec().provides {
            let contract = provided.contract.to_string();
            let under = about(&contract, &provided.id);
            if self.wants(&contract, &under) {
                self.capability(candidate, under).await;
            }
        }
    }

    fn wants(&self, contract: &str, under: &Under) -> bool {
        self.options.only.as_deref().is_none_or(|only| only == contract)
            && !self.options.without.contains(&under.group())
    }

    /// Everything about one capability, in a life of its own.
    async fn capability(&mut self, candidate: &Candidate, under: Under) {
        let starting = Under { name: STARTS.to_owned(), ..under.clone() };
        (self.tell)(Event::Began(starting.clone()));
        let began = Instant::now();
        let bench = Bench::set_up(candidate, &under, self.options).await;
        let bench = match bench {
            Ok(bench) => bench,
            Err(verdict) => return self.note(starting, began, Err(verdict)),
        };
        for promise in every::PROMISES {
            self.ask(under.clone(), promise, &bench).await;
        }
        let chapter = bench.chapter;
        for promise in chapter.into_iter().flat_map(|chapter| chapter.promises) {
            self.ask(under.clone(), promise, &bench).await;
        }
        let leaving = Under { name: LEAVES.to_owned(), ..under };
        (self.tell)(Event::Began(leaving.clone()));
        let began = Instant::now();
        let left = plugin::judge(bench.loaded.unload().await);
        self.note(leaving, began, left);
    }

    async fn ask<T>(&mut self, under: Under, promise: &Promise<T>, of: &T) {
        let under = Under { name: promise.name.to_owned(), ..under };
        (self.tell)(Event::Began(under.clone()));
        let began = Instant::now();
        let asked = AssertUnwindSafe((promise.check)(of)).catch_unwind();
        // Every call has a deadline; this is for the sum of them.
        let asked = tokio::time::timeout(self.options.patience * 8, asked).await;
        let kept = match asked {
            Ok(Ok(kept)) => kept,
            Ok(Err(_)) => broken("the suite itself panicked", "this is a defect of the loader"),
            Err(_) => broken(
                format!("it did not come to an end within {:?}", self.options.patience * 8),
                "let no call wait for what may not come; the host's deadline is in `call.deadline()`. Where \
                 it has to take so long, a longer --timeout waits longer",
            ),
        };
        self.note(under, began, kept);
    }

    fn note(&mut self, under: Under, began: Instant, kept: Kept) {
        let (outcome, message, hint) = match kept {
            Ok(()) => (Outcome::Passed, String::new(), String::new()),
            Err(Verdict::Broken { message, hint }) => (Outcome::Failed, message, hint),
            Err(Verdict::Unasked(reason)) => (Outcome::Skipped, reason, String::new()),
        };
        let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let case = Case { under, outcome, message, hint, took_us };
        (self.tell)(Event::Ended(case.clone()));
        self.cases.push(case);
    }
}
