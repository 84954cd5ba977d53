//! The baseline every ratio is taken against: a plain `dyn Trait` call in the same run.

use std::hint::black_box;
use std::time::Duration;

use anyhow::Result;

use crate::Peer;
use crate::timing::{self, Bounds};

/// A call of about ten nanoseconds is shorter than reading the clock, so samples are batches.
const CALLS_PER_SAMPLE: u32 = 256;

trait Echo: Sync {
    fn echo(&self, body: &[u8]) -> Vec<u8>;
}

struct CopyingEcho;

impl Echo for CopyingEcho {
    fn echo(&self, body: &[u8]) -> Vec<u8> {
        body.to_vec()
    }
}

pub(crate) struct Plain {
    echo: Box<dyn Echo>,
}

impl Plain {
    pub(crate) fn new() -> Self {
        // Hidden from the optimiser, which would otherwise call the only implementation directly.
        Self { echo: black_box(Box::new(CopyingEcho)) }
    }

    fn call(&self, body: &[u8]) -> Result<()> {
        black_box(self.echo.echo(black_box(body)));
        Ok(())
    }
}

impl Peer for Plain {
    fn name(&self) -> &'static str {
        "dyn"
    }

    fn version(&self) -> &'static str {
        "-"
    }

    fn calls_per_sample(&self) -> u32 {
        CALLS_PER_SAMPLE
    }

    fn echo(&mut self, body: &[u8]) -> Result<Vec<u8>> {
        Ok(self.echo.echo(body))
    }

    fn one_caller(&mut self, body: &[u8], bounds: Bounds) -> Result<Vec<Duration>> {
        timing::sample(bounds, CALLS_PER_SAMPLE, || self.call(body))
    }

    fn many_callers(&mut self, callers: usize, body: &[u8], bounds: Bounds) -> Result<u64> {
        timing::count(bounds, callers, CALLS_PER_SAMPLE, || self.call(body))
    }
}
