//! A chat on a terminal.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::chat::FakeGateway;
use crate::context::Context;

/// A program on a terminal of its own.
struct Terminal {
    keyboard_and_screen: File,
    screen: Vec<u8>,
    child: Child,
}

impl Terminal {
    fn start(mut command: Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).expect("a terminal");
        grantpt(&ours).expect("it is ours");
        unlockpt(&ours).expect("it is ours");
        let name = ptsname(&ours, Vec::new()).expect("it has a name");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let theirs = File::from(open(&*name, flags, Mode::empty()).expect("it can be opened"));
        let stdio = || Stdio::from(theirs.try_clone().expect("a copy"));
        command.stdin(stdio()).stdout(stdio()).stderr(stdio());
        let child = command.spawn().expect("it starts");
        Self { keyboard_and_screen: File::from(ours), screen: Vec::new(), child }
    }

    fn type_in(&mut self, text: &str) {
        self.keyboard_and_screen.write_all(text.as_bytes()).expect("it takes input");
    }

    /// Waits until the screen ends with this, and returns what was added to it.
    fn wait_for(&mut self, end: &str) -> String {
        while !self.screen.ends_with(end.as_bytes()) {
            assert!(self.read(), "{}", String::from_utf8_lossy(&self.screen));
        }
        String::from_utf8(std::mem::take(&mut self.screen)).expect("it is text")
    }

    /// Waits for the program's end; its exit code, and what else it wrote.
    fn end(mut self) -> (Option<i32>, String) {
        while self.read() {}
        let status = self.child.wait().expect("it ends");
        (status.code(), String::from_utf8(self.screen).expect("it is text"))
    }

    fn read(&mut self) -> bool {
        let mut bytes = [0; 1024];
        match self.keyboard_and_screen.read(&mut bytes) {
            Ok(0) => false,
            Ok(read) => {
                self.screen.extend_from_slice(&bytes[..read]);
                true
            }
            // What a terminal says when nobody is at its other end any more.
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(_) => false,
        }
    }

    fn interrupt(&self) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", "INT", &id]).status();
        assert!(kill.expect("there is kill").success());
    }
}

const GREETING: &str =
    "Chatting with echo/echo. Ctrl-C cancels an answer, Ctrl-D ends the chat.\r\n> ";

#[test]
fn a_conversation_has_a_prompt_and_ends_with_its_input() {
    let context = Context::with_plugins();
    let mut terminal = Terminal::start(context.command(&["chat"]));
    assert_eq!(terminal.wait_for("> "), GREETING);
    terminal.type_in("Hello you\n");
    assert_eq!(terminal.wait_for("> "), "Hello you\r\nHello you\r\n> ");
    terminal.type_in("\u{4}");
    assert_eq!(terminal.end(), (Some(0), "\r\n".to_owned()));
}

#[test]
fn an_answer_cannot_command_the_terminal() {
    let context = Context::with_plugins();
    let terminal = Terminal::start(context.command(&["chat", "a\u{1b}[2J\u{9b}1mb"]));
    assert_eq!(terminal.end(), (Some(0), "a[2J1mb\r\n".to_owned()));
    // To a program it is data, as it stands.
    assert_eq!(context.run(&["chat", "a\u{1b}[2J"]).data(), "a\u{1b}[2J\n");
}

#[test]
fn ctrl_c_at_the_prompt_ends_the_chat() {
    let context = Context::with_plugins();
    let mut terminal = Terminal::start(context.command(&["chat"]));
    terminal.wait_for("> ");
    terminal.interrupt();
    assert_eq!(terminal.end(), (Some(130), "\r\n".to_owned()));
}

#[test]
fn ctrl_c_during_an_answer_leaves_the_conversation_going() {
    let context = Context::new();
    let fake = FakeGateway::start(&context);
    let mut terminal = Terminal::start(context.command(&["chat"]));
    assert!(terminal.wait_for("> ").starts_with("Chatting with the default model at http://"));
    terminal.type_in("one\n");
    let (answer, said) = fake.begin_answer();
    assert_eq!(said, ["one"]);
    terminal.wait_for("half an");
    terminal.interrupt();
    assert_eq!(terminal.wait_for("> "), "\r\n(cancelled)\r\n> ");
    drop(answer);
    terminal.type_in("two\n");
    let (answer, said) = fake.begin_answer();
    assert_eq!(said, ["two"], "what was cancelled was never said");
    assert_eq!(terminal.wait_for("half an"), "two\r\nhalf an");
    drop(answer);
    let failed = terminal.wait_for("> ");
    assert!(failed.contains("error[upstream_cut_off]"), "{failed}");
    terminal.type_in("\u{4}");
    // One answer failed, and the end says so.
    assert_eq!(terminal.end().0, Some(1));
}

#[test]
fn errors_have_colours_on_a_terminal_unless_they_are_not_wanted() {
    let context = Context::new();
    let list = |configure: &dyn Fn(&mut Command)| {
        let mut command = context.command(&["plugins", "list"]);
        configure(&mut command);
        Terminal::start(command).end().1.contains('\u{1b}')
    };
    assert!(list(&|_| {}));
    assert!(!list(&|command| {
        command.env("NO_COLOR", "1");
    }));
    assert!(!list(&|command| {
        command.env("TERM", "dumb");
    }));
    assert!(!list(&|command| {
        command.args(["--color", "never"]);
    }));
}
