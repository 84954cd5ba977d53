//! Scripts that complete arguments.

use crate::context::Context;

#[test]
fn every_shell_gets_a_script() {
    let context = Context::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let outcome = context.outcome(&mut context.command_alone(&["completions", shell]));
        assert!(outcome.data().contains("inspect"), "{shell}");
        let mut command = context.command_alone(&["completions", shell, "--json"]);
        let envelope = context.outcome(&mut command).json();
        assert_eq!(envelope["schema"], "loader.completions/1");
        assert_eq!(envelope["data"]["shell"], shell);
        assert_eq!(envelope["data"]["script"], outcome.stdout);
    }
}
