//! The token that programs show the gateway, in the file `token` of the state folder.
//!
//! It is made at the first start and stays the same until the file is deleted. The gateway keeps
//! nothing but its digest in memory.

use std::fs::OpenOptions;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use crate::finding::Finding;
use crate::shell;
use crate::state_dir::{StateDir, check_owner};

/// How a token begins, so that one that leaked is recognised for what it is.
const PREFIX: &str = "ldr_";

/// How many random bytes a token has.
const RANDOM_BYTES: usize = 32;

/// A shorter token could be guessed.
const SHORTEST: usize = 20;

/// A longer file is no token.
const LONGEST: u64 = 4096;

/// The token of a state folder.
pub(crate) struct Token {
    /// The file that holds it.
    pub(crate) file: PathBuf,
    text: String,
}

impl Token {
    /// Reads the folder's token; makes one first if there is none.
    pub(crate) fn ensure(state: &StateDir) -> Result<Self, Finding> {
        let file = path(state);
        let found = std::fs::symlink_metadata(&file);
        if found.is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            create(state.path(), &file).map_err(|error| unusable(&file, &error))?;
        }
        Self::read(state)
    }

    /// Reads the folder's token.
    pub(crate) fn read(state: &StateDir) -> Result<Self, Finding> {
        let file = path(state);
        let text = read(&file)?;
        Ok(Self { file, text })
    }

    /// The token itself, to be shown to a gateway.
    pub(crate) fn expose(&self) -> &str {
        &self.text
    }

    /// What a gateway compares tokens with.
    pub(crate) fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }
}

fn path(state: &StateDir) -> PathBuf {
    state.path().join("token")
}

/// Makes a token. The file appears whole or not at all, and never replaces another.
fn create(folder: &Path, file: &Path) -> io::Result<()> {
    let token = format!("{PREFIX}{}\n", random_text::<RANDOM_BYTES>()?);
    let draft = folder.join(format!("token.{}", random_text::<8>()?));
    let written = write_new(&draft, token.as_bytes()).and_then(|()| {
        match std::fs::hard_link(&draft, file) {
            // Another start was faster: its token is as good.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    let removed = std::fs::remove_file(&draft);
    written.and(removed)
}

fn random_text<const BYTES: usize>() -> io::Result<String> {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads a token from a file that nobody else can read or could have written.
fn read(path: &Path) -> Result<String, Finding> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let file = opened.map_err(|error| unusable(path, &error))?;
    let metadata = file.metadata().map_err(|error| unusable(path, &error))?;
    if !metadata.is_file() {
        return Err(Finding::error("LDR-TOKEN-CONTENT", "the token is not in a regular file")
            .at(path)
            .hint("move it out of the way; `loader run` then makes a new one"));
    }
    check_owner(&metadata, path, "token file", "LDR-TOKEN-OWNER")?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let message = format!("others can get at the token file (its mode is {mode:04o})");
        return Err(Finding::error("LDR-TOKEN-MODE", message).at(path).hint(format!(
            "chmod 600 {path}; if somebody may have read it, delete it and start again",
            path = shell::word(path)
        )));
    }
    let mut text = String::new();
    let taken = file.take(LONGEST + 1).read_to_string(&mut text);
    match taken {
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            return Err(unfit(path, "the token file holds no token"));
        }
        Err(error) => return Err(unusable(path, &error)),
        Ok(_) => {}
    }
    let token = text.trim_ascii();
    let why = match token {
        "" => "the token file is empty",
        token if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            "the token file holds no token"
        }
        token if token.len() as u64 > LONGEST => "the token file holds no token",
        token if token.len() < SHORTEST => "the token is so short that it could be guessed",
        token => return Ok(token.to_owned()),
    };
    Err(unfit(path, why))
}

fn unfit(path: &Path, why: &str) -> Finding {
    let remove = format!("rm {}", shell::word(path));
    Finding::error("LDR-TOKEN-CONTENT", why)
        .at(path)
        .hint(format!("{remove}; `loader run` then makes a new one"))
}

fn unusable(path: &Path, error: &io::Error) -> Finding {
    let finding = Finding::error("LDR-TOKEN-FILE", format!("cannot use the token file: {error}"));
    let is_link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    let remove = format!("it is a symbolic link, which is not followed: rm {}", shell::word(path));
    finding.at(path).hint(match is_link {
        true => remove.as_str(),
        false => "see that the state folder can be written to, or name another with `--state-dir`",
    })
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn folder() -> (TempDir, StateDir) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = StateDir::open(folder.path()).expect("it is private");
        (folder, state)
    }

    fn with_file(text: &[u8], mode: u32) -> (TempDir, StateDir) {
        let (folder, state) = folder();
        fs::write(path(&state), text).expect("a file");
        fs::set_permissions(path(&state), Permissions::from_mode(mode)).expect("it is ours");
        (folder, state)
    }

    fn refusal(state: &StateDir) -> Finding {
        match Token::ensure(state) {
            Ok(_) => panic!("the token was accepted"),
            Err(finding) => finding,
        }
    }

    #[test]
    fn a_token_is_made_once_and_for_its_user_alone() {
        let (folder, state) = folder();
        let token = Token::ensure(&state).expect("it can be made");
        let random = token.expose().strip_prefix("ldr_").expect("it has the prefix");
        assert_eq!(URL_SAFE_NO_PAD.decode(random).map(|bytes| bytes.len()), Ok(32));
        let mode = fs::metadata(&token.file).expect("it exists").permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        let again = Token::ensure(&state).expect("it can be read");
        assert_eq!(again.expose(), token.expose());
        assert_eq!(again.digest(), token.digest());
        assert_eq!(token.digest(), <[u8; 32]>::from(Sha256::digest(token.expose())));
        let names: Vec<_> = fs::read_dir(folder.path()).expect("it exists").collect();
        assert_eq!(names.len(), 1, "no draft is left: {names:?}");
        let other = self::folder();
        assert_ne!(Token::ensure(&other.1).expect("it can be made").expose(), token.expose());
    }

    #[test]
    fn starts_at_the_same_time_agree_on_one_token() {
        let (_folder, state) = folder();
        let barrier = std::sync::Barrier::new(8);
        let tokens: Vec<String> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                Token::ensure(&state).map(|token| token.text)
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            let ended = threads.into_iter().map(|thread| thread.join().expect("no panic"));
            ended.map(|token| token.expect("it can be made")).collect()
        });
        assert!(tokens.iter().all(|token| *token == tokens[0]));
    }

    #[test]
    fn a_file_others_can_get_at_is_refused_with_the_command_that_mends_it() {
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666] {
            let (_folder, state) = with_file(&[b'x'; 40], mode);
            let finding = refusal(&state);
            assert_eq!(finding.code, "LDR-TOKEN-MODE", "{mode:o}");
            let command = format!("chmod 600 {}", path(&state).display());
            assert!(finding.hint.expect("it has a hint").starts_with(&command));
            fs::set_permissions(path(&state), Permissions::from_mode(0o600)).expect("it is ours");
            assert_eq!(Token::ensure(&state).expect("it is mended").expose(), "x".repeat(40));
        }
    }

    #[test]
    fn a_file_of_another_user_is_refused() {
        let (_folder, state) = with_file(&[b'x'; 40], 0o600);
        if std::os::unix::fs::chown(path(&state), Some(1), None).is_err() {
            // Only root can give files away.
            return;
        }
        let finding = refusal(&state);
        assert_eq!(finding.code, "LDR-TOKEN-OWNER");
        let command = format!("chown 0 {}", path(&state).display());
        assert!(finding.hint.expect("it has a hint").ends_with(&command));
    }

    #[test]
    fn a_file_without_a_token_is_refused() {
        let long = [b'x'; 5000];
        let contents: [&[u8]; 6] =
            [b"", b" \n", b"short", b"two words that are long enough", b"\xff\xfe", &long];
        for text in contents {
            let (_folder, state) = with_file(text, 0o600);
            assert_eq!(refusal(&state).code, "LDR-TOKEN-CONTENT", "{text:?}");
            assert_eq!(fs::read(path(&state)).expect("it is there"), text, "it is left alone");
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let (_folder, state) = folder();
        let elsewhere = state.path().join("elsewhere");
        fs::write(&elsewhere, [b'x'; 40]).expect("a file");
        std::os::unix::fs::symlink(&elsewhere, path(&state)).expect("a link");
        let finding = refusal(&state);
        assert_eq!(finding.code, "LDR-TOKEN-FILE");
        assert!(finding.hint.expect("it has a hint").contains("symbolic link"));
        fs::remove_file(path(&state)).expect("the link");
        fs::create_dir(path(&state)).expect("a folder");
        assert_eq!(refusal(&state).code, "LDR-TOKEN-CONTENT");
        fs::remove_dir(path(&state)).expect("the folder");
        let made = std::process::Command::new("mkfifo").arg(path(&state)).status();
        assert!(made.expect("there is mkfifo").success());
        assert_eq!(refusal(&state).code, "LDR-TOKEN-CONTENT");
    }
}
