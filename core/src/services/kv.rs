//! `kv/1`: every plugin's durable keys and values, in one file of the host's.
//!
//! This file speaks the contract: metadata, limits and answers. The file on disk is
//! [`store`]'s. Disk work runs on the runtime's blocking pool.

mod store;

use crate::{
    message::{Failure, Metadata, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};
use loader_abi::{MAX_BODY_BYTES, class};
use loader_contract::service::kv::{EXISTED, KEY, List, MAX_KEY_BYTES, SERVICE, TTL_MS, method};
use std::{path::Path, sync::Arc};
use store::Store;

/// The plugins' durable store. Dropping the last handle closes the file.
pub struct KeyValue {
    store: Arc<Store>,
}

impl KeyValue {
    /// Opens the file, or makes it, readable by its owner only; its folder must exist. Blocks.
    ///
    /// Fails with `LDR-KV-OPEN` when the file is damaged, not a store, not accessible, or open in
    /// another program.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        Ok(Self { store: Arc::new(Store::open(path)?) })
    }

    fn answer(
        &self,
        work: impl FnOnce(&Store) -> Result<Reply, Failure> + Send + 'static,
    ) -> Answer {
        let store = self.store.clone();
        Answer::later(super::blocking(move || work(&store)))
    }

    fn get(&self, request: ServiceRequest) -> Result<Answer, Failure> {
        let key = key(&request.metadata)?;
        Ok(self.answer(move |store| match store.get(&request.caller.plugin, &key)? {
            Some(body) => Ok(Reply { body, ..Reply::empty() }),
            None => Err(Failure::new(
                class::NOT_FOUND,
                "LDR-KV-NOT-FOUND",
                format!("there is no key `{}`", key.escape_debug()),
            )),
        }))
    }

    fn put(&self, request: ServiceRequest) -> Result<Answer, Failure> {
        let key = key(&request.metadata)?;
        let life = life(&request.metadata)?;
        if request.body.len() > MAX_BODY_BYTES {
            return Err(Failure::new(
                class::EXHAUSTED,
                "LDR-KV-VALUE",
                format!("a value has {} bytes; at most 1 MiB is kept", request.body.len()),
            )
            .hint("store it in pieces under several keys"));
        }
        Ok(self.answer(move |store| {
            store.put(&request.caller.plugin, &key, &request.body, life)?;
            Ok(Reply::empty())
        }))
    }

    fn delete(&self, request: ServiceRequest) -> Result<Answer, Failure> {
        let key = key(&request.metadata)?;
        Ok(self.answer(move |store| {
            let existed = store.delete(&request.caller.plugin, &key)?;
            let existed = if existed { "1" } else { "0" };
            Ok(Reply { metadata: Metadata::new().with(EXISTED, existed), ..Reply::empty() })
        }))
    }

    fn list(&self, request: ServiceRequest) -> Result<Answer, Failure> {
        let list = from_json::<List>(&request.body)?;
        Ok(self.answer(move |store| Reply::json(&store.list(&request.caller.plugin, &list)?)))
    }
}

impl Service for KeyValue {
    fn name(&self) -> &str {
        SERVICE
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let answer = match request.method.as_str() {
            method::GET => self.get(request),
            method::PUT => self.put(request),
            method::DELETE => self.delete(request),
            method::LIST => self.list(request),
            method => Ok(Answer::unimplemented(SERVICE, method)),
        };
        answer.unwrap_or_else(|failure| Answer::Ready(Err(failure)))
    }
}

fn key(metadata: &Metadata) -> Result<String, Failure> {
    let invalid = |message: &str| Failure::new(class::INVALID, "LDR-KV-KEY", message);
    let key = metadata.get(KEY).ok_or_else(|| invalid("the request names no key"))?;
    if key.len() > MAX_KEY_BYTES {
        return Err(invalid(&format!(
            "the key has {} bytes; at most {MAX_KEY_BYTES} are allowed",
            key.len()
        )));
    }
    let key = std::str::from_utf8(key).map_err(|_| invalid("the key is not UTF-8"))?;
    Ok(key.to_owned())
}

/// For how many milliseconds the value is to live; `None` means for ever.
fn life(metadata: &Metadata) -> Result<Option<u64>, Failure> {
    if metadata.get(TTL_MS).is_none() {
        return Ok(None);
    }
    let life = metadata.get_text(TTL_MS).and_then(|life| life.parse().ok());
    life.map(Some).ok_or_else(|| {
        Failure::new(
            class::INVALID,
            "LDR-KV-TTL",
            format!("`{TTL_MS}` is not a number of milliseconds"),
        )
    })
}
