//! The ways of reaching an echo, and how each is timed.

use futures_util::future::{BoxFuture, join_all};
use integration_tests::bench::{Bounds, Stretch};
use loader_core::{CallOptions, Target, message::Metadata};
use std::{
    future::ready,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a sample takes at least: many times what reading the clock does.
const SAMPLE: Duration = Duration::from_micros(4);

/// Calls that one of many callers makes between two looks at the clock.
const BETWEEN_LOOKS: u32 = 64;

/// One way of having a body echoed.
pub(crate) trait Echo: Send + Sync + 'static {
    fn echo(&self, body: &[u8]) -> impl Future<Output = Vec<u8>> + Send;
}

/// An echo that can be timed, whatever it is.
pub(crate) trait Contender: Send + Sync {
    fn name(&self) -> &'static str;

    /// Fails unless the body comes back as it was sent.
    fn check<'a>(&'a self, body: &'a [u8]) -> BoxFuture<'a, ()>;

    /// Nanoseconds per call, of calls made one after the other.
    fn one_caller<'a>(&'a self, body: &'a [u8], bounds: Bounds) -> BoxFuture<'a, Vec<f64>>;

    /// Calls per second of so many tasks that call for so long.
    fn many_callers(&self, callers: usize, body: &[u8], time: Duration) -> BoxFuture<'_, f64>;
}

/// An echo with its name.
pub(crate) struct Named<E> {
    name: &'static str,
    echo: Arc<E>,
}

impl<E: Echo> Named<E> {
    pub(crate) fn new(name: &'static str, echo: E) -> Self {
        Self { name, echo: Arc::new(echo) }
    }
}

impl<E: Echo> Contender for Named<E> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn check<'a>(&'a self, body: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async move { assert_eq!(self.echo.echo(body).await, body, "{}", self.name) })
    }

    fn one_caller<'a>(&'a self, body: &'a [u8], bounds: Bounds) -> BoxFuture<'a, Vec<f64>> {
        Box::pin(async move {
            let batch = calls_per_sample(&*self.echo, body).await;
            let mut stretch = Stretch::start(bounds, batch);
            loop {
                call(&*self.echo, body, batch).await;
                if !stretch.lap() {
                    return stretch.into_samples();
                }
            }
        })
    }

    fn many_callers(&self, callers: usize, body: &[u8], time: Duration) -> BoxFuture<'_, f64> {
        let body: Arc<[u8]> = body.into();
        Box::pin(async move {
            let began = Instant::now();
            let tasks = (0..callers).map(|_| {
                let (echo, body) = (self.echo.clone(), body.clone());
                tokio::spawn(async move {
                    let mut calls = 0;
                    while began.elapsed() < time {
                        call(&*echo, &body, BETWEEN_LOOKS).await;
                        calls += BETWEEN_LOOKS;
                    }
                    calls
                })
            });
            let calls: Vec<u32> =
                join_all(tasks).await.into_iter().map(|calls| calls.expect("a caller")).collect();
            calls.into_iter().map(f64::from).sum::<f64>() / began.elapsed().as_secs_f64()
        })
    }
}

async fn call(echo: &impl Echo, body: &[u8], times: u32) {
    for _ in 0..times {
        black_box(echo.echo(black_box(body)).await);
    }
}

/// Reading the clock takes as long as a short call: short calls are timed by the batch, so their
/// percentiles are those of batches.
async fn calls_per_sample(echo: &impl Echo, body: &[u8]) -> u32 {
    let mut calls = 1;
    loop {
        let began = Instant::now();
        call(echo, body, calls).await;
        if began.elapsed() >= SAMPLE {
            return calls;
        }
        calls *= 2;
    }
}

/// The baseline.
pub(crate) struct Plain(Box<dyn PlainEcho>);

trait PlainEcho: Send + Sync {
    fn echo(&self, body: &[u8]) -> Vec<u8>;
}

struct Copying;

impl PlainEcho for Copying {
    fn echo(&self, body: &[u8]) -> Vec<u8> {
        body.to_vec()
    }
}

impl Plain {
    pub(crate) fn new() -> Self {
        // Hidden from the optimiser, which would otherwise call the only implementation directly.
        Self(black_box(Box::new(Copying)))
    }
}

impl Echo for Plain {
    fn echo(&self, body: &[u8]) -> impl Future<Output = Vec<u8>> + Send {
        ready(self.0.echo(body))
    }
}

/// The lease, the boundary both ways, and an answer of the host's own.
pub(crate) struct Bare(pub(crate) Target);

impl Echo for Bare {
    async fn echo(&self, body: &[u8]) -> Vec<u8> {
        let reply = self.0.call_bare(Metadata::new(), body.to_vec()).await;
        reply.expect("an answer").body
    }
}

/// A call as the gateway makes it.
pub(crate) struct Full {
    target: Target,
    caller: Arc<str>,
}

impl Full {
    pub(crate) fn new(target: Target) -> Self {
        Self { target, caller: "gateway".into() }
    }
}

impl Echo for Full {
    async fn echo(&self, body: &[u8]) -> Vec<u8> {
        let options = CallOptions::by(self.caller.clone());
        let reply = self.target.call(options, Metadata::new(), body.to_vec()).await;
        reply.expect("an answer").body
    }
}
