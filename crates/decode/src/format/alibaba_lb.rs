//! The access logs of Alibaba Cloud's layer-7 balancers, ALB and CLB, as the log service exports them:
//! JSON, one object a line, every value a text; or CSV with a header row.
//!
//! ```text
//! {"__time__":1773475205,"__topic__":"alb_layer7_access_log","app_lb_id":"alb-demo-web",
//!  "vip_addr":"203.0.113.50","slb_vport":"443","client_ip":"198.51.100.23","client_port":"51514",
//!  "http_host":"shop.example.com","request_method":"POST","request_uri":"/api/upload",
//!  "request_time":"0.131","upstream_addr":"10.20.1.12:8080, 10.20.8.31:8080",
//!  "upstream_status":"502, 200","status":"200","time":"2026-03-14T08:00:05Z", …}
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `app_lb_id` (ALB), `slbid` (CLB) | the gateway |
//! | `vpc_id` (log audit only) | the inside realm |
//! | `vip_addr`, `slb_vport` | outside; the address may be the private one that stands for an EIP |
//! | `client_ip`, `client_port` | remote; see below |
//! | `upstream_addr`, `upstream_status` | the tries, in order; the last one is inside |
//! | `time`, else `__time__` | the end: to the second, when the line was made |
//! | `request_time` | from the first packet to the answer: the start is the end less this |
//! | `http_host`, else `host` | host |
//!
//! Who the client is: with "retrieve client IP" switched on, an ALB writes the address that the client's
//! X-Forwarded-For names, and nothing in the record says so. It is a claim if that header names it, or
//! if the header is not logged; an address that the header does not name can only be the peer's. A CLB
//! has no such switch, so that without the header its `client_ip` is the peer.
//!
//! Quirks: a header with `||` in it moves the values after it into the wrong fields. So every field is
//! held to its type, and a record with one misfit is not read at all. The old short flavour of CLB has no
//! port, no virtual address and no `time`.
//! <https://www.alibabacloud.com/help/en/slb/application-load-balancer/user-guide/access-logs>

mod fields;
mod names;

use super::{
    Definition, FormatTraits,
    carried::{Carried, answered, began, decode_line, is_method, lasted},
    rows::{Needed, Rows},
};
use crate::{
    Decoder, Record, Unreadable,
    field::{self, UnixUnit, address, fault},
    interned::Interned,
    json::{Found, Members, scalar},
};
use fields::{check_types, misfit, names_client, tries};
use memchr::memchr;
use names::{Field, Fields, NAMES};
use std::{borrow::Cow, sync::Arc, time::Duration};
use unmasq_model::{Endpoint, Layer, Outside, Ports, Request, Span, Try};

/// ALB.
pub(super) const ALB: Definition = Definition {
    name: "alibaba-alb",
    aliases: &["alibaba-alb-csv"],
    traits: TRAITS,
    decoder: |_| Ok(Box::new(Balancer::new(Product::Alb, ALB_COLUMNS))),
};

/// CLB.
pub(super) const CLB: Definition = Definition {
    name: "alibaba-clb",
    aliases: &["alibaba-clb-csv"],
    traits: TRAITS,
    decoder: |_| Ok(Box::new(Balancer::new(Product::Clb, CLB_COLUMNS))),
};

const TRAITS: FormatTraits = FormatTraits {
    // Seconds into the log service, but files are shipped every five minutes.
    delay: Duration::from_secs(6 * 60),
    // Nobody promises that it is complete, and what a `||` has shifted is lost.
    best_effort: true,
    ..FormatTraits::BALANCER
};

const ALB_COLUMNS: &[Needed] =
    &[&["app_lb_id"], &["client_ip"], &["upstream_addr"], &["request_time"], &["time"], &["status"]];
const CLB_COLUMNS: &[Needed] =
    &[&["slbid"], &["client_ip"], &["upstream_addr"], &["request_time"], &["time", "__time__"], &["status"]];

/// `__time__` is when the log service got the line, where the line itself has no time.
const RECEIVED_LATE: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Product {
    Alb,
    Clb,
}

impl Product {
    const fn id(self) -> Field {
        match self {
            Self::Alb => Field::AppLbId,
            Self::Clb => Field::SlbId,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Alb => Self::Clb,
            Self::Clb => Self::Alb,
        }
    }

    const fn needed(self) -> Unreadable {
        match self {
            Self::Alb => Unreadable::because("a record of an ALB: read it as alibaba-alb"),
            Self::Clb => Unreadable::because("a record of a CLB: read it as alibaba-clb"),
        }
    }
}

/// Reads the log of one product.
#[derive(Clone)]
struct Balancer {
    product: Product,
    members: Members<{ NAMES.len() }>,
    rows: Rows<{ NAMES.len() }>,
    /// Names and agents, which come again and again.
    texts: Interned,
}

impl Balancer {
    fn new(product: Product, needed: &'static [Needed]) -> Self {
        Self {
            product,
            members: Members::new(NAMES),
            rows: Rows::new(needed, NAMES),
            texts: Interned::default(),
        }
    }
}

impl Decoder for Balancer {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        let Self { product, members, rows, texts } = self;
        decode_line(frame, out, |line| {
            if is_json(line) {
                let found = members.read(line);
                let found = found.ok_or(Unreadable::because("it is not one JSON object"))?;
                return carried_in(line, &found, *product, texts).map(Some);
            }
            let mut read = None;
            rows.read(line, |cells| {
                let may_be_escaped = memchr(b'\\', line.as_bytes()).is_some();
                read = Some(carried(&Fields { texts: cells, may_be_escaped }, *product, texts)?);
                Ok(())
            })?;
            Ok(read)
        })
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }

    fn turns(&self, lines: &[u8]) -> bool {
        let mut lines = lines.split(|&byte| byte == b'\n');
        lines.any(|line| !line.trim_ascii_start().starts_with(b"{") && self.rows.turns(line))
    }
}

fn is_json(line: &str) -> bool {
    line.trim_start().starts_with('{')
}

/// One record out of the members of a line as JSON writes them.
fn carried_in(
    line: &str,
    found: &Found<'_, { NAMES.len() }>,
    product: Product,
    texts: &mut Interned,
) -> Result<Carried, Unreadable> {
    if memchr(b'\\', line.as_bytes()).is_some() {
        let read = found.map(|value| any_scalar(value?));
        let fields = Fields { texts: read.each_ref().map(Option::as_deref), may_be_escaped: true };
        return carried(&fields, product, texts);
    }
    let mut fields = Fields { texts: [None; NAMES.len()], may_be_escaped: false };
    for (field, value) in fields.texts.iter_mut().zip(found) {
        *field = value.and_then(plain_scalar);
    }
    carried(&fields, product, texts)
}

/// What a value says; nothing is an empty text.
fn any_scalar(value: &str) -> Option<Cow<'_, str>> {
    match value {
        "null" | "\"\"" => Some(Cow::Borrowed("")),
        value => scalar(value),
    }
}

/// The same of a value that has no escapes.
#[inline]
fn plain_scalar(value: &str) -> Option<&str> {
    match value.as_bytes() {
        [b'"', .., b'"'] => value.get(1..value.len() - 1),
        [b'-' | b'0'..=b'9', ..] => Some(value),
        b"null" => Some(""),
        _ => None,
    }
}

/// One record out of its fields.
fn carried(fields: &Fields<'_>, product: Product, texts: &mut Interned) -> Result<Carried, Unreadable> {
    if fields.optional(product.id()).is_none() && fields.optional(product.other().id()).is_some() {
        return Err(product.other().needed());
    }
    let gateway = fields.required(product.id())?;
    if !gateway.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err(misfit(product.id(), "an id"));
    }
    check_types(fields)?;

    let end = end(fields)?;
    let length = lasted(fields.required(Field::RequestTime)?, Duration::from_secs(1));
    let start = began(end, length.ok_or_else(|| misfit(Field::RequestTime, "a number of seconds"))?);

    let tries = tries(fields.written(Field::UpstreamAddr)?, fields.get(Field::UpstreamStatus))?;
    let mut request = Request::new(Layer::Request);
    request.status =
        answered("status", fields.written(Field::Status)?).map_err(|_| misfit(Field::Status, "a status"))?;
    request.host = host(fields, &tries, texts);
    let method = fields.optional(Field::RequestMethod).filter(|text| is_method(text));
    request.method = method.map(|text| texts.text(text));
    request.path = fields.as_sent(Field::RequestUri).map(Arc::from);
    request.agent = fields.as_sent(Field::HttpUserAgent).map(|text| texts.text(text));
    request.body_bytes = fields.optional(Field::BodyBytesSent).and_then(field::number);

    let client_ip = address("client_ip", fields.required(Field::ClientIp)?)?;
    request.client_claimed = match fields.get(Field::HttpXForwardedFor) {
        Some(header) => names_client(header, client_ip),
        None => product == Product::Alb,
    };
    request.tries = tries;
    let vip = fields.optional(Field::VipAddr).map(|text| address("vip_addr", text)).transpose()?;
    Ok(Carried {
        gateway: Some(texts.text(gateway).into()),
        inside_realm: fields.optional(Field::VpcId).map(|id| texts.text(id).into()),
        outside: Outside { ip: vip, ports: fields.port(Field::SlbVport)?.map_or(Ports::Any, Ports::One) },
        client: Some(Endpoint::new(client_ip, fields.port(Field::ClientPort)?)),
        request,
        start,
        end,
    })
}

/// When the line was made, which is when the request was over.
fn end(fields: &Fields<'_>) -> Result<Span, Unreadable> {
    if let Some(text) = fields.optional(Field::Time) {
        return field::zoned_time(text).ok_or_else(|| misfit(Field::Time, "a time with its zone"));
    }
    let received = fields.optional(Field::ReceivedTime);
    let received = received.and_then(|text| field::unix_time(text, UnixUnit::Seconds));
    let received = received.filter(|span| span.from().as_unix_us() > 0);
    let received = received.ok_or_else(|| fault(Field::Time.name(), "is missing, and so is `__time__`"))?;
    Ok(Span::between(received.from().minus(RECEIVED_LATE), received.to()))
}

/// The Host header; where only `host` is logged, that, unless it is what stands in for a missing header.
fn host(fields: &Fields<'_>, tries: &[Try], texts: &mut Interned) -> Option<Arc<str>> {
    let mut as_sent = |field| fields.as_sent(field).map(|text| texts.text(text));
    if fields.get(Field::HttpHost).is_some() {
        return as_sent(Field::HttpHost);
    }
    let host = fields.get(Field::Host)?;
    let stands_in =
        |tried: &Try| tried.backend.is_some_and(|at| host == at.to_string() || host == at.ip.to_string());
    if tries.iter().any(stands_in) { None } else { as_sent(Field::Host) }
}

#[cfg(test)]
mod tests;
