//! nginx's `log_format`: variables in a text.

use crate::{
    BadLayout, json,
    json::Object,
    layout::{Layout, Name, Part, Shape},
};
use std::collections::BTreeMap;

/// A variable that tells something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Var {
    RemoteAddr,
    RemotePort,
    RealipAddr,
    RealipPort,
    ProxyProtocolAddr,
    ForwardedFor,
    ServerAddr,
    ServerPort,
    Msec,
    Iso8601,
    TimeLocal,
    RequestTime,
    Request,
    Method,
    Uri,
    HttpHost,
    UserAgent,
    Status,
    BodyBytes,
    Connection,
    ConnectionRequests,
    UpstreamAddr,
    UpstreamStatus,
    UpstreamConnectTime,
    UpstreamLocalAddr,
}

impl Name for Var {
    fn number(self) -> usize {
        self as usize
    }
}

/// How values are escaped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Escape {
    /// `"`, `\` and everything that does not print as `\xHH`; a dash where there is no value.
    Default,
    /// As in JSON.
    Json,
    /// Not at all.
    None,
}

impl Var {
    /// How many there are.
    pub(super) const COUNT: usize = Self::ALL.len();

    /// Every variable that is read, by its number, with its name and its shape outside quotes.
    pub(super) const ALL: [(&'static str, Self, Shape); 25] = [
        ("remote_addr", Self::RemoteAddr, Shape::Word),
        ("remote_port", Self::RemotePort, Shape::Number),
        ("realip_remote_addr", Self::RealipAddr, Shape::Word),
        ("realip_remote_port", Self::RealipPort, Shape::Number),
        ("proxy_protocol_addr", Self::ProxyProtocolAddr, Shape::Word),
        ("http_x_forwarded_for", Self::ForwardedFor, Shape::Unquoted),
        ("server_addr", Self::ServerAddr, Shape::Word),
        ("server_port", Self::ServerPort, Shape::Number),
        ("msec", Self::Msec, Shape::Number),
        ("time_iso8601", Self::Iso8601, Shape::Clock),
        ("time_local", Self::TimeLocal, Shape::Clock),
        ("request_time", Self::RequestTime, Shape::Number),
        ("request", Self::Request, Shape::Unquoted),
        ("request_method", Self::Method, Shape::Unquoted),
        ("request_uri", Self::Uri, Shape::Unquoted),
        ("http_host", Self::HttpHost, Shape::Unquoted),
        ("http_user_agent", Self::UserAgent, Shape::Unquoted),
        ("status", Self::Status, Shape::Number),
        ("body_bytes_sent", Self::BodyBytes, Shape::Number),
        ("connection", Self::Connection, Shape::Number),
        ("connection_requests", Self::ConnectionRequests, Shape::Number),
        ("upstream_addr", Self::UpstreamAddr, Shape::List),
        ("upstream_status", Self::UpstreamStatus, Shape::List),
        ("upstream_connect_time", Self::UpstreamConnectTime, Shape::List),
        ("upstream_local_addr", Self::UpstreamLocalAddr, Shape::List),
    ];

    /// Lists and numbers that tell nothing here, but whose shape helps to divide a line.
    const SHAPES: [(&'static str, Shape); 12] = [
        ("bytes_sent", Shape::Number),
        ("content_length", Shape::Number),
        ("gzip_ratio", Shape::Number),
        ("request_length", Shape::Number),
        ("upstream_bytes_received", Shape::List),
        ("upstream_bytes_sent", Shape::List),
        ("upstream_header_time", Shape::List),
        ("upstream_response_length", Shape::List),
        ("upstream_response_time", Shape::List),
        ("request_id", Shape::Word),
        ("req_id", Shape::Word),
        ("proxy_protocol_port", Shape::Number),
    ];

    /// Its name, without the dollar.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, var, _)| *var == self).map_or("", |(name, ..)| name)
    }

    /// The variable of that name, if it is one that is read.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, ..)| *known == name).map(|(_, var, _)| *var)
    }

    fn part(name: &str, escape: Escape) -> Part<Self> {
        let known =
            Self::ALL.iter().find(|(known, ..)| *known == name).map(|(_, var, shape)| (Some(*var), *shape));
        let shape = Self::SHAPES.iter().find(|(known, _)| *known == name).map(|(_, shape)| (None, *shape));
        let (var, shape) = known.or(shape).unwrap_or((None, Shape::Unquoted));
        let shape = match (shape, escape) {
            (Shape::Unquoted, Escape::Json) => Shape::Escaped,
            (Shape::Unquoted, Escape::None) => Shape::Free,
            _ => shape,
        };
        Part::Field(var, shape)
    }
}

/// Compiles a format string; `escape=json` and its like may stand before it, as in nginx's own syntax.
///
/// # Errors
/// When it is none, or lacks what every record needs: a client and a time.
pub(super) fn compile(text: &str) -> Result<(Escape, Layout<Var>), BadLayout> {
    let (escape, text) = split_escape(text)?;
    let layout = Layout::new(parts(text, escape)?)?;
    needed(|var| layout.has(var))?;
    Ok((escape, layout))
}

/// Takes the parameter that says how values are escaped off a format string.
pub(super) fn split_escape(text: &str) -> Result<(Escape, &str), BadLayout> {
    let Some(rest) = text.trim_start().strip_prefix("escape=") else {
        return Ok((Escape::Default, text));
    };
    let (how, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let escape = match how {
        "default" => Escape::Default,
        "json" => Escape::Json,
        "none" => Escape::None,
        _ => return Err(BadLayout(format!("`escape={how}` is not one of default, json and none"))),
    };
    Ok((escape, rest.trim_start()))
}

/// A record needs a client and a time.
///
/// # Errors
/// Which of them is missing.
pub(super) fn needed(has: impl Fn(Var) -> bool) -> Result<(), BadLayout> {
    if !has(Var::RemoteAddr) && !has(Var::RealipAddr) {
        return Err(BadLayout("it has no `$remote_addr`: nothing tells the client".to_owned()));
    }
    if ![Var::Msec, Var::Iso8601, Var::TimeLocal].into_iter().any(has) {
        return Err(BadLayout("it has none of `$msec`, `$time_iso8601` and `$time_local`".to_owned()));
    }
    Ok(())
}

fn parts(text: &str, escape: Escape) -> Result<Vec<Part<Var>>, BadLayout> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('$') {
        parts.push(Part::Text(literal.to_owned()));
        let (name, after) = match after.strip_prefix('{') {
            Some(braced) => braced
                .split_once('}')
                .ok_or_else(|| BadLayout(format!("`${{{braced}` has no closing brace")))?,
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                after.split_at(end)
            }
        };
        if name.is_empty() {
            return Err(BadLayout(format!("a `$` names no variable, before `{after}`")));
        }
        parts.push(Var::part(name, escape));
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

/// What the members of a format string that writes JSON are called, by their variables.
///
/// # Errors
/// When it is no JSON object with variables for values.
pub(super) fn members(text: &str) -> Result<BTreeMap<String, String>, BadLayout> {
    let (_, text) = split_escape(text)?;
    // A variable may stand for a number, without quotes: with them, the whole is JSON.
    let mut quoted = String::with_capacity(text.len());
    let mut is_quoted = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '$' if !is_quoted => {
                let length = rest.find([',', '}', ']']).unwrap_or(rest.len());
                // The brace that closes `${name}` is not the object's.
                let length = if rest.starts_with("${") { length + 1 } else { length };
                let variable = rest.get(..length).unwrap_or(rest).trim_end();
                quoted.extend(['"']);
                quoted.push_str(variable);
                quoted.extend(['"']);
                variable.len()
            }
            _ => {
                is_quoted ^= c == '"';
                quoted.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    let object = Object::parse(&quoted).ok_or_else(|| BadLayout("it is not one JSON object".to_owned()))?;
    let variable = |value: &str| {
        let name = value.strip_prefix('$')?;
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        Var::named(name).map(|var| var.name().to_owned())
    };
    let named = object.members().iter().filter_map(|member| {
        let variable = variable(&json::scalar(member.value)?)?;
        Some((variable, member.name.clone().into_owned()))
    });
    Ok(named.collect())
}
