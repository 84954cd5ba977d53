//! What the functions of other libraries are for that a library calls.

use serde::Serialize;

/// What a function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Sockets and names of the network.
    Network,
    /// Starting other programs and processes.
    Processes,
    /// Loading further libraries.
    Loading,
    /// Looking into other processes.
    Tracing,
    /// Changing what the process may do.
    Privileges,
    /// Sending and handling signals.
    Signals,
    /// Changing the environment and the working directory, which all plugins share.
    Surroundings,
    /// Changing files.
    Files,
    /// Reading the environment.
    Environment,
    /// Anything at all, through the number of a system call.
    SystemCalls,
}

impl Family {
    /// The family of a function; `None` for one that harms nobody.
    pub(super) fn of(function: &str) -> Option<Self> {
        // The same function may be there for large files too.
        let name = function.strip_suffix("64").unwrap_or(function);
        Some(match name {
            "socket" | "connect" | "bind" | "listen" | "accept" | "accept4" | "sendto"
            | "recvfrom" | "sendmsg" | "recvmsg" | "sendmmsg" | "recvmmsg" | "getaddrinfo"
            | "gethostbyname" | "gethostbyname_r" | "gethostbyaddr" | "res_query" => Self::Network,
            "fork" | "vfork" | "clone" | "clone3" | "execve" | "execv" | "execvp" | "execvpe"
            | "execl" | "execlp" | "execle" | "fexecve" | "execveat" | "posix_spawn"
            | "posix_spawnp" | "system" | "popen" | "daemon" => Self::Processes,
            // Not `dlsym`: the Rust standard library asks with it what the C library can do.
            "dlopen" | "dlmopen" => Self::Loading,
            "ptrace" | "process_vm_readv" | "process_vm_writev" | "pidfd_getfd" => Self::Tracing,
            "setuid" | "setgid" | "seteuid" | "setegid" | "setreuid" | "setregid" | "setresuid"
            | "setresgid" | "setgroups" | "initgroups" | "chroot" | "mount" | "umount"
            | "umount2" | "pivot_root" | "unshare" | "setns" | "capset" | "prctl" | "setrlimit"
            | "iopl" | "ioperm" | "reboot" | "init_module" | "bpf" => Self::Privileges,
            "sigaction" | "signal" | "bsd_signal" | "sigprocmask" | "pthread_sigmask" | "kill"
            | "killpg" | "tgkill" | "raise" | "pthread_kill" | "sigqueue" | "signalfd" => {
                Self::Signals
            }
            "setenv" | "putenv" | "unsetenv" | "clearenv" | "chdir" | "fchdir" | "umask"
            | "setlocale" | "atexit" | "on_exit" => Self::Surroundings,
            "unlink" | "unlinkat" | "remove" | "rename" | "renameat" | "renameat2" | "mkdir"
            | "mkdirat" | "rmdir" | "link" | "linkat" | "symlink" | "symlinkat" | "chmod"
            | "fchmod" | "fchmodat" | "chown" | "fchown" | "lchown" | "fchownat" | "truncate"
            | "ftruncate" | "creat" | "open" | "openat" | "fopen" | "freopen" => Self::Files,
            "getenv" | "secure_getenv" => Self::Environment,
            "syscall" => Self::SystemCalls,
            _ => return None,
        })
    }

    /// What it is for, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Network => "the network",
            Self::Processes => "other programs",
            Self::Loading => "further libraries",
            Self::Tracing => "other processes' memory",
            Self::Privileges => "what the process may do",
            Self::Signals => "signals",
            Self::Surroundings => "what all plugins share",
            Self::Files => "files",
            Self::Environment => "the environment",
            Self::SystemCalls => "system calls by number",
        }
    }

    /// The services that a manifest requires when this is what the plugin is about. `None` for what
    /// every library of the Rust standard library calls; none at all for what no manifest can say.
    pub(super) fn declared_by(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Files | Self::Environment | Self::SystemCalls => None,
            Self::Network => Some(&["net", "http-client", "websocket"]),
            Self::Processes
            | Self::Loading
            | Self::Tracing
            | Self::Privileges
            | Self::Signals
            | Self::Surroundings => Some(&[]),
        }
    }
}
