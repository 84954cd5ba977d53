//! What ends a process by a fault, on Linux: who was in whose code is written down first.
//!
//! The handler calls nothing but what may be called from one: it takes no lock, allocates nothing, and
//! writes to a file that was opened beforehand. Then it puts back what was there before it and lets the
//! signal come again, so that messages, core dumps and what a parent sees are as without it.
#![expect(unsafe_code, reason = "handles signals, and reads what they say of the thread's state")]

use crate::crash::{self, LENGTH, Sighting};
use libc::{c_int, c_void, sigaction, siginfo_t, stack_t, ucontext_t};
use std::{
    io,
    mem::{MaybeUninit, zeroed},
    os::fd::{AsRawFd, OwnedFd},
    ptr::{null, null_mut},
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU8, Ordering::SeqCst},
    },
};

/// The signals of a fault.
const SIGNALS: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Those of them whose instruction is run again when the handler returns.
const REPEATED: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// What the handler needs.
struct Watch {
    file: OwnedFd,
    /// Tells the file from another one that has its number by now.
    identity: (libc::dev_t, libc::ino_t),
    /// Children that were forked have the handler too.
    process: libc::pid_t,
    /// What was done about the signals before, in their order.
    before: [sigaction; SIGNALS.len()],
}

static WATCH: OnceLock<Watch> = OnceLock::new();

/// The one record: the first thread that crashes fills it.
static RECORD: [AtomicU8; LENGTH] = [const { AtomicU8::new(0) }; LENGTH];
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
static IS_WRITTEN: AtomicBool = AtomicBool::new(false);

/// Takes the signals of a fault over, for the rest of the process's life. The first time counts.
pub(crate) fn watch_for_crashes(file: OwnedFd) -> io::Result<()> {
    let identity = identity(file.as_raw_fd()).ok_or_else(io::Error::last_os_error)?;
    let mut before = SIGNALS.map(|_| {
        // SAFETY: an all-zero `sigaction` is valid: the default action.
        unsafe { zeroed::<sigaction>() }
    });
    for (signal, before) in SIGNALS.into_iter().zip(&mut before) {
        // SAFETY: a null new action only asks.
        check(unsafe { sigaction(signal, null(), before) })?;
    }
    let process = std::process::id() as libc::pid_t;
    let watch = WATCH.get_or_init(|| Watch { file, identity, process, before });
    for (signal, before) in SIGNALS.into_iter().zip(&watch.before) {
        if before.sa_sigaction == libc::SIG_IGN {
            continue;
        }
        // SAFETY: an all-zero `sigaction` is valid.
        let mut action: sigaction = unsafe { zeroed() };
        action.sa_sigaction = handle as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the set is ours. Whatever comes while the handler runs ends the process.
        unsafe { libc::sigfillset(&mut action.sa_mask) };
        // SAFETY: the action is whole, and the handler has the type its flags say.
        check(unsafe { sigaction(signal, &action, null_mut()) })?;
    }
    Ok(())
}

fn check(code: c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Which file has this number now.
fn identity(file: c_int) -> Option<(libc::dev_t, libc::ino_t)> {
    let mut found = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `fstat` fills the structure when it succeeds, and only then is it read.
    unsafe {
        (libc::fstat(file, found.as_mut_ptr()) == 0).then(|| {
            let found = found.assume_init_ref();
            (found.st_dev, found.st_ino)
        })
    }
}

extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let Some(watch) = WATCH.get() else { return };
    // SAFETY: `getpid` has no preconditions.
    if unsafe { libc::getpid() } == watch.process {
        if !IS_TAKEN.swap(true, SeqCst) {
            // SAFETY: the kernel passes both to a handler with `SA_SIGINFO`.
            unsafe { write_down(watch, signal, &*info, &*context.cast()) };
            IS_WRITTEN.store(true, SeqCst);
        }
        await_record();
    }
    // SAFETY: the kernel passes it to a handler with `SA_SIGINFO`.
    hand_on(watch, signal, unsafe { (*info).si_code });
}

/// Another thread may be writing: the process must not end under its hands.
fn await_record() {
    let pause = libc::timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    for _ in 0..1000 {
        if IS_WRITTEN.load(SeqCst) {
            return;
        }
        // SAFETY: the time is ours, and nobody wants what is left of it.
        unsafe { libc::nanosleep(&pause, null_mut()) };
    }
}

/// Lets the signal come again, to whoever had it before.
fn hand_on(watch: &Watch, signal: c_int, code: c_int) {
    let is_repeated = REPEATED.contains(&signal);
    let is_sent = code <= 0;
    let before = SIGNALS.iter().zip(&watch.before).find(|(known, _)| **known == signal);
    // The standard library's handler takes what was sent for a fault, and waits for it in vain.
    let before = before.filter(|_| !(is_sent && is_repeated));
    // SAFETY: an all-zero `sigaction` is valid: the default action, which ends the process.
    let before = before.map_or(unsafe { zeroed() }, |(_, before)| *before);
    // SAFETY: the action is one that the system gave us, or the default.
    unsafe { sigaction(signal, &before, null_mut()) };
    if is_repeated && !is_sent {
        return;
    }
    // SAFETY: a signal to this thread, which gets it when the handler returns.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), signal) };
}

/// Writes the record.
///
/// # Safety
///
/// What the kernel says must be of this signal on this thread.
unsafe fn write_down(watch: &Watch, signal: c_int, info: &siginfo_t, context: &ucontext_t) {
    if identity(watch.file.as_raw_fd()) != Some(watch.identity) {
        return;
    }
    let is_sent = info.si_code <= 0;
    // SAFETY: which of the two the signal has, its code says.
    let (sender, address) = unsafe {
        match is_sent {
            true => (Some(info.si_pid()), 0),
            false => (None, info.si_addr() as usize),
        }
    };
    let sender = sender.filter(|sender| *sender != watch.process);
    let (instruction, stack) = registers(context);
    let by_address = crash::in_image(instruction);
    let here = crash::here();
    // A signal from outside finds a thread wherever it is.
    let (culprit, operation) = match (by_address, here) {
        _ if sender.is_some() => (None, None),
        (Some(image), Some((visited, ..))) if image != visited => (Some(image), None),
        (_, Some((visited, operation, length))) => (Some(visited), Some((operation, length))),
        (image, None) => (image, None),
    };
    let mut thread_name = [0; 16];
    // SAFETY: the kernel writes sixteen bytes.
    unsafe { libc::prctl(libc::PR_GET_NAME, thread_name.as_mut_ptr()) };
    // SAFETY: all-zero is a time, and `clock_gettime` only writes there.
    let mut now: libc::timespec = unsafe { zeroed() };
    // SAFETY: as above.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    let sighting = Sighting {
        signal,
        code: info.si_code,
        process: watch.process as u32,
        sender: sender.map(|sender| sender as u32),
        // SAFETY: `gettid` has no preconditions.
        thread: unsafe { libc::gettid() } as u32,
        thread_name,
        time: now.tv_sec as u64,
        address: address as u64,
        instruction: instruction as u64,
        stack_end: !is_sent && signal == libc::SIGSEGV && address.abs_diff(stack) < STACK_END,
        culprit,
        in_image: culprit.is_some() && culprit == by_address,
    };
    crash::write(&RECORD, &sighting, &[]);
    put(watch);
    if let Some((operation, length)) = operation.filter(|(_, length)| *length > 0) {
        // SAFETY: the mark of a visit points to the operation's name as long as the visit lasts. Should a
        // plugin have left it by other ways than a return, this may fault: the record without the
        // operation is in the file already, and the process ends as it would.
        let operation = unsafe { std::slice::from_raw_parts(operation, length) };
        crash::write(&RECORD, &sighting, operation);
        put(watch);
    }
}

/// How near to the stack's pointer an address is that the stack was to grow to.
const STACK_END: usize = 64 * 1024;

/// The addresses of the instruction and of the top of the stack.
fn registers(context: &ucontext_t) -> (usize, usize) {
    #[cfg(target_arch = "x86_64")]
    {
        let registers = &context.uc_mcontext.gregs;
        (registers[libc::REG_RIP as usize] as usize, registers[libc::REG_RSP as usize] as usize)
    }
    #[cfg(target_arch = "aarch64")]
    {
        (context.uc_mcontext.pc as usize, context.uc_mcontext.sp as usize)
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        let _ = context;
        (0, 0)
    }
}

/// Puts the record into the file.
fn put(watch: &Watch) {
    let file = watch.file.as_raw_fd();
    // SAFETY: the record is as long, and nobody but this thread writes to it.
    unsafe { libc::pwrite(file, RECORD.as_ptr().cast(), LENGTH, 0) };
}

/// The kernel's number for the least size of a handler's stack.
const AT_MINSIGSTKSZ: libc::c_ulong = 51;

/// A stack for handlers, for a thread that has none: those of a plugin's own copy of the standard library,
/// and of C. Its end of the stack would end the process without a word.
struct SpareStack {
    memory: *mut c_void,
    size: usize,
}

thread_local! {
    static SPARE: OnceLock<SpareStack> = const { OnceLock::new() };
}

/// Gives this thread a stack for handlers, if crashes are watched for and it has none. It goes with the
/// thread.
pub(super) fn provide_spare_stack() {
    if WATCH.get().is_none() {
        return;
    }
    // SAFETY: all-zero is a valid description, and a null new one only asks.
    let mut present: stack_t = unsafe { zeroed() };
    // SAFETY: as above.
    let asked = unsafe { libc::sigaltstack(null(), &mut present) };
    if asked != 0 || present.ss_flags & libc::SS_DISABLE == 0 {
        return;
    }
    // SAFETY: `getauxval` has no preconditions; zero means that it does not know.
    let least = unsafe { libc::getauxval(AT_MINSIGSTKSZ) } as usize;
    let size = least + 16 * 1024;
    // SAFETY: new memory of ours.
    let memory = unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        libc::mmap(null_mut(), size, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    };
    if memory == libc::MAP_FAILED {
        return;
    }
    let stack = stack_t { ss_sp: memory, ss_flags: 0, ss_size: size };
    // SAFETY: the memory is this thread's alone, and stays until the stack is taken away again.
    unsafe { libc::sigaltstack(&stack, null_mut()) };
    SPARE.with(|spare| drop(spare.set(SpareStack { memory, size })));
}

impl Drop for SpareStack {
    fn drop(&mut self) {
        let none = stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: the stack is not in use: this is no handler. Its memory goes after it.
        unsafe {
            libc::sigaltstack(&none, null_mut());
            libc::munmap(self.memory, self.size);
        }
    }
}
