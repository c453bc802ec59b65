//! A translation that may be the one that is asked for.

use super::row::HolderKey;
use unmasq_model::{Endpoint, Protocol, Span};

/// A flow as an alert would show it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Flow {
    pub(super) protocol: Protocol,
    pub(super) outside: Endpoint,
    pub(super) remote: Endpoint,
}

/// One flow that fits, and whom it names.
pub(super) struct Fit {
    pub(super) flow: Flow,
    pub(super) reach: Span,
    pub(super) holder: HolderKey,
}
