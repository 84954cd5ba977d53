//! How fast chunks stream from a plugin, by placement, against a plain channel of the same run.
//!
//! The plugin is the fixture `streamer`, whose stream sends as many text events as it is asked for.
//! The baseline is a task that writes the same events as JSON into a bounded tokio channel of the
//! same depth, and a task that takes them.

use futures_util::future::{BoxFuture, join_all};
use integration_tests::{
    bench::{Arguments, Report, Row, Unit, median},
    served,
};
use loader_contract::text_inference::{CONTRACT, GenerateRequest, StreamEvent, method};
use loader_core::{
    CallOptions, Placement, Target,
    message::Metadata,
    stream::{End, WINDOW},
};
use std::time::{Duration, Instant};
use tokio::{runtime, sync::mpsc};

/// How many streams run at once.
const STREAMS: [usize; 2] = [1, 32];

/// Where chunks come from.
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
    let inline = served("streamer", Placement::Inline).await;
    let thread = served("streamer", Placement::Thread { threads: 1 }).await;
    let plugin = |served: &Served| {
        let target = served.engine.target(CONTRACT, Some("streamer"), method::STREAM);
        Source::Plugin(target.expect("streamer is served"))
    };
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
    for ((name, _), rates) in sources.iter().zip(&rates).skip(1) {
        for (index, streams) in STREAMS.into_iter().enumerate() {
            let row = format!("{name}, {streams} at once");
            let row = Row::new(row, Unit::PerSecond("chunks"), median(&rates[index]));
            report.add(row.beside("channel", median(&rates[0][index])));
        }
    }
    for served in [inline, thread] {
        served.engine.stop(Duration::from_secs(5)).await;
    }
    report
}
