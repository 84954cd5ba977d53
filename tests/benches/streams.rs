//! How fast chunks stream from a plugin, by placement, against a plain channel of the same run.
//!
//! The plugin is the fixture `streamer`, whose stream sends as many text events as it is asked for.
//! The baseline is a task that writes the same events as JSON into a bounded tokio channel of the
//! same depth, and a task that takes them.

use futures_util::future::join_all;
use integration_tests::bench::{Arguments, Report, Row, Served, Unit, median};
use loader_contract::text_inference::{CONTRACT, GenerateRequest, StreamEvent, method};
use loader_core::{
    CallOptions, Placement, Target,
    message::Metadata,
    stream::{End, WINDOW},
};
use std::time::Instant;
use tokio::{runtime, sync::mpsc};

/// How many streams run at once.
const STREAMS: [usize; 2] = [1, 32];

/// Where chunks come from.
#[derive(Clone)]
enum Source {
    Channel,
    Plugin(Target),
}

fn main() {
    let arguments = Arguments::read();
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(runtime.spawn(measure(arguments))).expect("the benchmark runs");
    report.print(arguments);
}

async fn measure(arguments: Arguments) -> Report {
    let inline = Served::load("streamer", Placement::Inline).await;
    let thread = Served::load("streamer", Placement::Thread { threads: 1 }).await;
    let plugin = |served: &Served| Source::Plugin(served.target(CONTRACT, method::STREAM));
    let sources =
        [("channel", Source::Channel), ("inline", plugin(&inline)), ("thread", plugin(&thread))];
    let rounds = arguments.pick(9, 2);
    let chunks = arguments.pick(200_000, 2000);
    let mut rates = vec![STREAMS.map(|_| Vec::new()); sources.len()];
    for round in 0..=rounds {
        for ((_, source), rates) in sources.iter().zip(&mut rates) {
            for (streams, rates) in STREAMS.into_iter().zip(rates) {
                let rate = source.rate(streams, chunks).await;
                // The first round warms up.
                if round > 0 {
                    rates.push(rate);
                }
            }
        }
    }
    let mut report = Report::new("streams", "chunks per second through one plugin");
    let channel = &rates[0];
    for ((name, _), rates) in sources.iter().zip(&rates).skip(1) {
        for ((streams, rates), channel) in STREAMS.iter().zip(rates).zip(channel) {
            let row = Row::new(
                format!("{name}, {streams} at once"),
                Unit::PerSecond("chunks"),
                median(rates),
            );
            report.add(row.beside("channel", median(channel)));
        }
    }
    for served in [inline, thread] {
        served.stop().await;
    }
    report
}

impl Source {
    /// Chunks per second when so many streams together carry so many chunks.
    async fn rate(&self, streams: usize, chunks: usize) -> f64 {
        let each = chunks / streams;
        let began = Instant::now();
        let tasks = (0..streams).map(|_| tokio::spawn(self.clone().take(each)));
        for taken in join_all(tasks).await {
            assert_eq!(taken.expect("a reader"), each);
        }
        (each * streams) as f64 / began.elapsed().as_secs_f64()
    }

    /// Takes one stream of so many chunks to its end and returns how many came.
    async fn take(self, chunks: usize) -> usize {
        match self {
            Self::Channel => take_from_channel(chunks).await,
            Self::Plugin(target) => take_from_plugin(&target, chunks).await,
        }
    }
}

async fn take_from_channel(chunks: usize) -> usize {
    let (sender, mut receiver) = mpsc::channel(WINDOW);
    tokio::spawn(async move {
        for _ in 0..chunks {
            let event = StreamEvent::Text { text: "token ".to_owned() };
            let event = serde_json::to_vec(&event).expect("an event is JSON");
            sender.send(event).await.expect("the reader listens");
        }
    });
    let mut taken = 0;
    while receiver.recv().await.is_some() {
        taken += 1;
    }
    taken
}

async fn take_from_plugin(target: &Target, chunks: usize) -> usize {
    let request = GenerateRequest {
        model: "streamer".to_owned(),
        max_tokens: Some(chunks as u64),
        ..GenerateRequest::default()
    };
    let request = serde_json::to_vec(&request).expect("a request is JSON");
    let stream = target.open(CallOptions::by("gateway"), Metadata::new(), request).await;
    let receiver = stream.expect("the plugin accepts").end.receiver;
    let mut messages = 0;
    let end = loop {
        match receiver.receive().await {
            Ok(_) => messages += 1,
            Err(end) => break end,
        }
    };
    assert_eq!(end, End::Done);
    // The last event says that the stream is complete.
    messages - 1
}
