//! The baseline of the HTTP benchmark: one axum route that echoes its body, behind the settings
//! that the gateway gives hyper. Prints its URL on standard output once it listens.

use axum::{Router, body::Bytes, routing::any};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::time::Duration;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let echo = Router::new().route("/bare-call", any(async |body: Bytes| body));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(echo.clone());
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(10))
                .max_buf_size(16 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is no failure of the server.
            let _ = connection.await;
        });
    }
}
