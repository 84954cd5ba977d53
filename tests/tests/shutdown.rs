//! SIGTERM under load, as a supervisor sends it.

use integration_tests::{Home, gateway::Gateway};
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Sends one request on a connection of its own and returns the whole response.
async fn request(gateway: &str, token: &str, path: &str) -> std::io::Result<String> {
    let address = gateway.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await?;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    Ok(response)
}

fn home() -> Home {
    let home = Home::new();
    for plugin in ["hello", "echo", "own-tokio", "faulty"] {
        home.add(plugin);
    }
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_flight_finish_plugins_stop_in_reverse_and_nothing_is_left() {
    let home = home();
    let mut gateway = Gateway::start(&home, "").await;
    let callers: Vec<_> = (0..16)
        .map(|_| {
            let (url, token) = (gateway.url.clone(), gateway.token.clone());
            tokio::spawn(async move {
                let mut answered = 0;
                // Until the door is closed; a response that was begun must be whole.
                while let Ok(response) = request(&url, &token, "/own-tokio").await {
                    if response.is_empty() {
                        break;
                    }
                    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
                    assert!(response.ends_with("plugin-own"), "{response}");
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    // Load first, then the signal: the callers say when they have been answered.
    while request(&gateway.url, &gateway.token, "/hello").await.expect("it serves").is_empty() {}
    gateway.process.signal("TERM");
    assert_eq!(gateway.ended().await, Some(0));
    let mut answered = 0;
    for caller in callers {
        answered += caller.await.expect("no caller saw a broken response");
    }
    assert!(answered > 0);
    let retired: Vec<String> = gateway
        .log()
        .into_iter()
        .filter(|line| line.contains("retired and unloaded"))
        .filter_map(|line| {
            line.split("plugin=\"")
                .nth(1)
                .map(|rest| rest.split('"').next().unwrap_or_default().to_owned())
        })
        .collect();
    assert_eq!(retired, ["own-tokio", "hello", "faulty", "echo"], "the last loaded first");
    let store = home.state().join("store");
    let left: Vec<_> = walk(&store).into_iter().filter(|path| path.ends_with(".so")).collect();
    assert!(left.is_empty(), "{left:?}");
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(walk(&path))
        } else {
            found.push(path.display().to_string())
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let home = home();
    let mut gateway = Gateway::start(&home, "[gateway]\ndrain_timeout_ms = 60000\n").await;
    let (url, token) = (gateway.url.clone(), gateway.token.clone());
    let stuck = tokio::spawn(async move { request(&url, &token, "/faulty/never").await });
    gateway.await_log(0, &["plugin loaded", "plugin=\"own-tokio\""]).await;
    gateway.process.signal("TERM");
    gateway.await_log(0, &["asked to stop"]).await;
    let began = Instant::now();
    gateway.process.signal("TERM");
    let code = gateway.ended().await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_ne!(code, Some(0));
    let _ = stuck.await;
}
