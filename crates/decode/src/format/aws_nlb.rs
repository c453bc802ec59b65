//! The access log of AWS's Network Load Balancers: one line for each TLS connection. Their TCP and UDP
//! listeners write none.
//!
//! ```text
//! tls 2.0 2026-03-01T10:05:42 net/edge/c6e77e28c25b2234 g3d4b5e8bb8464cd 203.0.113.77:51341 10.3.0.9:443
//!  22013 2 98 246 - arn:… - ECDHE-RSA-AES128-SHA tlsv12 - edge.example.com h2 h2 "h2","http/1.1"
//!  2026-03-01T10:05:20
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `elb` | the gateway |
//! | `client:port` | remote |
//! | `destination:port` | outside: the listener's own (mostly private) address, **not** the target |
//! | `tls_connection_creation_time`, else `time` less `connection_time` | the start |
//! | `time` | the end of the connection |
//! | `tls_handshake_time` | `-`: no handshake, so nobody behind was called |
//!
//! Quirks: the target is nowhere in the log; a connection that was let in has one unnamed try. Times
//! carry no zone and are UTC, to the second.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html>

use super::{
    Definition, FormatTraits,
    aws::{self, field},
    carried::{Carried, Lines, began, endpoint, lasted, utc},
};
use crate::{Unreadable, field::fault};
use std::time::Duration;
use unmasq_model::{GatewayName, Layer, Request, Span, Try};

/// The whole format.
pub(super) const TEXT: Definition = Definition {
    name: "aws-nlb",
    aliases: &[],
    traits: FormatTraits {
        // A file every five minutes, and the time to deliver it.
        delay: Duration::from_secs(10 * 60),
        best_effort: true,
        // Of TLS listeners only; for the others its silence proves nothing.
        shows_connections: true,
        ..FormatTraits::BALANCER
    },
    decoder: |_| Ok(Box::new(Lines(line))),
};

fn line(line: &str) -> Result<Option<Carried>, Unreadable> {
    // The one field with quotation marks has no blanks.
    let fields: Vec<&str> = line.split(' ').collect();
    if fields.first() != Some(&"tls") || fields.len() < 12 {
        return Err(Unreadable::because("not a line of a Network Load Balancer's access log"));
    }
    let at = |at, name| field(&fields, at, name);
    let closed = utc("time", at(2, "time")?)?;
    let created = match fields.get(21).filter(|text| **text != "-") {
        Some(text) => utc("tls_connection_creation_time", text)?,
        None => {
            let length = lasted(at(7, "connection_time")?, Duration::from_millis(1));
            began(closed, length.ok_or_else(|| fault("connection_time", "is not a number of milliseconds"))?)
        }
    };
    let start = Span::new(created.from(), created.to().min(closed.to()))
        .map_err(|_| fault("tls_connection_creation_time", "is after `time`"))?;

    let mut request = Request::new(Layer::Connection);
    request.host = fields.get(17).and_then(|name| aws::text(name));
    if at(8, "tls_handshake_time")? != "-" {
        request.tries = vec![Try::default()];
    }
    Ok(Some(Carried {
        gateway: Some(GatewayName::from(at(3, "elb")?)),
        inside_realm: None,
        outside: endpoint("destination:port", at(6, "destination:port")?)?.into(),
        client: Some(endpoint("client:port", at(5, "client:port")?)?),
        request,
        start,
        end: Span::between(closed.from().max(start.from()), closed.to()),
    }))
}
