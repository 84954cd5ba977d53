//! `kv/1`.

use super::host::{Host, Plugin, settings};
use loader_abi::class;
use loader_contract::service::{
    clock::Sleep,
    kv::{EXISTED, KEY, Keys, List, TTL_MS},
};
use loader_core::message::{Failure, Metadata};
use redb::{ReadableDatabase, ReadableTableMetadata, TableDefinition};

async fn put(plugin: &Plugin<'_>, key: &str, value: &[u8]) {
    plugin.call("kv/1/put", Metadata::new().with(KEY, key), value).await.unwrap();
}

async fn put_for(plugin: &Plugin<'_>, key: &str, life: &str) -> Result<(), Failure> {
    let metadata = Metadata::new().with(KEY, key).with(TTL_MS, life);
    plugin.call("kv/1/put", metadata, "brief").await.map(|_| ())
}

async fn get(plugin: &Plugin<'_>, key: &str) -> Result<Vec<u8>, Failure> {
    Ok(plugin.call("kv/1/get", Metadata::new().with(KEY, key), []).await?.body)
}

async fn is_there(plugin: &Plugin<'_>, key: &str) -> bool {
    match get(plugin, key).await {
        Ok(_) => true,
        Err(failure) => {
            assert_eq!((failure.class, &*failure.code), (class::NOT_FOUND, "LDR-KV-NOT-FOUND"));
            false
        }
    }
}

async fn delete(plugin: &Plugin<'_>, key: &str) -> bool {
    let reply = plugin.call("kv/1/delete", Metadata::new().with(KEY, key), []).await.unwrap();
    match reply.metadata.get_text(EXISTED) {
        Some("1") => true,
        Some("0") => false,
        other => panic!("{other:?}"),
    }
}

async fn list(plugin: &Plugin<'_>, prefix: &str, after: &str, limit: u32) -> (Vec<String>, bool) {
    let request = List { prefix: prefix.into(), after: after.into(), limit };
    let Keys { keys, more } = plugin.call_json("kv/1/list", &request).await.unwrap();
    (keys, more)
}

#[tokio::test]
async fn a_value_is_read_replaced_and_deleted() {
    let host = Host::new();
    let plugin = host.plugin("one");
    assert!(!is_there(&plugin, "state").await);
    put(&plugin, "state", b"\x00\xff raw").await;
    assert_eq!(get(&plugin, "state").await.unwrap(), b"\x00\xff raw");
    put(&plugin, "state", b"").await;
    assert_eq!(get(&plugin, "state").await.unwrap(), b"");
    assert!(delete(&plugin, "state").await);
    assert!(!delete(&plugin, "state").await);
    assert!(!is_there(&plugin, "state").await);
}

#[tokio::test]
async fn keys_are_listed_in_order_in_pages() {
    let host = Host::new();
    let plugin = host.plugin("one");
    for key in ["b/2", "a", "b/1", "c", "b/3", "b"] {
        put(&plugin, key, b"").await;
    }
    assert_eq!(list(&plugin, "", "", 0).await.0, ["a", "b", "b/1", "b/2", "b/3", "c"]);
    let page = list(&plugin, "b/", "", 2).await;
    assert_eq!(page, (vec!["b/1".to_owned(), "b/2".to_owned()], true));
    assert_eq!(list(&plugin, "b/", "b/2", 2).await, (vec!["b/3".to_owned()], false));
    assert_eq!(list(&plugin, "b/", "a", 0).await.0.len(), 3);
    assert_eq!(list(&plugin, "b/", "c", 0).await, (vec![], false));
    assert_eq!(list(&plugin, "z", "", 0).await, (vec![], false));
}

#[tokio::test]
async fn a_list_of_long_keys_fits_into_an_answer_and_goes_on() {
    let host = Host::new();
    let plugin = host.plugin("one");
    // The worst there is: characters that JSON writes as six.
    let keys: Vec<_> =
        (0..200).map(|number| format!("{number:03}{}", "\u{1}".repeat(1021))).collect();
    for key in &keys {
        put(&plugin, key, b"").await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (page, more) = list(&plugin, "", &after, 0).await;
        assert!(serde_json::to_vec(&page).unwrap().len() < loader_abi::MAX_BODY_BYTES);
        after = page.last().unwrap().clone();
        seen.extend(page);
        if !more {
            break;
        }
    }
    assert_eq!(seen, keys);
}

#[tokio::test]
async fn no_plugin_sees_anothers_keys() {
    let host = Host::new();
    let (one, two) = (host.plugin("one"), host.plugin("two"));
    put(&one, "token", b"hush").await;
    assert!(!is_there(&two, "token").await);
    assert!(!delete(&two, "token").await);
    assert_eq!(list(&two, "", "", 0).await.0, [""; 0]);
    put(&two, "token", b"other").await;
    assert_eq!(get(&one, "token").await.unwrap(), b"hush");
    // Ids and keys that would read the same when put together are still apart.
    let (left, right) = (host.plugin("a"), host.plugin("ab"));
    put(&left, "bc", b"").await;
    assert!(!is_there(&right, "c").await);
    assert_eq!(list(&left, "", "", 0).await.0, ["bc"]);
}

#[tokio::test]
async fn values_outlive_the_gateway_and_are_on_disk_when_put_answers() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("kv.redb");
    let host = Host { standard: settings(path.clone(), None).open().unwrap(), folder };
    put(&host.plugin("one"), "state", b"kept").await;
    // What a crash would leave: the file as it is, with the program still running.
    let copy = host.folder.path().join("copy.redb");
    std::fs::copy(&path, &copy).unwrap();
    let Host { standard, folder } = host;
    drop(standard);
    for path in [path, copy] {
        let standard = settings(path, None).open().unwrap();
        let host = Host { standard, folder: tempfile::TempDir::new().unwrap() };
        assert_eq!(get(&host.plugin("one"), "state").await.unwrap(), b"kept");
    }
    drop(folder);
}

#[tokio::test]
async fn an_expired_value_is_gone_and_its_space_is_regained() {
    let host = Host::new();
    let plugin = host.plugin("one");
    put(&plugin, "eternal", b"").await;
    put_for(&plugin, "brief", "20").await.unwrap();
    put_for(&plugin, "brief-too", "20").await.unwrap();
    put_for(&plugin, "long", "3600000").await.unwrap();
    put_for(&plugin, "renewed", "20").await.unwrap();
    put(&plugin, "renewed", b"for good").await;
    let () = plugin.call_json("clock/1/sleep", &Sleep { duration_ms: 25 }).await.unwrap();
    assert!(!is_there(&plugin, "brief").await);
    assert!(!delete(&plugin, "brief-too").await);
    assert_eq!(list(&plugin, "", "", 0).await.0, ["eternal", "long", "renewed"]);
    assert_eq!(get(&plugin, "renewed").await.unwrap(), b"for good");
    // Opening sweeps: what is left in the file is what is alive.
    let Host { standard, folder } = host;
    drop(standard);
    drop(settings(folder.path().join("kv.redb"), None).open().unwrap());
    let database = redb::Database::open(folder.path().join("kv.redb")).unwrap();
    let transaction = database.begin_read().unwrap();
    let values: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("values");
    let expiries: TableDefinition<'_, (u64, &str, &str), ()> = TableDefinition::new("expiries");
    assert_eq!(transaction.open_table(values).unwrap().len().unwrap(), 3);
    assert_eq!(transaction.open_table(expiries).unwrap().len().unwrap(), 1);
}

#[tokio::test]
async fn writing_sweeps_from_time_to_time() {
    let host = Host::new();
    let plugin = host.plugin("one");
    put_for(&plugin, "brief", "1").await.unwrap();
    for _ in 0..64 {
        put(&plugin, "busy", b"").await;
    }
    let Host { standard, folder } = host;
    drop(standard);
    let database = redb::Database::open(folder.path().join("kv.redb")).unwrap();
    let transaction = database.begin_read().unwrap();
    let expiries: TableDefinition<'_, (u64, &str, &str), ()> = TableDefinition::new("expiries");
    assert_eq!(transaction.open_table(expiries).unwrap().len().unwrap(), 0);
}

#[tokio::test]
async fn limits_are_kept_and_said() {
    let host = Host::new();
    let plugin = host.plugin("one");
    put(&plugin, &"k".repeat(1024), b"").await;
    put(&plugin, "large", &vec![7; loader_abi::MAX_BODY_BYTES]).await;
    let key = |key: Vec<u8>| Metadata::new().with(KEY, key);
    let cases = [
        ("kv/1/get", Metadata::new(), 0, "LDR-KV-KEY"),
        ("kv/1/get", key(vec![b'k'; 1025]), 0, "LDR-KV-KEY"),
        ("kv/1/put", key(vec![0xff]), 0, "LDR-KV-KEY"),
        ("kv/1/delete", key(vec![b'k'; 1025]), 0, "LDR-KV-KEY"),
        ("kv/1/put", key(b"k".to_vec()), loader_abi::MAX_BODY_BYTES + 1, "LDR-KV-VALUE"),
        ("kv/1/put", key(b"k".to_vec()).with(TTL_MS, "soon"), 0, "LDR-KV-TTL"),
        ("kv/1/put", key(b"k".to_vec()).with(TTL_MS, "-1"), 0, "LDR-KV-TTL"),
    ];
    for (operation, metadata, bytes, code) in cases {
        let failure = plugin.call(operation, metadata, vec![0; bytes]).await.unwrap_err();
        assert_eq!(failure.code, code, "{operation}");
    }
}

#[tokio::test]
async fn a_life_beyond_the_end_of_time_is_for_ever() {
    let host = Host::new();
    let plugin = host.plugin("one");
    put_for(&plugin, "stone", &u64::MAX.to_string()).await.unwrap();
    assert!(is_there(&plugin, "stone").await);
}

fn refusal(path: &std::path::Path) -> Failure {
    let failure = settings(path.to_owned(), None).open().err().expect("the store is refused");
    assert_eq!((failure.class, failure.code.as_str()), (class::UNAVAILABLE, "LDR-KV-OPEN"));
    assert!(failure.message.contains(path.to_str().unwrap()), "{failure}");
    failure
}

#[test]
fn a_store_in_use_is_refused_with_a_hint() {
    let host = Host::new();
    let failure = refusal(&host.folder.path().join("kv.redb"));
    assert!(failure.message.contains("another program"), "{failure}");
    assert!(failure.hint.contains("fuser"), "{}", failure.hint);
}

#[test]
fn a_file_that_is_no_store_is_refused_with_a_hint_and_left_alone() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("kv.redb");
    for garbage in [&b"no store"[..], &[0; 8192], &[0xff; 100_000]] {
        std::fs::write(&path, garbage).unwrap();
        let failure = refusal(&path);
        assert!(failure.hint.contains("mv '"), "{}", failure.hint);
        assert_eq!(std::fs::read(&path).unwrap(), garbage);
    }
}

#[tokio::test]
async fn a_damaged_store_is_refused_without_a_panic() {
    let host = Host::new();
    for number in 0..50 {
        put(&host.plugin("one"), &format!("key-{number}"), &vec![number; 10_000]).await;
    }
    let Host { standard, folder } = host;
    drop(standard);
    let path = folder.path().join("kv.redb");
    let whole = std::fs::read(&path).unwrap();
    for length in [1, 511, 4096, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        refusal(&path);
    }
}

#[test]
fn a_store_in_a_missing_folder_is_refused() {
    refusal(std::path::Path::new("/nonexistent/kv.redb"));
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new();
    let mode = std::fs::metadata(host.folder.path().join("kv.redb")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
