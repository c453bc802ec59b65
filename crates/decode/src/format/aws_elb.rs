//! The access log of AWS's Classic Load Balancers: one line a request, or a connection where the
//! listener is TCP or SSL.
//!
//! ```text
//! 2026-03-01T10:00:00.250000Z my-elb 203.0.113.77:51514 10.3.1.20:80 0.000073 0.001048 0.000057 200 200 0 29
//!  "GET http://www.example.com:80/ HTTP/1.1" "curl/8.5.0" - -
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `elb` | the gateway |
//! | `client:port` | remote: always the peer |
//! | `backend:port`, `backend_status_code` | the one try; `-`: nobody got it |
//! | `time` | the start: when the request or connection came in |
//! | the three processing times | the end, at the earliest: until the answer began to be sent |
//! | `request` | method, path with query, host; `- - - ` is a connection |
//!
//! Quirks: how long an answer took to send is not logged, and neither is how long a connection lasted: its
//! end is open. A time of -1 is a wait that came to nothing, which may take as long as the idle time-out.
//! Old lines end after the request.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html>

use super::{
    Definition, FormatTraits,
    aws::{self, field},
    carried::{ANYWHERE, Carried, Lines, answered, endpoint, lasted, status, utc},
};
use crate::{Unreadable, field::fault};
use std::time::Duration;
use unmasq_model::{GatewayName, Layer, LogTime, Request, Span, Try};

/// The whole format.
pub(super) const TEXT: Definition = Definition {
    name: "aws-elb",
    aliases: &["aws-clb"],
    traits: FormatTraits {
        // A file every hour, if it was left at that, and the time to deliver it.
        delay: Duration::from_secs(65 * 60),
        best_effort: true,
        shows_connections: true,
        ..FormatTraits::BALANCER
    },
    decoder: |_| Ok(Box::new(Lines(line))),
};

/// An answer that takes longer to send than this is cut by the default idle time-out, unless it moves.
const SENDING: Duration = Duration::from_secs(60);
/// The longest idle time-out that can be set.
const LONGEST_WAIT: Duration = Duration::from_secs(4_000);

fn line(line: &str) -> Result<Option<Carried>, Unreadable> {
    let not_one = || Unreadable::because("not a line of a Classic Load Balancer's access log");
    let fields = aws::fields(line).ok_or_else(not_one)?;
    let at = |at, name| field(&fields, at, name);
    let start = utc("time", at(0, "time")?).map_err(|_| not_one())?;
    if fields.len() < 12 {
        return Err(not_one());
    }
    let client = endpoint("client:port", at(2, "client:port")?)?;
    let sent_request = at(11, "request")?.trim_end();
    let layer = if sent_request == "- - -" { Layer::Connection } else { Layer::Request };
    let sent = aws::request(sent_request);
    let mut request = Request::new(layer);
    request.host = sent.host;
    request.method = sent.method;
    request.path = sent.path;
    request.agent = fields.get(12).and_then(|agent| aws::text(agent));
    request.status = answered("elb_status_code", at(7, "elb_status_code")?)?;
    let answer = status("backend_status_code", at(8, "backend_status_code")?)?;
    if layer == Layer::Request {
        // `sent_bytes` of a request is its body; of a connection, everything.
        request.body_bytes = crate::field::number(at(10, "sent_bytes")?);
    }
    let backend = at(3, "backend:port")?;
    if backend != "-" {
        let backend = Some(endpoint("backend:port", backend)?);
        request.tries = vec![Try { backend, status: answer, ..Try::default() }];
    }
    Ok(Some(Carried {
        gateway: Some(GatewayName::from(at(1, "elb")?)),
        inside_realm: None,
        outside: ANYWHERE,
        client: Some(client),
        request,
        start,
        end: end(start, layer, &fields)?,
    }))
}

/// When the last packet was possible.
fn end(start: Span, layer: Layer, fields: &[&str]) -> Result<Span, Unreadable> {
    let (mut least, mut most, mut waited) = (Duration::ZERO, SENDING, false);
    for (at, name) in
        [(4, "request_processing_time"), (5, "backend_processing_time"), (6, "response_processing_time")]
    {
        let text = field(fields, at, name)?;
        if matches!(text, "-1" | "-1.0" | "-1.000000") {
            waited = true;
            continue;
        }
        let (shortest, longest) =
            lasted(text, Duration::from_secs(1)).ok_or_else(|| fault(name, "is not a number of seconds"))?;
        least += shortest;
        most += longest;
    }
    if waited {
        most += LONGEST_WAIT;
    }
    let to = if layer == Layer::Connection { LogTime::FOREVER } else { start.to().plus(most) };
    Ok(Span::between(start.from().plus(least), to))
}
