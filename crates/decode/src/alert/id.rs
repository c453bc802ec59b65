//! What an alert is called for ever.

use super::AlertIdentity;
use crate::splice::strip;
use foldhash::fast::RandomState;
use sha2::{Digest, Sha256};
use std::{collections::HashMap, sync::Arc};
use unmasq_model::AlertId;

/// Names alerts, and remembers how often each identical one came.
///
/// An alert has its detector's own id where that is unique. Else it is called by the first 16 bytes
/// of a SHA-256, in hexadecimal, over: the sensor's name, a zero byte, the alert's bytes (without a
/// trace of ours, without white space and byte order mark around them), a zero byte, and in decimal
/// digits the how-many-th of its kind it is, from 1. No path or line number is in it, so a file that
/// was moved, rotated or traced before gives the same ids.
///
/// Keeps some 40 bytes per alert that had no id of its own.
#[derive(Clone, Debug, Default)]
pub struct AlertIds {
    /// How often each came, by the id of the first of its kind. Those are hashes of their own.
    came: HashMap<[u8; 16], u32, RandomState>,
}

/// What an alert's id is made of, but for the how-many-th it is.
#[derive(Clone, Debug)]
pub struct Fingerprint(Print);

#[derive(Clone, Debug)]
enum Print {
    /// The detector's own id.
    Own(Arc<str>),
    /// The hash so far, and the id of the first of its kind, by which equal alerts are known.
    Hash { so_far: Sha256, first: [u8; 16], name: AlertId },
}

impl AlertIds {
    /// Returns the id of the alert in `line`, whose traces are in the member `field`.
    ///
    /// Where the alert names no sensor, put the name that its source was given into
    /// [`AlertIdentity::sensor`] first: two sensors may say the very same.
    pub fn id(&mut self, identity: &AlertIdentity, line: &[u8], field: &str) -> AlertId {
        self.named(Self::fingerprint(identity, line, field))
    }

    /// The part of [`id`](Self::id) that takes time and depends on no other alert.
    #[must_use]
    pub fn fingerprint(identity: &AlertIdentity, line: &[u8], field: &str) -> Fingerprint {
        if let Some(own) = &identity.own_id {
            return Fingerprint(Print::Own(own.clone()));
        }
        let bare = strip(line, field);
        let bare = bare.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bare).trim_ascii();
        let mut hash = Sha256::new();
        hash.update(identity.sensor.as_deref().unwrap_or_default());
        hash.update([0]);
        hash.update(bare);
        hash.update([0]);
        let first = numbered(&hash, "1");
        Fingerprint(Print::Hash { so_far: hash, first, name: AlertId(hex(first)) })
    }

    /// The part of [`id`](Self::id) that counts: give it the fingerprints in the order of their alerts.
    pub fn named(&mut self, fingerprint: Fingerprint) -> AlertId {
        match fingerprint.0 {
            Print::Own(own) => AlertId(own),
            Print::Hash { so_far, first, name } => {
                let came = self.came.entry(first).or_insert(0);
                *came = came.saturating_add(1);
                if *came == 1 { name } else { AlertId(hex(numbered(&so_far, &came.to_string()))) }
            }
        }
    }
}

impl Fingerprint {
    /// What identical alerts share; `None` for one that has its detector's own id.
    #[must_use]
    pub const fn kind(&self) -> Option<[u8; 16]> {
        match &self.0 {
            Print::Own(_) => None,
            Print::Hash { first, .. } => Some(*first),
        }
    }

    /// What the how-many-th alert of its kind is called, from 1.
    #[must_use]
    pub fn name(&self, number: u32) -> AlertId {
        match &self.0 {
            Print::Own(own) => AlertId(own.clone()),
            Print::Hash { so_far, .. } => AlertId(hex(numbered(so_far, &number.to_string()))),
        }
    }
}

/// The id of the how-many-th alert of its kind.
fn numbered(hash: &Sha256, number: &str) -> [u8; 16] {
    let whole: [u8; 32] = hash.clone().chain_update(number).finalize().into();
    std::array::from_fn(|at| whole[at])
}

fn hex(bytes: [u8; 16]) -> Arc<str> {
    let digit = |half: u8| b"0123456789abcdef"[usize::from(half)];
    let digits: [u8; 32] = std::array::from_fn(|at| {
        let byte = bytes[at / 2];
        digit(if at % 2 == 0 { byte >> 4 } else { byte & 0xf })
    });
    str::from_utf8(&digits).expect("these digits are text").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::splice;

    const LINE: &[u8] = b"{\"a\":1}\n";

    fn sensor(name: Option<&str>) -> AlertIdentity {
        AlertIdentity { own_id: None, sensor: name.map(Into::into), flow_id: None }
    }

    fn first(identity: &AlertIdentity, line: &[u8]) -> AlertId {
        AlertIds::default().id(identity, line, "trace")
    }

    #[test]
    fn the_id_is_the_documented_hash() {
        // printf 's1\000{"a":1}\0001' | sha256sum | cut -c-32
        assert_eq!(first(&sensor(Some("s1")), LINE).to_string(), "52d27f9bc189e024fb498f40cab0c7ce");
    }

    #[test]
    fn the_detectors_own_id_is_kept() {
        let identity = AlertIdentity { own_id: Some("a1".into()), ..AlertIdentity::default() };
        assert_eq!(first(&identity, LINE).to_string(), "a1");
    }

    #[test]
    fn identical_alerts_are_counted_and_sensors_told_apart() {
        let mut ids = AlertIds::default();
        let mut id = |name, line: &[u8]| ids.id(&sensor(name), line, "trace");
        let all = [id(None, LINE), id(None, LINE), id(Some("s1"), LINE), id(None, b"{\"a\":2}")];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 4);
        assert_eq!(all[0], first(&sensor(None), LINE));
    }

    #[test]
    fn a_traced_alert_keeps_its_id() {
        let traced = splice(LINE, "trace", r#"{"version":1,"alert_id":"x"}"#).unwrap();
        let id = first(&sensor(None), LINE);
        assert_eq!(first(&sensor(None), &traced), id);
        assert_eq!(first(&sensor(None), b"\xef\xbb\xbf{\"a\":1}\r\n"), id);
    }
}
