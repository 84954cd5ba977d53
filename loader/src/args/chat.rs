//! `loader chat`.

use clap::Args;

/// Talk to a model from the terminal
///
/// Talks to the gateway that runs with the same state folder. When none runs, starts the plugins for
/// the time of the chat, without its HTTP edge and without connecting any channel. Ctrl-C cancels the
/// answer under way.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader chat                                 a conversation with the default model
  loader chat --model echo/echo Hello         one question
  loader chat --json Hello                    one question, the answer as one JSON event per line
  printf 'one\\ntwo\\n' | loader chat           one turn per line")]
pub(crate) struct Chat {
    /// The model, as `<provider>/<model>`; the default is the setting `models.default`
    #[arg(short, long, value_name = "PROVIDER/MODEL")]
    pub(crate) model: Option<String>,

    /// What to say; without it, every line of standard input is one turn of a conversation
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: Option<String>,
}
