//! The command line of a benchmark: `[--quick] [--json]`.

use std::process::exit;

/// How a benchmark was started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arguments {
    /// A few short rounds: shows that everything runs; the figures mean little.
    pub quick: bool,
    /// One line of JSON instead of a table.
    pub json: bool,
}

impl Arguments {
    /// Reads the command line; says how to write it and ends the process when it makes no sense.
    pub fn read() -> Self {
        let mut arguments = Self::default();
        for word in std::env::args().skip(1) {
            match word.as_str() {
                "--quick" => arguments.quick = true,
                "--json" => arguments.json = true,
                // `cargo bench` says this to every benchmark.
                "--bench" => {}
                other => {
                    eprintln!("`{other}` means nothing here; the options are --quick and --json");
                    exit(2);
                }
            }
        }
        arguments
    }

    /// The first value, or the second in a quick run.
    pub fn pick<T>(self, normal: T, quick: T) -> T {
        if self.quick { quick } else { normal }
    }
}
