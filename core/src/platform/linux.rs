//! Linux with glibc: which threads, thread-local keys and signal handlers belong to an image.
//!
//! Two functions of the C library are interposed: `pthread_key_create`, because a key whose
//! destructor lies in an unloaded image kills the process when a thread ends, and `pthread_create`,
//! because a thread that still runs code of an image must keep it mapped. An executable's own
//! definition of a C library function wins over the C library's for every library it loads, so
//! linking this crate is enough; [`unload_support`] verifies it.
#![expect(unsafe_code, reason = "talks to the dynamic linker and the C library")]

use super::crash::provide_spare_stack;
use crate::crash::{Resident, owner_of_new_thread};
use libc::{c_int, c_void, pthread_attr_t, pthread_key_t, pthread_t};
use std::{
    ffi::{CStr, c_char},
    fs,
    path::Path,
    sync::{
        Mutex, MutexGuard, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

type KeyDestructor = Option<unsafe extern "C" fn(*mut c_void)>;
type KeyCreate = unsafe extern "C" fn(*mut pthread_key_t, KeyDestructor) -> c_int;
type KeyDelete = unsafe extern "C" fn(pthread_key_t) -> c_int;
type ThreadStart = extern "C" fn(*mut c_void) -> *mut c_void;
type ThreadCreate =
    unsafe extern "C" fn(*mut pthread_t, *const pthread_attr_t, ThreadStart, *mut c_void) -> c_int;

/// glibc's limit of keys in a process.
const MAX_KEYS: usize = 1024;

/// What is known of one key. Plain atomics: keys may be created before `main` and from allocators.
struct Key {
    /// 1 while the key is taken through us.
    taken: AtomicUsize,
    /// The address of its destructor, or zero.
    destructor: AtomicUsize,
    /// The address of the variable that holds it: a library's static, or a stack slot.
    variable: AtomicUsize,
}

static KEYS: [Key; MAX_KEYS] = [const {
    Key {
        taken: AtomicUsize::new(0),
        destructor: AtomicUsize::new(0),
        variable: AtomicUsize::new(0),
    }
}; MAX_KEYS];

/// The next definition of a C library function after ours.
fn next(cache: &AtomicUsize, name: &CStr) -> usize {
    let known = cache.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: `name` is a valid C string; the answer is only stored.
    let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr()) } as usize;
    cache.store(found, Ordering::Relaxed);
    found
}

/// Takes note of a key and its destructor.
///
/// # Safety
///
/// As the C library's function of this name.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_key_create(
    key: *mut pthread_key_t,
    destructor: KeyDestructor,
) -> c_int {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let real = next(&NEXT, c"pthread_key_create");
    if real == 0 {
        return libc::EAGAIN;
    }
    // SAFETY: `real` is the C library's function of this name, which has this type.
    let real = unsafe { std::mem::transmute::<usize, KeyCreate>(real) };
    // SAFETY: the caller upholds the function's contract.
    let code = unsafe { real(key, destructor) };
    if code == 0 {
        // SAFETY: the C library just wrote through this pointer.
        let number = unsafe { *key } as usize;
        if let Some(entry) = KEYS.get(number) {
            entry
                .destructor
                .store(destructor.map_or(0, |function| function as usize), Ordering::Release);
            entry.variable.store(key as usize, Ordering::Release);
            entry.taken.store(1, Ordering::Release);
        }
    }
    code
}

/// Forgets a key.
///
/// # Safety
///
/// As the C library's function of this name.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_key_delete(key: pthread_key_t) -> c_int {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let real = next(&NEXT, c"pthread_key_delete");
    if real == 0 {
        return libc::EINVAL;
    }
    // SAFETY: `real` is the C library's function of this name, which has this type.
    let real = unsafe { std::mem::transmute::<usize, KeyDelete>(real) };
    // SAFETY: the caller upholds the function's contract.
    let code = unsafe { real(key) };
    if code == 0
        && let Some(entry) = KEYS.get(key as usize)
    {
        entry.taken.store(0, Ordering::Release);
    }
    code
}

/// A thread that was started by a function of a loaded image.
struct PluginThread {
    /// The image's base address.
    base: usize,
    /// The kernel's thread id; zero until the thread runs.
    id: i32,
    /// Whether its function returned. Thread-local destructors may still run.
    returned: bool,
    /// Tells records apart.
    serial: usize,
}

static THREADS: Mutex<Vec<PluginThread>> = Mutex::new(Vec::new());

fn threads() -> MutexGuard<'static, Vec<PluginThread>> {
    THREADS.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What the interposed thread function is given.
struct Launch {
    start: ThreadStart,
    argument: *mut c_void,
    serial: usize,
    /// The plugin whose thread it is.
    owner: Option<Resident>,
}

/// Takes note of threads whose function lies in an image.
///
/// # Safety
///
/// As the C library's function of this name.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    start: ThreadStart,
    argument: *mut c_void,
) -> c_int {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    static SERIAL: AtomicUsize = AtomicUsize::new(1);
    let real = next(&NEXT, c"pthread_create");
    if real == 0 {
        return libc::EAGAIN;
    }
    // SAFETY: `real` is the C library's function of this name, which has this type.
    let real = unsafe { std::mem::transmute::<usize, ThreadCreate>(real) };
    let base = base_of(start as usize);
    if base.is_none() || base == base_of(pthread_create as *const () as usize) {
        // SAFETY: the caller upholds the function's contract.
        return unsafe { real(thread, attributes, start, argument) };
    }
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    threads().push(PluginThread { base: base.unwrap_or(0), id: 0, returned: false, serial });
    let owner = owner_of_new_thread(start as usize);
    let launch = Box::into_raw(Box::new(Launch { start, argument, serial, owner }));
    // SAFETY: the caller upholds the function's contract for its own arguments, and `run_thread`
    // takes the launch over exactly once.
    let code = unsafe { real(thread, attributes, run_thread, launch.cast()) };
    if code != 0 {
        // SAFETY: no thread was started, so the launch is still ours.
        drop(unsafe { Box::from_raw(launch) });
        threads().retain(|record| record.serial != serial);
    }
    code
}

extern "C" fn run_thread(launch: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` above passes a launch it boxed, to this one thread.
    let launch = unsafe { Box::from_raw(launch.cast::<Launch>()) };
    let Launch { start, argument, serial, owner } = *launch;
    if let Some(owner) = owner {
        owner.own_thread();
    }
    provide_spare_stack();
    // SAFETY: `gettid` has no preconditions.
    let id = unsafe { libc::gettid() };
    let set = |change: &dyn Fn(&mut PluginThread)| {
        if let Some(record) = threads().iter_mut().find(|record| record.serial == serial) {
            change(record);
        }
    };
    set(&|record| record.id = id);
    let result = start(argument);
    set(&|record| record.returned = true);
    result
}

/// The base address of the image that holds this address.
fn base_of(address: usize) -> Option<usize> {
    // SAFETY: an all-zero `Dl_info` is valid, and `dladdr` only writes to it.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: `dladdr` looks the address up without reading through it.
    let found = unsafe { libc::dladdr(address as *const c_void, &mut info) };
    (found != 0).then_some(info.dli_fbase as usize)
}

/// Where an image lies in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ImageSpan {
    /// The base address the dynamic linker gave it.
    base: usize,
    /// One past its last byte.
    end: usize,
}

impl ImageSpan {
    /// The address of its first byte, and the one past its last.
    pub(crate) fn bounds(self) -> (usize, usize) {
        (self.base, self.end)
    }

    fn contains(self, address: usize) -> bool {
        (self.base..self.end).contains(&address)
    }
}

/// Why images cannot be unloaded in this process, if they cannot.
pub fn unload_support() -> Result<(), &'static str> {
    static VERDICT: OnceLock<Result<(), &'static str>> = OnceLock::new();
    *VERDICT.get_or_init(|| {
        let ours: [(&CStr, usize); 3] = [
            (c"pthread_key_create", pthread_key_create as *const () as usize),
            (c"pthread_key_delete", pthread_key_delete as *const () as usize),
            (c"pthread_create", pthread_create as *const () as usize),
        ];
        for (name, address) in ours {
            // SAFETY: `name` is a valid C string; the answer is only compared.
            let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) } as usize;
            if found != address {
                return Err("the interposition of the thread functions is not in effect: \
                            link loader-core into the executable itself");
            }
        }
        Ok(())
    })
}

/// How many of glibc's 1,024 thread-local keys are taken.
pub fn pthread_keys_in_use() -> Option<usize> {
    Some(KEYS.iter().filter(|key| key.taken.load(Ordering::Acquire) == 1).count())
}

/// What [`libc::dl_iterate_phdr`] is asked to find.
struct Search<'a> {
    matches: &'a dyn Fn(&libc::dl_phdr_info) -> bool,
    found: Option<ImageSpan>,
}

fn find_image(matches: &dyn Fn(&libc::dl_phdr_info) -> bool) -> Option<ImageSpan> {
    unsafe extern "C" fn visit(
        info: *mut libc::dl_phdr_info,
        _size: usize,
        search: *mut c_void,
    ) -> c_int {
        // SAFETY: the dynamic linker passes a valid description, and `find_image` its own search.
        let (info, search) = unsafe { (&*info, &mut *search.cast::<Search<'_>>()) };
        if !(search.matches)(info) {
            return 0;
        }
        let mut end = info.dlpi_addr;
        for index in 0..usize::from(info.dlpi_phnum) {
            // SAFETY: the table has `dlpi_phnum` entries.
            let header = unsafe { &*info.dlpi_phdr.add(index) };
            if header.p_type == libc::PT_LOAD {
                end = end.max(info.dlpi_addr + header.p_vaddr + header.p_memsz);
            }
        }
        search.found = Some(ImageSpan { base: info.dlpi_addr as usize, end: end as usize });
        1
    }
    let mut search = Search { matches, found: None };
    // SAFETY: `visit` has the type the linker expects and gets the search it casts to.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    search.found
}

/// The span of the image that holds this address.
pub(crate) fn span_of(address: usize) -> Option<ImageSpan> {
    let base = base_of(address)?;
    find_image(&|info| info.dlpi_addr as usize == base)
}

/// Whether an image of this file is mapped.
pub(crate) fn is_mapped(path: &Path) -> bool {
    let wanted = path.as_os_str().as_encoded_bytes();
    let by_name = |info: &libc::dl_phdr_info| {
        let name: *const c_char = info.dlpi_name;
        // SAFETY: the linker's names are null or valid C strings for the time of the visit.
        !name.is_null() && unsafe { CStr::from_ptr(name) }.to_bytes() == wanted
    };
    find_image(&by_name).is_some()
}

/// The inode of the file that is mapped at an address, if that file is at this path.
pub(crate) fn inode_at(address: usize, path: &Path) -> Option<u64> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let path = path.to_str()?;
    maps.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let from = usize::from_str_radix(from, 16).ok()?;
        let to = usize::from_str_radix(to, 16).ok()?;
        let inode = words.nth(3)?;
        let inside = (from..to).contains(&address) && line.ends_with(path);
        inside.then(|| inode.parse().ok()).flatten()
    })
}

/// The threads that were started by functions of an image and are not gone.
pub(crate) fn threads_of(span: ImageSpan) -> Vec<i32> {
    let mut threads = threads();
    let newest = |id: i32, serial: usize, all: &[PluginThread]| {
        !all.iter().any(|other| other.id == id && other.serial > serial)
    };
    let gone: Vec<usize> = threads
        .iter()
        .filter(|record| record.returned)
        .filter(|record| {
            let task = format!("/proc/self/task/{}", record.id);
            !newest(record.id, record.serial, &threads) || !Path::new(&task).exists()
        })
        .map(|record| record.serial)
        .collect();
    threads.retain(|record| !gone.contains(&record.serial));
    threads.iter().filter(|record| record.base == span.base).map(|record| record.id).collect()
}

/// The signals whose handlers lie in an image.
pub(crate) fn signal_handlers_in(span: ImageSpan) -> Vec<i32> {
    let handled = |&signal: &i32| {
        // SAFETY: an all-zero `sigaction` is valid, and a null new action only asks.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        let code = unsafe { libc::sigaction(signal, std::ptr::null(), &mut action) };
        code == 0 && span.contains(action.sa_sigaction)
    };
    (1..=libc::SIGRTMAX()).filter(handled).collect()
}

/// Deletes the thread-local keys that belong to an image.
///
/// No thread that used them may be running: their values are dropped without a destructor.
pub(crate) fn delete_keys_of(span: ImageSpan) {
    for (number, key) in KEYS.iter().enumerate() {
        let inside = |address: &AtomicUsize| span.contains(address.load(Ordering::Acquire));
        let ours = inside(&key.destructor) || inside(&key.variable);
        if key.taken.load(Ordering::Acquire) == 1 && ours {
            // SAFETY: the key was created through us and not deleted since. Its destructor, or the
            // variable that holds it, lies in an image whose threads have all ended.
            unsafe { pthread_key_delete(number as pthread_key_t) };
        }
    }
}
