//! The example that embeds the engine, with a contract of its own and without the gateway.

use integration_tests::{Home, build};
use std::process::Command;

#[test]
fn the_example_calls_a_plugin_by_its_own_contract_and_lets_it_go() {
    let home = Home::new();
    home.add("shout");
    let output = Command::new(build::example("embed"))
        .arg(home.plugins())
        .arg("grüß dich")
        .output()
        .expect("the example runs");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stdout}{stderr}");
    // Unloading needs no link flag of the embedding program.
    assert_eq!(stdout, "shout says: GRÜSS DICH\nshout: Unloaded\n", "{stderr}");
}
