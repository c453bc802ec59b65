//! The access log of AWS's Application Load Balancers: one line a request, as it is stored in S3.
//!
//! ```text
//! https 2026-03-01T10:00:00.250000Z app/web/50dc6c495c0c9188 203.0.113.77:51514 10.3.1.20:8080 0.000 0.012 0.000
//!  200 200 210 1500 "GET https://shop.example.com:443/cart HTTP/1.1" "curl/8.5.0" ECDHE-… TLSv1.2 arn:…
//!  "Root=1-a" "shop.example.com" "arn:…" 0 2026-03-01T10:00:00.238000Z "forward" "-" "-" "10.3.1.20:8080"
//!  "200" "-" "-" TID_1234abcd5678ef90
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `elb` | the gateway |
//! | `client:port` | remote: always the peer |
//! | `target:port`, `target_status_code` | the last try, and so inside |
//! | `target:port_list`, `target_status_code_list` | the tries |
//! | `request_creation_time` | the start, to the millisecond, though it has six digits |
//! | `time` | the end: when the answer was made, for WebSockets when the connection was closed; of a large answer, up to a minute later |
//! | `request` | method, path with query, and the Host header with the port that the balancer adds |
//! | `conn_trace_id` | the client's connection |
//!
//! Quirks: the address and port that the client connected to are not logged; the port in the URL follows
//! the client's own Host header. A function (Lambda) as target has no address: it is named by its group.
//! New fields come at the end. Lines of the connection log have no target and are passed over.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html>

use super::{
    Definition, FormatTraits,
    aws::{self, field},
    carried::{ANYWHERE, Carried, Lines, answered, endpoint, rounded, status, utc},
};
use crate::{
    Unreadable,
    field::{fault, number},
};
use std::time::Duration;
use unmasq_model::{GatewayName, Layer, Request, Span, Try};

/// The whole format.
pub(super) const TEXT: Definition = Definition {
    name: "aws-alb",
    aliases: &[],
    traits: FormatTraits {
        // A file every five minutes, and the time to deliver it.
        delay: Duration::from_secs(10 * 60),
        best_effort: true,
        ..FormatTraits::BALANCER
    },
    decoder: |_| Ok(Box::new(Lines(line))),
};

fn line(line: &str) -> Result<Option<Carried>, Unreadable> {
    let fields = aws::fields(line).ok_or(Unreadable::because(
        "a quotation mark in it is not escaped: its fields cannot be told apart",
    ))?;
    if is_connection_log(&fields) {
        return Ok(None);
    }
    if !matches!(fields.first(), Some(&("http" | "https" | "h2" | "grpcs" | "ws" | "wss"))) {
        return Err(Unreadable::because("not a line of an Application Load Balancer's access log"));
    }
    let at = |at, name| field(&fields, at, name);
    let end = utc("time", at(1, "time")?)?;
    let created = rounded(milliseconds(utc("request_creation_time", at(21, "request_creation_time")?)?));
    let start = Span::new(created.from(), created.to().min(end.to()))
        .map_err(|_| fault("request_creation_time", "is after `time`"))?;
    let client = endpoint("client:port", at(3, "client:port")?)?;

    let sent = aws::request(at(12, "request")?);
    let mut request = Request::new(Layer::Request);
    request.host = sent.host;
    request.method = sent.method;
    request.path = sent.path;
    request.agent = aws::text(at(13, "user_agent")?);
    request.status = answered("elb_status_code", at(8, "elb_status_code")?)?;
    request.connection = fields.get(29).and_then(|id| aws::connection(id));
    request.tries = tries(&fields)?;
    Ok(Some(Carried {
        gateway: Some(GatewayName::from(at(2, "elb")?)),
        inside_realm: None,
        outside: ANYWHERE,
        client: Some(client),
        request,
        start,
        end: Span::between(end.from().max(start.from()), end.to().plus(sending(at(11, "sent_bytes")?))),
    }))
}

/// How long an answer may go on after it was "generated": whether that is when its last byte was sent is
/// not documented. What fits into one window of the network is gone at once.
fn sending(sent_bytes: &str) -> Duration {
    const ONE_WINDOW: u64 = 64 * 1024;
    let small = number(sent_bytes).is_some_and(|bytes: u64| bytes <= ONE_WINDOW);
    if small { Duration::ZERO } else { Duration::from_secs(60) }
}

/// Six digits of which three are always zero are three.
fn milliseconds(written: Span) -> Span {
    let cut = written.from() == written.to() && written.from().as_unix_us() % 1_000 == 0;
    if cut { Span::between(written.from(), written.from().plus(Duration::from_micros(999))) } else { written }
}

/// The targets that were tried, in order.
fn tries(fields: &[&str]) -> Result<Vec<Try>, Unreadable> {
    let at = |at, name| field(fields, at, name);
    let answer = status("target_status_code", at(9, "target_status_code")?)?;
    let outcome = fields.get(24).and_then(|reason| aws::text(reason));
    let target = at(4, "target:port")?;
    if target == "-" {
        // It was handed over, if there is a time for it: to something without an address.
        let handed_over = answer.is_some() || !at(6, "target_processing_time")?.starts_with('-');
        let group = aws::text(at(16, "target_group_arn")?);
        let group = group.map(|arn| arn.rsplit_once(':').map_or(arn.clone(), |(_, group)| group.into()));
        let to_group = Try { server: group, status: answer, outcome, ..Try::default() };
        return Ok(if handed_over { vec![to_group] } else { Vec::new() });
    }
    let last =
        Try { backend: Some(endpoint("target:port", target)?), status: answer, outcome, ..Try::default() };
    let listed = |at: usize| fields.get(at).filter(|list| !matches!(**list, "" | "-")).copied();
    let mut statuses = listed(26).into_iter().flat_map(|list| list.split(' '));
    let mut tries = Vec::new();
    for address in listed(25).into_iter().flat_map(|list| list.split(' ')) {
        let backend = Some(endpoint("target:port_list", address)?);
        let answer = statuses.next().map_or(Ok(None), |text| status("target_status_code_list", text))?;
        tries.push(Try { backend, status: answer, ..Try::default() });
    }
    if tries.last().is_some_and(|listed| listed.backend == last.backend) {
        tries.pop();
    }
    tries.push(last);
    Ok(tries)
}

/// `2026-03-01T10:00:00.100000Z 203.0.113.77 51514 443 TLSv1.2 …`: it links an id to a listener's port.
fn is_connection_log(fields: &[&str]) -> bool {
    let [time, client, port, listener, ..] = fields else { return false };
    client.parse::<std::net::IpAddr>().is_ok()
        && [port, listener].into_iter().all(|port| port.parse::<u16>().is_ok())
        && utc("timestamp", time).is_ok()
}
