//! Certificates out of files and out of the system, for whoever listens with TLS and whoever connects.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use std::path::{Path, PathBuf};

/// Why a file is of no use for TLS.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) path: PathBuf,
    pub(crate) why: String,
}

impl Unusable {
    pub(crate) fn new(path: &Path, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into() }
    }
}

/// The certificates of a file in PEM; at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match all {
        Ok(all) if all.is_empty() => Err(Unusable::new(path, "there is no certificate in it")),
        all => all.map_err(|why| Unusable::new(path, why.to_string())),
    }
}
