//! Envoy's access log: its default text, Istio's longer text, and JSON as Envoy Gateway and Istio write
//! it; bare or as a container's runtime stores it.
//!
//! ```text
//! [2026-03-01T10:00:00.310Z] "POST /api HTTP/2" 204 - 154 0 226 100 "203.0.113.77" "curl/8.5.0" "cc21…"
//!  "shop.example.com" "10.0.2.1:80"
//! ```
//!
//! | theirs (operator; JSON keys differ by product) | ours |
//! | --- | --- |
//! | `DOWNSTREAM_DIRECT_REMOTE_ADDRESS`, else `DOWNSTREAM_REMOTE_ADDRESS`, else the last of X-Forwarded-For | remote; see below |
//! | `DOWNSTREAM_LOCAL_ADDRESS` | outside, as Envoy sees it; its port only if the address is what the inventory calls this gateway's |
//! | `UPSTREAM_HOST` | the last try, and so inside; none: Envoy answered itself |
//! | `UPSTREAM_LOCAL_ADDRESS` | inside remote |
//! | `START_TIME`, `DURATION` | start, and end |
//! | `RESPONSE_FLAGS` | what became of the last try |
//! | `UPSTREAM_REQUEST_ATTEMPT_COUNT` | how many tries came before, without names |
//! | `:AUTHORITY`, `:METHOD`, the path before rewriting | host, method, path |
//!
//! Who the client is: the direct address is always the peer's. The other one may have been taken from a
//! header. Then it has no port (0), unless the header had one: it is a claim if it has none, or if the
//! header names the very same address and port, or is not logged.
//!
//! Quirks: Envoy does not escape its text. A quotation mark in a header makes a line unreadable, for
//! nobody can tell where its fields are. Only the last of several tries is named.
//! <https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage>

mod json;
mod text;

use super::{
    Definition, FormatTraits,
    carried::{ANYWHERE, socket},
    carried::{Carried, Lines, answered, ended, lasted, some_text, status, unnamed_tries, utc},
    wrapped::unwrapped,
};
use crate::{
    Names, Unreadable,
    field::{fault, number},
    interned::Interned,
};
use std::{borrow::Cow, net::IpAddr, sync::Arc, time::Duration};
use unmasq_model::{Endpoint, Layer, Outside, Ports, Request, Try};

/// The whole format.
pub(super) const ANY: Definition = Definition {
    name: "envoy",
    aliases: &["envoy-json", "istio"],
    traits: FormatTraits {
        // Envoy writes its files every ten seconds.
        delay: Duration::from_secs(15),
        shows_connections: true,
        ..FormatTraits::BALANCER
    },
    decoder: |hints| {
        let names = hints.names.clone();
        let mut json = json::Reader::new();
        let mut texts = Interned::default();
        Ok(Box::new(Lines(move |line: &str| {
            let line = unwrapped(line)?;
            let said = if line.starts_with('{') { json.said(&line)? } else { text::said(&line)? };
            carried(&said, &names, &mut texts).map(Some)
        })))
    },
};

/// What one line says, in its own words; `None` is what it leaves out or writes as `-`.
#[derive(Default)]
struct Said<'a> {
    start: Cow<'a, str>,
    duration: Cow<'a, str>,
    method: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
    protocol: Option<Cow<'a, str>>,
    code: Cow<'a, str>,
    flags: Option<Cow<'a, str>>,
    details: Option<Cow<'a, str>>,
    bytes_sent: Option<Cow<'a, str>>,
    /// `None` where it is not logged at all.
    forwarded_for: Option<Cow<'a, str>>,
    agent: Option<Cow<'a, str>>,
    authority: Option<Cow<'a, str>>,
    upstream: Option<Cow<'a, str>>,
    upstream_local: Option<Cow<'a, str>>,
    attempts: Option<Cow<'a, str>>,
    local: Option<Cow<'a, str>>,
    remote: Option<Cow<'a, str>>,
    direct_remote: Option<Cow<'a, str>>,
    connection: Option<Cow<'a, str>>,
}

fn carried(said: &Said<'_>, names: &Names, texts: &mut Interned) -> Result<Carried, Unreadable> {
    let start = utc("start_time", &said.start)?;
    let length = lasted(&said.duration, Duration::from_millis(1));
    let end = ended(start, length.ok_or_else(|| fault("duration", "is not a number of milliseconds"))?);
    let code = status("response_code", &said.code)?;
    let bare = said.method.is_none() && said.protocol.is_none() && code.is_none();
    let layer = if bare { Layer::Connection } else { Layer::Request };

    let mut request = Request::new(layer);
    // What comes again and again.
    let mut known = |text: &Option<Cow<'_, str>>| text.as_deref().map(|text| texts.text(text));
    request.host = known(&said.authority);
    request.method = known(&said.method);
    request.agent = known(&said.agent);
    request.path = said.path.as_deref().map(Arc::from);
    request.status = answered("response_code", &said.code)?;
    request.connection = said.connection.as_deref().and_then(number);
    if layer == Layer::Request {
        request.body_bytes = said.bytes_sent.as_deref().and_then(number);
    }
    request.tries = tries(said, code)?;
    let (client, claimed) = client(said)?;
    request.client_claimed = claimed;
    Ok(Carried {
        gateway: None,
        inside_realm: None,
        outside: said.local.as_deref().and_then(socket).map_or(ANYWHERE, |local| called(local, names)),
        client,
        request,
        start,
        end,
    })
}

/// What the client called. Behind a service or another balancer, Envoy's own address is not what the
/// inventory says that the world calls; then its port is not the world's either.
fn called(local: Endpoint, names: &Names) -> Outside {
    let own = names.addresses.is_empty() || names.addresses.contains(&local.ip);
    if own { local.into() } else { Outside { ip: Some(local.ip), ports: Ports::Any } }
}

/// Who was tried. Only the last is named.
fn tries(said: &Said<'_>, code: Option<u16>) -> Result<Vec<Try>, Unreadable> {
    let attempts = said.attempts.as_deref().and_then(number::<u64>);
    let Some(upstream) = &said.upstream else {
        return Ok(unnamed_tries(attempts.unwrap_or(0)).collect());
    };
    let gave_up = said.flags.as_deref().is_some_and(|flags| flags.split(',').any(|flag| flag == "URX"));
    let before = attempts.map_or(u64::from(gave_up), |attempts| attempts.saturating_sub(1));
    let address = upstream.strip_prefix("tcp://").unwrap_or(upstream);
    let backend = socket(address);
    if backend.is_none() && address.is_empty() {
        return Err(fault("upstream_host", "is not an address with its port"));
    }
    // An answer of Envoy's own says so, by a flag or in its details.
    let theirs = said.details.as_deref().map_or(said.flags.is_none(), |details| details == "via_upstream");
    let last = Try {
        backend,
        server: if backend.is_none() { some_text(address) } else { None },
        from: said.upstream_local.as_deref().and_then(socket),
        status: if theirs { code } else { None },
        outcome: said.flags.as_deref().and_then(some_text),
    };
    Ok(unnamed_tries(before).chain([last]).collect())
}

/// The client, and whether its address may come from a header.
fn client(said: &Said<'_>) -> Result<(Option<Endpoint>, bool), Unreadable> {
    let read = |name: &str, text: &str| {
        let ip = || text.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|ip| Endpoint::new(ip, None));
        let endpoint = socket(text).or_else(ip).filter(|endpoint| !endpoint.ip.is_unspecified());
        let endpoint = endpoint.ok_or_else(|| fault(name, "is not an address"))?;
        Ok(Endpoint { port: endpoint.port.filter(|port| *port != 0), ..endpoint })
    };
    if let Some(direct) = &said.direct_remote {
        return Ok((Some(read("downstream_direct_remote_address", direct)?), false));
    }
    let forwarded = said.forwarded_for.as_deref();
    let Some(remote) = &said.remote else {
        // The last element is what the nearest proxy saw, perhaps Envoy itself.
        let last = forwarded.and_then(|list| list.rsplit(',').next()).map(str::trim);
        let client = last.and_then(|last| read("x-forwarded-for", last).ok());
        return Ok((client, client.is_some()));
    };
    let client = read("downstream_remote_address", remote)?;
    let named = |list: &str| list.split(',').any(|element| socket(element.trim()) == Some(client));
    Ok((Some(client), client.port.is_none() || forwarded.is_none_or(named)))
}

#[cfg(test)]
mod tests;
