//! The gate for what has no code: who can change its files, and whether they are what they should be.
//!
//! What comes out of it has nothing that could be staged, tried or opened.

use super::{Policy, Released, about, files::Inside, locked, signed, standing};
use crate::{
    diagnostic::Diagnostic,
    digest::Digest,
    discovery::{Candidate, Visit},
    folder::{Unreadable, shell_word},
    manifest::{Bundle, RelativePath},
    skill::Skill,
};

/// A longer skill is refused.
pub const MAX_SKILL_BYTES: u64 = 256 * 1024;

/// A bundle whose files may be read. Only [`vet_bundle`] makes one.
#[derive(Debug, Clone)]
pub struct VettedBundle {
    skills: Vec<Skill>,
    digest: Digest,
    released: Option<Released>,
    warnings: Vec<Diagnostic>,
}

impl VettedBundle {
    /// Its skills, in the order of the manifest.
    pub fn skills(&self) -> &[Skill] {
        &self.skills
    }

    /// The digest of its manifest, by which it is denied.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What is worth mending although it may be used.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// What its release file says; `None` when it has none.
    pub fn released(&self) -> Option<&Released> {
        self.released.as_ref()
    }
}

/// Decides whether a bundle may be used: by the rules for a plugin, without those for libraries.
/// `bundle` is what the candidate is made of. Blocks on the file system.
pub fn vet_bundle(
    candidate: &Candidate,
    bundle: &Bundle,
    policy: &Policy,
) -> Result<VettedBundle, Vec<Diagnostic>> {
    judge(candidate, bundle, None, policy)
}

/// The same, while its folder is open.
pub(crate) fn vet_visited_bundle(
    candidate: &Candidate,
    bundle: &Bundle,
    visit: &Visit,
    policy: &Policy,
) -> Result<VettedBundle, Vec<Diagnostic>> {
    judge(candidate, bundle, Some(visit), policy)
}

fn judge(
    candidate: &Candidate,
    bundle: &Bundle,
    visit: Option<&Visit>,
    policy: &Policy,
) -> Result<VettedBundle, Vec<Diagnostic>> {
    let mut findings = Vec::new();
    let looked = look_at(candidate, bundle, visit, policy, &mut findings);
    let findings = about(candidate, findings);
    match looked {
        Some((skills, released)) if !findings.iter().any(Diagnostic::is_error) => {
            let digest = candidate.manifest_digest();
            Ok(VettedBundle { skills, digest, released, warnings: findings })
        }
        _ => Err(findings),
    }
}

fn look_at(
    candidate: &Candidate,
    bundle: &Bundle,
    visit: Option<&Visit>,
    policy: &Policy,
    findings: &mut Vec<Diagnostic>,
) -> Option<(Vec<Skill>, Option<Released>)> {
    let manifest = RelativePath::manifest();
    let entered = Inside::enter(candidate, visit, policy, findings);
    let mut inside = entered
        .map_err(|problem| findings.push(unreadable(candidate, &manifest, &problem)))
        .ok()?;
    inside.check_manifest(candidate, findings);
    let (mut skills, mut read) = (Vec::new(), Vec::new());
    for file in &bundle.skills {
        match look_at_skill(candidate, file, &mut inside, findings) {
            Ok((skill, digest)) => {
                skills.push(skill);
                read.push((file, digest));
            }
            Err(refusal) => findings.push(refusal),
        }
    }
    // What is missing or no text is the better advice.
    if skills.len() < bundle.skills.len() {
        return None;
    }
    let standing = standing::check(candidate, None, policy);
    findings.extend(standing.into_iter().map(|refusal| refusal.at(candidate.manifest_path())));
    findings.extend(locked::check(candidate, inside.folder(), &read, policy));
    let (released, said) = signed::check(candidate, inside.folder(), &read, policy);
    findings.extend(said);
    Some((skills, released))
}

fn look_at_skill(
    candidate: &Candidate,
    file: &RelativePath,
    inside: &mut Inside<'_>,
    findings: &mut Vec<Diagnostic>,
) -> Result<(Skill, Digest), Diagnostic> {
    let bytes = inside.open(file, findings).and_then(|mut opened| opened.read(MAX_SKILL_BYTES));
    let bytes = bytes.map_err(|problem| unreadable(candidate, file, &problem))?;
    let place = file.under(candidate.folder());
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let message =
            format!("`{file}` is not UTF-8 text: byte {} is wrong", error.valid_up_to() + 1);
        let finding = Diagnostic::error("LDR-VET-SKILL", message).at(&place);
        finding.hint("save the file as UTF-8")
    })?;
    if text.trim().is_empty() {
        let message = format!("`{file}` is empty");
        let hint = format!("fill it in, or take it out of {}", manifest_word(candidate));
        return Err(Diagnostic::error("LDR-VET-SKILL", message).at(&place).hint(hint));
    }
    Ok((Skill::parse(file, text), Digest::of(&bytes)))
}

fn unreadable(candidate: &Candidate, file: &RelativePath, problem: &Unreadable) -> Diagnostic {
    let path = file.under(candidate.folder());
    let hint = problem.mending(&path).unwrap_or_else(|| match problem {
        Unreadable::TooLarge { .. } => "make several skills of it".to_owned(),
        Unreadable::System(_) => format!("see what is wrong there: ls -l {}", shell_word(&path)),
        _ => format!("put the file there, or take it out of {}", manifest_word(candidate)),
    });
    Diagnostic::error("LDR-VET-FILE", format!("`{file}` {problem}")).at(&path).hint(hint)
}

fn manifest_word(candidate: &Candidate) -> String {
    shell_word(candidate.manifest_path())
}
