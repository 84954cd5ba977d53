//! What no plugin's library may have, because it would run other code than what was looked at, weaken
//! the whole process, or fail while it is being loaded.

use std::fmt;

/// One of these things. Displays as the end of a sentence about the file; text from the file is escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    /// It is a program: it names a loader of its own, or says that it is one.
    Program,
    /// It says that it cannot be loaded into a running process.
    NotLoadable,
    /// It demands thread-local storage that only libraries present at start-up get.
    StaticTls,
    /// It says where its libraries are to be looked for.
    RunPath(String),
    /// It names a library that watches, or takes part in, all linking of the process.
    Audit(String),
    /// It hands its symbols over to another library.
    Filter(String),
    /// A library it needs is named by a path.
    NeededPath(String),
    /// Its code must be changed while it is loaded.
    TextRelocations,
    /// A part of it can be written and executed.
    WritableCode,
    /// It wants stacks that can be executed, or does not say that it does not.
    ExecutableStack,
    /// It can only lie at one address.
    FixedAddress,
    /// Its tables contradict each other, or lead out of the file.
    Tables(String),
}

impl Defect {
    /// The code of a refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Program => "LDR-VET-PROGRAM",
            Self::NotLoadable => "LDR-VET-NOOPEN",
            Self::StaticTls => "LDR-VET-TLS",
            Self::RunPath(_) => "LDR-VET-RUNPATH",
            Self::Audit(_) => "LDR-VET-AUDIT",
            Self::Filter(_) => "LDR-VET-FILTER",
            Self::NeededPath(_) => "LDR-VET-NEEDED-PATH",
            Self::TextRelocations => "LDR-VET-TEXTREL",
            Self::WritableCode => "LDR-VET-WX",
            Self::ExecutableStack => "LDR-VET-STACK",
            Self::FixedAddress => "LDR-VET-ADDRESS",
            Self::Tables(_) => "LDR-VET-TABLES",
        }
    }

    /// What its author does about it. No command mends a library where it is installed: a file that
    /// was patched there is one that nobody built, tested or signed.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Program => {
                "add `[lib] crate-type = [\"cdylib\"]` to its Cargo.toml and build it again"
            }
            Self::NotLoadable => "build it again without `-z nodlopen`",
            Self::StaticTls => {
                "remove a custom global allocator or `-Z tls-model=initial-exec`, and build again"
            }
            Self::RunPath(_) => "build it again without `-rpath`; readelf -d shows the entry",
            Self::Audit(_) => "build it again without `--audit` and `--depaudit`",
            Self::Filter(_) => "build it again without `--filter` and `--auxiliary`",
            Self::NeededPath(_) => {
                "link it with `-l NAME` against a library that has a soname, and build again"
            }
            Self::TextRelocations => {
                "compile its C and assembly parts with `-fPIC`, and build again"
            }
            Self::WritableCode => {
                "build it again without `-N`, `--omagic` or a linker script of its own"
            }
            Self::ExecutableStack => {
                "add `.section .note.GNU-stack,\"\",%progbits` to its assembly parts, or link with \
                 `-z noexecstack`"
            }
            Self::FixedAddress => "link it with `/DYNAMICBASE` and `/NXCOMPAT`, the defaults",
            Self::Tables(_) => "build it again, and install the file as the linker wrote it",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => formatter.write_str("is a program, not a shared library"),
            Self::NotLoadable => formatter
                .write_str("says that it cannot be loaded into a running process (DF_1_NOOPEN)"),
            Self::StaticTls => formatter.write_str(
                "demands static thread-local storage (DF_STATIC_TLS), which a library loaded later \
                 may not get",
            ),
            Self::RunPath(path) => {
                let path = path.escape_debug();
                write!(formatter, "wants its libraries looked for in `{path}`, past the system's")
            }
            Self::Audit(library) => {
                let library = library.escape_debug();
                write!(formatter, "lets `{library}` take part in all linking of the process")
            }
            Self::Filter(library) => {
                write!(formatter, "hands its symbols over to `{}`", library.escape_debug())
            }
            Self::NeededPath(path) => {
                write!(formatter, "needs a library by its path, `{}`", path.escape_debug())
            }
            Self::TextRelocations => formatter
                .write_str("must have its code changed while it is loaded (text relocations)"),
            Self::WritableCode => {
                formatter.write_str("has a part that can be both written and executed")
            }
            Self::ExecutableStack => formatter.write_str(
                "wants stacks that can be executed, or does not say that it does not (PT_GNU_STACK)",
            ),
            Self::FixedAddress => {
                formatter.write_str("cannot be moved in memory, or lets data be executed")
            }
            Self::Tables(what) => write!(formatter, "contradicts itself: {what}"),
        }
    }
}
