//! What balancers' access logs have in common: one line is one request or connection that was carried.

use crate::{
    Decoder, Record, Unreadable, access,
    field::{fault, number, plain},
    json::{is_blank, text_of},
};
use std::{
    borrow::Cow,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};
use unmasq_model::{Endpoint, GatewayName, LogTime, Outside, Ports, Realm, Request, Span, Try};

/// What one line of a balancer's log says.
pub(super) struct Carried {
    /// The balancer, if the line names it.
    pub(super) gateway: Option<GatewayName>,
    /// The realm of the backends, if the line names it.
    pub(super) inside_realm: Option<Realm>,
    /// What the client connected to, as far as it is logged.
    pub(super) outside: Outside,
    /// The client.
    pub(super) client: Option<Endpoint>,
    /// What was carried, and to whom.
    pub(super) request: Request,
    /// When its first packet passed.
    pub(super) start: Span,
    /// When its last packet passed.
    pub(super) end: Span,
}

/// Nothing is known of what the client connected to.
pub(super) const ANYWHERE: Outside = Outside { ip: None, ports: Ports::Any };

impl Carried {
    /// The record, with what the line says of its place.
    #[inline]
    fn record(self) -> Record {
        let Self { gateway, inside_realm, outside, client, request, start, end } = self;
        Record { gateway, inside_realm, ..access::carried(outside, client, request, start, end) }
    }
}

/// Reads a format whose lines are told by a function, each by itself; `None` is a line that says nothing.
///
/// What the function keeps from line to line may only make it quicker: a fork may know more or less of it.
#[derive(Clone)]
pub(super) struct Lines<F>(pub(super) F);

impl<F> Decoder for Lines<F>
where
    F: FnMut(&str) -> Result<Option<Carried>, Unreadable> + Clone + Send + 'static,
{
    fn decode(&mut self, frame: &[u8], out: &mut Vec<Record>) -> Result<(), Unreadable> {
        decode_line(frame, out, &mut self.0)
    }

    fn fork(&self) -> Option<Box<dyn Decoder>> {
        Some(Box::new(self.clone()))
    }
}

/// Appends what `read` makes of one line.
pub(super) fn decode_line(
    frame: &[u8],
    out: &mut Vec<Record>,
    read: impl FnOnce(&str) -> Result<Option<Carried>, Unreadable>,
) -> Result<(), Unreadable> {
    if is_blank(frame) {
        return Ok(());
    }
    let text = text_of(frame);
    let line = text.strip_prefix('\u{feff}').unwrap_or(&text).trim_end_matches(['\r', '\n']);
    let Some(mut carried) = read(line)? else { return Ok(()) };
    if matches!(text, Cow::Owned(_)) {
        // Bytes that are no text were replaced: what the client sent is not what stands there now.
        let Request { host, method, path, agent, .. } = &mut carried.request;
        for text in [host, method, path, agent] {
            *text = None;
        }
    }
    out.push(carried.record());
    Ok(())
}

/// `192.0.2.1:80` or `[2001:db8::1]:80`, if it is one and names a machine.
pub(super) fn socket(text: &str) -> Option<Endpoint> {
    access::plain_endpoint(text).or_else(|| any_socket(text))
}

/// The same, however it is written.
fn any_socket(text: &str) -> Option<Endpoint> {
    let (ip, port) = text.rsplit_once(':')?;
    let ip: IpAddr = match ip.strip_prefix('[') {
        Some(ip) => ip.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.into(),
        None => ip.parse::<Ipv4Addr>().ok()?.into(),
    };
    Some(Endpoint::new(ip, Some(number(port)?))).filter(|endpoint| !endpoint.ip.is_unspecified())
}

/// [`socket`], or the sentence that it is none.
pub(super) fn endpoint(name: &str, text: &str) -> Result<Endpoint, Unreadable> {
    socket(text).ok_or_else(|| fault(name, "is not an address with its port"))
}

/// The status of an answer; `None` for `-` and 0, which stand for none.
pub(super) fn status(name: &str, text: &str) -> Result<Option<u16>, Unreadable> {
    match plain::port(text.as_bytes()).or_else(|| number(text)) {
        Some(0) => Ok(None),
        Some(status @ 100..=999) => Ok(Some(status)),
        _ if text == "-" => Ok(None),
        _ => Err(fault(name, "is not the status of an answer")),
    }
}

/// The status that the client saw. Of an answer that was never sent it saw nothing: 444, 460 and 499 are
/// what balancers write when the client, or they themselves, closed the connection before.
pub(super) fn answered(name: &str, text: &str) -> Result<Option<u16>, Unreadable> {
    Ok(status(name, text)?.filter(|status| !matches!(status, 444 | 460 | 499)))
}

/// A text that a log writes as `-` if there is none.
pub(super) fn some_text(text: &str) -> Option<Arc<str>> {
    (!text.is_empty() && text != "-").then(|| text.into())
}

/// Whether it can be an HTTP method (RFC 9110's token); `-` is how logs write that there was none.
pub(super) fn is_method(text: &str) -> bool {
    !matches!(text, "" | "-") && text.bytes().all(|b| b.is_ascii_uppercase() || is_token(b))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `GET /path HTTP/1.1` in its three parts. A client may have sent blanks within the path.
pub(super) fn request_line(text: &str) -> Option<(&str, &str, &str)> {
    let (method, rest) = text.split_once(' ')?;
    let (target, version) = rest.rsplit_once(' ')?;
    (is_method(method) && version.starts_with("HTTP/")).then_some((method, target, version))
}

/// A length of time in decimal text, as the least and the most that it may be.
///
/// A difference of two times that were cut off may be almost one step off to either side.
pub(super) fn lasted(text: &str, unit: Duration) -> Option<(Duration, Duration)> {
    let (whole, fraction) = match text.bytes().position(|byte| byte == b'.') {
        Some(dot) if dot + 1 == text.len() => return None,
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, ""),
    };
    if whole.is_empty() || fraction.len() > 9 {
        return None;
    }
    let number = |text: &str| plain::number(text.as_bytes()).or_else(|| number::<u64>(text));
    let unit = u64::try_from(unit.as_nanos()).ok()?;
    let step = unit / 10_u64.pow(u32::try_from(fraction.len()).ok()?);
    let parts = if fraction.is_empty() { 0 } else { number(fraction)? };
    let told = number(whole)?.checked_mul(unit)?.checked_add(parts * step)?;
    let told = Some(Duration::from_nanos(told)).filter(|told| *told <= BELIEVABLE)?;
    let step = Duration::from_nanos(step);
    Some((told.saturating_sub(step), told + step))
}

/// Nobody holds a connection for longer; a record that says so is damaged.
const BELIEVABLE: Duration = Duration::from_secs(366 * 24 * 3600);

/// When something began that ended at `end` and lasted that long.
pub(super) fn began(end: Span, (least, most): (Duration, Duration)) -> Span {
    Span::between(end.from().minus(most), end.to().minus(least))
}

/// When something ended that began at `start` and lasted that long.
pub(super) fn ended(start: Span, (least, most): (Duration, Duration)) -> Span {
    Span::between(start.from().plus(least), start.to().plus(most))
}

/// The span that is meant by a time of which the writer may have cut off or rounded the last digit.
pub(super) fn rounded(written: Span) -> Span {
    let width = written.to().as_unix_us().saturating_sub(written.from().as_unix_us());
    let width = Duration::from_micros(u64::try_from(width).unwrap_or(0));
    Span::between(written.from().minus(width), written.to())
}

/// A time in ISO 8601; without a zone it is UTC.
pub(super) fn utc(name: &str, text: &str) -> Result<Span, Unreadable> {
    let civil = || crate::field::civil_time(text, Some(&jiff::tz::TimeZone::UTC))?.ok();
    let span = crate::field::zoned_time(text).or_else(civil);
    span.filter(|span| span.from() > LogTime::from_unix_seconds(0).unwrap_or(LogTime::BEGINNING))
        .ok_or_else(|| fault(name, "is not a time between the years 1970 and 9999"))
}

/// Tries that a log counts but does not name: at most as many as anybody would configure.
pub(super) fn unnamed_tries(count: u64) -> impl Iterator<Item = Try> {
    const MOST: usize = 32;
    let count = usize::try_from(count).unwrap_or(MOST).min(MOST);
    std::iter::repeat_with(Try::default).take(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_has_brackets_around_its_colons() {
        let read = |text| socket(text).map(|endpoint| endpoint.to_string());
        assert_eq!(read("192.0.2.1:80").as_deref(), Some("192.0.2.1:80"));
        assert_eq!(read("[2001:db8::1]:80").as_deref(), Some("[2001:db8::1]:80"));
        assert_eq!(read("[::ffff:192.0.2.1]:80").as_deref(), Some("192.0.2.1:80"));
        for text in
            ["192.0.2.1", "2001:db8::1:80", "192.0.2.1:", "192.0.2.1:65536", "0.0.0.0:80", "app:80", "-"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_length_may_be_a_step_longer_or_shorter() {
        let ms = Duration::from_millis;
        assert_eq!(lasted("0.131", Duration::from_secs(1)), Some((ms(130), ms(132))));
        assert_eq!(lasted("0", ms(1)), Some((ms(0), ms(1))));
        assert_eq!(lasted("2", Duration::from_secs(1)), Some((ms(1_000), ms(3_000))));
        for text in
            ["", ".", "1.", ".5", "-1", "1e3", "99999999999", "0.1234567890", "99999999999999999999", "0,1"]
        {
            assert_eq!(lasted(text, Duration::from_secs(1)), None, "{text}");
        }
    }

    #[test]
    fn a_status_that_nobody_saw_is_none() {
        assert_eq!(answered("s", "200"), Ok(Some(200)));
        for text in ["-", "0", "000", "460", "499"] {
            assert_eq!(answered("s", text), Ok(None), "{text}");
        }
        for text in ["99", "1000", "+200", "200 ", "10.20.2.21:80", ""] {
            assert!(answered("s", text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_path_may_hold_blanks() {
        assert_eq!(request_line("GET /a b HTTP/1.1"), Some(("GET", "/a b", "HTTP/1.1")));
        for text in ["- - -", "GET /", "GET / b", "G\"T / HTTP/1.1", ""] {
            assert_eq!(request_line(text), None, "{text}");
        }
    }
}
