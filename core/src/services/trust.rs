//! Whom the host's TLS connections trust.
//!
//! The system's list of certificate authorities is the PEM bundle that its package manager keeps, so
//! an operator adds a private authority as for every other program (`update-ca-certificates`). The
//! bundle is looked for in the known places and nowhere else: the libraries that find it would let
//! environment variables decide whom to trust. The provider is named explicitly, so that nothing
//! depends on a process-wide default.

use crate::message::Failure;
use loader_abi::class;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use std::{path::Path, sync::Arc};

/// Where systems keep the bundle of the authorities they trust; the first that exists counts.
const SYSTEM_BUNDLES: [&str; 5] = [
    // Debian and relatives, Arch, Gentoo.
    "/etc/ssl/certs/ca-certificates.crt",
    // Fedora, RHEL and relatives.
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    // openSUSE.
    "/etc/ssl/ca-bundle.pem",
    // Alpine, macOS, OpenBSD.
    "/etc/ssl/cert.pem",
];

/// The authorities TLS connections trust unless a request names its own.
pub(crate) struct Trust {
    config: Arc<ClientConfig>,
    /// What an operator should know when a certificate is refused.
    hint: String,
}

impl Trust {
    /// Trusts the authorities of one PEM file, or, without one, the system's. Reads files.
    ///
    /// A named file must be readable and hold at least one authority. A system that has none is no
    /// error before a TLS connection is wanted: then the hint says so.
    pub(crate) fn new(authorities: Option<&Path>) -> Result<Self, Failure> {
        match authorities {
            Some(path) => Self::only(path),
            None => match SYSTEM_BUNDLES.iter().map(Path::new).find(|path| path.exists()) {
                Some(path) => Self::only(path).or_else(|failure| Self::nobody(failure.message)),
                None => {
                    Self::nobody("this system has no list of certificate authorities".to_owned())
                }
            },
        }
    }

    /// Trusts only the authorities of a PEM file. Reads it.
    pub(crate) fn only(path: &Path) -> Result<Self, Failure> {
        let hint = format!("the trusted authorities are those in {}", path.display());
        Ok(Self { config: config(roots(path)?)?, hint })
    }

    fn nobody(why: String) -> Result<Self, Failure> {
        let hint = format!("{why}: apt-get install --reinstall ca-certificates");
        Ok(Self { config: config(RootCertStore::empty())?, hint })
    }

    /// TLS settings without an application protocol.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        self.config.clone()
    }

    /// The same settings, offering these application protocols.
    pub(crate) fn config_for(&self, protocols: &[&str]) -> ClientConfig {
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    /// What an operator should know when a certificate is refused.
    pub(crate) fn hint(&self) -> &str {
        &self.hint
    }
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, Failure> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::new(class::INTERNAL, "LDR-TLS-SETUP", error.to_string()))?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn roots(path: &Path) -> Result<RootCertStore, Failure> {
    let refused = |why: String| {
        let message = format!("the authorities in `{}` cannot be used: {why}", path.display());
        Failure::new(class::INVALID, "LDR-TLS-AUTHORITIES", message).hint(format!(
            "see what the file holds: openssl x509 -noout -subject -in '{}'",
            path.display()
        ))
    };
    let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(|_| refused("it is not a PEM file".to_owned()))?;
    let mut roots = RootCertStore::empty();
    // A bundle may hold some that this verifier does not know how to use; the others still count.
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(refused("it holds no certificate authority".to_owned()));
    }
    Ok(roots)
}
