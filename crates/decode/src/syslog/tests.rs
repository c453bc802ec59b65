use super::*;
use crate::{Hints, Unreadable};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use unmasq_model::{LogTime, Span};

fn hints(zone: &str, written: &str) -> Hints {
    let zone = Some(TimeZone::get(zone).unwrap());
    Hints { zone, written: Some(written.parse().unwrap()), ..Hints::default() }
}

fn span(line: &str, hints: &Hints) -> Result<Span, Unreadable> {
    Syslog::innermost(line).time.expect("a time").span(hints)
}

/// The second that begins then.
fn second(from: &str) -> Span {
    let from: LogTime = from.parse().unwrap();
    Span::between(from, from.plus(std::time::Duration::from_micros(999_999)))
}

/// Host, app, pid and message.
type Parts<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, &'a str);

fn parts(line: &str) -> Parts<'_> {
    let read = Syslog::innermost(line);
    (read.host, read.app, read.pid, read.message)
}

#[test]
fn rfc_5424_has_a_place_for_everything() {
    let line = r#"<14>1 2026-03-01T10:00:01.100Z srx RT_FLOW - RT_FLOW_SESSION_CLOSE [junos@2636.1.1.1.2.129 reason="a \"b\] c" source-port="40111" note="x=\"y"][other x="1"] the rest"#;
    let read = Syslog::read(line);
    assert_eq!((read.host, read.app, read.pid), (Some("srx"), Some("RT_FLOW"), None));
    assert_eq!((read.id, read.message), (Some("RT_FLOW_SESSION_CLOSE"), "the rest"));
    let data = read.structured.unwrap();
    assert_eq!(param(data, "reason").as_deref(), Some(r#"a "b] c"#));
    assert_eq!(param(data, "source-port").as_deref(), Some("40111"));
    assert_eq!(param(data, "port"), None);
    assert_eq!(param(r#"[a x="1" x="2"]"#, "x"), None);
    let at = span(line, &Hints::default()).unwrap();
    assert_eq!(at.to_string(), "2026-03-01T10:00:01.100Z … 2026-03-01T10:00:01.100999Z");
    let nothing = Syslog::read("<14>1 - - - - - - 1,2026/03/01");
    assert_eq!((nothing.time, nothing.host, nothing.message), (None, None, "1,2026/03/01"));
    assert_eq!(parts("<14>1 2020-10-09T18:39:02-04:00 fw - - - - 1,x").3, "1,x");
}

#[test]
fn an_unended_element_is_no_structured_data() {
    let read = Syslog::read(r#"1 2026-03-01T10:00:01Z h a - - [x y="]"#);
    assert_eq!((read.structured, read.message), (None, r#"[x y="]"#));
}

#[test]
fn rfc_3164_in_the_ways_in_which_it_is_written() {
    for (line, expected) in [
        (
            "<189>Mar  1 10:00:00 lb-1 haproxy[812]: hello",
            (Some("lb-1"), Some("haproxy"), Some("812"), "hello"),
        ),
        ("Mar  1 10:00:00 haproxy[812]: hello", (None, Some("haproxy"), Some("812"), "hello")),
        ("<23> Mar  1 10:00:00  GW RT_FLOW: X: y", (Some("GW"), Some("RT_FLOW"), None, "X: y")),
        ("<190>Mar  1 10:00:00 PA-1 1,2026/03/01 10", (Some("PA-1"), None, None, "1,2026/03/01 10")),
        ("Mar  1 10:00:00 1,2026/03/01 10:00", (None, None, None, "1,2026/03/01 10:00")),
        (
            "Mar 01 2026 10:00:00 fw1 : %ASA-6-302013: Built",
            (Some("fw1"), Some("%ASA-6-302013"), None, "Built"),
        ),
        ("Mar 01 2026 10:00:00: %ASA-6-302013: Built", (None, Some("%ASA-6-302013"), None, "Built")),
        ("<166>:Mar 01 10:00:00 EST: %ASA-6-302013: Built", (None, Some("%ASA-6-302013"), None, "Built")),
        (
            "Mar 01 10:00:00 UTC fw1: %ASA-6-302013: Built",
            (Some("fw1"), Some("%ASA-6-302013"), None, "Built"),
        ),
        ("*Mar  1 10:00:00.123 UTC: %SYS-5-X: y", (None, Some("%SYS-5-X"), None, "y")),
        ("Mar  1 10:00:00 2026 fw date=2026-03-01", (Some("fw"), None, None, "date=2026-03-01")),
        (
            "Mar  1 10:00:01 192.0.2.1 Mar 01 2026 10:00:00 fw1 : %ASA-6-1: B",
            (Some("fw1"), Some("%ASA-6-1"), None, "B"),
        ),
        (
            "Mar  1 10:00:01 192.0.2.1 Mar 01 2026 10:00:00: %ASA-6-1: B",
            (Some("192.0.2.1"), Some("%ASA-6-1"), None, "B"),
        ),
        ("Mar  1 10:00:01 192.0.2.1 %ASA-6-1: B", (Some("192.0.2.1"), Some("%ASA-6-1"), None, "B")),
    ] {
        assert_eq!(parts(line), expected, "{line}");
        let at = span(line, &hints("UTC", "2026-03-05T00:00:00Z"));
        if !line.contains("EST") && !line.contains(".123") && !line.contains(":01 ") {
            assert_eq!(at, Ok(second("2026-03-01T10:00:00Z")), "{line}");
        }
    }
}

#[test]
fn iso_headers_and_none_at_all() {
    for (line, expected) in [
        (
            "2026-03-01T10:00:00.5+01:00 lb-1 haproxy[812]: hello",
            (Some("lb-1"), Some("haproxy"), Some("812"), "hello"),
        ),
        (
            "2026-03-01T10:00:00+0100 lb-1 haproxy[812]: hello",
            (Some("lb-1"), Some("haproxy"), Some("812"), "hello"),
        ),
        ("Sun 2026-03-01 10:00:00 UTC lb-1 haproxy[8]: hi", (Some("lb-1"), Some("haproxy"), Some("8"), "hi")),
        ("2026-03-01 10:00:00 lb-1 a: b", (Some("lb-1"), Some("a"), None, "b")),
        ("2026-03-01T10:00:00Z : %ASA-6-302013: Built", (None, Some("%ASA-6-302013"), None, "Built")),
    ] {
        assert_eq!(parts(line), expected, "{line}");
        assert!(span(line, &hints("UTC", "2026-03-05T00:00:00Z")).is_ok(), "{line}");
    }
    for line in
        ["%ASA-6-302013: Built", "", "date=2026-03-01 time=10:00", "Marble 1", "2026-03-01", "Mar 1 1:00"]
    {
        assert_eq!(Syslog::read(line), Syslog::bare(line), "{line}");
    }
    assert_eq!(Syslog::read("<9>RT_FLOW: x").app, Some("RT_FLOW"));
}

#[test]
fn the_year_is_that_of_the_last_writing_or_the_one_before() {
    let read = |time: &str, written| span(&format!("{time} h a: b"), &hints("UTC", written));
    assert_eq!(read("Mar  1 10:00:00", "2026-03-01T10:00:05Z"), Ok(second("2026-03-01T10:00:00Z")));
    assert_eq!(read("Dec 31 23:59:59", "2026-01-01T00:00:05Z"), Ok(second("2025-12-31T23:59:59Z")));
    assert_eq!(read("Mar  3 10:00:00", "2026-03-01T10:00:05Z"), Ok(second("2026-03-03T10:00:00Z")));
    assert_eq!(read("Mar  3 10:00:06", "2026-03-01T10:00:05Z"), Ok(second("2025-03-03T10:00:06Z")));
    assert_eq!(read("Jan  1 00:30:00", "2025-12-31T23:30:00Z"), Ok(second("2026-01-01T00:30:00Z")));
    assert_eq!(read("Feb 29 10:00:00", "2025-03-01T10:00:05Z"), Ok(second("2024-02-29T10:00:00Z")));
    assert!(read("Feb 29 10:00:00", "2026-03-01T10:00:05Z").is_err());
    let unknown = Hints { zone: Some(TimeZone::UTC), ..Hints::default() };
    assert!(span("Mar  1 10:00:00 h a: b", &unknown).is_err());
}

#[test]
fn a_zone_word_is_held_against_the_year_that_is_meant() {
    // Clocks were put forward on the 29th of March 2026, and will be on the 28th in 2027.
    let read = |time: &str| span(&format!("{time} h a: b"), &hints("Europe/Berlin", "2026-03-30T10:00:00Z"));
    assert_eq!(read("Mar 28 10:00:00 CET"), Ok(second("2026-03-28T09:00:00Z")));
    assert!(read("Mar 29 10:00:00 CET").is_err(), "and is not taken for 2025, when it was CET");
}

#[test]
fn a_zone_word_must_fit_the_zone() {
    let read =
        |zone: &str, time: &str| span(&format!("{time}: %ASA-6-1: b"), &hints(zone, "2026-12-05T00:00:00Z"));
    let moment = Ok(second("2026-03-01T15:00:00Z"));
    assert_eq!(read("America/New_York", "Mar 01 2026 10:00:00 EST"), moment);
    assert_eq!(read("America/New_York", "Mar 01 2026 15:00:00 UTC"), moment);
    assert!(read("America/New_York", "Mar 01 2026 10:00:00 EDT").is_err());
    assert!(read("UTC", "Mar 01 2026 10:00:00 EST").is_err());
    assert_eq!(span("Mar 01 2026 10:00:00 EST: x", &Hints::default()), Err(Unreadable::NeedsZone));
    assert_eq!(span("Mar 01 2026 10:00:00 h: x", &Hints::default()), Err(Unreadable::NeedsZone));
    let fixed = Hints { zone: Some(TimeZone::fixed(jiff::tz::offset(-5))), ..Hints::default() };
    assert_eq!(span("Mar 01 2026 10:00:00 EST: x", &fixed), moment);
}

#[test]
fn absurd_times_are_no_times() {
    for time in
        ["Mar 32 2026 10:00:00", "Mar 01 2026 25:00:00", "Mar 01 9999 10:00:00.5.5", "Dec 31 9999 23:59:59"]
    {
        let read = Syslog::read(time).time.map(|time| time.span(&hints("UTC", "2026-03-05T00:00:00Z")));
        assert!(read.is_none_or(|span| span.is_err()), "{time}");
    }
}

proptest! {
    #[test]
    fn no_text_is_a_panic(text in ".{0,80}", head in "(<1>)?(1 )?(Mar  1 10:00:00|2026-03-01T1|2026-03-01 10:00:00)?( 2026| UTC|:|é)?") {
        for line in [text.clone(), format!("{head}{text}"), format!("{head} [{text}] {text}")] {
            let read = Syslog::innermost(&line);
            let _ = read.time.map(|time| time.span(&hints("UTC", "2026-03-05T00:00:00Z")));
            let _ = read.structured.map(|data| param(data, "x").is_some());
            prop_assert!(line.trim_ascii().ends_with(read.message.trim_ascii()));
        }
    }
}
