//! nginx's access logs: any `log_format`, as text or JSON, and the one that ingress-nginx comes with.
//!
//! ```text
//! 192.0.2.66:41330 [22/Nov/2026:10:58:01 +0000] 1795345081.741 c=7/2 "GET /search?q=\x22 HTTP/1.1" 200 42 vip=203.0.113.101:80 up="10.0.0.12:9000, 10.0.0.13:9000" ust="503, 200" uct="0.000, 0.000" rt=0.001 "sqlmap/1.7"
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `$remote_addr`, `$remote_port` | remote. If `$realip_remote_addr` is logged, that is the peer; if it is not and the address was replaced, the client is a claim |
//! | `$server_addr`, `$server_port` | outside |
//! | `$upstream_addr` | the tries; the last is inside. A dash: answered by nginx itself |
//! | `$upstream_status`, `$upstream_connect_time`, `$upstream_local_addr` | in step with the tries |
//! | `$msec`, else `$time_iso8601`, else `$time_local` | **end** |
//! | `$request_time` | end less start |
//! | `$connection`, `$connection_requests` | connection; position, counted from 1 |
//! | `$request`, or `$request_method` and `$request_uri`; `$http_host`, `$http_user_agent` | what is asked, escapes undone |
//! | `$status`, `$body_bytes_sent` | what the client got: 499 and 444 are nginx's own words for none |
//!
//! A syslog header before the line, and what containers' runtimes put around it, are taken off.
//!
//! Quirks: nginx looks at the clock once a round of events, so times are a few milliseconds off the
//! packets. `$host` may be the server's own name and is not used. A log without `$request_time` does not
//! tell when a request began: at most an hour before its end is taken. See
//! <https://nginx.org/en/docs/http/ngx_http_log_module.html>.

mod layout;
mod members;
mod upstream;
mod values;

use super::{Definition, FormatTraits, wrapped::unwrapped};
use crate::{
    BadLayout, Decoder, Hints, Record, Unreadable,
    access::{self, ASSUMED_LONGEST, ROUND},
    field::{self, UnixUnit, fault, plain, required},
    interned::Interned,
    json::{is_blank, text_of},
    layout::{Division, Layouts},
    syslog::Syslog,
};
use layout::{Escape, Var};
use members::Members;
use memchr::memchr;
use std::{borrow::Cow, net::IpAddr};
use unmasq_model::{Endpoint, Layer, Request, Span};
use values::Values;

/// Any `log_format`; without one, those that nginx comes with.
pub(super) const TEXT: Definition = Definition {
    name: "nginx",
    aliases: &["nginx-text"],
    traits: FormatTraits::BALANCER,
    decoder: |hints| Ok(Box::new(TextDecoder::new(hints, &[COMBINED, MAIN])?)),
};

/// A `log_format` that writes JSON.
pub(super) const JSON: Definition = Definition {
    name: "nginx-json",
    aliases: &[],
    traits: FormatTraits::BALANCER,
    decoder: |hints| Ok(Box::new(JsonDecoder::new(hints)?)),
};

/// The log of the Kubernetes ingress controller.
pub(super) const INGRESS: Definition = Definition {
    name: "ingress-nginx",
    aliases: &[],
    traits: FormatTraits::BALANCER,
    decoder: |hints| Ok(Box::new(TextDecoder::new(hints, &[UPSTREAMINFO])?)),
};

/// What `access_log` writes if nothing is said.
const COMBINED: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;

/// What the configuration writes that most packages install.
const MAIN: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for""#;

/// ingress-nginx's own default, `upstreaminfo`.
const UPSTREAMINFO: &str = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"#;

/// Reads lines of text.
#[derive(Clone)]
struct TextDecoder {
    layouts: Layouts<Var>,
    /// How each layout escapes its values.
    escapes: Vec<Escape>,
    division: Division,
    texts: Interned,
}

impl TextDecoder {
    fn new(hints: &Hints, defaults: &[&str]) -> Result<Self, BadLayout> {
        let given = hints.layout.as_deref();
        let texts = given.as_ref().map_or(defaults, std::slice::from_ref);
        let compiled = texts.iter().map(|text| layout::compile(text)).collect::<Result<Vec<_>, _>>()?;
        let (escapes, layouts): (_, Vec<_>) = compiled.into_iter().unzip();
        let (layouts, division) = (Layouts::new(layouts), Division::default());
        Ok(Self { layouts, escapes, division, texts: Interned::default() })
    }

    /// What a line says by the first layout that can have written it.
    fn read(&mut self, line: &str) -> Option<Result<Option<Record>, Unreadable>> {
        let Self { layouts, escapes, division, texts } = self;
        let may_escape = memchr(b'\\', line.as_bytes()).is_some();
        layouts.find_map(line, division, |at, cells| {
            let escape = if may_escape { escapes[at] } else { Escape::None };
            Some(record(&Values::Text(escape, &cells), texts))
        })
    }
}

impl Decoder for TextDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        let mut read = self.read(&text);
        if read.is_none() {
            let bare = unwrapped(&text)?;
            read = self.read(&bare).or_else(|| self.read(Syslog::innermost(&bare).message));
        }
        out.extend(read.ok_or(Unreadable::because("it is not written by the `log_format`"))??);
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// Reads JSON lines.
#[derive(Clone)]
struct JsonDecoder {
    members: Members,
    texts: Interned,
}

impl JsonDecoder {
    fn new(hints: &Hints) -> Result<Self, BadLayout> {
        let members = Members::new(hints.layout.as_deref().map(layout::members).transpose()?.as_ref());
        layout::needed(|var| members.has(var))?;
        Ok(Self { members, texts: Interned::default() })
    }
}

impl Decoder for JsonDecoder {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        let bare = unwrapped(&text)?;
        let members = &mut self.members;
        let found = members.read(&bare).or_else(|| members.read(Syslog::innermost(&bare).message));
        let found = found.ok_or(Unreadable::because("it is not one JSON object"))?;
        out.extend(record(&Values::Json(&found), &mut self.texts)?);
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// One record out of its values; none if no client came over the network.
fn record(values: &Values<'_>, texts: &mut Interned) -> Result<Option<Record>, Unreadable> {
    let (start, end) = times(values)?;
    let Some((client, client_claimed)) = client(values)? else { return Ok(None) };
    let server_port = values.get(Var::ServerPort)?;
    let server_port = server_port.map(|text| field::port("$server_port", &text)).transpose()?;
    let server = values.get(Var::ServerAddr)?.filter(|text| !text.starts_with("unix:"));
    let server = server.map(|text| field::address("$server_addr", &text)).transpose()?;
    let status = values.text(Var::Status);
    // 499: the client left. 444: told to say nothing.
    let left = status.as_deref() == Some("499");
    let status = status.as_deref().and_then(access::status).filter(|status| ![444, 499].contains(status));
    let number = |var| {
        let text = values.text(var)?;
        plain::number(text.as_bytes()).or_else(|| field::number(&text))
    };
    let line = values.text(Var::Request);
    let (method, target) = line.as_deref().and_then(access::request_line).unzip();
    // What comes again and again.
    let mut known = |text: Cow<'_, str>| texts.text(&text);
    let request = Request {
        layer: Layer::Request,
        client_claimed,
        host: values.text(Var::HttpHost).map(&mut known),
        method: method.map(Cow::Borrowed).or_else(|| values.text(Var::Method)).map(&mut known),
        path: target.map(Cow::Borrowed).or_else(|| values.text(Var::Uri)).map(Into::into),
        agent: values.text(Var::UserAgent).map(&mut known),
        status,
        body_bytes: number(Var::BodyBytes),
        position: number(Var::ConnectionRequests).and_then(|count| count.checked_sub(1)),
        connection: number(Var::Connection),
        tries: upstream::tries(values, left)?,
    };
    Ok(Some(access::carried(access::outside(server, server_port), Some(client), request, start, end)))
}

/// The TCP peer, and whether what stands for it are only a header's words; `None` if the client came
/// through a socket of the machine itself.
fn client(values: &Values<'_>) -> Result<Option<(Endpoint, bool)>, Unreadable> {
    let endpoint = |ip: &str, port: Var| {
        let ip = field::address("the client", ip)?;
        let port = values.get(port)?.map(|text| field::port("the client's port", &text)).transpose()?;
        Ok(Endpoint::new(ip, port))
    };
    let is_local = |ip: &str| ip.starts_with("unix:");
    if let Some(ip) = values.get(Var::RealipAddr)? {
        return if is_local(&ip) { Ok(None) } else { Ok(Some((endpoint(&ip, Var::RealipPort)?, false))) };
    }
    let ip = required("$remote_addr", values.get(Var::RemoteAddr)?)?;
    if is_local(&ip) {
        return Ok(None);
    }
    let client = endpoint(&ip, Var::RemotePort)?;
    Ok(Some((client, is_replaced(values, client))))
}

/// Whether the real-IP module put a header's address in the place of the peer's. It writes no port if
/// the header had none, and an address that came by the PROXY protocol is no peer's.
fn is_replaced(values: &Values<'_>, client: Endpoint) -> bool {
    let is_client = |text: &str| text.trim().parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical() == client.ip);
    let by_proxy = values.text(Var::ProxyProtocolAddr).is_some_and(|text| is_client(&text));
    let has_port = values.has(Var::RemotePort);
    let by_header =
        !has_port && values.text(Var::ForwardedFor).is_some_and(|list| list.split(',').any(is_client));
    by_proxy || by_header || (has_port && client.port.is_none())
}

/// When the request's first packet came, and when nginx was done with it.
fn times(values: &Values<'_>) -> Result<(Span, Span), Unreadable> {
    let end = if let Some(text) = values.get(Var::Msec)? {
        field::unix_time(&text, UnixUnit::Seconds).ok_or_else(|| fault("$msec", "is not a time"))?
    } else if let Some(text) = values.get(Var::Iso8601)? {
        field::zoned_time(&text).ok_or_else(|| fault("$time_iso8601", "is not a time"))?
    } else {
        access::clf_time("$time_local", &required("$time_local", values.get(Var::TimeLocal)?)?, None)?
    };
    let start = match values.get(Var::RequestTime)? {
        Some(text) => {
            let lasted = access::duration(&text, UnixUnit::Seconds);
            let lasted = lasted.ok_or_else(|| fault("$request_time", "is not a duration"))?;
            Span::between(end.from().minus(lasted), end.to().minus(lasted))
        }
        None => Span::between(end.from().minus(ASSUMED_LONGEST), end.to()),
    };
    Ok((start.widened(ROUND), Span::between(end.from(), end.to().plus(ROUND))))
}

#[cfg(test)]
mod tests;
