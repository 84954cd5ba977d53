//! The wasm peer: Extism calling an echo guest compiled at run time from `echo.wat`.
//!
//! One caller holds one plugin instance. Many callers share Extism's own pool, which holds as many
//! instances as the machine has cores.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, Result};
use extism::{CompiledPlugin, Plugin, PluginBuilder, Pool, PoolBuilder};

use crate::timing::{self, Bounds};
use crate::{Peer, locked_version};

const FUNCTION: &str = "echo";

/// How long a caller waits for a free instance before the run is given up.
const POOL_PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Extism {
    plugin: Plugin,
    pool: Pool,
}

impl Extism {
    /// Compiles the guest once and fills the pool. Nothing is read from or left in a disk cache.
    pub(crate) fn new() -> Result<Self> {
        let module = wat::parse_str(include_str!("echo.wat")).context("the guest's text")?;
        let compiled: CompiledPlugin = PluginBuilder::new(module)
            .with_cache_disabled()
            .compile()
            .context("compiling the guest")?;
        let plugin = Plugin::new_from_compiled(&compiled).context("instantiating the guest")?;
        let cores = std::thread::available_parallelism().context("counting the cores")?.get();
        let pool = PoolBuilder::new()
            .with_max_instances(cores)
            .build(move || Plugin::new_from_compiled(&compiled));
        Ok(Self { plugin, pool })
    }
}

impl Peer for Extism {
    fn name(&self) -> &'static str {
        "extism"
    }

    fn version(&self) -> &'static str {
        locked_version("extism")
    }

    fn echo(&mut self, body: &[u8]) -> Result<Vec<u8>> {
        self.plugin.call(FUNCTION, body)
    }

    fn one_caller(&mut self, body: &[u8], bounds: Bounds) -> Result<Vec<Duration>> {
        timing::sample(bounds, self.calls_per_sample(), || {
            black_box(self.echo(body)?);
            Ok(())
        })
    }

    fn many_callers(&mut self, callers: usize, body: &[u8], bounds: Bounds) -> Result<u64> {
        timing::count(bounds, callers, self.calls_per_sample(), || {
            let mut plugin = self.pool.get(POOL_PATIENCE)?.context("no instance became free")?;
            black_box(plugin.call::<&[u8], Vec<u8>>(FUNCTION, body)?);
            Ok(())
        })
    }
}
