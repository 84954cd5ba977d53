//! The program: found, run for one text, and never left running.

use loader_sdk::{Error, Result, contract::speech::code};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::{
    io::{self, Read as _, Write as _},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
};
use tokio::sync::oneshot;

/// Where a program without a path is looked for. Not `PATH`: what runs must not depend on who started the gateway.
const FOLDERS: [&str; 2] = ["/usr/bin", "/usr/local/bin"];

/// The most that is taken of what the program writes, in bytes.
pub(crate) const MOST_OUTPUT: u64 = 60 * 1024 * 1024;

/// The most that is taken of what it complains of, in bytes.
const MOST_COMPLAINT: u64 = 1024;

/// What a program that succeeded wrote, or why it did not.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All that it wrote.
    Wrote(Vec<u8>),
    /// It wrote too much.
    TooLong,
    /// It failed; this is what it said.
    Failed(String),
}

/// The file of a program. Nobody but root can change it, or a folder above it: settings may come from whichever project somebody works in, and must not bring code along.
pub(crate) fn find(program: &str) -> Result<PathBuf> {
    let places = match program.starts_with('/') {
        true => vec![PathBuf::from(program)],
        false => FOLDERS.iter().map(|folder| Path::new(folder).join(program)).collect(),
    };
    let found = places.iter().find_map(|place| place.canonicalize().ok().filter(|it| it.is_file()));
    let named = program.escape_debug();
    let Some(found) = found else {
        let hint = "apt install espeak-ng, or set plugins.entries.espeak.config.program";
        let message = format!("the program `{named}` is not here");
        return Err(Error::unavailable(code::NOT_CONFIGURED, message).hint(hint));
    };
    match found.ancestors().all(is_of_the_system) {
        true => Ok(found),
        false => {
            let message = format!("the program `{named}` can be changed by others than root");
            let hint = "apt install espeak-ng, and leave plugins.entries.espeak.config.program out";
            Err(Error::unavailable(code::NOT_CONFIGURED, message).hint(hint))
        }
    }
}

fn is_of_the_system(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| is_roots(it.uid(), it.gid(), it.mode()))
}

/// Whether root alone can write to what has this owner, group and mode.
fn is_roots(owner: u32, group: u32, mode: u32) -> bool {
    const WRITABLE_BY_GROUP: u32 = 0o020;
    const WRITABLE_BY_ALL: u32 = 0o002;
    let others = if group == 0 { WRITABLE_BY_ALL } else { WRITABLE_BY_ALL | WRITABLE_BY_GROUP };
    owner == 0 && mode & others == 0
}

/// Runs the program to its end with this text on standard input. Dropping the future kills it, with all that
/// it started, and waits until it is gone.
pub(crate) async fn run(program: &Path, arguments: &[&str], text: String) -> Result<Outcome> {
    // What is in the gateway's environment is none of the program's business.
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/").process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (sender, outcome) = oneshot::channel();
    let mut running = Running::start(command).map_err(not_run)?;
    running.listen(text, sender).map_err(not_run)?;
    let outcome = outcome.await;
    drop(running);
    match outcome {
        Ok(outcome) => outcome.map_err(not_run),
        Err(_) => Err(Error::unavailable(code::ENGINE_FAILED, "nobody listened to the program")),
    }
}

fn not_run(error: io::Error) -> Error {
    Error::unavailable(code::ENGINE_FAILED, format!("the program cannot be run: {error}"))
}

/// A process and the thread that listens to it. When it is dropped, both are gone.
struct Running {
    process: Arc<Process>,
    listener: Option<JoinHandle<()>>,
}

/// A process until it was waited for.
struct Process(Mutex<Option<Child>>);

impl Running {
    fn start(mut command: Command) -> io::Result<Self> {
        let process = Arc::new(Process(Mutex::new(Some(command.spawn()?))));
        Ok(Self { process, listener: None })
    }

    /// Lets a thread say the text to the process and tell what came of it.
    fn listen(
        &mut self,
        text: String,
        tell: oneshot::Sender<io::Result<Outcome>>,
    ) -> io::Result<()> {
        let process = self.process.clone();
        let listener = thread::Builder::new().name("espeak".into());
        self.listener = Some(listener.spawn(move || {
            let _ = tell.send(process.converse(&text));
        })?);
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill();
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        // Where there was no listener, nobody has waited for it.
        if let Some(mut child) = self.process.child().take() {
            let _ = child.wait();
        }
    }
}

impl Process {
    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kill(&self) {
        if let Some(child) = self.child().as_ref() {
            // It may be gone already, and only not waited for.
            let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
        }
    }

    /// Writes, reads and hears complaints at once, so that neither side waits for the other for ever.
    fn converse(&self, text: &str) -> io::Result<Outcome> {
        let mut pipes = (None, None, None);
        if let Some(child) = self.child().as_mut() {
            pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        }
        let (Some(mut stdin), Some(stdout), Some(mut stderr)) = pipes else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let (mut written, mut complaint) = (Vec::new(), Vec::new());
        let heard = &mut complaint;
        let read = thread::scope(|scope| {
            // It may well end before it has read everything.
            scope.spawn(move || drop(stdin.write_all(text.as_bytes())));
            scope.spawn(move || {
                stderr.by_ref().take(MOST_COMPLAINT).read_to_end(heard)?;
                // The first complaints say enough, but a program to whose others nobody listens is killed.
                io::copy(&mut stderr, &mut io::sink())
            });
            stdout.take(MOST_OUTPUT + 1).read_to_end(&mut written)
        });
        let succeeded = self.wait()?;
        read?;
        Ok(match (written.len() as u64 > MOST_OUTPUT, succeeded) {
            (true, _) => Outcome::TooLong,
            (false, true) => Outcome::Wrote(written),
            (false, false) => Outcome::Failed(first_line(&complaint)),
        })
    }

    /// Waits for the end of the process; whether it succeeded.
    fn wait(&self) -> io::Result<bool> {
        let id = self.child().as_ref().map(Pid::from_child);
        if let Some(id) = id {
            // Until it is waited for its number is nobody else's, so that it can be killed meanwhile.
            let ends = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            rustix::io::retry_on_intr(|| waitid(WaitId::Pid(id), ends))?;
        }
        match self.child().take() {
            Some(mut child) => Ok(child.wait()?.success()),
            None => Ok(false),
        }
    }
}

fn first_line(complaint: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaint);
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    line.trim().chars().filter(|one| !one.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, pin::pin, task::Poll};

    fn runtime() -> loader_sdk::OwnRuntime {
        loader_sdk::OwnRuntime::new(1).expect("a runtime")
    }

    fn shell(script: &'static str, text: String) -> Result<Outcome> {
        let runtime = runtime();
        let shell = Path::new("/bin/sh");
        runtime.handle().block_on(run(shell, &["-c", script], text))
    }

    #[test]
    fn only_a_program_of_the_system_is_found() {
        assert!(find("sh").is_ok_and(|path| path.is_absolute()));
        assert!(find("/bin/sh").is_ok());
        for nowhere in ["", ".", "..", "no-such-program", "/usr/bin", "/no/such", "../bin/no-such"]
        {
            assert_eq!(find(nowhere).expect_err(nowhere).code(), code::NOT_CONFIGURED);
        }
        // Whoever runs the tests, everybody may write to this folder.
        let mine = std::env::temp_dir().join(format!("espeak-ng-{}", std::process::id()));
        std::fs::copy("/bin/sh", &mine).expect("a copy");
        let refused =
            find(mine.to_str().expect("UTF-8")).expect_err("it is no program of the system");
        std::fs::remove_file(&mine).expect("the copy");
        assert!(refused.message().contains("others than root"), "{refused}");
    }

    #[test]
    fn what_a_group_other_than_roots_can_write_to_is_not_roots() {
        const STAFF: u32 = 50;
        for (owner, group, mode) in [(0, 0, 0o755), (0, 0, 0o775), (0, STAFF, 0o755)] {
            assert!(is_roots(owner, group, mode), "{owner}:{group} {mode:o}");
        }
        for (owner, group, mode) in
            [(0, STAFF, 0o2775), (0, 0, 0o757), (0, 0, 0o1777), (1000, 0, 0o755)]
        {
            assert!(!is_roots(owner, group, mode), "{owner}:{group} {mode:o}");
        }
    }

    #[test]
    fn one_that_warns_a_lot_is_heard_to_its_end() {
        let script = "head -c 100000 /dev/zero >&2 && echo spoken";
        let outcome = shell(script, String::new());
        assert!(
            matches!(&outcome, Ok(Outcome::Wrote(written)) if written == b"spoken\n"),
            "{outcome:?}"
        );
    }

    #[test]
    fn a_program_hears_the_text_and_nothing_of_the_environment() {
        let text = "ü ".repeat(200_000);
        let Ok(Outcome::Wrote(written)) = shell("cat; env >&2", text.clone()) else { panic!() };
        assert_eq!(written, text.as_bytes());
        let Ok(Outcome::Wrote(written)) = shell("echo $HOME$CARGO_HOME; pwd", String::new()) else {
            panic!()
        };
        assert_eq!(written, b"\n/\n");
    }

    #[test]
    fn one_that_fails_says_why_and_one_that_says_too_much_is_cut_short() {
        let failed =
            shell("echo >&2; echo no luck >&2; echo more; exit 3", "ignored".repeat(50_000));
        assert!(matches!(failed, Ok(Outcome::Failed(why)) if why == "no luck"));
        assert!(matches!(shell("cat /dev/zero", String::new()), Ok(Outcome::TooLong)));
    }

    #[test]
    fn a_program_and_all_that_it_started_end_when_nobody_waits_any_more() {
        let runtime = runtime();
        let (folder, file) = (std::env::temp_dir(), format!("espeak-test-{}", std::process::id()));
        let file = folder.join(file);
        let script = format!("sleep 1000 & echo $! >{}; wait", file.display());
        runtime.handle().block_on(async {
            let shell = Path::new("/bin/sh");
            let arguments = ["-c", script.as_str()];
            let mut running = pin!(run(shell, &arguments, String::new()));
            // Looked at again and again, and dropped once the script has said whom it started.
            poll_fn(|context| {
                assert!(running.as_mut().poll(context).is_pending(), "the script goes on");
                context.waker().wake_by_ref();
                match std::fs::read_to_string(&file).is_ok_and(|text| text.ends_with('\n')) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
        });
        let id = std::fs::read_to_string(&file).expect("its number");
        std::fs::remove_file(&file).expect("the file");
        // A process that was killed is at most a zombie that init has not taken yet.
        let state =
            std::fs::read_to_string(format!("/proc/{}/stat", id.trim())).unwrap_or_default();
        assert!(state.is_empty() || state.contains(") Z "), "{state}");
    }
}
