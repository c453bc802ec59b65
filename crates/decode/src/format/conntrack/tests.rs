use super::*;
use crate::EventKind;
use std::time::Duration;
use unmasq_model::{LogTime, Protocol, Span, Translation};

const NEW: &str = "[1795345072.309137]\t    [NEW] ipv4     2 tcp      6 120 SYN_SENT src=10.0.0.14 dst=198.51.100.66 sport=51648 dport=80 [UNREPLIED] src=198.51.100.66 dst=203.0.113.10 sport=80 dport=20038 id=191355002";
const DESTROY: &str = "[1795345099.310153]\t[DESTROY] ipv4     2 udp      17 src=10.0.0.12 dst=198.51.100.66 sport=50232 dport=9999 packets=1 bytes=53 src=198.51.100.66 dst=203.0.113.20 sport=9999 dport=30008 packets=1 bytes=31 [ASSURED] mark=0 delta-time=5 [start=Sun Nov 22 10:58:07 2026] [stop=Sun Nov  1 01:30:00 2026] id=676283304";

fn read(line: &str) -> Result<Vec<Record>, Unreadable> {
    let mut out = Vec::new();
    ConntrackText::new(Some(TimeZone::UTC)).decode(line.as_bytes(), &mut out).map(|()| out)
}

fn told(line: &str) -> Vec<String> {
    let side = |t: Translation| {
        let or_none =
            |e: Option<unmasq_model::Endpoint>| e.map_or_else(|| "itself".to_owned(), |e| e.to_string());
        format!(
            "{} {:?} {} <-> {} is {} <-> {}",
            t.protocol.unwrap(),
            t.role,
            t.outside,
            t.remote.unwrap(),
            or_none(t.inside),
            or_none(t.inside_remote)
        )
    };
    read(line).unwrap().iter().map(|record| side(record.translation)).collect()
}

fn event(line: &str) -> Event {
    match read(line).unwrap().swap_remove(0).fact {
        Fact::Event(event) => event,
        Fact::Whole { .. } => panic!("conntrack lines are events"),
    }
}

fn why_not(line: &str) -> String {
    read(line).unwrap_err().to_string()
}

#[test]
fn a_source_nat_names_the_client() {
    assert_eq!(
        told(NEW),
        ["tcp Client 203.0.113.10:20038 <-> 198.51.100.66:80 is 10.0.0.14:51648 <-> 198.51.100.66:80"]
    );
}

#[test]
fn a_destination_nat_names_the_server() {
    let line = "[1795345072.309137] [NEW] tcp 6 120 SYN_SENT src=198.51.100.9 dst=203.0.113.10 sport=4000 dport=2222 [UNREPLIED] src=10.0.0.21 dst=198.51.100.9 sport=22 dport=4000";
    assert_eq!(
        told(line),
        ["tcp Server 203.0.113.10:2222 <-> 198.51.100.9:4000 is 10.0.0.21:22 <-> 198.51.100.9:4000"]
    );
}

#[test]
fn a_hairpin_is_translated_on_both_sides() {
    let line = "[1795345072.309137] [NEW] tcp 6 120 SYN_SENT src=10.0.0.11 dst=203.0.113.10 sport=4000 dport=80 [UNREPLIED] src=10.0.0.21 dst=203.0.113.10 sport=8080 dport=20001 id=7";
    assert_eq!(
        told(line),
        [
            "tcp Client 203.0.113.10:20001 <-> 10.0.0.21:8080 is 10.0.0.11:4000 <-> 203.0.113.10:80",
            "tcp Server 203.0.113.10:80 <-> 10.0.0.11:4000 is 10.0.0.21:8080 <-> 203.0.113.10:20001",
        ]
    );
}

#[test]
fn an_untranslated_flow_is_the_gateways_own_whichever_end_that_is() {
    let line = "[1795345072.309137] [NEW] tcp 6 120 SYN_SENT src=198.51.100.9 dst=203.0.113.10 sport=4000 dport=23 [UNREPLIED] src=203.0.113.10 dst=198.51.100.9 sport=23 dport=4000 id=7";
    assert_eq!(
        told(line),
        [
            "tcp Client 198.51.100.9:4000 <-> 203.0.113.10:23 is itself <-> itself",
            "tcp Server 203.0.113.10:23 <-> 198.51.100.9:4000 is itself <-> itself",
        ]
    );
}

#[test]
fn an_icmp_id_is_the_port_of_our_side() {
    let line = "[1795345110.809907] [NEW] ipv4 2 icmp 1 5 src=10.0.0.13 dst=198.51.100.66 type=8 code=0 id=777 [UNREPLIED] src=198.51.100.66 dst=203.0.113.10 type=0 code=0 id=52972 id=1282741276";
    assert_eq!(
        told(line),
        ["icmp Client 203.0.113.10:52972 <-> 198.51.100.66 is 10.0.0.13:777 <-> 198.51.100.66"]
    );
    assert_eq!(event(line).entry, Some(1_282_741_276));
    assert_eq!(event(line).timeout, Some(Duration::from_secs(5)));
}

#[test]
fn a_protocol_without_ports_goes_by_its_number() {
    let line = "[1795345110.809907] [NEW] unknown 47 600 src=10.0.0.13 dst=198.51.100.66 srckey=0x0 dstkey=0x1 [UNREPLIED] src=198.51.100.66 dst=203.0.113.10 srckey=0x1 dstkey=0x0";
    assert_eq!(told(line), ["gre Client 203.0.113.10 <-> 198.51.100.66 is 10.0.0.13 <-> 198.51.100.66"]);
}

#[test]
fn an_ipv6_flow_reads_like_any_other() {
    let line = "[1795345092.794456]\t [UPDATE] ipv6     10 tcp      6 432000 ESTABLISHED src=fd00:10::b dst=2001:db8:66::80 sport=46970 dport=80 src=2001:db8:66::80 dst=2001:db8:113::10 sport=80 dport=46970 [ASSURED] [OFFLOAD] zone=3 use=1 secctx=a:b:c:s0 id=3135257274";
    assert_eq!(
        told(line),
        [
            "tcp Client [2001:db8:113::10]:46970 <-> [2001:db8:66::80]:80 is [fd00:10::b]:46970 <-> [2001:db8:66::80]:80"
        ]
    );
    assert_eq!(event(line).state, Some("ESTABLISHED"));
    assert_eq!(event(line).kind, EventKind::Update);
}

#[test]
fn a_time_is_read_to_the_microsecond() {
    let us = |text: &str| clock::stamp(text).map(LogTime::as_unix_us).ok();
    assert_eq!(us("1795345072.309137"), Some(1_795_345_072_309_137));
    assert_eq!(us("1795345072.42    "), Some(1_795_345_072_000_042));
    for bad in [
        "",
        ".",
        "1795345072",
        "1795345072.3091",
        "-1.000000",
        "+1.000000",
        "1.      ",
        "99999999999999.000000",
    ] {
        assert_eq!(us(bad), None, "{bad}");
    }
}

#[test]
fn a_kernel_time_is_a_whole_second_in_the_gateways_zone() {
    let event = event(DESTROY);
    let second = |s: i64| {
        let from = LogTime::from_unix_seconds(s).unwrap();
        Span::between(from, from.plus(Duration::from_micros(999_999)))
    };
    assert_eq!(event.started, Some(second(1_795_345_087)));
    assert_eq!(event.lasted, Some(Duration::from_secs(5)));
    assert_eq!((event.state, event.timeout), (None, None));
    let paris = TimeZone::get("Europe/Paris").unwrap();
    assert_eq!(clock::local("Sun Nov 22 11:58:07 2026", Some(&paris)), Ok(second(1_795_345_087)));
}

#[test]
fn an_hour_that_comes_twice_covers_both_readings() {
    let new_york = TimeZone::get("America/New_York").unwrap();
    let span = clock::local("Sun Nov  1 01:30:00 2026", Some(&new_york)).unwrap();
    assert_eq!(span.to_string(), "2026-11-01T05:30:00Z … 2026-11-01T06:30:00.999999Z");
    let never = clock::local("Sun Mar  8 02:30:00 2026", Some(&new_york)).unwrap();
    assert_eq!(never.to_string(), "2026-03-08T06:30:00Z … 2026-03-08T07:30:00.999999Z");
}

#[test]
fn a_local_time_needs_a_zone() {
    let mut out = Vec::new();
    let mut decoder = ConntrackText::new(None);
    assert_eq!(decoder.decode(DESTROY.as_bytes(), &mut out), Err(Unreadable::NeedsZone));
    assert_eq!(decoder.decode(NEW.as_bytes(), &mut out), Ok(()));
    assert_eq!(out.len(), 1);
}

#[test]
fn every_cut_line_is_refused_or_harmless() {
    let whole = told(NEW);
    let mut decoder = ConntrackText::new(Some(TimeZone::UTC));
    for end in 0..NEW.len() {
        let mut out = Vec::new();
        decoder.decode(NEW.as_bytes(), &mut out).unwrap();
        if decoder.decode(&NEW.as_bytes()[..end], &mut out).is_ok() {
            assert_eq!(told(&NEW[..end]), whole, "{}", &NEW[..end]);
        }
    }
}

#[test]
fn a_log_may_go_on_without_ids() {
    let (bare, _) = NEW.split_once(" id=").unwrap();
    let mut decoder = ConntrackText::new(None);
    let readable = [NEW, bare, bare, bare, NEW, bare]
        .map(|line| decoder.decode(line.as_bytes(), &mut Vec::new()).is_ok());
    assert_eq!(readable, [true, false, true, true, true, false]);
}

#[test]
fn two_lines_run_together_are_refused() {
    for cut in 0..NEW.len() {
        let line = format!("{}{DESTROY}", &NEW[..cut]);
        match read(&line) {
            Ok(records) => assert_eq!((cut, records), (0, read(DESTROY).unwrap())),
            Err(_) => assert!(cut > 0),
        }
    }
}

#[test]
fn what_cannot_be_read_says_why() {
    let no_time = NEW.split_once('\t').unwrap().1;
    assert_eq!(why_not(no_time), "it carries no time; run conntrack with -o timestamp");
    let dump = "ipv4     2 tcp      6 2 TIME_WAIT src=10.0.0.11 dst=198.51.100.66 sport=41470 dport=80 src=198.51.100.66 dst=203.0.113.11 sport=80 dport=20013 [ASSURED] mark=0 use=1 id=34";
    assert_eq!(
        why_not(dump),
        "a line of conntrack -L: a dump has no times; read it as conntrack-dump, or log events with conntrack -E"
    );
    assert_eq!(why_not("hello"), "not a conntrack event line");
    assert_eq!(why_not(""), "not a conntrack event line");
    let (cut, _) = NEW.split_once(" [UNREPLIED]").unwrap();
    assert_eq!(why_not(cut), "cut short: one of its two tuples is not whole");
    assert_eq!(
        why_not(&NEW.replace("dport=20038", "dport=70000")),
        "a number in it is none, or is too large"
    );
    let far = NEW.replace("[1795345072.", "[1832000000000.");
    assert_eq!(why_not(&far), "its time is not seconds and microseconds since 1970");
    let mut out = Vec::new();
    let refused = ConntrackText::new(None).decode(b"[1795345072.309137]\t[NEW] \xff", &mut out);
    assert_eq!(refused.unwrap_err().to_string(), "not text");
}

#[test]
fn a_wrapped_duration_says_nothing() {
    let line = DESTROY.replace("delta-time=5", "delta-time=18446744073");
    assert_eq!(event(&line).lasted, None);
}

#[test]
fn a_state_of_a_later_kernel_is_some_state() {
    assert_eq!(event(&NEW.replace("SYN_SENT", "SYN_WARP")).state, Some("OTHER"));
    assert_eq!(event(&NEW.replace("120 SYN_SENT ", "")).state, None);
    assert_eq!(event(NEW).state, Some("SYN_SENT"));
    assert_eq!(read(NEW).unwrap()[0].translation.protocol, Some(Protocol::TCP));
}
