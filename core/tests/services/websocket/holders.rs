//! `websocket/1`: names, taking over, letting go.

use super::*;
use loader_contract::service::clock::Sleep;

fn kept(server: &Server) -> Connect {
    Connect { name: "main".into(), keep_ms: 60_000, ..to(server) }
}

/// The first holder of a socket with a name.
async fn hold(
    plugin: &Plugin<'_>,
    server: &Server,
    request: &Connect,
) -> (Opened, WebSocketStream<TcpStream>) {
    let (opened, socket) = tokio::join!(connect(plugin, request), accept(server));
    let opened = opened.unwrap();
    assert!(!opened.head::<Connected>().adopted);
    (opened, socket)
}

/// The next holder of it.
async fn adopt(plugin: &Plugin<'_>, request: &Connect) -> Opened {
    let opened = connect(plugin, request).await.unwrap();
    assert!(opened.head::<Connected>().adopted);
    opened
}

async fn heard(opened: &Opened) -> (u32, String) {
    let message = opened.receive().await.unwrap();
    (message.kind, String::from_utf8(message.body).unwrap())
}

/// What the server hears until the socket is closed, goodbyes aside.
async fn last_words(socket: &mut WebSocketStream<TcpStream>) -> Vec<Frame> {
    let mut words = Vec::new();
    while let Some(Ok(frame)) = soon(socket.next()).await {
        if !frame.is_close() {
            words.push(frame);
        }
    }
    words
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_generation_takes_over_with_every_unread_message() {
    let (host, server) = (Host::new(), Server::new().await);
    let old = host.plugin("one");
    let (opened, mut socket) = hold(&old, &server, &kept(&server)).await;
    socket.send(Frame::text("read")).await.unwrap();
    assert_eq!(heard(&opened).await, (message_kind::EVENT, "read".into()));
    // Handed to the old generation, but never taken by it.
    socket.send(Frame::text("handed")).await.unwrap();
    soon(opened.end.receiver.readable()).await;
    say(&opened, "queued").await;
    drop(opened);
    // Sent while nobody held the socket.
    socket.send(Frame::binary(&b"orphaned"[..])).await.unwrap();
    assert_eq!(next(&mut socket).await, Frame::text("queued"));
    socket.send(Frame::Ping("still there".into())).await.unwrap();
    assert_eq!(next(&mut socket).await, Frame::Pong("still there".into()));
    let opened = adopt(&old.reloaded(), &kept(&server)).await;
    socket.send(Frame::text("fresh")).await.unwrap();
    assert_eq!(heard(&opened).await, (message_kind::EVENT, "handed".into()));
    assert_eq!(heard(&opened).await, (message_kind::DATA, "orphaned".into()));
    assert_eq!(heard(&opened).await, (message_kind::EVENT, "fresh".into()));
    say(&opened, "and back").await;
    assert_eq!(next(&mut socket).await, Frame::text("and back"));
    assert!(server.is_idle().await, "there is one connection only");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_comes_once_and_in_order_over_many_holders() {
    let (host, server) = (Host::new(), Server::new().await);
    let mut plugin = host.plugin("one");
    let (mut opened, mut socket) = hold(&plugin, &server, &kept(&server)).await;
    let sending = tokio::spawn(async move {
        for number in 0..2_000 {
            socket.send(Frame::text(number.to_string())).await.unwrap();
        }
        socket
    });
    for number in 0..2_000 {
        assert_eq!(heard(&opened).await.1, number.to_string());
        if number % 20 == 0 {
            drop(opened);
            plugin = plugin.reloaded();
            // One that gives up before it has read anything changes nothing.
            let request = serde_json::to_vec(&kept(&server)).unwrap();
            drop(plugin.start("websocket/1/connect", Metadata::new(), request));
            opened = adopt(&plugin, &kept(&server)).await;
        }
    }
    sending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_stream_at_a_time_holds_a_name() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, _socket) = hold(&plugin, &server, &kept(&server)).await;
    let failure = connect(&plugin.reloaded(), &kept(&server)).await.unwrap_err();
    assert_failure(&failure, class::CONFLICT, "LDR-WEBSOCKET-HELD");
    assert!(failure.message.contains("`main`"));
    // Another plugin's name is another name, and so is another name of the same plugin.
    hold(&host.plugin("two"), &server, &kept(&server)).await;
    hold(&plugin, &server, &Connect { name: "second".into(), ..kept(&server) }).await;
    drop(opened);
    adopt(&plugin, &kept(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_that_is_not_wanted_says_goodbye() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    for keep_ms in [0, 20] {
        let request = Connect { keep_ms, ..kept(&server) };
        let (opened, mut socket) = hold(&plugin, &server, &request).await;
        say(&opened, "last words").await;
        drop(opened);
        assert_eq!(last_words(&mut socket).await, [Frame::text("last words")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_was_taken_over_outlives_the_time_it_waited_for_that() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let request = Connect { keep_ms: 500, ..kept(&server) };
    let (opened, mut socket) = hold(&plugin, &server, &request).await;
    drop(opened);
    let opened = adopt(&plugin, &request).await;
    let () = plugin.call_json("clock/1/sleep", &Sleep { duration_ms: 600 }).await.unwrap();
    say(&opened, "still here").await;
    assert_eq!(next(&mut socket).await, Frame::text("still here"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_says_goodbye_leaves_nothing_to_take_over() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut socket) = hold(&plugin, &server, &kept(&server)).await;
    opened.finish();
    assert_eq!(last_words(&mut socket).await, []);
    opened.outcome().await.unwrap();
    hold(&plugin, &server, &kept(&server)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_under_the_same_name_is_another_socket() {
    let (host, first, second) = (Host::new(), Server::new().await, Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut socket) = hold(&plugin, &first, &kept(&first)).await;
    drop(opened);
    let request = kept(&second);
    let (closed, _second) = tokio::join!(last_words(&mut socket), hold(&plugin, &second, &request));
    assert_eq!(closed, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_is_released_lets_go_of_what_it_held_and_of_nothing_else() {
    let (host, server) = (Host::new(), Server::new().await);
    let old = host.plugin("one");
    let new = old.reloaded();
    let sockets = host.standard.services.get("websocket/1").unwrap();
    // A stream that never goes away: its generation is wedged.
    let (wedged, mut socket) = hold(&old, &server, &kept(&server)).await;
    sockets.release(&new.caller);
    say(&wedged, "mine").await;
    assert_eq!(next(&mut socket).await, Frame::text("mine"));
    sockets.release(&old.caller);
    assert_eq!(wedged.receive().await, Err(End::Superseded));
    let opened = adopt(&new, &kept(&server)).await;
    sockets.release(&old.caller);
    say(&opened, "ours").await;
    assert_eq!(next(&mut socket).await, Frame::text("ours"));
}

#[tokio::test(flavor = "multi_thread")]
async fn last_words_to_an_orphan_are_heard_by_whoever_comes() {
    let (host, server) = (Host::new(), Server::new().await);
    let plugin = host.plugin("one");
    let (opened, mut socket) = hold(&plugin, &server, &kept(&server)).await;
    drop(opened);
    socket.send(Frame::text("last words")).await.unwrap();
    socket.close(Some(closing(4004, "unknown session"))).await.unwrap();
    let opened = adopt(&plugin, &kept(&server)).await;
    assert_eq!(heard(&opened).await.1, "last words");
    let failure = opened.outcome().await.unwrap_err();
    assert_failure(&failure, class::UNAVAILABLE, "LDR-WEBSOCKET-CLOSED");
}
