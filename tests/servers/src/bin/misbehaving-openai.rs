//! An OpenAI-compatible server on loopback whose behaviour is chosen by the model's name.
//!
//! It prints one line, `{"url":"http://127.0.0.1:PORT/v1"}`, once it serves, and appends what
//! happens to it to a log file as JSON lines. It ends on SIGTERM or SIGINT, and by itself after ten
//! minutes without a request, so that a crashed test leaves nothing behind.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde_json::json;
use test_servers::openai::{EventLog, Server};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// How long the server stays up when nobody asks it anything.
const IDLE_LIMIT: Duration = Duration::from_secs(600);

/// An OpenAI-compatible server that misbehaves as the model's name says.
#[derive(Parser)]
struct Arguments {
    /// Loopback address to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDR:PORT", default_value_t = (Ipv4Addr::LOCALHOST, 0).into())]
    listen: SocketAddr,

    /// File to which one JSON line is appended for each event.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stderr, reason = "a test program reports its own failure")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("misbehaving-openai: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal or until nobody has asked anything for [`IDLE_LIMIT`].
async fn run(arguments: Arguments) -> io::Result<()> {
    if !arguments.listen.ip().is_loopback() {
        let reason = format!("{} is not a loopback address", arguments.listen);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
    }
    let log = match &arguments.log {
        Some(path) => EventLog::new(OpenOptions::new().create(true).append(true).open(path)?),
        None => EventLog::new(io::sink()),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;

    let listener = TcpListener::bind(arguments.listen).await?;
    let server = Server::new(log);
    announce(listener.local_addr()?)?;
    tokio::select! {
        served = axum::serve(listener, server.router()) => served,
        () = server.idle_for(IDLE_LIMIT) => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}

/// Prints where the server is. The socket listens already, so a client may connect at once.
fn announce(address: SocketAddr) -> io::Result<()> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{}", json!({ "url": format!("http://{address}/v1") }))?;
    stdout.flush()
}
