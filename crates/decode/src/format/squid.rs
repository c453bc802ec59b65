//! Squid's access log: the native format, or any `logformat`.
//!
//! ```text
//! 1525344856.899  16867 10.170.72.111 TCP_TUNNEL/200 6256 CONNECT logs.example:443 - HIER_DIRECT/198.51.100.134 -
//! ```
//!
//! A forward proxy is a gateway on the way out: what its clients ask for goes out by its own address.
//!
//! | theirs | ours |
//! | --- | --- |
//! | `%<la`, `%<lp` | outside: the proxy's own end towards the destination |
//! | `%<a`, `%<p` | remote. Without `%<p`, the port of the URL, if the proxy called it itself |
//! | `%>a`, `%>p` | inside |
//! | `%>la`, `%>lp`, else `%la`, `%lp` | inside remote |
//! | `%ts.%tu`, else `%tl` or `%tg` | **end** |
//! | `%tr` | end less start |
//!
//! Quirks: what was answered from the cache or refused went nowhere and is no record; nor are the queries
//! of other caches (`UDP_…`). A connection to a server serves several clients, one after the other, and a
//! record begins before one was chosen: so no record by itself excludes another. The client may be one
//! that a header claims, if Squid is told so (`follow_x_forwarded_for`). See
//! <https://www.squid-cache.org/Doc/config/logformat/>.

mod layout;

use super::{Definition, FormatTraits};
use crate::{
    BadLayout, Decoder, Fact, Hints, Record, Unreadable,
    access::{self, ROUND},
    field::{self, UnixUnit, fault},
    json::{is_blank, text_of},
    layout::{Cells, Division, Layout},
};
use layout::Code;
use std::{borrow::Cow, net::IpAddr, time::Duration};
use unmasq_model::{Endpoint, Protocol, Role, Span, Translation};

/// Any `logformat`; without one, the native format.
pub(super) const TEXT: Definition = Definition {
    name: "squid",
    aliases: &[],
    traits: FormatTraits { shows_inbound: false, ..FormatTraits::NAT },
    decoder: |hints| Ok(Box::new(Squid::new(hints)?)),
};

/// The format called `squid`, which is written if nothing is said.
const NATIVE: &str = "%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt";

/// Reads lines of one `logformat`.
#[derive(Clone)]
struct Squid {
    layout: Layout<Code>,
    division: Division,
}

impl Squid {
    fn new(hints: &Hints) -> Result<Self, BadLayout> {
        let layout = layout::compile(hints.layout.as_deref().unwrap_or(NATIVE))?;
        Ok(Self { layout, division: Division::default() })
    }
}

impl Decoder for Squid {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        let cells = self.layout.read(&text, &mut self.division);
        let cells = cells.ok_or(Unreadable::because("it is not written by the `logformat`"))?;
        out.extend(record(&Values(cells))?);
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// What one line says.
struct Values<'a>(Cells<'a, 'a, Code>);

impl<'a> Values<'a> {
    /// A dash is no value.
    fn get(&self, code: Code) -> Result<Option<&'a str>, Unreadable> {
        Ok(self.0.get(code)?.filter(|text| !text.is_empty() && *text != "-"))
    }

    /// The first of them that has a value.
    fn first(&self, codes: [Code; 2]) -> Result<Option<&'a str>, Unreadable> {
        Ok(match self.get(codes[0])? {
            Some(text) => Some(text),
            None => self.get(codes[1])?,
        })
    }

    fn address(&self, codes: [Code; 2]) -> Result<Option<IpAddr>, Unreadable> {
        self.first(codes)?.map(|text| field::address(codes[0].name(), text)).transpose()
    }

    /// Zero is written where there is none.
    fn port(&self, codes: [Code; 2]) -> Result<Option<u16>, Unreadable> {
        let port = self.first(codes)?.map(|text| field::port(codes[0].name(), text)).transpose()?;
        Ok(port.filter(|port| *port != 0))
    }
}

/// One record; none if nothing went out.
fn record(values: &Values<'_>) -> Result<Option<Record>, Unreadable> {
    let (start, end) = times(values)?;
    let client = values.address([Code::ClientAddr; 2])?;
    let client = client.ok_or_else(|| fault(Code::ClientAddr.name(), "is missing"))?;
    let is_query = values.get(Code::Result)?.is_some_and(|result| result.starts_with("UDP_"));
    let hierarchy = values.get(Code::Hierarchy)?.unwrap_or_default();
    let Some(server) = values.get(Code::ServerAddr)?.filter(|_| !is_query && !hierarchy.ends_with("NONE"))
    else {
        return Ok(None);
    };
    let server =
        server.parse::<IpAddr>().map_err(|_| fault(Code::ServerAddr.name(), "is a name, not an address"))?;
    let port = match values.port([Code::ServerPort; 2])? {
        Some(port) => Some(port),
        None if is_direct(hierarchy) => values.get(Code::Url)?.and_then(url_port),
        None => None,
    };
    let outside = access::outside(values.address([Code::OutAddr; 2])?, values.port([Code::OutPort; 2])?);
    let inside = Endpoint::new(client, values.port([Code::ClientPort; 2])?);
    let listener = values.address([Code::ClientLocalAddr, Code::LocalAddr])?;
    let listener_port = values.port([Code::ClientLocalPort, Code::LocalPort])?;
    Ok(Some(Record {
        gateway: None,
        inside_realm: None,
        translation: Translation {
            protocol: Some(Protocol::TCP),
            role: Role::Client,
            outside,
            remote: Some(Endpoint::new(server, port)),
            inside: Some(inside),
            inside_remote: listener.map(|ip| Endpoint::new(ip, listener_port)),
        },
        request: None,
        fact: Fact::Whole { start, end, proven: None },
    }))
}

/// Whether the port of the URL was called: not where another proxy was asked, nor where the client's packets
/// were intercepted (`ORIGINAL_DST`) or its tunnel was opened (`PINNED`): there the URL is made of a Host
/// header, which may name any port.
fn is_direct(hierarchy: &str) -> bool {
    hierarchy.ends_with("DIRECT")
}

/// `host:443`, `http://host/`, `https://[2001:db8::1]:8443/`.
fn url_port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://").map_or((None, url), |(scheme, rest)| (Some(scheme), rest));
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let after_address = host.rsplit_once(']').map_or(host, |(_, after)| after);
    match (after_address.rsplit_once(':'), scheme) {
        (Some((_, port)), _) => field::number(port),
        (None, Some("http")) => Some(80),
        (None, Some("https")) => Some(443),
        (None, _) => None,
    }
}

/// When the client asked, and when all was done.
fn times(values: &Values<'_>) -> Result<(Span, Span), Unreadable> {
    let end = if let Some(seconds) = values.get(Code::Seconds)? {
        let text = match values.get(Code::Millis)? {
            Some(millis) => Cow::Owned(format!("{seconds}.{millis}")),
            None => Cow::Borrowed(seconds),
        };
        field::unix_time(&text, UnixUnit::Seconds)
            .ok_or_else(|| fault(Code::Seconds.name(), "is not a time"))?
    } else {
        let text = values.get(Code::Time)?.ok_or_else(|| fault(Code::Time.name(), "is missing"))?;
        access::clf_time(Code::Time.name(), text, None)?
    };
    let lasted = values.get(Code::Elapsed)?.and_then(|text| access::duration(text, UnixUnit::Milliseconds));
    let lasted = lasted.ok_or_else(|| fault(Code::Elapsed.name(), "is not a duration"))?;
    // Both are cut to the millisecond.
    let earliest = end.from().minus(lasted).minus(Duration::from_millis(1));
    let start = Span::between(earliest, end.to().minus(lasted)).widened(ROUND);
    Ok((start, Span::between(end.from(), end.to().plus(ROUND))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_only_the_host_header_names_is_not_the_peers() {
        let remote = |hierarchy: &str| {
            let line = format!(
                "1525344856.899     12 192.0.2.50 TCP_MISS/200 0 GET http://x.example:8080/ - {hierarchy}/198.51.100.44 -"
            );
            let mut out = Vec::new();
            Squid::new(&Hints::default()).unwrap().decode(line.as_bytes(), &mut out).unwrap();
            out[0].translation.remote.unwrap().to_string()
        };
        assert_eq!(remote("HIER_DIRECT"), "198.51.100.44:8080");
        for hierarchy in ["ORIGINAL_DST", "PINNED", "FIRSTUP_PARENT"] {
            assert_eq!(remote(hierarchy), "198.51.100.44", "{hierarchy}");
        }
    }
}
