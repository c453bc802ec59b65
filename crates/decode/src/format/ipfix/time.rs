//! When something happened, by whichever of a record's elements says so.

use super::{message::Header, row::Row};
use crate::Unreadable;
use std::time::Duration;
use unmasq_model::{LogTime, Span};

/// How long before a message was sent something may have happened that carries no time of its own.
/// Exporters send events at once and flows when they have been silent, by default for 15 s.
const SEND_LAG: Duration = Duration::from_secs(60);

/// From 1900, where NTP counts from, to 1970, in seconds.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// How far a wrapped counter may seem to be ahead of the message that carries it, in milliseconds.
const AHEAD: u64 = 3_600_000;

pub(super) const NO_TIME: Unreadable = Unreadable::because("an event without a time that can be");

/// When the record says that its event happened.
///
/// # Errors
/// When it says so, but means nothing that a clock could show.
pub(super) fn observed(row: &Row<'_>) -> Result<Option<Span>, Unreadable> {
    const UNITS: [u16; 4] = [322, 323, 324, 325];
    let told = UNITS.iter().any(|&element| row.number(element).is_some());
    let at = by_unit(row, UNITS);
    if told && at.is_none() { Err(NO_TIME) } else { Ok(at) }
}

/// When the record says that the flow's first packet passed.
pub(super) fn started(row: &Row<'_>, header: &Header) -> Option<Span> {
    by_unit(row, [150, 152, 154, 156]).or_else(|| by_uptime(row, 22, header))
}

/// When the record says that the flow's last packet passed.
pub(super) fn ended(row: &Row<'_>, header: &Header) -> Option<Span> {
    by_unit(row, [151, 153, 155, 157]).or_else(|| by_uptime(row, 21, header))
}

/// When something happened of which only its message tells.
pub(super) fn sent(header: &Header) -> Option<Span> {
    let second = second(header.exported.into())?;
    Some(Span::between(second.from().minus(SEND_LAG), second.to()))
}

/// How long a flow lasted whose exporter says only how long it was up.
pub(super) fn lasted(row: &Row<'_>) -> Option<Duration> {
    let [first, last] = [22, 21].map(|element| row.number(element).and_then(|ms| u32::try_from(ms).ok()));
    Some(Duration::from_millis(last?.wrapping_sub(first?).into()))
}

/// A time in seconds, milliseconds, or NTP's binary fractions of a second, of which the third unit
/// counts down to the microsecond and the fourth to the nanosecond (RFC 7011 §6.1.7 to §6.1.10).
fn by_unit(row: &Row<'_>, [seconds, milliseconds, fractions, finer]: [u16; 4]) -> Option<Span> {
    let ntp = || row.number(fractions).or_else(|| row.number(finer)).and_then(ntp);
    row.number(milliseconds).and_then(millisecond).or_else(ntp).or_else(|| second(row.number(seconds)?))
}

/// The second that begins so long after 1970.
fn second(seconds: u64) -> Option<Span> {
    lasting(seconds.checked_mul(1_000_000)?, 1_000_000)
}

/// The millisecond that begins so long after 1970.
fn millisecond(milliseconds: u64) -> Option<Span> {
    lasting(milliseconds.checked_mul(1_000)?, 1_000)
}

fn ntp(stamp: u64) -> Option<Span> {
    let (seconds, fraction) = (stamp >> 32, stamp & u64::from(u32::MAX));
    // NTP's seconds begin anew in 2036.
    let since_1900 = if seconds < NTP_TO_UNIX { seconds + (1 << 32) } else { seconds };
    let micros = (fraction * 1_000_000) >> 32;
    lasting((since_1900 - NTP_TO_UNIX) * 1_000_000 + micros, 1)
}

/// The span of `length` microseconds that begins so many after 1970.
fn lasting(micros: u64, length: u64) -> Option<Span> {
    let from = LogTime::from_unix_us(i64::try_from(micros).ok()?)?;
    Some(Span::between(from, from.plus(Duration::from_micros(length - 1))))
}

/// A moment in milliseconds since the exporter started, a counter that wraps every 49.7 days.
///
/// NetFlow v9 messages tell what it was when they were sent, in a second that is cut off. In IPFIX
/// only a record that says when the exporter started has such times.
fn by_uptime(row: &Row<'_>, element: u16, header: &Header) -> Option<Span> {
    let then = u32::try_from(row.number(element)?).ok()?;
    if let Some(now) = header.uptime {
        let sent = second(header.exported.into())?;
        let ago = now.wrapping_sub(then).cast_signed();
        let by = Duration::from_millis(ago.unsigned_abs().into());
        let shifted = |at: LogTime| if ago < 0 { at.plus(by) } else { at.minus(by) };
        return Some(Span::between(shifted(sent.from()), shifted(sent.to())));
    }
    let first = row.number(160)?.checked_add(then.into())?;
    let latest = u64::from(header.exported) * 1_000 + AHEAD;
    let wraps = latest.saturating_sub(first) >> 32;
    millisecond(first.checked_add(wraps << 32)?)
}
