//! Whose signature stands under a release, and whether the operator takes it.
//!
//! Signatures are those of the `minisign` program, over the very bytes of `release.toml`. Only the
//! form that signs a hash is taken; it has been the program's own choice for years.

use super::{Publisher, Release, Signatures, Trust};
use crate::{diagnostic::Diagnostic, discovery::Origin};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use minisign_verify::{Error, PublicKey, Signature};
use serde::Serialize;

/// A longer signature is none.
pub const MAX_BYTES: usize = 4 * 1024;

/// What a package says about who made it.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The release.
    pub release: &'a Release,
    /// The bytes it was read from.
    pub text: &'a [u8],
    /// The bytes of the signature, if there is one.
    pub signature: Option<&'a [u8]>,
}

/// Who signed a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedBy {
    /// The publisher's name in the configuration.
    pub publisher: String,
    /// The key's id, as `minisign` shows it.
    pub key_id: String,
}

/// What is known of a package that is not refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Who signed it; `None` when nobody known did.
    pub signed_by: Option<SignedBy>,
    /// What is worth knowing about it.
    pub warning: Option<Diagnostic>,
}

/// Judges the package of this id. Reads nothing. What a known publisher did not sign is refused when
/// a signature is required; what pretends to be signed by one is refused always. Bundled plugins need
/// no signature.
pub fn judge(
    trust: &Trust,
    origin: Origin,
    id: &str,
    claim: Option<Claim<'_>>,
) -> Result<Judgement, Diagnostic> {
    let about = |refusal: Diagnostic| refusal.about(id);
    let required = origin != Origin::Bundled && is_required(trust, id);
    if let Some(Claim { release, .. }) = claim.filter(|claim| claim.release.id != id) {
        let message = format!("the release is one of `{}`, not of `{id}`", release.id);
        let hint = "get the package again from its publisher";
        return Err(about(Diagnostic::error("LDR-RELEASE-ID", message).hint(hint)));
    }
    let Some((text, bytes)) = claim.and_then(|claim| Some((claim.text, claim.signature?))) else {
        return if required { Err(about(missing())) } else { Ok(Judgement::default()) };
    };
    let signature = decode(bytes).map_err(about)?;
    match signer(trust, id, text, &signature).map_err(about)? {
        Some(signed_by) => Ok(Judgement { signed_by: Some(signed_by), warning: None }),
        None if required => Err(about(unknown(&signature, Diagnostic::error))),
        None => {
            let warning = about(unknown(&signature, Diagnostic::warning));
            Ok(Judgement { signed_by: None, warning: Some(warning) })
        }
    }
}

/// Whether nobody's word is not enough.
fn is_required(trust: &Trust, id: &str) -> bool {
    let demands = |publisher: &Publisher| {
        publisher.signatures == Signatures::Required && publisher.may_sign(id)
    };
    trust.signatures == Signatures::Required || trust.publishers.values().any(demands)
}

/// A signature and the id of the key that made it.
struct Signed {
    signature: Signature,
    key_id: String,
}

fn decode(bytes: &[u8]) -> Result<Signed, Diagnostic> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_BYTES);
    let decoded = text.and_then(|text| {
        let key_id = key_id(text.lines().nth(1)?)?;
        Some(Signed { signature: Signature::decode(text).ok()?, key_id })
    });
    decoded.ok_or_else(|| {
        let message = "the signature is none of minisign's";
        Diagnostic::error("LDR-SIGN-FORMAT", message)
            .hint("get the package again; if it is yours, sign it: minisign -S -m release.toml")
    })
}

/// The id in a key or a signature: after the algorithm, eight bytes, the last one first. `minisign`
/// shows no zeros before it.
fn key_id(line: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(line).ok()?;
    let id: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
    Some(format!("{:X}", u64::from_le_bytes(id)))
}

/// The publisher who signed this; `None` when the key is nobody's.
fn signer(
    trust: &Trust,
    id: &str,
    text: &[u8],
    signed: &Signed,
) -> Result<Option<SignedBy>, Diagnostic> {
    let keys = trust
        .publishers
        .iter()
        .flat_map(|(name, publisher)| publisher.keys.iter().map(move |key| (name, publisher, key)));
    let mut refusal = None;
    for (name, publisher, written) in keys {
        let key = PublicKey::from_base64(written).ok().zip(key_id(written));
        let (key, key_id) = key.ok_or_else(|| no_key(name, written))?;
        if key_id != signed.key_id {
            continue;
        }
        match key.verify(text, &signed.signature, false) {
            Ok(()) if publisher.may_sign(id) => {
                return Ok(Some(SignedBy { publisher: name.clone(), key_id }));
            }
            Ok(()) => refusal = Some(out_of_scope(name, id)),
            Err(error) => drop(refusal.get_or_insert_with(|| invalid(name, &key_id, &error))),
        }
    }
    refusal.map_or(Ok(None), Err)
}

fn missing() -> Diagnostic {
    Diagnostic::error(
        "LDR-SIGN-MISSING",
        "it is not signed, and the configuration demands that it is",
    )
    .hint("get a signed package; if it is yours: minisign -S -m release.toml, in its folder")
}

fn unknown(signed: &Signed, make: fn(&'static str, String) -> Diagnostic) -> Diagnostic {
    let message = format!("it is signed with the key {}, which no publisher has", signed.key_id);
    make("LDR-SIGN-UNKNOWN", message).hint(
        "if you trust whoever signs with it, add their public key to the configuration: \
         [plugins.trust.publishers.NAME] keys = [\"RW…\"]",
    )
}

fn out_of_scope(publisher: &str, id: &str) -> Diagnostic {
    let message = format!("it is signed by `{publisher}`, who may not sign `{id}`");
    Diagnostic::error("LDR-SIGN-SCOPE", message).hint(format!(
        "if it should be theirs, add `{id}` to `plugins.trust.publishers.{publisher}.plugins`"
    ))
}

fn invalid(publisher: &str, key_id: &str, error: &Error) -> Diagnostic {
    if matches!(error, Error::UnexpectedAlgorithm) {
        let message = format!("the signature of `{publisher}` is of the old form (`minisign -l`)");
        return Diagnostic::error("LDR-SIGN-LEGACY", message)
            .hint("ask for a new signature; if it is yours: minisign -S -H -m release.toml");
    }
    let message = format!(
        "`{publisher}` did not sign this: the signature of key {key_id} does not fit the release"
    );
    Diagnostic::error("LDR-SIGN-INVALID", message)
        .hint("do not use it; get the package again, and ask the publisher if it stays so")
}

fn no_key(publisher: &str, key: &str) -> Diagnostic {
    let key = key.escape_debug();
    let message = format!("`{key}`, a key of publisher `{publisher}`, is no minisign key");
    Diagnostic::error("LDR-SIGN-KEY", message)
        .hint("copy the second line of the publisher's `minisign.pub`; it begins with `RW`")
}

#[cfg(test)]
mod tests;
