//! HAProxy's logs: `option httplog`, `option httpslog`, `option tcplog` and any `log-format`, behind any
//! syslog header or none.
//!
//! ```text
//! Nov 22 10:57:50 lb haproxy[18759]: 192.0.2.11:60942 [22/Nov/2026:10:57:50.823] fe_web be_web/s1 0/0/0/1/1 200 121 - - ---- 1/1/0/0/0 0/0 {Mozilla/5.0} "GET /v2/list HTTP/1.1"
//! Nov 22 10:58:44 lb haproxy[18759]: 192.0.2.66:39036 [22/Nov/2026:10:58:44.308] fe_ssh be_ssh/bastion 1/0/109 229 -- 2/1/0/0/0 0/0
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `%ci:%cp`; `fc_src` if it is logged | remote |
//! | `%fi:%fp`, else the port of the listener called `%f` | outside |
//! | `%b/%s` through the inventory, or `%si:%sp` | the last try, which is inside |
//! | `%bi:%bp` | inside remote |
//! | `%rc` with a plus | a try before it that has no name |
//! | `%tr` and `%Ta`, `%t` and `%Tt` | start and end |
//! | `%r`, or `%HM` and `%HU` | method and path |
//! | `%ST`, `%ts` | what the client got, what became of the try |
//!
//! Quirks: names, not addresses. Addresses are in no brackets (`2001:db8::66:37284`). `%t` on a connection
//! kept alive is the end of the answer before; without timers the end is only bounded by the time in the
//! syslog header, which is written then. Dates are local. `%B` counts headers too. Several formats may be
//! in one file: each is tried. See <https://docs.haproxy.org/2.8/configuration.html#8.2>.

mod layout;
mod server;
mod times;
mod values;

use super::{Definition, FormatTraits};
use crate::{
    BadLayout, Decoder, Fact, Hints, Names, Record, Unreadable, access, field,
    field::{fault, required},
    interned::Interned,
    json::{is_blank, text_of},
    layout::{Division, Layout, Layouts},
    syslog::{Syslog, Written},
};
use layout::Item;
use server::Answer;
use std::{borrow::Cow, sync::Arc};
use times::Edges;
use unmasq_model::{Endpoint, Layer, Request, Span};
use values::Values;

/// Every form of it.
pub(super) const TEXT: Definition = Definition {
    name: "haproxy",
    aliases: &["haproxy-syslog"],
    traits: FormatTraits { shows_connections: true, ..FormatTraits::BALANCER },
    decoder: |hints| Ok(Box::new(Haproxy::new(hints)?)),
};

const HTTP: &str = r"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
/// The same where the first request header that is captured is the agent.
const HTTP_AGENT: &str =
    r"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %{+Q}r";
const HTTPS: &str = r"%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc";
const TCP: &str = r"%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
/// A connection that failed before it carried anything.
const FAILED: &str = r"%ci:%cp [%t] %f/%[accept_name]: %[fc_err_str]";

/// Reads lines of several layouts.
#[derive(Clone)]
struct Haproxy {
    layouts: Layouts<Item>,
    /// What is known of each of the layouts.
    lines: Vec<Line>,
    hints: Hints,
    division: Division,
    /// Names, methods and agents, which come again and again.
    texts: Interned,
}

/// What is known of lines of one layout.
#[derive(Clone)]
struct Line {
    /// Only for lines of this frontend.
    frontend: Option<Arc<str>>,
    kind: Kind,
    layer: Layer,
}

/// What is known of a layout beyond its items.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A format string of one's own.
    Custom,
    /// Requests; the first captured header is the agent.
    Agent,
    /// Whole connections.
    Connection,
    /// Connections that reached nobody.
    Failed,
}

impl Haproxy {
    fn new(hints: &Hints) -> Result<Self, BadLayout> {
        let mut lines = Vec::new();
        for listener in &hints.names.listeners {
            let frontend = listener.name.as_ref();
            lines.extend(
                listener.layout.as_deref().map(|text| Line::of(text, frontend)).transpose()?.flatten(),
            );
        }
        if let Some(text) = &hints.layout {
            let line = Line::of(text, None)?;
            lines
                .push(line.ok_or_else(|| BadLayout(format!("`{text}` is neither one nor the name of one")))?);
        }
        for (text, kind) in
            [(HTTP, Kind::Custom), (TCP, Kind::Connection), (HTTPS, Kind::Custom), (FAILED, Kind::Failed)]
        {
            lines.push(Line::new(layout::compile(text)?, None, kind));
        }
        let (layouts, lines): (Vec<_>, _) = lines.into_iter().unzip();
        let layouts = Layouts::new(layouts);
        let (hints, division, texts) = (hints.clone(), Division::default(), Interned::default());
        Ok(Self { layouts, lines, hints, division, texts })
    }

    /// The record of one message; `None` if no layout has written it.
    fn read(
        &mut self,
        message: &str,
        written: Option<Written<'_>>,
    ) -> Option<Result<Option<Record>, Unreadable>> {
        let Self { layouts, lines, hints, division, texts } = self;
        layouts.find_map(message, division, |at, cells| {
            let (line, values) = (&lines[at], Values(cells));
            // Only listeners make a difference between frontends.
            let has_listeners = !hints.names.listeners.is_empty();
            let frontend = if has_listeners { values.text(Item::Frontend) } else { None };
            let frontend = frontend.as_deref().map(|name| name.trim_end_matches('~'));
            let is_other = line.frontend.as_deref().zip(frontend).is_some_and(|(own, name)| own != name);
            (!is_other).then(|| line.record(&values, frontend, written, hints, texts))
        })
    }
}

impl Decoder for Haproxy {
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        if is_blank(frame) {
            return Ok(());
        }
        let text = text_of(frame);
        // A format string may begin with what looks like a header.
        let mut read = self.read(&text, None);
        if read.is_none() {
            let syslog = Syslog::innermost(&text);
            read = self.read(syslog.message, syslog.time);
            if read.is_none() && text.len() >= CUT_FROM {
                // A long line is cut, and with it the quote that ends the request.
                read = self.read(&format!("{}\"", syslog.message), syslog.time);
            }
        }
        out.extend(read.ok_or(Unreadable::because("it is not written by any of the log formats"))??);
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// The shortest length at which HAProxy or a syslog daemon cuts a line, its header included.
const CUT_FROM: usize = 1_000;

impl Line {
    /// A format string or the name of one; `None` for a word that is neither.
    fn of(text: &str, frontend: Option<&Arc<str>>) -> Result<Option<(Layout<Item>, Self)>, BadLayout> {
        let name = text.strip_prefix("haproxy-").unwrap_or(text);
        let (text, kind) = match name {
            _ if text.contains('%') => (text, Kind::Custom),
            "httplog+capture-user-agent" => (HTTP_AGENT, Kind::Agent),
            "httplog" => (HTTP, Kind::Custom),
            "httpslog" => (HTTPS, Kind::Custom),
            "tcplog" => (TCP, Kind::Connection),
            _ => return Ok(None),
        };
        Ok(Some(Self::new(layout::compile(text)?, frontend.cloned(), kind)))
    }

    fn new(layout: Layout<Item>, frontend: Option<Arc<str>>, kind: Kind) -> (Layout<Item>, Self) {
        let layer = layer(&layout);
        (layout, Self { frontend, kind, layer })
    }

    /// The record of a line; none if no client came over the network.
    fn record(
        &self,
        values: &Values<'_>,
        frontend: Option<&str>,
        written: Option<Written<'_>>,
        hints: &Hints,
        texts: &mut Interned,
    ) -> Result<Option<Record>, Unreadable> {
        let Some(client) = client(values)? else { return Ok(None) };
        let layer = self.layer;
        let Edges { start, end } = times::edges(values, layer, written, hints)?;
        let failed = self.kind == Kind::Failed;
        // A handshake that failed is over soon, whenever that was.
        let end = if failed {
            Span::between(end.from(), end.to().min(start.to().plus(access::ASSUMED_LONGEST)))
        } else {
            end
        };
        let outside = server::endpoint(values, [Item::FrontendIp, Item::FrontendPort])?;
        let port = outside.and_then(|outside| outside.port).or_else(|| port(&hints.names, frontend?));
        let answer = Answer::of(values);
        let tries = if failed { Vec::new() } else { server::tries(values, &answer, &hints.names, texts)? };
        let asked_line = values.text(Item::Request);
        let Asked { host, method, path } = asked(values, asked_line.as_deref());
        let mut known = |text: Cow<'_, str>| texts.text(&text);
        let request = Request {
            layer,
            client_claimed: false,
            host: host.map(&mut known),
            method: method.map(&mut known),
            path: path.map(Into::into),
            agent: self.agent(values).map(&mut known),
            status: answer.status.filter(|_| !answer.is_unheard()),
            body_bytes: None,
            position: None,
            connection: None,
            tries,
        };
        let outside = access::outside(outside.map(|outside| outside.ip), port);
        let mut record = access::carried(outside, Some(client), request, start, end);
        if self.kind == Kind::Connection {
            // One client port has one connection at a time.
            record.fact = Fact::Whole { start, end, proven: Span::new(start.to(), end.from()).ok() };
        }
        Ok(Some(record))
    }

    fn agent<'a>(&self, values: &Values<'a>) -> Option<Cow<'a, str>> {
        if self.kind == Kind::Agent { values.first_capture() } else { values.text(Item::Agent) }
    }
}

/// What lines of a layout are about: whatever tells of a request is about one.
fn layer(layout: &Layout<Item>) -> Layer {
    const OF_REQUESTS: [Item; 9] = [
        Item::Status,
        Item::Request,
        Item::Method,
        Item::Uri,
        Item::Path,
        Item::Query,
        Item::Host,
        Item::Agent,
        Item::RequestDate,
    ];
    let is_request = OF_REQUESTS.iter().any(|item| layout.has(*item));
    if is_request { Layer::Request } else { Layer::Connection }
}

/// The port of the listeners of that name, if they have one.
fn port(names: &Names, frontend: &str) -> Option<u16> {
    let mut ports = names
        .listeners
        .iter()
        .filter(|listener| listener.name.as_deref() == Some(frontend))
        .map(|listener| listener.port);
    let first = ports.next()?;
    ports.all(|port| port == first).then_some(first)
}

/// The peer; `None` if it came through a socket of the machine itself.
fn client(values: &Values<'_>) -> Result<Option<Endpoint>, Unreadable> {
    let [ip, port] = if values.has(Item::PeerIp) {
        [Item::PeerIp, Item::PeerPort]
    } else {
        [Item::ClientIp, Item::ClientPort]
    };
    let ip = required("%ci", values.get(ip)?.map(Cow::Borrowed))?;
    if ip.starts_with("unix") {
        return Ok(None);
    }
    let port = values.get(port)?.map(|text| field::port("%cp", text)).transpose()?;
    if port == Some(0) {
        return Err(fault("%cp", "is not a port"));
    }
    Ok(Some(Endpoint::new(field::address("%ci", &ip)?, port)))
}

/// What was asked for, as far as a line has it whole.
struct Asked<'a> {
    host: Option<Cow<'a, str>>,
    method: Option<Cow<'a, str>>,
    path: Option<Cow<'a, str>>,
}

/// What a line asks for; `line` is the request line in it.
fn asked<'a>(values: &Values<'a>, line: Option<&'a str>) -> Asked<'a> {
    let host = values.text(Item::Host);
    let Some(line) = line else {
        let path = values.text(Item::Path).filter(|_| values.has(Item::Query));
        let query = || values.text(Item::Query).unwrap_or_default();
        let path = values.text(Item::Uri).or_else(|| path.map(|path| path + query()));
        return Asked { host, method: values.text(Item::Method), path };
    };
    let Some((method, target)) = access::request_line(line) else {
        return Asked { host, method: None, path: None };
    };
    // HTTP/2 and later have no request line: HAProxy writes one with the authority in it.
    let is_composed = !line.ends_with("HTTP/1.1") && !line.ends_with("HTTP/1.0");
    let parts = if is_composed { target.split_once("://") } else { None };
    let parts = parts.map(|(_, rest)| rest.split_at(rest.find('/').unwrap_or(rest.len())));
    let (authority, path) = parts.map_or((None, target), |(authority, path)| (Some(authority), path));
    let host = host.or(authority.map(Cow::Borrowed));
    Asked { host, method: Some(Cow::Borrowed(method)), path: Some(Cow::Borrowed(path)) }
}

#[cfg(test)]
mod tests;
