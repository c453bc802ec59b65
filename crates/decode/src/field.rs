//! Times, addresses, ports and protocols as logs write them.
//!
//! A time becomes the span that it may mean: what is written to the second lasts a second. Floating
//! point never touches it.

pub(crate) mod digits;
pub(crate) mod plain;

use crate::Unreadable;
use jiff::{Timestamp, tz::TimeZone};
use std::{borrow::Cow, net::IpAddr, time::Duration};
use unmasq_model::{LogTime, Protocol, Span};

/// The unit of a time that is written as a number since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UnixUnit {
    Seconds,
    Milliseconds,
    Microseconds,
}

impl UnixUnit {
    /// How many decimals of it are left above the microsecond.
    const fn places(self) -> usize {
        match self {
            Self::Seconds => 6,
            Self::Milliseconds => 3,
            Self::Microseconds => 0,
        }
    }

    /// How many microseconds the last of so many decimals counts, which are no more than its places.
    #[inline]
    const fn step(self, decimals: usize) -> i64 {
        const STEPS: [i64; 7] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000];
        STEPS[self.places() - decimals]
    }
}

/// A sentence about one field.
pub(crate) fn fault(name: &str, what: &str) -> Unreadable {
    Unreadable::Because(Cow::Owned(format!("`{name}` {what}")))
}

/// The field's text, or the sentence that it is missing.
pub(crate) fn required<'a>(name: &str, text: Option<Cow<'a, str>>) -> Result<Cow<'a, str>, Unreadable> {
    text.ok_or_else(|| fault(name, "is missing, or written twice"))
}

/// A number since the Unix epoch in decimal text, with or without a fraction.
///
/// `None` for signs, exponents (which are rounded) and times outside 1970 to 9999.
pub(crate) fn unix_time(text: &str, unit: UnixUnit) -> Option<Span> {
    plain_unix_time(text, unit).or_else(|| any_unix_time(text, unit))
}

/// The same with as many decimals as there are to the microsecond, or fewer; `None` says nothing.
fn plain_unix_time(text: &str, unit: UnixUnit) -> Option<Span> {
    let text = text.as_bytes();
    let (whole, fraction, decimals) = match text.iter().position(|&byte| byte == b'.') {
        Some(dot) => (&text[..dot], plain::number(&text[dot + 1..])?, text.len() - dot - 1),
        None => (text, 0, 0),
    };
    if decimals > unit.places() {
        return None;
    }
    let (whole, step) = (i64::try_from(plain::number(whole)?).ok()?, unit.step(decimals));
    let us = whole.checked_mul(unit.step(0))?.checked_add(i64::try_from(fraction).ok()? * step)?;
    lasting(LogTime::from_unix_us(us)?, step)
}

/// The same, however it is written.
fn any_unix_time(text: &str, unit: UnixUnit) -> Option<Span> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction),
        None => (text, ""),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(unit.places())];
    let step = unit.step(kept.len());
    let kept: i64 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
    let units: i64 = whole.parse().ok()?;
    let us = units.checked_mul(unit.step(0))?.checked_add(kept * step)?;
    lasting(LogTime::from_unix_us(us)?, step)
}

/// RFC 3339 with an offset; the date and the seconds must be there.
pub(crate) fn zoned_time(text: &str) -> Option<Span> {
    let plain = || {
        let (written, rest) = digits::iso(text)?;
        written.at(digits::offset(rest)?)
    };
    plain().or_else(|| any_zoned_time(text))
}

/// The same, however it is written.
fn any_zoned_time(text: &str) -> Option<Span> {
    let written = Clock::of(text)?;
    if written.zone.is_empty() {
        return None;
    }
    lasting(LogTime::from_timestamp(text.parse::<Timestamp>().ok()?)?, written.step())
}

/// ISO 8601 without an offset, meant in `zone`. In the hour that a clock is set back it may mean
/// either of two moments; the span holds both.
pub(crate) fn civil_time(text: &str, zone: Option<&TimeZone>) -> Option<Result<Span, Unreadable>> {
    match digits::iso(text) {
        Some((written, "")) => written.in_zone(zone),
        _ => any_civil_time(text, zone),
    }
}

/// The same, however it is written.
fn any_civil_time(text: &str, zone: Option<&TimeZone>) -> Option<Result<Span, Unreadable>> {
    let clock = Clock::of(text).filter(|clock| clock.zone.is_empty())?;
    digits::Written { at: text.parse().ok()?, step: clock.step() }.in_zone(zone)
}

/// The span that begins at `at` and lasts `step` microseconds.
fn lasting(at: LogTime, step: i64) -> Option<Span> {
    let more = u64::try_from(step - 1).ok()?;
    Span::new(at, at.plus(Duration::from_micros(more))).ok()
}

/// How an ISO 8601 text writes its time of day.
struct Clock<'a> {
    decimals: usize,
    zone: &'a str,
}

impl<'a> Clock<'a> {
    /// `None` without hours, minutes and seconds: `T08Z` would pass for a second's worth of time.
    fn of(text: &'a str) -> Option<Self> {
        let (_, time) = text.split_once(['T', 't', ' '])?;
        let end = time.find(|c: char| !c.is_ascii_digit() && c != ':').unwrap_or(time.len());
        let (clock, rest) = time.split_at(end);
        if clock.bytes().filter(u8::is_ascii_digit).count() != 6 {
            return None;
        }
        let Some(fraction) = rest.strip_prefix(['.', ',']) else {
            return Some(Self { decimals: 0, zone: rest });
        };
        let decimals = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        Some(Self { decimals, zone: &fraction[decimals..] })
    }

    fn step(&self) -> i64 {
        match self.decimals {
            0 => 1_000_000,
            1 => 100_000,
            2 => 10_000,
            3 => 1_000,
            4 => 100,
            5 => 10,
            _ => 1,
        }
    }
}

/// The number of a month by its English abbreviation, from 1.
pub(crate) fn month(name: &str) -> Option<i8> {
    month_of(name.as_bytes().try_into().ok()?)
}

/// The same of its three letters.
#[inline]
pub(crate) fn month_of(name: [u8; 3]) -> Option<i8> {
    Some(match &name {
        b"Jan" => 1,
        b"Feb" => 2,
        b"Mar" => 3,
        b"Apr" => 4,
        b"May" => 5,
        b"Jun" => 6,
        b"Jul" => 7,
        b"Aug" => 8,
        b"Sep" => 9,
        b"Oct" => 10,
        b"Nov" => 11,
        b"Dec" => 12,
        _ => return None,
    })
}

/// An address that names somebody.
pub(crate) fn address(name: &str, text: &str) -> Result<IpAddr, Unreadable> {
    let any = || text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical()).filter(|ip| !ip.is_unspecified());
    plain::address(text.as_bytes()).or_else(any).ok_or_else(|| fault(name, "is not an address of a machine"))
}

/// A port, or the ICMP id that stands in its place.
pub(crate) fn port(name: &str, text: &str) -> Result<u16, Unreadable> {
    plain::port(text.as_bytes()).or_else(|| number(text)).ok_or_else(|| fault(name, "is not a port"))
}

/// A number in plain digits; `+7`, which the standard library would read, is not written by logs.
pub(crate) fn number<N: std::str::FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A protocol by name or IANA number, with the names that only detectors use.
pub(crate) fn protocol(name: &str, text: &str) -> Result<Protocol, Unreadable> {
    // IANA protocol numbers, by the keywords of /etc/protocols.
    const RARE: [(&str, u8); 10] = [
        ("igmp", 2),
        ("ipencap", 4),
        ("ipv6", 41),
        ("esp", 50),
        ("ah", 51),
        ("ospf", 89),
        ("ospfigp", 89),
        ("pim", 103),
        ("vrrp", 112),
        ("l2tp", 115),
    ];
    let rare = RARE.iter().find(|(keyword, _)| keyword.eq_ignore_ascii_case(text));
    match (text.parse::<Protocol>(), rare) {
        (Ok(protocol), _) => Ok(protocol),
        (Err(_), Some((_, number))) => Ok(Protocol::from_number(*number)),
        (Err(_), None) => Err(fault(name, "is not a protocol")),
    }
}

/// The protocol that a name means between addresses of this family: many write `icmp` for both.
pub(crate) fn in_family(protocol: Protocol, ip: IpAddr) -> Protocol {
    if protocol == Protocol::ICMP && ip.is_ipv6() { Protocol::ICMPV6 } else { protocol }
}

#[cfg(test)]
mod tests {
    use super::*;
    use UnixUnit::{Microseconds, Milliseconds, Seconds};
    use proptest::prelude::*;

    fn us(span: Span) -> (i64, i64) {
        (span.from().as_unix_us(), span.to().as_unix_us())
    }

    #[test]
    fn decimal_text_is_read_to_the_digit() {
        let read = |text, unit| unix_time(text, unit).map(us);
        assert_eq!(read("1795345068.490215", Seconds), Some((1_795_345_068_490_215, 1_795_345_068_490_215)));
        assert_eq!(read("1795345069.1855", Seconds), Some((1_795_345_069_185_500, 1_795_345_069_185_599)));
        assert_eq!(read("1795345069", Seconds), Some((1_795_345_069_000_000, 1_795_345_069_999_999)));
        assert_eq!(read("1795345069.0000009", Seconds), Some((1_795_345_069_000_000, 1_795_345_069_000_000)));
        assert_eq!(read("1795345069123", Milliseconds), Some((1_795_345_069_123_000, 1_795_345_069_123_999)));
        assert_eq!(
            read("1795345069123.5", Milliseconds),
            Some((1_795_345_069_123_500, 1_795_345_069_123_599))
        );
        assert_eq!(
            read("1795345069123456", Microseconds),
            Some((1_795_345_069_123_456, 1_795_345_069_123_456))
        );
    }

    #[test]
    fn rounded_signed_and_absurd_times_are_refused() {
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1e9", "1.7E9", "0x1", "1_000", " 1", "253402300800", "１"]
        {
            assert_eq!(unix_time(text, Seconds), None, "{text}");
        }
        assert_eq!(unix_time(&"9".repeat(400), Seconds), None);
        assert_eq!(unix_time("9223372036854775807.9", Seconds), None);
    }

    #[test]
    fn a_zoned_time_lasts_as_long_as_it_is_coarse() {
        let read = |text| zoned_time(text).map(us);
        let at = 1_773_475_241_000_000;
        assert_eq!(read("2026-03-14T16:00:41+08:00"), Some((at, at + 999_999)));
        assert_eq!(read("2026-03-14T08:00:41.000000+0000"), Some((at, at)));
        assert_eq!(read("2026-03-14T08:00:41.000000-0000"), Some((at, at)));
        assert_eq!(read("2026-03-14 08:00:41.000Z"), Some((at, at + 999)));
        for text in ["2026-03-14T08Z", "2026-03-14T08:00Z", "2026-03-14T08:00:41", "2026-03-14", "T", ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_civil_time_needs_its_zone_and_may_mean_two_moments() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let read = |text| civil_time(text, Some(&berlin)).unwrap().map(us);
        assert_eq!(read("2026-03-14 09:00:41"), Ok((1_773_475_241_000_000, 1_773_475_241_999_999)));
        let (from, to) = read("2026-10-25T02:30:00").unwrap();
        assert_eq!(to - from, 3_600_000_000 + 999_999, "the clock was set back");
        assert_eq!(civil_time("2026-03-14 09:00:41", None), Some(Err(Unreadable::NeedsZone)));
        assert_eq!(civil_time("2026-03-14 09:00:41+99:00", Some(&berlin)), None);
    }

    #[test]
    fn protocols_have_names_and_numbers() {
        let read = |text| protocol("p", text).map(Protocol::number);
        assert_eq!(
            (read("TCP"), read("IPv6-ICMP"), read("047"), read("ESP")),
            (Ok(6), Ok(58), Ok(47), Ok(50))
        );
        assert_eq!(read("quic"), Err(Unreadable::because("`p` is not a protocol")));
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in ".{0,40}") {
            for unit in [Seconds, Milliseconds, Microseconds] {
                let _ = unix_time(&text, unit);
            }
            let _ = (zoned_time(&text), civil_time(&text, Some(&TimeZone::UTC)), address("a", &text), port("p", &text));
        }

        #[test]
        fn the_fast_way_is_the_sure_one(
            date in "(19[67]|20[23])[0-9]-[01][0-9]-[0-3][0-9][T ]|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ]",
            clock in "[0-2][0-9]:[0-5][0-9]:[0-6][0-9]([.,][0-9]{0,11})?",
            zone in "|Z|z|[+-][0-2][0-9]:?[0-6][0-9]|[+-][0-9]{0,6}|\\[UTC\\]| ",
        ) {
            let text = date + &clock + &zone;
            prop_assert_eq!(zoned_time(&text), any_zoned_time(&text), "{}", text);
            for zone in [None, Some(&TimeZone::UTC), TimeZone::get("Europe/Berlin").ok().as_ref()] {
                prop_assert_eq!(civil_time(&text, zone), any_civil_time(&text, zone), "{}", text);
            }
        }

        #[test]
        fn the_plain_number_of_seconds_is_the_sure_one(text in "[0-9]{0,20}(\\.[0-9]{0,8})?|.{0,8}") {
            for unit in [Seconds, Milliseconds, Microseconds] {
                if let Some(read) = plain_unix_time(&text, unit) {
                    prop_assert_eq!(Some(read), any_unix_time(&text, unit));
                }
            }
        }

        #[test]
        fn what_was_printed_is_read_again(us in 0_i64..=253_402_207_200_000_000) {
            let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
            prop_assert_eq!(unix_time(&text, Seconds), LogTime::from_unix_us(us).map(Span::at));
        }
    }
}
