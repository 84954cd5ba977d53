//! Fetching packages and catalogues.

use crate::{
    host::soon,
    servers::{Identity, Server, answer, deaf_port, read_request},
};
use loader_core::{
    diagnostic::Diagnostic,
    digest::Digest,
    package::{Address, Catalogue, CatalogueSource, Fetched, Fetcher, Limits},
};
use std::{fs, time::Duration};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

const LIMITS: Limits = Limits { bytes: 100, time: Duration::from_secs(20) };

fn fetcher() -> Fetcher {
    Fetcher::new("loader-test", None).unwrap()
}

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// Fetches into a folder, which must be empty again when it fails.
async fn fetch(
    fetcher: &Fetcher,
    from: &str,
    limits: Limits,
) -> Result<(Fetched, Vec<u8>), Diagnostic> {
    let folder = TempDir::new().unwrap();
    let fetched = fetcher.file(&address(from), folder.path(), limits, &mut |_, _| ()).await;
    match fetched {
        Ok(fetched) => {
            let bytes = fs::read(&fetched.path).unwrap();
            Ok((fetched, bytes))
        }
        Err(refusal) => {
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
            assert!(refusal.hint.is_some());
            assert!(!format!("{refusal:?}").contains("hush"), "{refusal:?}");
            Err(refusal)
        }
    }
}

/// Fetches from a server that says this.
async fn fetch_answered(response: &[u8]) -> Result<(Fetched, Vec<u8>), Diagnostic> {
    let server = Server::new().await;
    let url = server.url("/p.ldr?key=hush").replace("//", "//user:hush@");
    let fetcher = fetcher();
    let serving = async { answer(&mut server.accept().await, response).await };
    tokio::join!(fetch(&fetcher, &url, LIMITS), serving).0
}

fn ok(body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body.as_bytes()].concat()
}

fn redirect(location: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {location}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_comes_whole_with_its_digest_and_its_progress() {
    let (server, folder) = (Server::new().await, TempDir::new().unwrap());
    let url = server.url("/p.ldr?key=hush").replace("//", "//user:hush@");
    let mut told = Vec::new();
    let mut progress = |done, all| told.push((done, all));
    let (fetcher, url) = (fetcher(), address(&url));
    let serving = async {
        let mut stream = server.accept().await;
        let (head, _) = read_request(&mut stream).await;
        assert!(head.starts_with("GET /p.ldr?key=hush "), "{head}");
        // `user:hush`, as the server wants it.
        assert!(head.contains("authorization: Basic dXNlcjpodXNo\r\n"), "{head}");
        stream.write_all(&ok("hello")).await.unwrap();
    };
    let fetching = fetcher.file(&url, folder.path(), LIMITS, &mut progress);
    let fetched = tokio::join!(fetching, serving).0.unwrap();
    assert_eq!((fetched.digest, fetched.size), (Digest::of(b"hello"), 5));
    assert_eq!(fs::read(&fetched.path).unwrap(), b"hello");
    assert_eq!(told.last(), Some(&(5, Some(5))));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_whether_it_is_announced_or_not() {
    let announced = ok(&"x".repeat(101));
    let unannounced =
        [b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".as_slice(), &[0; 101]].concat();
    for response in [announced, unannounced] {
        let refusal = fetch_answered(&response).await.unwrap_err();
        assert_eq!(refusal.code, "LDR-FETCH-SIZE");
    }
    assert_eq!(fetch_answered(&ok(&"x".repeat(100))).await.unwrap().1.len(), 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_well_says_so_without_secrets() {
    for (response, code) in [
        (&b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"[..], "LDR-FETCH-STATUS"),
        (b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", "LDR-FETCH-STATUS"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\ncut", "LDR-FETCH-BROKEN"),
        (b"SSH-2.0-x\r\n\r\n", "LDR-FETCH-BROKEN"),
    ] {
        let refusal = fetch_answered(response).await.unwrap_err();
        assert_eq!(refusal.code, code, "{refusal}");
        assert!(refusal.message.contains("/p.ldr"), "{refusal}");
    }
    let deaf = format!("http://u:hush@127.0.0.1:{}/?key=hush", deaf_port().await);
    let refusal = fetch(&fetcher(), &deaf, LIMITS).await.unwrap_err();
    assert_eq!(refusal.code, "LDR-FETCH-UNREACHABLE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_too_long_is_given_up() {
    let server = Server::new().await;
    let limits = Limits { time: Duration::from_millis(50), ..LIMITS };
    let (fetcher, url) = (fetcher(), server.url("/?key=hush"));
    let fetching = fetch(&fetcher, &url, limits);
    let (refusal, stream) = tokio::join!(fetching, server.accept());
    assert_eq!(refusal.unwrap_err().code, "LDR-FETCH-TIMEOUT");
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_of_a_fetch_that_is_given_up() {
    let (server, folder) = (Server::new().await, TempDir::new().unwrap());
    let (fetcher, url) = (fetcher(), address(&server.url("/")));
    let mut progress = |_, _| ();
    let mut fetching = Box::pin(fetcher.file(&url, folder.path(), LIMITS, &mut progress));
    let stream = tokio::select! {
        _ = &mut fetching => panic!("nobody answered"),
        stream = server.accept() => stream,
    };
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    drop(fetching);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_five_times_and_never_into_the_open() {
    let (server, fetcher) = (Server::new().await, fetcher());
    let url = server.url("/0?key=hush");
    let serving = async {
        for _ in 0..5 {
            answer(&mut server.accept().await, &redirect("/next?key=hush")).await;
        }
        answer(&mut server.accept().await, &ok("there")).await;
    };
    let (fetched, ()) = tokio::join!(fetch(&fetcher, &url, LIMITS), serving);
    assert_eq!(fetched.unwrap().1, b"there");
    let serving = async {
        for _ in 0..6 {
            answer(&mut server.accept().await, &redirect("/next?key=hush")).await;
        }
    };
    let (refusal, ()) = tokio::join!(fetch(&fetcher, &url, LIMITS), serving);
    assert_eq!(refusal.unwrap_err().code, "LDR-FETCH-REDIRECT");
    assert!(server.is_idle().await);

    let identity = Identity::new();
    let fetcher = Fetcher::new("loader-test", Some(&identity.authorities())).unwrap();
    let url = format!("https://localhost:{}/?key=hush", server.port);
    let open = Server::new().await;
    let serving = async {
        let mut stream = identity.accept(&server).await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(&redirect(&open.url("/?key=hush"))).await.unwrap();
        stream.shutdown().await.unwrap();
    };
    let (refusal, ()) = tokio::join!(fetch(&fetcher, &url, LIMITS), serving);
    assert_eq!(refusal.unwrap_err().code, "LDR-FETCH-REDIRECT");
    assert!(open.is_idle().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whom_the_host_trusts_is_asked() {
    let (identity, stranger) = (Identity::new(), Identity::new());
    let fetcher = Fetcher::new("loader-test", Some(&identity.authorities())).unwrap();
    let server = Server::new().await;
    let url = format!("https://localhost:{}/?key=hush", server.port);
    let (refusal, accepted) = tokio::join!(fetch(&fetcher, &url, LIMITS), stranger.accept(&server));
    assert!(accepted.is_err());
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.code, "LDR-FETCH-UNREACHABLE");
    assert!(refusal.hint.unwrap().contains("ca.pem"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalogue_is_read_or_fetched() {
    let (server, fetcher, folder) = (Server::new().await, fetcher(), TempDir::new().unwrap());
    let text = "[[entries]]\nid = \"a\"\ndescription = \"d\"\n";
    let load = async |source: &str| {
        let loading = Catalogue::load(CatalogueSource::parse(source).unwrap(), &fetcher);
        let parsed = soon(loading).await;
        match parsed.catalogue {
            Some(catalogue) => catalogue.entries[0].id.clone(),
            None => parsed.diagnostics[0].code.to_owned(),
        }
    };
    let path = folder.path().join("index.toml");
    let path = path.to_str().unwrap();
    assert_eq!(load(path).await, "LDR-CATALOGUE-READ");
    fs::write(path, text).unwrap();
    assert_eq!(load(path).await, "a");
    fs::write(path, b"\xff").unwrap();
    assert_eq!(load(path).await, "LDR-CATALOGUE-SYNTAX");
    let url = server.url("/index.toml");
    let serving = async { answer(&mut server.accept().await, &ok(text)).await };
    assert_eq!(tokio::join!(load(&url), serving).0, "a");
    let gone = b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";
    let serving = async { answer(&mut server.accept().await, gone).await };
    assert_eq!(tokio::join!(load(&url), serving).0, "LDR-FETCH-STATUS");
}
