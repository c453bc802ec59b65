//! Snort 3's `alert_json`: one JSON object a line, with the fields that `fields = '…'` chooses.
//!
//! ```json
//! {"timestamp":"26/11/22-10:57:52.310113","pkt_num":7,"proto":"TCP","pkt_gen":"raw","dir":"C2S",
//!  "src_ap":"203.0.113.10:20038","dst_ap":"198.51.100.66:80","rule":"1:1000001:1","msg":"…","class":"…"}
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `timestamp` | `at`: the packet's time, local, `yy/mm/dd-…` (`-y`) or `mm/dd-…` without a year |
//! | `seconds` | `at`, which then needs neither zone nor year; the decimals come from `timestamp` |
//! | `src_addr`, `src_port`, else `src_ap`; `dst_*` | `ends`. They follow the packet |
//! | `proto` | `protocol`; ICMP has no ports, whatever is written (`:0`) |
//! | `dir` | `opened_by`: `C2S` the source, `S2C` the destination |
//! | `msg` | `context.signature` |
//! | `class` | `class` |
//!
//! Quirks: IPv6 is written `2001:db8::1:443` in `src_ap`. A packet that Snort put together (`pkt_gen` other
//! than `raw`) is made after the last real one. There is no id.
//! <https://docs.snort.org/start/alert_logging>

use super::{
    AlertIdentity, Reading,
    draft::{Draft, end, kept},
    suricata::classified,
};
use crate::{
    Hints, Unreadable,
    field::{self, UnixUnit, fault, required},
    json::Object,
};
use jiff::tz::TimeZone;
use std::{borrow::Cow, time::Duration};
use unmasq_model::{Context, End, Endpoint, LogTime, Protocol, Span};

/// How long after the last real packet a rebuilt one may fire a rule, and a rule after the request that
/// it is about: as was measured for Suricata, which does the same. Nobody measured it for Snort.
const LAG: Duration = Duration::from_millis(1_200);

/// How much later than its file an alert may seem to be written before its year is taken for the wrong one.
const YEAR_SLACK: Duration = Duration::from_secs(2 * 86_400);

pub(super) fn read(alert: &Object<'_>, hints: &Hints) -> Reading {
    if !fits(alert) && !alert.has("src_addr") {
        return Reading::Unreadable(Unreadable::because("it is not an alert of Snort: it has no endpoint"));
    }
    let protocol = required("proto", alert.scalar("proto")).and_then(|name| field::protocol("proto", &name));
    Draft {
        identity: AlertIdentity::default(),
        realm: None,
        at: at(alert, hints),
        request_lag: LAG,
        src: end_of(alert, ["src_addr", "src_port", "src_ap"], &protocol),
        dest: end_of(alert, ["dst_addr", "dst_port", "dst_ap"], &protocol),
        protocol,
        opened_by: alert.scalar("dir").and_then(|dir| match dir.as_ref() {
            "C2S" => Some(End::Src),
            "S2C" => Some(End::Dest),
            _ => None,
        }),
        flow_start: None,
        class: classified(&alert.scalar("class").unwrap_or_default()),
        context: Context { signature: kept(alert.scalar("msg")), ..Context::default() },
    }
    .finish()
}

/// Whether an object has what only Snort writes so, whichever fields were chosen. Firewalls' session logs
/// have `src_addr` and `rule`, too.
pub(super) fn fits(object: &Object<'_>) -> bool {
    let has = |name| object.raw(name).is_some();
    let stamped = object.scalar("timestamp").is_some_and(|text| Stamp::of(&text).is_some());
    let of_snort = stamped || has("seconds") || has("pkt_gen") || has("pkt_num");
    let signed = has("rule") || has("sid") || has("msg");
    // Snort leaves out what a packet does not have: one without IP has no endpoints.
    has("src_ap") || has("dst_ap") || (has("src_addr") && of_snort) || (stamped && signed)
}

fn end_of(
    alert: &Object<'_>,
    [address, port, pair]: [&str; 3],
    protocol: &Result<Protocol, Unreadable>,
) -> Result<Endpoint, Unreadable> {
    if alert.has(address) || !alert.has(pair) {
        return end([address, port], [alert.scalar(address), alert.scalar(port)], protocol);
    }
    let written = required(pair, alert.scalar(pair))?;
    // Also of an IPv6 address, which stands there without brackets.
    let (ip, port) = written.rsplit_once(':').ok_or_else(|| fault(pair, "is not an address with a port"))?;
    end([pair, pair], [Some(Cow::Borrowed(ip)), Some(Cow::Borrowed(port))], protocol)
}

fn at(alert: &Object<'_>, hints: &Hints) -> Result<Span, Unreadable> {
    let passed = passed(alert, hints)?;
    let real = alert.scalar("pkt_gen").is_none_or(|origin| origin == "raw");
    Ok(if real { passed } else { Span::between(passed.from().minus(LAG), passed.to()) })
}

/// When the packet passed that fired.
fn passed(alert: &Object<'_>, hints: &Hints) -> Result<Span, Unreadable> {
    let written = alert.scalar("timestamp");
    if let Some(seconds) = alert.scalar("seconds") {
        let decimals = written.as_deref().and_then(|text| text.rsplit_once('.')).map_or("", |(_, rest)| rest);
        let point = if decimals.is_empty() { "" } else { "." };
        return field::unix_time(&format!("{seconds}{point}{decimals}"), UnixUnit::Seconds)
            .ok_or_else(|| fault("seconds", "is not a time in Unix seconds"));
    }
    let written = required("timestamp", written)?;
    let stamp = Stamp::of(&written).ok_or_else(|| fault("timestamp", "is not a time as Snort writes it"))?;
    stamp.meant(hints)
}

/// `26/11/22-10:57:52.310113`, with or without the year.
struct Stamp<'a> {
    year: Option<i16>,
    month_and_day: [&'a str; 2],
    time: &'a str,
}

impl<'a> Stamp<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let two = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        let (date, time) = text.split_once('-')?;
        let mut parts = date.split('/');
        let parts = [parts.next()?, parts.next()?, parts.next().unwrap_or("00"), parts.next().unwrap_or("")];
        let [first, second, third, ""] = parts else { return None };
        if ![first, second, third].iter().all(two) || !time.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let dated = date.matches('/').count() == 2;
        let year = if dated { Some(2000 + first.parse::<i16>().ok()?) } else { None };
        let month_and_day = if dated { [second, third] } else { [first, second] };
        Some(Self { year, month_and_day, time })
    }

    fn meant(&self, hints: &Hints) -> Result<Span, Unreadable> {
        let zone = hints.zone.as_ref().ok_or(Unreadable::NeedsZone)?;
        if let Some(year) = self.year {
            return self.in_year(year, zone).ok_or_else(|| fault("timestamp", "is not a date and time"));
        }
        let written = hints.written.ok_or_else(|| {
            fault(
                "timestamp",
                "has no year, and nothing says when its file was written (`snort -y` writes it)",
            )
        })?;
        let latest = year_of(written, zone).ok_or_else(|| fault("timestamp", "has no year"))?;
        let mut years = [latest, latest - 1].into_iter().filter_map(|year| self.in_year(year, zone));
        years
            .find(|span| span.from() <= written.plus(YEAR_SLACK))
            .ok_or_else(|| fault("timestamp", "is not a date and time"))
    }

    fn in_year(&self, year: i16, zone: &TimeZone) -> Option<Span> {
        let [month, day] = self.month_and_day;
        field::civil_time(&format!("{year:04}-{month}-{day}T{}", self.time), Some(zone))?.ok()
    }
}

fn year_of(at: LogTime, zone: &TimeZone) -> Option<i16> {
    let at = jiff::Timestamp::from_microsecond(at.as_unix_us()).ok()?;
    Some(zone.to_datetime(at).year())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertFacts, AlertFormat};
    use unmasq_model::AlertClass;

    const LINE: &str = r#"{"timestamp":"26/11/22-10:57:52.310113","pkt_num":7,"proto":"TCP","pkt_gen":"raw","pkt_len":180,"dir":"C2S","src_ap":"203.0.113.10:20038","dst_ap":"198.51.100.66:80","rule":"1:1000001:1","action":"allow","msg":"C2 beacon"}"#;

    fn hints(zone: &str, written: Option<&str>) -> Hints {
        Hints {
            zone: Some(TimeZone::get(zone).unwrap()),
            written: written.map(|at| at.parse().unwrap()),
            ..Hints::default()
        }
    }

    fn reading(line: &str, hints: Hints) -> Reading {
        AlertFormat::Snort3Json.reader(hints).read(line.as_bytes())
    }

    fn alert(line: &str, hints: Hints) -> AlertFacts {
        match reading(line, hints) {
            Reading::Alert(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    fn why(line: &str, hints: Hints) -> Unreadable {
        match reading(line, hints) {
            Reading::Unusable(lost) => lost.why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_alert_says_all_that_a_trace_needs() {
        let facts = alert(LINE, hints("Asia/Shanghai", None));
        assert_eq!(facts.at, Span::at("2026-11-22T02:57:52.310113Z".parse().unwrap()));
        assert_eq!(facts.ends.src.to_string(), "203.0.113.10:20038");
        assert_eq!(facts.ends.dest.to_string(), "198.51.100.66:80");
        assert_eq!((facts.protocol, facts.opened_by), (Protocol::TCP, Some(End::Src)));
        assert_eq!(facts.context.signature.as_deref(), Some("C2 beacon"));
    }

    #[test]
    fn the_ends_may_be_written_apart_or_together() {
        let apart = r#"{"seconds":1795345072,"proto":"UDP","src_addr":"2001:db8::1","src_port":53,"dst_addr":"2001:db8::2","dst_port":5353,"dir":"S2C","sid":1}"#;
        let facts = alert(apart, Hints::default());
        assert_eq!(facts.ends.src.to_string(), "[2001:db8::1]:53");
        assert_eq!(facts.opened_by, Some(End::Dest));
        let v6 = LINE.replace("203.0.113.10:20038", "2001:db8::66:20038");
        assert_eq!(alert(&v6, hints("UTC", None)).ends.src.to_string(), "[2001:db8::66]:20038");
        let icmp = LINE.replace("TCP", "ICMP").replace(":20038", ":0").replace(":80", ":0");
        assert_eq!(alert(&icmp, hints("UTC", None)).ends.src.to_string(), "203.0.113.10");
    }

    #[test]
    fn seconds_need_no_zone() {
        let line = LINE.replace("{", "{\"seconds\":1795345072,").replace("26/11/22", "11/22");
        let facts = alert(&line, Hints::default());
        assert_eq!(facts.at, Span::at("2026-11-22T10:57:52.310113Z".parse().unwrap()));
        assert_eq!(why(LINE, Hints::default()), Unreadable::NeedsZone);
    }

    #[test]
    fn a_year_that_is_not_written_is_that_of_the_file_or_the_one_before() {
        let line = LINE.replace("26/11/22", "12/31");
        let year = |written| alert(&line, hints("UTC", Some(written))).at.from().to_string()[..4].to_owned();
        assert_eq!(year("2027-01-01T00:00:05Z"), "2026");
        assert_eq!(year("2026-12-31T12:00:00Z"), "2026");
        assert_eq!(year("2026-12-30T09:00:00Z"), "2026", "a clock may run ahead of a disk's by a day or two");
        assert_eq!(year("2026-12-29T09:00:00Z"), "2025");
        let leap = LINE.replace("26/11/22", "02/29");
        let at = alert(&leap, hints("UTC", Some("2025-01-03T00:00:00Z"))).at.from();
        assert_eq!(at.to_string(), "2024-02-29T10:57:52.310113Z");
        assert!(why(&line, hints("UTC", None)).to_string().contains("has no year"));
        assert!(why(&leap, hints("UTC", Some("2027-06-01T00:00:00Z"))).to_string().contains("not a date"));
    }

    #[test]
    fn a_rebuilt_packet_came_up_to_a_lag_after_the_last_real_one() {
        let facts = alert(&LINE.replace("\"raw\"", "\"stream_tcp\""), hints("UTC", None));
        assert_eq!(facts.at.from(), "2026-11-22T10:57:51.110113Z".parse().unwrap());
        assert_eq!(facts.at.to(), "2026-11-22T10:57:52.310113Z".parse().unwrap());
    }

    #[test]
    fn an_alert_about_no_endpoint_is_still_an_alert() {
        let line = r#"{"timestamp":"26/11/22-10:57:52.310113","proto":"ARP","rule":"112:1:1","msg":"spoof"}"#;
        assert_eq!(why(line, hints("UTC", None)).to_string(), "`src_addr` is missing, or written twice");
        assert!(matches!(reading("{\"proto\":\"TCP\"}", Hints::default()), Reading::Unreadable(_)));
    }

    #[test]
    fn sensitive_data_is_told_by_its_class() {
        let line = LINE
            .replace("\"msg\"", "\"class\":\"Sensitive Data was Transmitted Across the Network\",\"msg\"");
        assert_eq!(alert(&line, hints("UTC", None)).class, AlertClass::Sensitive);
    }
}
