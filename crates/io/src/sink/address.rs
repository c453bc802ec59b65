//! Addresses of receivers, as somebody wrote them.

use std::{fmt, net::IpAddr};
use ureq::http::{Uri, uri::Authority};

/// Why something is no address of a receiver. It never repeats the address: there may be a secret in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAPlace(pub(super) &'static str);

/// Scheme, host and port: what of an address is no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Address {
    pub(super) scheme: String,
    /// Without the brackets that an IPv6 address has in a URI.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl Address {
    /// That of a URI (RFC 3986), with what is behind its authority.
    pub(super) fn read(text: &str) -> Result<(Self, Uri), NotAPlace> {
        let none = NotAPlace("it is no address such as `https://host/path` or `tcp://host:port`");
        let Ok(uri) = text.parse::<Uri>() else { return Err(none) };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(none) };
        if authority.as_str().contains('@') {
            return Err(NotAPlace("a name or a password stands in it: write `token` or `headers` instead"));
        }
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err(NotAPlace("it names no host"));
        }
        let address = Self { scheme: scheme.to_owned(), host: host.to_owned(), port: port(authority)? };
        Ok((address, uri))
    }

    /// Whether nobody else is on the way to it.
    pub(super) fn is_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

fn port(authority: &Authority) -> Result<Option<u16>, NotAPlace> {
    let is_named = authority.as_str().len() > authority.host().len();
    match authority.port_u16() {
        Some(0) => Err(NotAPlace("nothing listens to port 0")),
        None if is_named => Err(NotAPlace("its port is no number below 65536")),
        port => Ok(port),
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}
