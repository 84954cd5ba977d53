//! `loader completions`.

use clap::Args;

/// Print a script that completes this program's arguments in a shell
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader completions bash > ~/.local/share/bash-completion/completions/loader
  loader completions zsh > ~/.zfunc/_loader
  loader completions fish > ~/.config/fish/completions/loader.fish")]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}
