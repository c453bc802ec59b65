//! What the access logs of web servers, balancers and proxies have in common.

use crate::{
    Record, Unreadable, field,
    field::{digits, fault, plain},
};
use jiff::{civil, tz::TimeZone};
use memchr::{memchr, memrchr};
use std::{borrow::Cow, net::IpAddr, net::SocketAddr, sync::Arc, time::Duration};
use unmasq_model::{Endpoint, Outside, Ports, Protocol, Request, Role, Span, Translation, Try};

/// Servers that wait for many sockets at once look at the clock once a round: what they write may be
/// this much off the packets that it is about.
pub(crate) const ROUND: Duration = Duration::from_millis(10);

/// How long before its end a request is taken to have begun where the log does not tell.
pub(crate) const ASSUMED_LONGEST: Duration = Duration::from_secs(3_600);

/// The try of a log that does not name backends: somebody may have answered, nobody knows who.
pub(crate) fn untold() -> Try {
    Try { outcome: Some("not logged".into()), ..Try::default() }
}

/// `22/Nov/2026:10:57:50.823 +0000`, the fraction and the offset being optional.
///
/// # Errors
/// When it is no such time, or has no offset and nobody said which zone is meant.
pub(crate) fn clf_time(name: &str, text: &str, zone: Option<&TimeZone>) -> Result<Span, Unreadable> {
    if let Some(read) = plain_clf_time(text, zone) {
        return read;
    }
    any_clf_time(name, text, zone)
}

/// The same as nearly every line has it; `None` says nothing.
fn plain_clf_time(text: &str, zone: Option<&TimeZone>) -> Option<Result<Span, Unreadable>> {
    let (date, clock) = text.split_at_checked(12)?;
    let &[d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':'] = date.as_bytes() else { return None };
    let month = field::month_of([m1, m2, m3])?;
    let date = civil::Date::new(digits::year([y1, y2, y3, y4])?, month, digits::two(d1, d2)?).ok()?;
    let (written, offset) = digits::on(date, clock)?;
    if offset.is_empty() {
        return written.in_zone(zone);
    }
    written.at(digits::offset(offset.strip_prefix(' ')?)?).map(Ok)
}

/// The same, however it is written.
fn any_clf_time(name: &str, text: &str, zone: Option<&TimeZone>) -> Result<Span, Unreadable> {
    let iso = iso_of(text).ok_or_else(|| fault(name, "is not a time"))?;
    match field::zoned_time(&iso) {
        Some(span) => Ok(span),
        None => field::civil_time(&iso, zone).unwrap_or_else(|| Err(fault(name, "is not a time"))),
    }
}

fn iso_of(text: &str) -> Option<String> {
    let (date, time) = text.split_once(':')?;
    let mut date = date.split('/');
    let (day, month, year) = (date.next()?, date.next()?, date.next()?);
    let month = field::month(month)?;
    let (clock, offset) = time.split_once(' ').unwrap_or((time, ""));
    (date.next().is_none() && day.len() == 2 && year.len() == 4)
        .then(|| format!("{year}-{month:02}-{day}T{clock}{offset}"))
}

/// A number of seconds or milliseconds in decimal text, to the microsecond.
pub(crate) fn duration(text: &str, unit: field::UnixUnit) -> Option<Duration> {
    let us = field::unix_time(text, unit)?.from().as_unix_us();
    Some(Duration::from_micros(u64::try_from(us).ok()?))
}

/// Method and target of a request line that is one; a line cut short or garbage has neither.
pub(crate) fn request_line(text: &str) -> Option<(&str, &str)> {
    let bytes = text.as_bytes();
    let (first, last) = (memchr(b' ', bytes)?, memrchr(b' ', bytes)?);
    // Both blanks are one where there is no target.
    let (method, target, version) = (&text[..first], text.get(first + 1..last)?, &text[last + 1..]);
    let is_method =
        !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_'));
    (is_method && version.starts_with("HTTP/") && !target.is_empty()).then_some((method, target))
}

/// The status that a client got; none if it left before there was one.
pub(crate) fn status(text: &str) -> Option<u16> {
    let status: Option<u16> = plain::port(text.as_bytes()).or_else(|| field::number(text));
    status.filter(|status| (100..600).contains(status))
}

/// `192.0.2.1:80` or `[2001:db8::1]:80`.
pub(crate) fn endpoint(text: &str) -> Option<Endpoint> {
    plain_endpoint(text).or_else(|| any_endpoint(text))
}

/// The same of the form that nearly all have; `None` says nothing.
#[inline]
pub(crate) fn plain_endpoint(text: &str) -> Option<Endpoint> {
    let (ip, port) = text.as_bytes().split_at_checked(text.bytes().rposition(|byte| byte == b':')?)?;
    Some(Endpoint::new(plain::address(ip)?, Some(plain::port(&port[1..])?)))
}

/// The same, however it is written.
fn any_endpoint(text: &str) -> Option<Endpoint> {
    let at: SocketAddr = text.parse().ok()?;
    (!at.ip().is_unspecified()).then(|| Endpoint::new(at.ip(), Some(at.port())))
}

/// An address that the server has, with the port as far as it is known.
#[inline]
pub(crate) fn outside(ip: Option<IpAddr>, port: Option<u16>) -> Outside {
    Outside { ip: ip.map(|ip| ip.to_canonical()), ports: port.map_or(Ports::Any, Ports::One) }
}

/// Undoes a log's escapes: `mark` and two hexadecimal digits are one byte. What is none stays as it is.
pub(crate) fn unescaped<'a>(text: &'a str, mark: &str) -> Cow<'a, str> {
    let first = mark.bytes().next();
    if first.is_none_or(|first| memchr(first, text.as_bytes()).is_none()) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(mark.as_bytes()).and_then(|code| code.split_at_checked(2));
        let escaped = escaped.and_then(|(code, after)| {
            let code = std::str::from_utf8(code).ok().filter(|c| c.bytes().all(|b| b.is_ascii_hexdigit()))?;
            Some((u8::from_str_radix(code, 16).ok()?, after))
        });
        let (byte, after) = escaped.unwrap_or((byte, after));
        bytes.push(byte);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The record of what a balancer carried. The backend that was tried last is inside: it answered, or
/// nobody did.
#[inline]
pub(crate) fn carried(
    outside: Outside,
    client: Option<Endpoint>,
    request: Request,
    start: Span,
    end: Span,
) -> Record {
    let last = request.tries.last();
    Record {
        gateway: None,
        inside_realm: None,
        translation: Translation {
            protocol: Some(Protocol::TCP),
            role: Role::Server,
            outside,
            remote: client,
            inside: last.and_then(|tried| tried.backend),
            inside_remote: last.and_then(|tried| tried.from),
        },
        request: Some(Arc::new(request)),
        fact: crate::Fact::Whole { start, end, proven: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_time_is_read_with_and_without_offset_and_fraction() {
        let read = |text| clf_time("t", text, Some(&TimeZone::UTC)).map(|span| span.to_string());
        assert_eq!(
            read("22/Nov/2026:10:57:50.823").unwrap(),
            "2026-11-22T10:57:50.823Z … 2026-11-22T10:57:50.823999Z"
        );
        assert_eq!(
            read("22/Nov/2026:10:57:54 +0100").unwrap(),
            "2026-11-22T09:57:54Z … 2026-11-22T09:57:54.999999Z"
        );
        assert_eq!(clf_time("t", "22/Nov/2026:10:57:50", None), Err(Unreadable::NeedsZone));
        for text in [
            "",
            ":",
            "22/Nov/2026",
            "22/11/2026:10:57:50",
            "2/Nov/2026:10:57:50",
            "22/Nov/26:10:57:50",
            "22/Nov/2026/x:10:57:50",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_plain_endpoint_is_the_sure_one(text in "([0-9]{1,3}\\.){2,4}[0-9]{1,3}:?[0-9]{0,7}|.{0,12}") {
            if let Some(read) = plain_endpoint(&text) {
                prop_assert_eq!(Some(read), any_endpoint(&text));
            }
        }

        #[test]
        fn a_request_line_is_split_at_its_outer_blanks(text in "[A-Z_a]{0,3}[ /]{0,3}[/a ]{0,4}[ ]?(HTTP/1|HTTP)?") {
            let split = text.split_once(' ').and_then(|(method, rest)| {
                let (target, version) = rest.rsplit_once(' ')?;
                let fits = |b: u8| b.is_ascii_uppercase() || b"-_".contains(&b);
                let is_line = !method.is_empty() && method.bytes().all(fits) && version.starts_with("HTTP/");
                (is_line && !target.is_empty()).then_some((method, target))
            });
            prop_assert_eq!(request_line(&text), split);
        }

        #[test]
        fn the_fast_way_is_the_sure_one(
            date in "[0-3][0-9]/(Jan|Feb|Nov|nov|Xyz)/(20[23][0-9]|[0-9]{2,5})",
            clock in ":[0-2][0-9]:[0-5][0-9]:[0-6][0-9]([.,][0-9]{0,10})?",
            zone in "| Z| ?[+-][0-2][0-9]:?[0-6][0-9]| ",
        ) {
            let text = date + &clock + &zone;
            for zone in [None, Some(&TimeZone::UTC), TimeZone::get("Europe/Berlin").ok().as_ref()] {
                prop_assert_eq!(clf_time("t", &text, zone), any_clf_time("t", &text, zone), "{}", text);
            }
        }
    }

    #[test]
    fn a_request_line_is_method_target_and_version() {
        assert_eq!(request_line("GET /a b HTTP/1.1"), Some(("GET", "/a b")));
        for text in [
            "",
            "GET",
            "GET /",
            "<BADREQ>",
            "S:e50ef625d6c30380",
            "GET / HTT",
            "GET  HTTP/1.1",
            "get / HTTP/1.1",
        ] {
            assert_eq!(request_line(text), None, "{text}");
        }
    }
}
