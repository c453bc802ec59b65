//! What listens with TLS, through rustls: syslog (RFC 5425), and the API.

use super::ListenError;
use crate::tls::{Unusable, certificates};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// What a listener shows, and whom it believes; all in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// Our certificate, and those that it rests on.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Whose certificates those must have who connect; without it, anybody may.
    pub clients: Option<PathBuf>,
}

impl TlsFiles {
    /// TLS 1.2 and 1.3, with what rustls thinks safe.
    ///
    /// # Errors
    /// When a file cannot be read, or is not what it should be.
    pub fn load(&self) -> Result<Arc<ServerConfig>, ListenError> {
        let provider = Arc::new(default_provider());
        let chain = certificates(&self.certificate)?;
        let key =
            PrivateKeyDer::from_pem_file(&self.key).map_err(|why| unusable(&self.key, why.to_string()))?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|why| unusable(&self.certificate, why.to_string()))?;
        let config = match &self.clients {
            None => config.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|why| unusable(path, why.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                config.with_client_cert_verifier(verifier.map_err(|why| unusable(path, why.to_string()))?)
            }
        };
        config
            .with_single_cert(chain, key)
            .map(Arc::new)
            .map_err(|why| unusable(&self.certificate, why.to_string()))
    }
}

fn unusable(path: &Path, why: impl Into<String>) -> ListenError {
    Unusable::new(path, why).into()
}

impl From<Unusable> for ListenError {
    fn from(Unusable { path, why }: Unusable) -> Self {
        Self::Tls { path, why }
    }
}
