//! `clock/1`.

use super::host::Host;
use loader_contract::service::clock::{Now, Sleep};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[tokio::test]
async fn now_is_the_wall_clock_and_a_clock_that_never_goes_back() {
    let host = Host::new();
    let plugin = host.plugin("one");
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let first: Now = plugin.call_json("clock/1/now", &()).await.unwrap();
    let second: Now = plugin.call_json("clock/1/now", &()).await.unwrap();
    let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    assert!((before..=after).contains(&first.unix_ms));
    assert!(second.monotonic_ns >= first.monotonic_ns);
}

#[tokio::test]
async fn sleep_answers_when_the_time_has_come_even_past_the_deadline() {
    let host = Host::new();
    let plugin = host.plugin("one").within(Duration::from_millis(1));
    let first: Now = plugin.call_json("clock/1/now", &()).await.unwrap();
    let () = plugin.call_json("clock/1/sleep", &Sleep { duration_ms: 30 }).await.unwrap();
    let second: Now = plugin.call_json("clock/1/now", &()).await.unwrap();
    assert!(second.monotonic_ns - first.monotonic_ns >= 30_000_000);
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented() {
    let host = Host::new();
    let plugin = host.plugin("one");
    let failure = plugin.call_json::<()>("clock/1/rewind", &()).await.unwrap_err();
    assert_eq!(failure.class, loader_abi::class::UNIMPLEMENTED);
}
