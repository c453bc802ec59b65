//! Whom a sink believes: rustls with ring, TLS 1.2 and 1.3.

use super::SinkError;
use crate::tls::{Unusable, certificates};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::{CryptoProvider, ring::default_provider},
    pki_types::CertificateDer,
};
use std::{path::Path, sync::Arc};

/// What does the arithmetic; the same for all of TLS here.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(default_provider())
}

/// Whose certificates are believed: those that one of a file's signed, or without one those that the system trusts.
pub(super) fn roots(ca: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, SinkError> {
    let Some(path) = ca else {
        // What of the system's cannot be read is none; the others may be enough.
        let found = rustls_native_certs::load_native_certs().certs;
        return if found.is_empty() { Err(SinkError::NoRoots) } else { Ok(found) };
    };
    let found = certificates(path)?;
    for certificate in &found {
        // Whoever uses them passes over what is none; a file that somebody named is to be right.
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|why| Unusable::new(path, why.to_string()))?;
    }
    Ok(found)
}

/// For connections of our own.
pub(super) fn client(ca: Option<&Path>) -> Result<Arc<ClientConfig>, SinkError> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(roots(ca)?);
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("ring knows both versions of TLS");
    Ok(Arc::new(config.with_root_certificates(store).with_no_client_auth()))
}
