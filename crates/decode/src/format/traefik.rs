//! Traefik's access log: JSON, or its own longer form of the Common Log Format (CLF); bare or as a
//! container's runtime stores it.
//!
//! ```text
//! {"ClientAddr":"203.0.113.77:39496","DownstreamStatus":200,"Duration":357313,"OriginStatus":200,
//!  "RequestAddr":"shop.example.com","RequestMethod":"GET","RequestPath":"/cart","RetryAttempts":0,
//!  "ServiceAddr":"10.3.0.3:80","ServiceName":"shop@docker","ServiceURL":"http://10.3.0.3:80",
//!  "StartUTC":"2026-03-01T10:00:43.587782192Z", …}
//!
//! 203.0.113.77 - - [01/Mar/2026:10:00:43 +0000] "GET /cart HTTP/1.1" 200 414 "-" "curl/8.5.0" 500
//!  "shop@docker" "http://10.3.0.3:80" 0ms
//! ```
//!
//! | JSON | CLF | ours |
//! | --- | --- | --- |
//! | `ClientAddr` | | remote: the peer |
//! | `ClientHost` | first | remote without a port: what X-Forwarded-For says, if there is one: a claim |
//! | `ServiceURL`, `ServiceAddr` | last text | the last try, and so inside; a name may stand for the address |
//! | `RetryAttempts` | | how many tries came before, without names |
//! | `StartUTC`, `Duration` (ns) | time (s), `ms` | start, and end |
//! | `DownstreamStatus` | | the status that the client got |
//! | `OriginStatus` | the status | what the server answered |
//! | `RequestAddr` | | host |
//!
//! Quirks: `ServiceURL` was an object in old versions. CLF escapes nothing: a line with a quotation mark
//! in a header is not read. Names of servers are looked up in the inventory as service and host.
//! <https://doc.traefik.io/traefik/observability/access-logs/>

mod clf;
mod json;

use super::{Definition, FormatTraits, carried::Lines, carried::some_text, wrapped::unwrapped};
use crate::{Hints, Names};
use std::{net::IpAddr, sync::Arc};
use unmasq_model::{Endpoint, Try};

/// The whole format.
pub(super) const ANY: Definition = Definition {
    name: "traefik",
    aliases: &["traefik-json", "traefik-clf"],
    traits: FormatTraits::BALANCER,
    decoder: |hints: &Hints| {
        let names = hints.names.clone();
        let mut json = json::Reader::new();
        Ok(Box::new(Lines(move |line: &str| {
            let line = unwrapped(line)?;
            if line.starts_with('{') { json.carried(&line, &names) } else { clf::carried(&line, &names) }
                .map(Some)
        })))
    },
};

/// The server at a URL such as `http://10.3.0.3:80`, or with a name instead of an address.
fn server(url: &str, service: Option<&str>, names: &Names) -> Try {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let own_port = match scheme {
        "http" | "h2c" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    };
    let bare = || {
        let ip: IpAddr = host.trim_matches(['[', ']']).parse().ok()?;
        Some(Endpoint::new(ip, own_port)).filter(|at| !at.ip.is_unspecified())
    };
    let named = || {
        let key: (Arc<str>, Arc<str>) = (service?.into(), host.into());
        names.servers.get(&key).copied()
    };
    let backend = super::carried::socket(host).or_else(bare).or_else(named);
    let name = || some_text(&service.map_or_else(|| host.to_owned(), |service| format!("{service}/{host}")));
    Try { backend, server: if backend.is_none() { name() } else { None }, ..Try::default() }
}

#[cfg(test)]
mod tests;
