//! Names: one type each, so that a realm can never be handed over as a gateway.

use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Where its text lies in memory: names that lie in one place are one name, so that
            /// whoever meets the same again need not compare.
            #[must_use]
            pub fn address(&self) -> usize {
                Arc::as_ptr(&self.0).addr()
            }
        }

        impl<T: Into<Arc<str>>> From<T> for $name {
            fn from(name: T) -> Self {
                Self(name.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}

names! {
    /// An address space: the public internet, one VPC, one tenant, the network inside one node.
    Realm;
    /// A gateway's name: what the inventory calls it, else what its log is called.
    GatewayName;
    /// A cloud account (tenant).
    AccountId;
    /// A cloud region.
    RegionId;
    /// An instance's own id, such as `i-941fd046202c1dfa1`.
    AssetId;
    /// A container's own id.
    ContainerId;
    /// What a log is called in evidence: its path as the inventory or the user wrote it, without folders.
    SourceName;
}

impl Realm {
    /// The public internet: where a sensor listens unless it is said otherwise.
    #[must_use]
    pub fn public() -> Self {
        Self::from("public")
    }

    /// The one realm of a run without an inventory.
    #[must_use]
    pub fn default_realm() -> Self {
        Self::from("default")
    }
}
