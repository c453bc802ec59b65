//! The text form. Nothing in it is escaped, so a line is read only if it has exactly ten quotation marks:
//! whoever writes one into a header cannot take another away.

use super::server;
use crate::{
    Names, Unreadable,
    field::fault,
    format::carried::{ANYWHERE, Carried, ended, is_method, lasted, some_text, status},
};
use jiff::fmt::strtime;
use std::{net::IpAddr, time::Duration};
use unmasq_model::{Endpoint, Layer, LogTime, Request, Span, Try};

const NOT_ONE: Unreadable = Unreadable::because(
    "not a line of Traefik's access log, or a quotation mark in a header: its fields cannot be told apart",
);

pub(super) fn carried(line: &str, names: &Names) -> Result<Carried, Unreadable> {
    let parts: Vec<&str> = line.trim_end().split('"').collect();
    let [before, sent, answer, _, " ", agent, count, _, " ", url, length] = parts[..] else {
        return Err(NOT_ONE);
    };
    // The user's name is the client's own words: the time is the last thing before the request.
    let (who, time) = before.strip_suffix("] ").and_then(|before| before.rsplit_once('[')).ok_or(NOT_ONE)?;
    let start =
        second(time).ok_or_else(|| fault("time", "is not a time such as 08/Dec/2021:09:16:05 +0000"))?;
    let length = length.strip_prefix(' ').and_then(|length| length.strip_suffix("ms")).ok_or(NOT_ONE)?;
    let length = lasted(length, Duration::from_millis(1)).ok_or(NOT_ONE)?;
    let [code, _size] = answer.split_ascii_whitespace().collect::<Vec<_>>()[..] else { return Err(NOT_ONE) };
    if !count.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Err(NOT_ONE);
    }
    let (method, rest) = sent.split_once(' ').ok_or(NOT_ONE)?;
    let (path, _) = rest.rsplit_once(' ').ok_or(NOT_ONE)?;

    let mut request = Request::new(Layer::Request);
    request.method = some_text(method).filter(|method| is_method(method));
    request.path = some_text(path);
    request.agent = some_text(agent);
    // It is what the server answered; the client may have been told otherwise.
    let answer = status("status", code)?;
    request.tries = if url == "-" {
        answer.map(|_| Try { status: answer, ..Try::default() }).into_iter().collect()
    } else {
        vec![Try { status: answer, ..server(url, None, names) }]
    };
    let client = client(who).ok_or(NOT_ONE)?;
    request.client_claimed = client.is_some();
    let outside = ANYWHERE;
    Ok(Carried {
        gateway: None,
        inside_realm: None,
        outside,
        client,
        request,
        start,
        end: ended(start, length),
    })
}

/// The first word is the peer's address, or else an X-Forwarded-For header: blanks and commas may be in
/// it, and its last element is what the nearest proxy saw.
fn client(who: &str) -> Option<Option<Endpoint>> {
    let (host, _user) = who.split_once(" - ")?;
    let ip = host.rsplit(',').next()?.trim().parse::<IpAddr>().ok();
    Some(ip.map(|ip| Endpoint::new(ip, None)))
}

/// The second that `08/Dec/2021:09:16:05 +0000` means.
fn second(text: &str) -> Option<Span> {
    let at = strtime::parse("%d/%b/%Y:%H:%M:%S %z", text).ok()?.to_timestamp().ok()?;
    let from = LogTime::from_timestamp(at)?;
    Some(Span::between(from, from.plus(Duration::from_micros(999_999))))
}
