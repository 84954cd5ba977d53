//! The product itself, started as a user starts it, with the bundled plugins.

use crate::{Home, build, process::Running};
use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::Notify,
    task::JoinHandle,
};

/// A running `loader`.
pub struct Gateway {
    /// The process.
    pub process: Running,
    /// Where it serves, such as `http://127.0.0.1:40000`.
    pub url: String,
    /// The bearer token.
    pub token: String,
    log: Arc<Log>,
    /// Reads the log until its end.
    reader: Option<JoinHandle<()>>,
}

/// What the process said on standard error.
#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Notify,
}

impl Log {
    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }
}

impl Gateway {
    /// Starts it with this configuration over the home's plugins, and waits until it serves.
    pub async fn start(home: &Home, config: &str) -> Self {
        Self::start_with(home, config, &[]).await
    }

    /// The same with more arguments for `run`.
    pub async fn start_with(home: &Home, config: &str, arguments: &[&str]) -> Self {
        let file = home.state().with_file_name("loader.toml");
        fs::write(&file, config).expect("the configuration can be written");
        let process = Running::start(&build::loader(), |command| {
            command.arg("--config").arg(&file);
            command.arg("--state-dir").arg(home.state());
            command.arg("--plugins-dir").arg(home.plugins());
            command.args(["run", "--listen", "127.0.0.1:0", "--ready-json"]).args(arguments);
            command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command.env("HOME", home.state()).stderr(Stdio::piped());
        });
        Self::ready(process).await
    }

    /// Starts it as `loader dev` in the folder of a plugin. Cargo finds what it needs where it does here, and
    /// downloads nothing.
    pub async fn develop(home: &Home, folder: &Path) -> Self {
        let process = Running::start(&build::loader(), |command| {
            command.arg("--state-dir").arg(home.state());
            command.arg("--plugins-dir").arg(home.plugins());
            command.args(["dev", ".", "--listen", "127.0.0.1:0", "--ready-json"]);
            command.current_dir(folder).stderr(Stdio::piped());
            // Whose home it is decides where the link is made.
            command.env("HOME", home.state()).env("CARGO_NET_OFFLINE", "true");
            for (variable, usual) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
                let folder = std::env::var_os(variable).map(PathBuf::from);
                let folder = folder.or_else(|| Some(std::env::home_dir()?.join(usual)));
                command.env(variable, folder.expect("a home"));
            }
        });
        Self::ready(process).await
    }

    async fn ready(mut process: Running) -> Self {
        let log = Arc::new(Log::default());
        let stderr = process.child.stderr.take().expect("stderr is piped");
        let writer = log.clone();
        let reader = tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                writer.lines.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(line);
                writer.grown.notify_waiters();
            }
        });
        let ready = process.json().await;
        let text = |key: &str| ready[key].as_str().expect("a ready line").to_owned();
        let token = fs::read_to_string(text("token_file")).expect("the token");
        Self {
            process,
            url: text("url"),
            token: token.trim().to_owned(),
            log,
            reader: Some(reader),
        }
    }

    /// Sends one request on a connection of its own and returns the whole response.
    pub async fn get(&self, path: &str) -> std::io::Result<String> {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
             Connection: close\r\n\r\n",
            self.token
        );
        stream.write_all(head.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        Ok(response)
    }

    /// What it has said on standard error so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Waits until a line from `from` on contains all of these, and returns the line after it.
    pub async fn await_log(&self, from: usize, parts: &[&str]) -> usize {
        let wait = async {
            loop {
                let grown = self.log.grown.notified();
                let mut grown = std::pin::pin!(grown);
                grown.as_mut().enable();
                let lines = self.log.lines();
                let matches = |line: &String| parts.iter().all(|part| line.contains(part));
                if let Some(at) = lines.iter().skip(from).position(matches) {
                    return from + at + 1;
                }
                grown.await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), wait).await {
            Ok(at) => at,
            Err(_) => panic!("no line has {parts:?}:\n{}", self.log().join("\n")),
        }
    }

    /// Waits for its end and returns the exit code. All that it said is in the log then.
    pub async fn ended(&mut self) -> Option<i32> {
        self.end().await.code()
    }

    /// Waits for its end and returns the signal that ended it. All that it said is in the log then.
    pub async fn killed(&mut self) -> Option<i32> {
        self.end().await.signal()
    }

    async fn end(&mut self) -> ExitStatus {
        let reader = self.reader.take();
        let ended = tokio::time::timeout(Duration::from_secs(60), async {
            let status = self.process.child.wait().await;
            if let Some(reader) = reader {
                reader.await.expect("the log can be read");
            }
            status
        });
        ended.await.expect("it ends within a minute").expect("it can be waited for")
    }
}
