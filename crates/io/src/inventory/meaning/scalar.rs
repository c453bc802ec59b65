//! Addresses, endpoints, times and spans as an inventory writes them.

use crate::inventory::{InventoryError, Notes, path::Path as Key, raw};
use std::net::IpAddr;
use unmasq_model::{Endpoint, LogTime, Span};

impl Notes<'_> {
    /// A plain address; a prefix length is accepted only if it means one address.
    pub(super) fn address(&self, key: Key<'_>, text: &str) -> Result<IpAddr, InventoryError> {
        match with_length(text) {
            Some((ip, Some(length))) if length != longest(ip) => {
                let why = format!("`{text}` is a range; write each address by itself");
                Err(self.wrong(key, why))
            }
            Some((ip, _)) => Ok(ip.to_canonical()),
            None => Err(self
                .wrong(key, format!("`{text}` is not an address such as `203.0.113.10` or `2001:db8::10`"))),
        }
    }

    /// An address of an interface, with or without the length of its network (`10.0.0.1/24`).
    pub(super) fn interface(&self, key: Key<'_>, text: &str) -> Result<IpAddr, InventoryError> {
        with_length(text).map(|(ip, _)| ip.to_canonical()).ok_or_else(|| {
            self.wrong(key, format!("`{text}` is not an address such as `10.0.0.1` or `10.0.0.1/24`"))
        })
    }

    /// `ip`, `ip:port` or `[ip]:port`.
    pub(super) fn endpoint(&self, key: Key<'_>, text: &str) -> Result<Endpoint, InventoryError> {
        endpoint(text).ok_or_else(|| {
            let example = "`203.0.113.10`, `203.0.113.10:443` or `[2001:db8::10]:443`";
            self.wrong(key, format!("`{text}` is not an address with or without a port, such as {example}"))
        })
    }

    /// Unix seconds with a fraction, or RFC 3339.
    pub(super) fn moment(&self, key: Key<'_>, written: &raw::Written) -> Result<LogTime, InventoryError> {
        let text = written.0.trim();
        unix_seconds(text).or_else(|| text.parse().ok()).ok_or_else(|| {
            let example = "`2026-11-22T10:57:52Z`, `2026-11-22T18:57:52+08:00` or Unix seconds \
                           (`1795345072.309`)";
            self.wrong(key, format!("`{text}` is not a time such as {example}"))
        })
    }

    /// The moment at `table`'s key `name`, if there is one.
    pub(super) fn moment_at(
        &self,
        table: Key<'_>,
        name: &str,
        written: Option<&raw::Written>,
    ) -> Result<Option<LogTime>, InventoryError> {
        written.map(|written| self.moment(table.key(name), written)).transpose()
    }

    /// The span between `table`'s keys `from` and `to`; without them, all of time.
    pub(super) fn span(
        &self,
        table: Key<'_>,
        from: Option<&raw::Written>,
        to: Option<&raw::Written>,
    ) -> Result<Span, InventoryError> {
        let from = self.moment_at(table, "from", from)?.unwrap_or(LogTime::BEGINNING);
        let to = self.moment_at(table, "to", to)?.unwrap_or(LogTime::FOREVER);
        Span::new(from, to).map_err(|error| self.wrong(table.key("to"), error))
    }

    /// An address and when it was held, within `owner`, the span of whoever holds it.
    pub(super) fn held(
        &self,
        key: Key<'_>,
        held: &raw::Held,
        owner: Span,
    ) -> Result<(IpAddr, Span), InventoryError> {
        let ip = self.address(key, &held.ip)?;
        let span = self.span(key, held.from.as_ref(), held.to.as_ref())?;
        let within = span.intersection(owner).ok_or_else(|| {
            self.wrong(key, format!("{ip} is held {span}, when its holder ({owner}) does not exist"))
        })?;
        Ok((ip, within))
    }
}

fn with_length(text: &str) -> Option<(IpAddr, Option<u8>)> {
    let (ip, length) = match text.trim().split_once('/') {
        Some((ip, length)) => (ip, Some(length.parse().ok()?)),
        None => (text.trim(), None),
    };
    let ip = ip.parse().ok()?;
    length.is_none_or(|length| length <= longest(ip)).then_some((ip, length))
}

const fn longest(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

fn endpoint(text: &str) -> Option<Endpoint> {
    let text = text.trim();
    if let Ok(ip) = text.parse() {
        return Some(Endpoint::new(ip, None));
    }
    // Accepts brackets around IPv6 only, as RFC 3986 does.
    let socket: std::net::SocketAddr = text.parse().ok()?;
    Some(Endpoint::new(socket.ip(), Some(socket.port())))
}

/// Decimal seconds, exactly; digits beyond the microsecond are cut. No exponent, no sign.
fn unix_seconds(text: &str) -> Option<LogTime> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) {
        return None;
    }
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let seconds: i64 = seconds.parse().ok()?;
    LogTime::from_unix_us(seconds.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_exactly() {
        let us = |text| unix_seconds(text).map(LogTime::as_unix_us);
        assert_eq!(us("1795345055.128"), Some(1_795_345_055_128_000));
        assert_eq!(us("1795345055"), Some(1_795_345_055_000_000));
        assert_eq!(us("1795345055.1234569"), Some(1_795_345_055_123_456));
        for text in ["", ".5", "1.", "-1", "1e9", "1795345055128", "99999999999999999999", "1.5.5"] {
            assert_eq!(us(text), None, "{text}");
        }
    }

    #[test]
    fn an_endpoint_has_a_port_or_none() {
        let print = |text| endpoint(text).map(|endpoint| endpoint.to_string());
        assert_eq!(print("203.0.113.11:22").as_deref(), Some("203.0.113.11:22"));
        assert_eq!(print("203.0.113.11").as_deref(), Some("203.0.113.11"));
        assert_eq!(print("2001:db8::1").as_deref(), Some("2001:db8::1"));
        assert_eq!(print("[2001:db8::1]:80").as_deref(), Some("[2001:db8::1]:80"));
        for text in ["", "host:80", "203.0.113.11:", "203.0.113.11:70000", "[203.0.113.11]:80"] {
            assert_eq!(print(text), None, "{text}");
        }
    }

    #[test]
    fn a_length_fits_its_family() {
        assert!(with_length("10.0.0.1/24").is_some());
        assert!(with_length("fd00::1/64").is_some());
        assert!(with_length("10.0.0.1/33").is_none());
        assert!(with_length("10.0.0.1/").is_none());
    }
}
