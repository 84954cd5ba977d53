//! `loader plugins pack`: makes an archive of a plugin folder.

use std::path::{Path, PathBuf};

use loader_core::diagnostic::Diagnostic;
use loader_core::discovery::Origin;
use loader_core::package::{self, Packed, Stamp};
use loader_core::trust::release::FILE_NAME;
use loader_core::trust::signature::{Claim, Judgement, SignedBy, judge};
use loader_core::trust::{Publisher, Signatures, Trust};
use serde_json::json;

use super::site::{findings, refusal};
use crate::args::Pack;
use crate::context::Context;
use crate::output::{Answer, CommandResult, Output, Progress};
use crate::shell;

/// Inspects the folder, makes its release file unless it has one, and packs it.
pub(in crate::commands) fn pack(
    context: &Context,
    wanted: &Pack,
    output: &Output,
) -> CommandResult {
    let folder = &wanted.folder;
    let policy = loader_gateway::policy(&context.gateway_settings(None));
    let mut said = package::inspect(folder, &policy).map_err(refusal)?;
    let stamp = Stamp::of(folder, wanted.serial).map_err(refusal)?;
    let one = |diagnostic| refusal(vec![diagnostic]);
    let judged = whose(&policy.trust, &stamp).map_err(one)?;
    said.extend(judged.warning);
    let archive = wanted.output.clone();
    let archive = archive.unwrap_or_else(|| PathBuf::from(package::file_name(&stamp.release)));
    let archive = std::path::absolute(&archive).unwrap_or(archive);
    let packed = match wanted.dry_run {
        true => None,
        false => {
            stamp.write().map_err(one)?;
            let mut progress = Progress::new(output, &archive.display().to_string());
            let mut show = |done, total| progress.show(done, Some(total));
            let packed = package::pack(folder, &stamp.release, &archive, &mut show);
            Some(packed.map_err(one)?)
        }
    };
    if stamp.signature.is_none() {
        said.push(unsigned(wanted, &stamp));
    }
    let Stamp { release, .. } = &stamp;
    Ok(Answer {
        text: write(&stamp, &archive, packed.as_ref(), judged.signed_by.as_ref()),
        data: json!({
            "dry_run": wanted.dry_run,
            "archive": archive,
            "sha256": packed.as_ref().map(|packed| packed.digest),
            "size": packed.as_ref().map(|packed| packed.size),
            "id": release.id,
            "version": release.version,
            "serial": release.serial,
            "files": release.files,
            "signed": stamp.signature.is_some(),
            "signed_by": judged.signed_by,
        }),
        warnings: findings(context, said),
    }
    .into())
}

/// Whose signature the folder has. That it needs one is the business of those who install it.
fn whose(trust: &Trust, stamp: &Stamp) -> Result<Judgement, Diagnostic> {
    let lenient =
        |publisher: &Publisher| Publisher { signatures: Signatures::Optional, ..publisher.clone() };
    let publishers = trust.publishers.iter().map(|(name, one)| (name.clone(), lenient(one)));
    let trust = Trust {
        signatures: Signatures::Optional,
        publishers: publishers.collect(),
        ..trust.clone()
    };
    let Stamp { release, text, signature, .. } = stamp;
    let claim = Claim { release, text: text.as_bytes(), signature: signature.as_deref() };
    judge(&trust, Origin::Config, &release.id, Some(claim))
}

fn write(
    stamp: &Stamp,
    archive: &Path,
    packed: Option<&Packed>,
    signed_by: Option<&SignedBy>,
) -> String {
    let release = &stamp.release;
    let signed = match (signed_by, &stamp.signature) {
        (Some(by), _) => format!("signed by {}", by.publisher),
        (None, Some(_)) => "signed".to_owned(),
        (None, None) => "not signed".to_owned(),
    };
    let about = format!("{} {}, serial {}, {signed}", release.id, release.version, release.serial);
    let place = archive.display();
    let first = match packed {
        Some(packed) => {
            format!("{place}: {about}\nsha256 {}, {} bytes\n", packed.digest, packed.size)
        }
        None => format!("{place} would be made: {about}\n"),
    };
    let files = release.files.iter().map(|(path, digest)| format!("  {digest}  {path}\n"));
    std::iter::once(first).chain(files).collect()
}

/// What makes a signed package of it.
fn unsigned(wanted: &Pack, stamp: &Stamp) -> Diagnostic {
    let file = wanted.folder.join(FILE_NAME);
    let again = match &wanted.output {
        Some(output) => format!(" --output {}", shell::word(output)),
        None => String::new(),
    };
    Diagnostic::warning("LDR-RELEASE-UNSIGNED", "the package is not signed")
        .at(&file)
        .about(&stamp.release.id)
        .hint(format!(
            "minisign -S -m {} && loader plugins pack {}{again}",
            shell::word(&file),
            shell::word(&wanted.folder)
        ))
}
