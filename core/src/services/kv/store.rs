//! The file behind `kv/1`: two tables, one of values by plugin and key, one of what expires when.
//!
//! An expired value is invisible from that moment on. Its space is regained by a sweep, which runs
//! when the file is opened and once in [`WRITES_PER_SWEEP`] writes, inside the writer's own
//! transaction, so that reading never writes.

use crate::{message::Failure, moment, services::cause};
use loader_abi::class;
use loader_contract::service::kv::{Keys, List};
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError, Table,
    TableDefinition, WriteTransaction,
};
use std::{
    fs::OpenOptions,
    ops::Bound,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

/// A plugin and a key → when the value expires (milliseconds since 1970, zero for never), the value.
const VALUES: TableDefinition<'_, (&str, &str), (u64, &[u8])> = TableDefinition::new("values");
/// When, plugin, key.
const EXPIRIES: TableDefinition<'_, (u64, &str, &str), ()> = TableDefinition::new("expiries");

/// How many writes pass between two sweeps.
const WRITES_PER_SWEEP: u32 = 64;
/// How many values one sweep removes at most, so that no write waits long for it.
const VALUES_PER_SWEEP: usize = 1_000;
/// The most keys in one answer, by number and by bytes: even escaped as JSON they fit into a call.
const MAX_LISTED: usize = 1_000;
const MAX_LISTED_BYTES: usize = 128 * 1024;
/// redb would take up to a gigabyte for its cache; the kernel caches the file as well.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

pub(super) struct Store {
    database: Database,
    writes: AtomicU32,
}

impl Store {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let database = open(path)?;
        let store = Self { database, writes: AtomicU32::new(0) };
        store.write(sweep).map_err(|failure| unreadable(path, &failure.message))?;
        Ok(store)
    }

    pub(super) fn get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        self.read(|values| {
            let found = values.get((plugin, key))?;
            Ok(found.and_then(|entry| {
                let (expiry, value) = entry.value();
                lives(expiry, moment::now_ms()).then(|| value.to_vec())
            }))
        })
    }

    pub(super) fn put(
        &self,
        plugin: &str,
        key: &str,
        value: &[u8],
        life: Option<u64>,
    ) -> Result<(), Failure> {
        // An expiry of zero would mean never.
        let expiry = life.map_or(0, |life| moment::now_ms().saturating_add(life).max(1));
        let sweeps = self.writes.fetch_add(1, Ordering::Relaxed).is_multiple_of(WRITES_PER_SWEEP);
        self.write(|tables| {
            remove(tables, plugin, key)?;
            tables.values.insert((plugin, key), (expiry, value))?;
            if expiry != 0 {
                tables.expiries.insert((expiry, plugin, key), ())?;
            }
            if sweeps { sweep(tables) } else { Ok(()) }
        })
    }

    /// Whether the key was there.
    pub(super) fn delete(&self, plugin: &str, key: &str) -> Result<bool, Failure> {
        let now = moment::now_ms();
        self.write(|tables| {
            let expiry = remove(tables, plugin, key)?;
            Ok(expiry.is_some_and(|expiry| lives(expiry, now)))
        })
    }

    pub(super) fn list(&self, plugin: &str, list: &List) -> Result<Keys, Failure> {
        let limit = usize::try_from(list.limit).unwrap_or(MAX_LISTED);
        let limit = if limit == 0 { MAX_LISTED } else { limit.min(MAX_LISTED) };
        let (prefix, after) = (list.prefix.as_str(), list.after.as_str());
        let start = if after.is_empty() || after < prefix {
            Bound::Included((plugin, prefix))
        } else {
            Bound::Excluded((plugin, after))
        };
        let now = moment::now_ms();
        self.read(|values| {
            let (mut keys, mut bytes) = (Vec::new(), 0);
            for entry in values.range::<(&str, &str)>((start, Bound::Unbounded))? {
                let (place, value) = entry?;
                let (owner, key) = place.value();
                if owner != plugin || !key.starts_with(prefix) {
                    break;
                }
                if !lives(value.value().0, now) {
                    continue;
                }
                if keys.len() == limit || bytes + key.len() > MAX_LISTED_BYTES {
                    return Ok(Keys { keys, more: true });
                }
                bytes += key.len();
                keys.push(key.to_owned());
            }
            Ok(Keys { keys, more: false })
        })
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&redb::ReadOnlyTable<(&str, &str), (u64, &[u8])>) -> Result<T, StorageError>,
    ) -> Result<T, Failure> {
        let reading = || -> Result<T, redb::Error> {
            let transaction = self.database.begin_read()?;
            let values = transaction.open_table(VALUES)?;
            Ok(work(&values)?)
        };
        reading().map_err(|error| broken(&error))
    }

    /// Runs one transaction; once this returns it is on disk.
    fn write<T>(
        &self,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, StorageError>,
    ) -> Result<T, Failure> {
        let writing = || -> Result<T, redb::Error> {
            let transaction = self.database.begin_write()?;
            let result = work(&mut Tables::open(&transaction)?)?;
            transaction.commit()?;
            Ok(result)
        };
        writing().map_err(|error| broken(&error))
    }
}

struct Tables<'a> {
    values: Table<'a, (&'static str, &'static str), (u64, &'static [u8])>,
    expiries: Table<'a, (u64, &'static str, &'static str), ()>,
}

impl<'a> Tables<'a> {
    fn open(transaction: &'a WriteTransaction) -> Result<Self, redb::TableError> {
        Ok(Self {
            values: transaction.open_table(VALUES)?,
            expiries: transaction.open_table(EXPIRIES)?,
        })
    }
}

/// Takes a value and its expiry out of the tables; says when it would have expired.
fn remove(tables: &mut Tables<'_>, plugin: &str, key: &str) -> Result<Option<u64>, StorageError> {
    let Some(expiry) = tables.values.remove((plugin, key))?.map(|entry| entry.value().0) else {
        return Ok(None);
    };
    if expiry != 0 {
        tables.expiries.remove((expiry, plugin, key))?;
    }
    Ok(Some(expiry))
}

/// Removes values that have expired, the oldest first.
fn sweep(tables: &mut Tables<'_>) -> Result<(), StorageError> {
    let end = (moment::now_ms().saturating_add(1), "", "");
    let mut expired = Vec::new();
    for entry in tables.expiries.range(..end)?.take(VALUES_PER_SWEEP) {
        let (place, _) = entry?;
        let (_, plugin, key) = place.value();
        expired.push((plugin.to_owned(), key.to_owned()));
    }
    for (plugin, key) in expired {
        remove(tables, &plugin, &key)?;
    }
    Ok(())
}

fn lives(expiry: u64, now: u64) -> bool {
    expiry == 0 || expiry > now
}

fn open(path: &Path) -> Result<Database, Failure> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    // Plugins keep session tokens and the like here.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| {
        refused(path, &error.to_string())
            .hint(format!("see who may use it: ls -ld '{0}' \"$(dirname '{0}')\"", path.display()))
    })?;
    let opened = Builder::new().set_cache_size(CACHE_BYTES).create_file(file);
    opened.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => {
            refused(path, "another program has it open").hint(format!(
                "stop the other gateway, or use another --state-dir; it is: fuser '{}'",
                path.display()
            ))
        }
        error => unreadable(path, &cause::chain(&error)),
    })
}

fn refused(path: &Path, why: &str) -> Failure {
    let message = format!("the key-value store `{}` cannot be opened: {why}", path.display());
    Failure::new(class::UNAVAILABLE, "LDR-KV-OPEN", message)
}

fn unreadable(path: &Path, why: &str) -> Failure {
    refused(path, why).hint(format!(
        "it is damaged or no store; put it aside and what plugins stored with it: mv '{0}' '{0}.damaged'",
        path.display()
    ))
}

fn broken(error: &redb::Error) -> Failure {
    let message = format!("the key-value store failed: {}", cause::chain(error));
    Failure::new(class::UNAVAILABLE, "LDR-KV-STORE", message)
        .hint("look for a full disk or a read-only file system: df -h")
}
