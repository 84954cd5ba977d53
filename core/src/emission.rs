//! What plugins tell the host becomes `tracing` events and spans, and counters.

use loader_abi::{Emission, emission_kind, level};
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};
use tracing::{Span, debug, error, info, trace, warn};

/// The most spans of one plugin that may be open at once; more are dropped and counted.
const MAX_OPEN_SPANS: usize = 10_000;

/// Says whether a log of this level and plugin target is wanted.
pub type LogFilter = Arc<dyn Fn(u32, &str) -> bool + Send + Sync>;

/// Listens to one generation of a plugin.
pub(crate) struct Observer {
    plugin: Arc<str>,
    filter: Option<LogFilter>,
    /// The host's spans of the calls under way that have one.
    calls: Mutex<HashMap<u64, Span>>,
    /// The plugin's open spans.
    spans: Mutex<HashMap<u64, Span>>,
    dropped: AtomicU64,
    panics: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Observer {
    pub(crate) fn new(plugin: Arc<str>, filter: Option<LogFilter>) -> Self {
        Self {
            plugin,
            filter,
            calls: Mutex::default(),
            spans: Mutex::default(),
            dropped: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }

    /// How many panics the plugin's guards contained.
    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// How many emissions were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Nests what the plugin says in the course of a call under the caller's span.
    pub(crate) fn begin_call(self: &Arc<Self>, call_id: u64) -> Option<ObservedCall> {
        let span = Span::current();
        if span.is_disabled() {
            return None;
        }
        lock(&self.calls).insert(call_id, span);
        Some(ObservedCall { observer: self.clone(), call_id })
    }

    pub(crate) fn enabled(&self, level: u32, target: &str) -> bool {
        if let Some(filter) = &self.filter {
            return filter(level, target);
        }
        match level {
            level::ERROR => tracing::enabled!(target: "plugin", tracing::Level::ERROR),
            level::WARN => tracing::enabled!(target: "plugin", tracing::Level::WARN),
            level::INFO => tracing::enabled!(target: "plugin", tracing::Level::INFO),
            level::DEBUG => tracing::enabled!(target: "plugin", tracing::Level::DEBUG),
            _ => tracing::enabled!(target: "plugin", tracing::Level::TRACE),
        }
    }

    pub(crate) fn emit(&self, emission: &Emission<'_>) {
        match emission.kind {
            emission_kind::LOG => self.log(emission),
            emission_kind::PANIC => {
                self.panics.fetch_add(1, Ordering::Relaxed);
                self.log(emission);
            }
            emission_kind::SPAN_OPEN => self.open_span(emission),
            emission_kind::SPAN_RECORD => {
                let fields = text(emission.fields.as_slice());
                if let Some(span) = lock(&self.spans).get(&emission.span) {
                    span.record("fields", &*fields);
                }
            }
            emission_kind::SPAN_CLOSE => {
                let span = lock(&self.spans).remove(&emission.span);
                drop(span);
            }
            _ => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The span an emission belongs into.
    fn parent(&self, emission: &Emission<'_>) -> Span {
        let own = lock(&self.spans).get(&emission.parent).cloned();
        own.or_else(|| lock(&self.calls).get(&emission.call_id).cloned()).unwrap_or_else(Span::none)
    }

    fn log(&self, emission: &Emission<'_>) {
        let parent = self.parent(emission);
        let (plugin, target) = (&*self.plugin, emission.target.as_str());
        let message = emission.name.as_str();
        let fields = text(emission.fields.as_slice());
        let fields = (!fields.is_empty()).then_some(&*fields);
        // A macro per level: the level of an event is part of its static description.
        match emission.level {
            level::ERROR => {
                error!(target: "plugin", parent: &parent, plugin, target, fields, "{message}");
            }
            level::WARN => {
                warn!(target: "plugin", parent: &parent, plugin, target, fields, "{message}");
            }
            level::INFO => {
                info!(target: "plugin", parent: &parent, plugin, target, fields, "{message}");
            }
            level::DEBUG => {
                debug!(target: "plugin", parent: &parent, plugin, target, fields, "{message}");
            }
            _ => trace!(target: "plugin", parent: &parent, plugin, target, fields, "{message}"),
        }
    }

    fn open_span(&self, emission: &Emission<'_>) {
        let parent = self.parent(emission);
        let (plugin, name) = (&*self.plugin, emission.name.as_str());
        let fields = text(emission.fields.as_slice());
        let fields = &*fields;
        macro_rules! span {
            ($level:ident) => {
                tracing::span!(
                    target: "plugin", parent: &parent, tracing::Level::$level,
                    "plugin_span", plugin, name, fields
                )
            };
        }
        let span = match emission.level {
            level::ERROR => span!(ERROR),
            level::WARN => span!(WARN),
            level::INFO => span!(INFO),
            level::DEBUG => span!(DEBUG),
            _ => span!(TRACE),
        };
        let mut spans = lock(&self.spans);
        if spans.len() < MAX_OPEN_SPANS {
            spans.insert(emission.span, span);
        } else {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn text(fields: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(fields)
}

/// A call under way; dropping it ends the nesting.
pub(crate) struct ObservedCall {
    observer: Arc<Observer>,
    call_id: u64,
}

impl Drop for ObservedCall {
    fn drop(&mut self) {
        let span = lock(&self.observer.calls).remove(&self.call_id);
        drop(span);
    }
}
