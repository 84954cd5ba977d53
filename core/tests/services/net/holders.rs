//! `net/1`: names, taking over, letting go.

use super::*;
use loader_contract::service::clock::Sleep;
use loader_core::{message::Metadata, stream};

#[tokio::test(flavor = "multi_thread")]
async fn the_next_generation_takes_over_with_every_unread_byte() {
    let (host, server) = (Host::new(), Server::new().await);
    let old = host.plugin("one");
    let (opened, mut stream) = pair(&old, &server, &kept(&server)).await;
    stream.write_all(b"read;").await.unwrap();
    assert_eq!(opened.read(5).await, b"read;");
    // Handed to the old generation, but never taken by it.
    stream.write_all(b"handed;").await.unwrap();
    soon(opened.end.receiver.readable()).await;
    drop(opened);
    // Sent while nobody held the connection.
    stream.write_all(b"orphaned;").await.unwrap();
    let opened = adopt(&old.reloaded(), &kept(&server)).await;
    stream.write_all(b"fresh").await.unwrap();
    assert_eq!(opened.read(21).await, b"handed;orphaned;fresh");
    opened.send(b"and back").await;
    assert_eq!(read(&mut stream, 8).await, b"and back");
    assert!(server.is_idle().await, "there is one connection only");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_stream_holds_is_taken_over_in_order() {
    const SENT: usize = 32 * 1024 * 1024;
    let (host, server) = (Host::new(), Server::new().await);
    let old = host.plugin("one");
    let (opened, mut stream) = pair(&old, &server, &kept(&server)).await;
    let sent: Vec<u8> = (0..SENT).map(|number| (number % 251) as u8).collect();
    let expected = sent.clone();
    let mut writing = tokio::spawn(async move {
        stream.write_all(&sent).await.unwrap();
        stream
    });
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut writing).await;
    assert!(waited.is_err(), "32 MiB went into a stream that nobody reads");
    drop(opened);
    let opened = adopt(&old.reloaded(), &kept(&server)).await;
    assert!(opened.read(SENT).await == expected);
    writing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_comes_back_at_once_is_never_in_its_own_way() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, _stream) = pair(&plugin, &server, &kept(&server)).await;
    drop(opened);
    for _ in 0..300 {
        drop(adopt(&plugin, &kept(&server)).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_gives_up_before_it_has_the_connection_leaves_nothing_in_it() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &server, &kept(&server)).await;
    drop(opened);
    for _ in 0..100 {
        let request = serde_json::to_vec(&kept(&server)).unwrap();
        let opening = plugin.start("net/1/connect", Metadata::new(), request);
        soon(opening.is_answered()).await;
        drop(opening);
    }
    stream.write_all(b"hello").await.unwrap();
    assert_eq!(adopt(&plugin, &kept(&server)).await.read(5).await, b"hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_nobody_heard_of_is_not_kept() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let request = serde_json::to_vec(&kept(&server)).unwrap();
    let opening = plugin.start("net/1/connect", Metadata::new(), request);
    let mut stream = server.accept().await;
    soon(opening.is_answered()).await;
    drop(opening);
    assert_eq!(read_to_end(&mut stream).await, b"");
    let (opened, _stream) = pair(&plugin.reloaded(), &server, &kept(&server)).await;
    drop(opened);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_that_is_not_wanted_closes() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    for keep_ms in [0, 20] {
        let (opened, mut stream) =
            pair(&plugin, &server, &Connect { keep_ms, ..to(&server) }).await;
        drop(opened);
        assert_eq!(read_to_end(&mut stream).await, b"");
        // The name is free again.
        let (opened, _stream) = pair(&plugin, &server, &to(&server)).await;
        drop(opened);
        close(&plugin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_taken_over_outlives_the_time_it_waited_for_that() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let request = Connect { keep_ms: 500, ..to(&server) };
    let (opened, mut stream) = pair(&plugin, &server, &request).await;
    drop(opened);
    let opened = adopt(&plugin, &request).await;
    let () = plugin.call_json("clock/1/sleep", &Sleep { duration_ms: 600 }).await.unwrap();
    opened.send(b"still here").await;
    assert_eq!(read(&mut stream, 10).await, b"still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_takes_in_no_more_than_it_may_and_loses_nothing() {
    const SENT: usize = 32 * 1024 * 1024;
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &server, &kept(&server)).await;
    drop(opened);
    let sent: Vec<u8> = (0..SENT).map(|number| (number % 251) as u8).collect();
    let expected = sent.clone();
    let mut writing = tokio::spawn(async move {
        stream.write_all(&sent).await.unwrap();
        stream
    });
    let waited = tokio::time::timeout(Duration::from_millis(300), &mut writing).await;
    assert!(waited.is_err(), "32 MiB went into a connection that nobody reads");
    let opened = adopt(&plugin, &kept(&server)).await;
    assert!(opened.read(SENT).await == expected);
    writing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_at_a_time_holds_a_name() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, _stream) = pair(&plugin, &server, &kept(&server)).await;
    for request in [kept(&server), Connect { host: "localhost".into(), ..kept(&server) }] {
        let failure = connect(&plugin.reloaded(), &request).await.unwrap_err();
        assert_failure(&failure, class::CONFLICT, "LDR-NET-HELD");
        assert!(failure.message.contains("`main`"));
    }
    // Another plugin's name is another name, and so is another name of the same plugin.
    pair(&host.plugin("two"), &server, &kept(&server)).await;
    pair(&plugin, &server, &Connect { name: "second".into(), ..kept(&server) }).await;
    drop(opened);
    adopt(&plugin, &kept(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_being_dialled_is_held_and_free_when_that_failed() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    // The server takes the connection and never says anything of TLS.
    let silent = Connect { tls: Some(Tls::default()), ..to(&server) };
    let request = serde_json::to_vec(&silent).unwrap();
    let (near, far) = stream::pair();
    let net = host.standard.services.get("net/1").unwrap();
    let mut dialling = net.open(plugin.request("connect", Metadata::new(), request), far);
    let mut stream = tokio::select! {
        result = &mut dialling => panic!("{result:?}"),
        stream = server.accept() => stream,
    };
    let failure = connect(&plugin, &to(&server)).await.unwrap_err();
    assert_failure(&failure, class::CONFLICT, "LDR-NET-HELD");
    // Whoever gives up may try again at once, even if the dialling has yet to notice.
    drop(near);
    let (_opened, _other) = pair(&plugin, &server, &to(&server)).await;
    drop(dialling);
    read_to_end(&mut stream).await;
    // What comes of the old dialling does not touch the new connection.
    let failure = connect(&plugin, &to(&server)).await.unwrap_err();
    assert_failure(&failure, class::CONFLICT, "LDR-NET-HELD");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_under_the_same_name_is_another_connection() {
    let (host, first, second) = (Host::new(), Server::new().await, Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &first, &kept(&first)).await;
    drop(opened);
    let (_opened, _second) = pair(&plugin, &second, &kept(&second)).await;
    assert_eq!(read_to_end(&mut stream).await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn close_closes_for_good_after_what_was_queued() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &server, &kept(&server)).await;
    opened.send(b"QUIT").await;
    close(&plugin).await;
    // The name is free at once.
    let (again, _other) = pair(&plugin, &server, &kept(&server)).await;
    assert_eq!(read_to_end(&mut stream).await, b"QUIT");
    opened.outcome().await.unwrap();
    drop(again);
    // An orphan can be closed as well, and so can what does not exist.
    close(&plugin).await;
    close(&plugin).await;
    pair(&plugin, &server, &kept(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_plugin_can_neither_take_over_nor_close() {
    let (host, server) = (Host::new(), Server::new().await);
    let (one, two) = (host.plugin("one"), host.plugin("two"));
    let (opened, mut stream) = pair(&one, &server, &kept(&server)).await;
    drop(opened);
    close(&two).await;
    pair(&two, &server, &to(&server)).await;
    stream.write_all(b"still here").await.unwrap();
    assert_eq!(adopt(&one, &kept(&server)).await.read(10).await, b"still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_is_released_lets_go_of_what_it_held() {
    let (host, server) = (Host::new(), Server::new().await);
    let old = host.plugin("one");
    let new = old.reloaded();
    let net = host.standard.services.get("net/1").unwrap();
    // A stream that never goes away: its generation is wedged.
    let (wedged, mut stream) = pair(&old, &server, &kept(&server)).await;
    net.release(&new.caller);
    wedged.send(b"mine").await;
    assert_eq!(read(&mut stream, 4).await, b"mine");
    net.release(&old.caller);
    assert_eq!(wedged.receive().await, Err(End::Superseded));
    adopt(&new, &kept(&server)).await.send(b"ours").await;
    assert_eq!(read(&mut stream, 4).await, b"ours");
    close(&new).await;
    // Without a time to keep it, it is closed.
    let (_wedged, mut stream) = pair(&old, &server, &to(&server)).await;
    net.release(&old.caller);
    assert_eq!(read_to_end(&mut stream).await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_up_frees_the_name_before_the_plugin_hears_of_it() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &server, &kept(&server)).await;
    stream.write_all(b"ERROR").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(opened.read(5).await, b"ERROR");
    assert_eq!(opened.receive().await, Err(End::Done));
    // The other direction is still open.
    let (_again, _other) = pair(&plugin, &server, &kept(&server)).await;
    opened.send(b"bye").await;
    drop(opened);
    assert_eq!(read_to_end(&mut stream).await, b"bye");
}

#[tokio::test(flavor = "multi_thread")]
async fn last_words_to_an_orphan_are_heard_by_whoever_comes() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut stream) = pair(&plugin, &server, &kept(&server)).await;
    drop(opened);
    stream.write_all(b"ERROR").await.unwrap();
    drop(stream);
    let opened = adopt(&plugin, &kept(&server)).await;
    assert_eq!(opened.read(5).await, b"ERROR");
    assert_eq!(opened.receive().await, Err(End::Done));
    pair(&plugin, &server, &kept(&server)).await;
}
