//! The header that syslog puts before a line: who wrote it, and when.
//!
//! Read are RFC 5424, RFC 3164 (also as Cisco bends it: a year, a zone word, blanks and colons where
//! they please), the ISO 8601 headers of rsyslog and journald, and none at all. `<pri>` may stand before
//! any of them or be missing, as it does in files.
//!
//! ```text
//! <14>1 2026-03-01T10:00:01.100Z srx RT_FLOW - RT_FLOW_SESSION_CLOSE [junos@2636.1.1.1.2.129 reason="x"] …
//! <189>Mar  1 10:00:00 lb-1 haproxy[812]: …
//! Mar 01 2026 10:00:00 EST: %ASA-6-302013: …
//! 2026-03-01T10:00:00.123456+01:00 lb-1 haproxy[812]: …
//! ```
//!
//! A header is read as far as it is one; what follows is the message. Nothing here fails but a time.

mod time;

use crate::pairs;
use memchr::memchr;
use std::borrow::Cow;
pub(crate) use time::Written;

/// What those who only receive a line must know of its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyslogHeader<'a> {
    /// The host that it names, in its own words.
    pub host: Option<&'a str>,
    /// What follows the header and the program's tag; all of a line that has neither.
    pub message: &'a str,
}

/// Takes the header of RFC 5424 or RFC 3164 off a line, as far as there is one.
#[must_use]
pub fn syslog(line: &str) -> SyslogHeader<'_> {
    let Syslog { host, message, .. } = Syslog::read(line);
    SyslogHeader { host, message }
}

/// A line without its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Syslog<'a> {
    /// When the header says that the line was written.
    pub(crate) time: Option<Written<'a>>,
    /// The host that wrote it: a name or an address.
    pub(crate) host: Option<&'a str>,
    /// The program: RFC 5424's APP-NAME, RFC 3164's tag without pid and colon. Cisco's `%ASA-6-302013`
    /// stands here too.
    pub(crate) app: Option<&'a str>,
    /// The program's process, or what it writes in its place.
    pub(crate) pid: Option<&'a str>,
    /// RFC 5424's MSGID.
    pub(crate) id: Option<&'a str>,
    /// RFC 5424's structured data, brackets and all; see [`param`].
    pub(crate) structured: Option<&'a str>,
    /// The rest.
    pub(crate) message: &'a str,
}

impl<'a> Syslog<'a> {
    /// Takes the header off a line.
    pub(crate) fn read(line: &'a str) -> Self {
        let line = line.strip_prefix('\u{feff}').unwrap_or(line).trim_ascii();
        let (primed, rest) = match priority(line) {
            Some(rest) => (true, rest.trim_start_matches([' ', ':'])),
            None => (false, line),
        };
        Self::rfc5424(rest)
            .or_else(|| Written::take(rest).map(|(time, rest)| Self::after_time(time, rest)))
            .unwrap_or_else(|| if primed { Self::tagged(rest) } else { Self::bare(line) })
    }

    /// The same, of a line that a relay may have given a second header: the device's own is within.
    pub(crate) fn innermost(line: &'a str) -> Self {
        let outer = Self::read(line);
        // The device may have left its time where a tag stands, so ask what follows the host.
        let inner = Self::read(outer.message);
        if inner.time.is_some() { Self { host: inner.host.or(outer.host), ..inner } } else { outer }
    }

    const fn bare(message: &'a str) -> Self {
        Self { time: None, host: None, app: None, pid: None, id: None, structured: None, message }
    }

    /// `1 TIME HOST APP PROCID MSGID STRUCTURED-DATA MSG`, a dash for each that is not there.
    fn rfc5424(text: &'a str) -> Option<Self> {
        let mut rest = text.strip_prefix("1 ")?;
        let mut field = || {
            let (field, after) = rest.split_once(' ')?;
            rest = after;
            Some((field != "-").then_some(field))
        };
        let time = match field()? {
            None => None,
            Some(text) => Some(Written::iso(text)?),
        };
        let (host, app, pid, id) = (field()?, field()?, field()?, field()?);
        let (structured, message) = match rest.strip_prefix('-') {
            Some(message) => (None, message),
            None => structured(rest).map_or((None, rest), |(data, message)| (Some(data), message)),
        };
        let message = message.trim_ascii_start();
        let message = message.strip_prefix('\u{feff}').unwrap_or(message);
        Some(Self { time, host, app, pid, id, structured, message })
    }

    /// `HOST TAG[PID]: MSG` or any part of it, after a time.
    fn after_time(time: Written<'a>, rest: &'a str) -> Self {
        let time = Some(time);
        // `Mar 01 2026 10:00:00: %ASA-…`: the colon ends the header, there is no host.
        if let Some(rest) = rest.strip_prefix(':') {
            return Self { time, ..Self::tagged(rest.trim_ascii_start()) };
        }
        let (word, after) = word(rest);
        let cisco = after.starts_with('%') || after.starts_with(": ");
        let host = word.strip_suffix(':').filter(|_| cisco).unwrap_or(word);
        let is_host = !host.is_empty()
            && !host.ends_with(':')
            && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
        if !is_host {
            return Self { time, ..Self::tagged(rest) };
        }
        let after = after.strip_prefix(": ").unwrap_or(after).trim_ascii_start();
        Self { time, host: Some(host), ..Self::tagged(after) }
    }

    /// `TAG[PID]: MSG`, or a message without a tag.
    pub(crate) fn tagged(text: &'a str) -> Self {
        let (first, after) = word(text);
        let tag = first.strip_suffix(':').filter(|tag| !tag.is_empty());
        let Some(tag) = tag else { return Self::bare(text) };
        let numbered = tag.strip_suffix(']').and_then(|tag| Some((tag, memchr(b'[', tag.as_bytes())?)));
        let (app, pid) = match numbered {
            Some((tag, bracket)) => (&tag[..bracket], Some(&tag[bracket + 1..])),
            None => (tag, None),
        };
        let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'/' | b'%');
        if app.is_empty() || !app.bytes().all(named) {
            return Self::bare(text);
        }
        Self { app: Some(app), pid, ..Self::bare(after) }
    }
}

/// The text after `<189>`.
fn priority(line: &str) -> Option<&str> {
    let (number, rest) = line.strip_prefix('<')?.split_once('>')?;
    let plain = (1..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    plain.then_some(rest)
}

/// The first word, and what follows the blanks after it.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_at(memchr(b' ', text.as_bytes()).unwrap_or(text.len()));
    (word, rest.trim_ascii_start())
}

/// All elements of structured data at the front of `text`, and what follows them.
fn structured(text: &str) -> Option<(&str, &str)> {
    let mut end = 0;
    while text[end..].starts_with('[') {
        end += element(&text[end..])?;
    }
    (end > 0).then(|| text.split_at(end))
}

/// How long the element at the front of `text` is; a bracket within quotes does not end it.
fn element(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b']' if !quoted => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The value of the parameter `name` in structured data; `None` if it is missing, or written twice.
pub(crate) fn param<'a>(structured: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut found = params(structured).filter(|(known, _)| *known == name);
    let (_, value) = found.next()?;
    if found.next().is_some() {
        return None;
    }
    Some(if value.contains('\\') { Cow::Owned(unescaped(value)) } else { Cow::Borrowed(value) })
}

/// `name="value"` for each parameter, values as they are written.
fn params(mut text: &str) -> impl Iterator<Item = (&str, &str)> {
    std::iter::from_fn(move || {
        let (before, after) = text.split_once("=\"")?;
        let (value, rest) = pairs::quoted(after)?;
        text = rest;
        let name = before.rsplit([' ', '[']).next().unwrap_or(before);
        Some((name, value))
    })
}

fn unescaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        // RFC 5424: a backslash before any other character is one.
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('"' | '\\' | ']'))) => {
                text.push(next);
                chars.next();
            }
            _ => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests;
