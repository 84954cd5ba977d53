//! `config/1`.

use super::host::Host;
use serde_json::{Value, json};

#[tokio::test]
async fn every_plugin_gets_its_own_configuration() {
    let host = Host::new();
    let one = host.configured("one", json!({ "colour": "red" }));
    let two = host.configured("two", json!({ "colour": "blue" }));
    let got: Value = one.call_json("config/1/get", &()).await.unwrap();
    assert_eq!(got, json!({ "colour": "red" }));
    let got: Value = two.call_json("config/1/get", &()).await.unwrap();
    assert_eq!(got, json!({ "colour": "blue" }));
}
