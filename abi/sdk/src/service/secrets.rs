//! `secrets/1`, behind [`Host::secret`].

use crate::{Error, Host, Metadata, Result};
use loader_contract::service::secrets::{Get, SERVICE, method};

pub(crate) async fn get(host: &Host, name: &str) -> Result<String> {
    let request = serde_json::to_vec(&Get { name: name.to_owned() })?;
    let operation = format!("{SERVICE}/{}", method::GET);
    let answer = host.call(&operation, Metadata::new(), request).await?;
    String::from_utf8(answer.body)
        .map_err(|_| Error::invalid("LDR-SECRET-TEXT", format!("the secret `{name}` is not text")))
}
