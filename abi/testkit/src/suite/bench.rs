//! A capability on the bench: how checks talk to it.

use super::{
    CHAPTERS, Chapter, Options, Under,
    promise::{Kept, broken, fault, given, is_for_want, said, unasked},
    sample::Sample,
};
use crate::Loaded;
use loader_abi::{class, message_kind};
use loader_contract::catalogue::{self, Contract, Method, Verb};
use loader_core::{
    CallOptions, Capability, OpenStream,
    diagnostic::Diagnostic,
    discovery::Candidate,
    message::{Failure, Message, Metadata, Reply},
    stream::End,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// The most bytes of one stream that are read.
const MOST_BYTES: usize = 64 << 20;

/// The most messages of one stream that are read.
const MOST_MESSAGES: usize = 100_000;

/// Attributes that say how long an answer may take, in milliseconds.
const TIMES: [&str; 2] = ["timeout_ms", "deadline_ms"];

/// How many times its patience the suite waits for an answer whose manifest says that it takes long.
const MOST_PATIENCE: u32 = 3;

/// A capability of a plugin that runs.
pub(crate) struct Bench {
    pub(crate) loaded: Loaded,
    pub(crate) capability: Arc<Capability>,
    pub(crate) contract: Option<&'static Contract>,
    pub(crate) chapter: Option<&'static Chapter>,
    pub(crate) patience: Duration,
    /// What the chapter's `told_by` answered, if it did.
    pub(crate) told: Option<Value>,
    /// How long an answer may take by the manifest, if that says so.
    declared: Option<Duration>,
    /// How long an answer is waited for.
    pub(crate) limit: Duration,
    /// The optional methods that the plugin says it answers, for any capability of the contract.
    listed: BTreeSet<String>,
    /// What it was set up from.
    origin: (Candidate, Under, Options),
}

/// A stream that was read to its end.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub(crate) head: Message,
    pub(crate) messages: Vec<Message>,
    pub(crate) end: End,
}

impl Bench {
    /// Begins the life of a plugin that is asked about one capability.
    pub(crate) async fn set_up(
        candidate: &Candidate,
        under: &Under,
        options: &Options,
    ) -> Kept<Self> {
        let because = |what: &str, why: Option<&Diagnostic>| match why {
            Some(why) => unasked(format!("{what}: {}: {}", why.code, why.message)),
            None => unasked(what),
        };
        let loaded = match options.host().start(candidate).await {
            Ok(loaded) => loaded,
            Err(refusals) => return because("the plugin does not start", refusals.first()),
        };
        let snapshot = loaded.engine().snapshot();
        let owned = snapshot.capability(&under.contract, &under.capability).cloned();
        let Some(capability) = owned.filter(|owned| owned.id == under.capability) else {
            loaded.unload().await;
            return because("it is not served", snapshot.conflicts().first());
        };
        let siblings = candidate.spec().provides.iter();
        let siblings = siblings.filter(|one| one.contract.to_string() == under.contract);
        let listed = siblings.flat_map(|one| {
            let listed = one.attributes.get("methods").and_then(Value::as_array);
            let event = one.attributes.get("on").and_then(Value::as_str);
            let listed = listed.into_iter().flatten().filter_map(Value::as_str);
            listed.chain(event).map(str::to_owned).collect::<Vec<_>>()
        });
        let declared = TIMES.iter().find_map(|name| capability.attributes.get(*name)?.as_u64());
        let declared = declared.map(Duration::from_millis);
        // Long enough to see that one takes longer than it may.
        let wanted = declared.unwrap_or_default().saturating_mul(2);
        let patience = options.patience;
        let mut bench = Self {
            listed: listed.collect(),
            capability,
            contract: catalogue::find(&under.contract),
            chapter: CHAPTERS.into_iter().find(|chapter| chapter.contract == under.contract),
            told: None,
            limit: wanted.clamp(patience, patience * MOST_PATIENCE),
            declared,
            patience,
            loaded,
            origin: (candidate.clone(), under.clone(), options.clone()),
        };
        if let Some(method) = bench.chapter.and_then(|chapter| chapter.told_by) {
            bench.told = bench.ask_for(method, "").await.ok();
        }
        Ok(bench)
    }

    /// Begins another life of the same, of which nothing was asked yet.
    pub(crate) async fn another(&self) -> Kept<Self> {
        let (candidate, under, options) = &self.origin;
        Box::pin(Self::set_up(candidate, under, options)).await
    }

    /// What was said about the run.
    pub(crate) fn said(&self) -> &Options {
        &self.origin.2
    }

    /// Waits until no more tasks run than this; the last count where that does not come to be.
    pub(crate) async fn settles(&self, most: u64) -> Kept<Result<(), u64>> {
        let end = Instant::now() + self.patience;
        loop {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let tasks = self.tasks().await?;
            if tasks <= most && self.loaded.in_flight() == 0 {
                return Ok(Ok(()));
            }
            if Instant::now() >= end {
                return Ok(Err(tasks));
            }
        }
    }

    /// How many background tasks of the plugin run.
    pub(crate) async fn tasks(&self) -> Kept<u64> {
        match self.loaded.usage().await {
            Ok(usage) => Ok(usage.tasks),
            Err(_) => unasked("it does not say which tasks it runs"),
        }
    }

    /// An attribute of the manifest.
    pub(crate) fn attribute(&self, name: &str) -> &Value {
        self.capability.attributes.get(name).unwrap_or(&Value::Null)
    }

    /// The methods of the contract.
    pub(crate) fn methods(&self) -> Kept<&'static [Method]> {
        match self.contract {
            Some(contract) => Ok(contract.methods),
            None => unasked(format!("the suite knows nothing of `{}`", self.capability.contract)),
        }
    }

    /// Whether the plugin says that it answers an optional method.
    pub(crate) fn lists(&self, method: &str) -> bool {
        self.listed.contains(method)
    }

    /// The methods that the plugin answers.
    pub(crate) fn answered(&self) -> Kept<Vec<&'static Method>> {
        let methods = self.methods()?.iter();
        Ok(methods.filter(|method| method.required || self.lists(method.name)).collect())
    }

    /// A method that can be asked as often as one likes.
    pub(crate) fn steady(&self) -> Option<&'static Method> {
        let safe = self.chapter.and_then(|chapter| chapter.safe);
        let is_steady = |method: &&&Method| match safe {
            Some(name) => method.name == name,
            None => method.idempotent && method.verb == Verb::Call,
        };
        self.answered().ok()?.iter().find(is_steady).copied()
    }

    /// A sound request of a method, if one can be made.
    pub(crate) fn sample(&self, method: &str) -> Kept<Sample> {
        match self.chapter.map(|chapter| (chapter.sample)(self, method)) {
            Some(Sample::Unmade(why)) => unasked(why),
            sample => Ok(sample.unwrap_or(Sample::Nothing)),
        }
    }

    /// How calls of the suite are made.
    pub(crate) fn options(&self) -> CallOptions {
        CallOptions::by("gateway").within(self.limit)
    }

    /// What a failed call of a sound request means: nothing, where it may take longer than it was
    /// waited for.
    pub(crate) fn fault<T>(&self, what: &str, failure: &Failure, change: &str) -> Kept<T> {
        match self.declared {
            Some(declared) if declared > self.limit && failure.class == class::DEADLINE => {
                unasked(format!(
                    "{what} may take {declared:?} by the manifest and was waited for {:?}; a longer \
                     --timeout waits longer",
                    self.limit
                ))
            }
            _ => fault(what, failure, change),
        }
    }

    /// Calls a method.
    pub(crate) async fn call(
        &self,
        method: &str,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Reply, Failure> {
        self.call_with(self.options(), method, metadata, body).await
    }

    /// Calls a method in another way.
    pub(crate) async fn call_with(
        &self,
        options: CallOptions,
        method: &str,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<Reply, Failure> {
        let Capability { contract, id, .. } = &*self.capability;
        self.loaded.call_raw(contract, id, method, options, metadata, body).await
    }

    /// Calls a method with JSON.
    pub(crate) async fn send(
        &self,
        method: &str,
        request: &impl Serialize,
    ) -> Result<Reply, Failure> {
        self.call(method, Metadata::new(), Reply::json(request)?.body).await
    }

    /// Calls a method that has to answer with this type; what to change where it fails.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &self,
        method: &str,
        request: &impl Serialize,
        change: &str,
    ) -> Kept<A> {
        match self.send(method, request).await {
            Ok(reply) => read(method, &reply.body),
            Err(failure) => self.fault(&format!("`{method}`"), &failure, change),
        }
    }

    /// Calls a method that takes no request and has to answer with this type; what to change where it
    /// fails.
    pub(crate) async fn ask_for<A: DeserializeOwned>(&self, method: &str, change: &str) -> Kept<A> {
        match self.call(method, Metadata::new(), Vec::new()).await {
            Ok(reply) => read(method, &reply.body),
            Err(failure) => self.fault(&format!("`{method}`"), &failure, change),
        }
    }

    /// Opens a stream.
    pub(crate) async fn open(
        &self,
        method: &str,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<OpenStream, Failure> {
        let Capability { contract, id, .. } = &*self.capability;
        self.loaded.open_raw(contract, id, method, self.options(), metadata, body).await
    }

    /// Opens a stream that has to be accepted, ends its input and reads it to its end.
    pub(crate) async fn gather(
        &self,
        method: &str,
        request: &impl Serialize,
        change: &str,
    ) -> Kept<Gathered> {
        let body = serde_json::to_vec(request).unwrap_or_default();
        match self.open(method, Metadata::new(), body).await {
            Ok(stream) => self.read_out(method, stream).await,
            Err(failure) => self.fault(&format!("`{method}`"), &failure, change),
        }
    }

    /// Reads a stream to its end.
    pub(crate) async fn read_out(&self, method: &str, stream: OpenStream) -> Kept<Gathered> {
        stream.end.sender.end(End::Done);
        let (mut messages, mut bytes) = (Vec::new(), 0);
        let reading = async {
            loop {
                match stream.end.receiver.receive().await {
                    Ok(message) => {
                        bytes += message.body.len();
                        messages.push(message);
                    }
                    Err(end) => return Some(end),
                }
                if bytes > MOST_BYTES || messages.len() > MOST_MESSAGES {
                    return None;
                }
            }
        };
        // Twice as long as an answer: more than one thing is said.
        let end = tokio::time::timeout(self.patience * 2, reading).await;
        match end {
            Ok(Some(end)) => Ok(Gathered { head: stream.head, messages, end }),
            Ok(None) => broken(
                format!(
                    "the stream of `{method}` has more than {} messages or 64 MiB",
                    messages.len()
                ),
                "say less, and return when all is said",
            ),
            Err(_) => broken(
                format!("the stream of `{method}` does not end within {:?}", self.patience * 2),
                "return from the method when all is said; a request's input may be over already. Where it \
                 has to take so long, a longer --timeout waits longer",
            ),
        }
    }

    /// Asks a method in its way, and lets go of what it answers.
    pub(crate) async fn touch(
        &self,
        method: &Method,
        metadata: Metadata,
        body: Vec<u8>,
    ) -> Result<(), Failure> {
        match method.verb {
            Verb::Call => self.call(method.name, metadata, body).await.map(drop),
            Verb::Open => self.open(method.name, metadata, body).await.map(drop),
        }
    }
}

impl Gathered {
    /// Expects the stream not to have broken off.
    pub(crate) fn require_end(&self, what: &str, change: &str) -> Kept {
        match self.end.clone().into_failure() {
            None => Ok(()),
            Some(failure) => broken(format!("{what} breaks off: {}", said(&failure)), change),
        }
    }

    /// Its bytes, put together.
    pub(crate) fn data(&self) -> Vec<u8> {
        let data = self.messages.iter().filter(|message| message.kind == message_kind::DATA);
        data.flat_map(|message| &message.body).copied().collect()
    }
}

/// Reads an answer.
pub(crate) fn read<A: DeserializeOwned>(method: &str, body: &[u8]) -> Kept<A> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).or_else(|error| {
        broken(
            format!("the answer to `{method}` is not what the contract says: {error}"),
            "answer with the contract's own type, as JSON",
        )
    })
}

/// Expects what is sound to be over within a limit.
pub(crate) async fn expect_within<T>(
    limit: Duration,
    what: &str,
    hint: &str,
    work: impl Future<Output = Kept<T>>,
) -> Kept {
    let began = Instant::now();
    given(work.await)?;
    let took = began.elapsed();
    match took <= limit {
        true => Ok(()),
        false => broken(format!("{what} took {took:?}, and may take {limit:?}"), hint),
    }
}

/// Expects all of one kind to have names, and no two the same.
pub(crate) fn expect_distinct<'a>(
    kind: &str,
    called: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Kept {
    let mut seen = BTreeSet::new();
    for name in names {
        if name.is_empty() {
            return broken(
                format!("one {kind} has no {called}"),
                format!("say the {called} of each {kind}: it is asked for by it"),
            );
        }
        if !seen.insert(name) {
            return broken(
                format!("more than one {kind} has the {called} `{}`", name.escape_debug()),
                format!("let no other {kind} have the same {called}"),
            );
        }
    }
    Ok(())
}

/// Expects a call to be refused with one of these codes and this class.
pub(crate) fn expect_refusal<A>(
    what: &str,
    result: Result<A, Failure>,
    class: u32,
    codes: &[&str],
) -> Kept {
    let wanted = codes.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(" or ");
    let name = loader_abi::class::name(class);
    let hint = format!("answer with an error of class {name} and the code {wanted}");
    match result {
        Ok(_) => broken(format!("{what} is answered as if all were well"), hint),
        Err(failure) if codes.contains(&failure.code.as_str()) && failure.class == class => Ok(()),
        Err(failure) if is_for_want(&failure) && class != failure.class => {
            unasked(format!("{what} needs what is not here: {}", said(&failure)))
        }
        Err(failure) => broken(format!("{what} is refused with {}", said(&failure)), hint),
    }
}
