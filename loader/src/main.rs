//! The `loader` program: arguments in, exit code out.
//!
//! | module | what it is for |
//! | --- | --- |
//! | `args` | what can be written on the command line |
//! | `env_vars`, `exit_code` | the other two promises to scripts |
//! | `settings` | `loader.toml` and everything that overrides it |
//! | `context` | the folders and the configuration a command works with |
//! | `commands` | one module per command; they return what to say and print only what streams |
//! | `http` | the HTTP edge |
//! | `state_dir`, `token`, `secrets`, `logging`, `signals` | what a running gateway needs of its machine |
//! | `reconfiguration` | another configuration while it runs |
//! | `running` | the gateway that runs already, as another `loader` sees it |
//! | `finding`, `output` | what there is to say, and the only place that says it |

mod args;
mod commands;
mod context;
mod edit;
mod env_vars;
mod exit_code;
mod finding;
mod http;
mod logging;
mod output;
mod reconfiguration;
mod running;
mod secrets;
mod settings;
mod shell;
mod signals;
mod state_dir;
mod token;

use std::process::ExitCode;

use crate::args::Arguments;
use crate::output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::read(std::env::args_os());
    let output = Output::new(&arguments.global);
    let outcome = commands::execute(&arguments, &output);
    output.conclude(arguments.command.name(), outcome).into()
}
