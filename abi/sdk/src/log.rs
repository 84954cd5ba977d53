//! `tracing` in the plugin becomes emissions to the host, nested under the host's span of the call.
//!
//! The library has its own `tracing` globals, so the subscriber is installed once per library. What a
//! static keeps on the heap is lost when the library unloads: so the subscriber and its registration
//! lie in the library, and the table of open spans is given back.

use crate::{allocation, current, host::HostObject};
use loader_abi::{Emission, emission_kind, level};
use serde_json::{Map, Value};
use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

/// Installs the subscriber and the panic hook, the first time in a library.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let install = || tracing::subscriber::set_global_default(Forwarder);
        // An author's own subscriber, set before, stays.
        let _ = allocation::within_library(install);
    });
    std::panic::set_hook(Box::new(|panic| {
        let message = panic.payload();
        let text = message.downcast_ref::<&str>().copied();
        let text = text.or_else(|| message.downcast_ref::<String>().map(String::as_str));
        let Some(host) = current::host() else { return };
        let mut fields = Map::new();
        if let Some(location) = panic.location() {
            fields.insert("location".into(), location.to_string().into());
        }
        let thread = std::thread::current();
        fields.insert("thread".into(), thread.name().unwrap_or("unnamed").into());
        let emission = Emitted {
            kind: emission_kind::PANIC,
            level: level::ERROR,
            span: 0,
            parent: open_span(),
            target: "panic",
            name: text.unwrap_or("no message"),
            fields,
        };
        emission.send(&host);
    }));
}

/// Takes back the panic hook and the table of spans, so that no memory stays behind when the library
/// leaves.
///
/// On a thread that is panicking the hook is in use and stays.
pub(crate) fn uninstall() {
    *handles() = BTreeMap::new();
    if !std::thread::panicking() {
        drop(std::panic::take_hook());
    }
}

/// How deep spans may nest on one thread; deeper ones are attributed to their ancestor.
const MAX_NESTING: usize = 30;

thread_local! {
    /// The spans entered on this thread, innermost last, and how many they are.
    static ENTERED: Cell<(usize, [u64; MAX_NESTING])> = const { Cell::new((0, [0; MAX_NESTING])) };
}

fn open_span() -> u64 {
    let (depth, spans) = ENTERED.get();
    depth.min(MAX_NESTING).checked_sub(1).map_or(0, |last| spans[last])
}

/// An emission before it is encoded.
struct Emitted<'a> {
    kind: u32,
    level: u32,
    span: u64,
    parent: u64,
    target: &'a str,
    name: &'a str,
    fields: Map<String, Value>,
}

impl Emitted<'_> {
    fn send(self, host: &HostObject) {
        let call_id = current::get().map_or(0, |current| current.call_id);
        let fields = match self.fields.is_empty() {
            true => Vec::new(),
            false => serde_json::to_vec(&self.fields).unwrap_or_default(),
        };
        host.emit(Emission {
            kind: self.kind,
            level: self.level,
            call_id,
            span: self.span,
            parent: self.parent,
            target: self.target.into(),
            name: self.name.into(),
            fields: fields.as_slice().into(),
        });
    }
}

/// Collects a record's fields as JSON; the message apart.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn set(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.others.insert(name.to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value.into());
    }
}

fn number_of(level: &Level) -> u32 {
    match *level {
        Level::ERROR => level::ERROR,
        Level::WARN => level::WARN,
        Level::INFO => level::INFO,
        Level::DEBUG => level::DEBUG,
        Level::TRACE => level::TRACE,
    }
}

/// The last span's number.
static LAST_SPAN: AtomicU64 = AtomicU64::new(0);

/// How many handles of each open span there are.
static HANDLES: Mutex<BTreeMap<u64, usize>> = Mutex::new(BTreeMap::new());

fn handles() -> MutexGuard<'static, BTreeMap<u64, usize>> {
    HANDLES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The subscriber.
struct Forwarder;

impl Forwarder {
    fn host_for(metadata: &Metadata<'_>) -> Option<Arc<HostObject>> {
        current::host().filter(|host| host.enabled(number_of(metadata.level()), metadata.target()))
    }
}

impl Subscriber for Forwarder {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The host's filter may change at any time, so every event asks.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Self::host_for(metadata).is_some()
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let span = LAST_SPAN.fetch_add(1, Ordering::Relaxed) + 1;
        handles().insert(span, 1);
        let metadata = attributes.metadata();
        if let Some(host) = current::host() {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            let parent = match attributes.parent() {
                Some(parent) => parent.into_u64(),
                None if attributes.is_contextual() => open_span(),
                None => 0,
            };
            let emission = Emitted {
                kind: emission_kind::SPAN_OPEN,
                level: number_of(metadata.level()),
                span,
                parent,
                target: metadata.target(),
                name: metadata.name(),
                fields: fields.others,
            };
            emission.send(&host);
        }
        Id::from_u64(span)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        if let Some(host) = current::host() {
            let mut fields = Fields::default();
            values.record(&mut fields);
            let emission = Emitted {
                kind: emission_kind::SPAN_RECORD,
                level: 0,
                span: span.into_u64(),
                parent: 0,
                target: "",
                name: "",
                fields: fields.others,
            };
            emission.send(&host);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let Some(host) = current::host() else { return };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let parent = match event.parent() {
            Some(parent) => parent.into_u64(),
            None if event.is_contextual() => open_span(),
            None => 0,
        };
        let emission = Emitted {
            kind: emission_kind::LOG,
            level: number_of(metadata.level()),
            span: 0,
            parent,
            target: metadata.target(),
            name: &fields.message,
            fields: fields.others,
        };
        emission.send(&host);
    }

    fn enter(&self, span: &Id) {
        let (depth, mut spans) = ENTERED.get();
        if let Some(slot) = spans.get_mut(depth) {
            *slot = span.into_u64();
        }
        ENTERED.set((depth + 1, spans));
    }

    fn exit(&self, _: &Id) {
        let (depth, spans) = ENTERED.get();
        ENTERED.set((depth.saturating_sub(1), spans));
    }

    fn clone_span(&self, span: &Id) -> Id {
        *handles().entry(span.into_u64()).or_insert(0) += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let span = span.into_u64();
        let closed = match handles().get_mut(&span) {
            Some(handles) if *handles > 1 => {
                *handles -= 1;
                false
            }
            _ => true,
        };
        if closed {
            handles().remove(&span);
            if let Some(host) = current::host() {
                let emission = Emitted {
                    kind: emission_kind::SPAN_CLOSE,
                    level: 0,
                    span,
                    parent: 0,
                    target: "",
                    name: "",
                    fields: Map::new(),
                };
                emission.send(&host);
            }
        }
        closed
    }
}
