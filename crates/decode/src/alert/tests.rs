use super::*;
use crate::Guess;
use proptest::prelude::*;

fn reader(format: &AlertFormat) -> AlertReader {
    format.reader(Hints {
        zone: Some(jiff::tz::TimeZone::UTC),
        written: LogTime::from_unix_seconds(1_795_345_072),
        ..Hints::default()
    })
}

#[test]
fn a_form_is_found_by_its_name() {
    for format in AlertFormat::PRESETS {
        assert_eq!(AlertFormat::preset(format.name()), Some(format));
    }
    assert_eq!(AlertFormat::preset("flat"), None);
}

#[test]
fn detection_asks_for_the_marks_of_each_form() {
    let eve = "{\"event_type\":\"flow\",\"timestamp\":\"x\"}\n{\"event_type\":\"alert\"}\n";
    assert_eq!(detect(eve.as_bytes()), [Guess { format: AlertFormat::SuricataEve, percent: 50 }]);
    let ndr = "{\"ndr_log_type\":\"TLS\",\"start_time\":1,\"src_ip\":\"\",\"dst_ip\":\"\"}\n";
    assert_eq!(detect(ndr.as_bytes()), [Guess { format: AlertFormat::AlibabaNdr, percent: 100 }]);
    assert_eq!(detect(b"hello\nworld\n"), []);
}

#[test]
fn a_session_log_in_json_is_not_taken_for_alerts() {
    for line in [
        r#"{"timestamp":"2026-11-22T10:57:52.309137","dvc":"gw","ct.event":1,"src_ip":"10.0.0.14","src_port":51648,"orig.ip.protocol":6,"reply.ip.daddr.str":"203.0.113.10"}"#,
        r#"{"time":1795345072,"src_addr":"10.0.0.14","src_port":51648,"dst_addr":"198.51.100.66","rule":"allow","nat_src":"203.0.113.10"}"#,
        r#"{"class_uid":4001,"time":1795345072310,"src_endpoint":{"ip":"10.0.0.14"},"dst_endpoint":{"ip":"198.51.100.66"}}"#,
        r#"{"ts":"2026-11-22T10:57:52Z","remote_addr":"198.51.100.9","upstream_addr":"10.0.0.1:80","status":200}"#,
        r#"{"version":2,"account-id":"1","srcaddr":"10.0.0.14","dstaddr":"198.51.100.66","start":1795345072,"end":1795345132}"#,
        r#"{"type":"http","service":{"name":"web"},"resource":{},"client":"198.51.100.9:1"}"#,
        "#Version: 1.0",
        "#fields\ta\tb",
    ] {
        assert_eq!(detect(format!("{line}\n").as_bytes()), [], "{line}");
    }
}

/// What a light reading of a line must say.
fn key_of(reading: &Reading) -> Option<AlertKey> {
    match reading {
        Reading::Alert(facts) => Some(facts.key()),
        _ => None,
    }
}

#[test]
fn a_light_reading_says_what_a_whole_one_does() {
    let samples = [include_str!("testdata/eve.jsonl"), include_str!("testdata/ndr.jsonl"), "\r\n[1]\n{}\n"];
    for format in AlertFormat::PRESETS {
        let (mut whole, mut light) = (reader(&format), reader(&format));
        for line in samples.iter().flat_map(|sample| sample.lines()) {
            assert_eq!(light.key(line.as_bytes()), key_of(&whole.read(line.as_bytes())), "{line}");
        }
    }
}

#[test]
fn what_is_no_object_is_unreadable_and_a_blank_line_is_nothing() {
    for format in AlertFormat::PRESETS {
        assert_eq!(reader(&format).read(b" \r\n"), Reading::NotAnAlert);
        assert!(matches!(reader(&format).read(b"[1]"), Reading::Unreadable(_)));
    }
}

proptest! {
    #[test]
    fn no_bytes_are_a_panic(line in prop::collection::vec(any::<u8>(), 0..200)) {
        for format in AlertFormat::PRESETS {
            let _ = (reader(&format).read(&line), detect(&line));
        }
    }

    /// One reader for all lines: what one of them is like must not show in what the next is read as.
    #[test]
    fn a_damaged_line_is_read_alike_by_both(
        damages in prop::collection::vec((0..8_usize, any::<prop::sample::Index>(), 0..4_usize, any::<char>()), 1..20),
    ) {
        let lines: Vec<&str> = include_str!("testdata/eve.jsonl").lines().collect();
        let (mut whole, mut light) = (reader(&AlertFormat::SuricataEve), reader(&AlertFormat::SuricataEve));
        for (line, at, length, put) in damages {
            let mut damaged: Vec<char> = lines[line].chars().collect();
            let at = at.index(damaged.len());
            damaged.splice(at..(at + length).min(damaged.len()), [put]);
            for line in [damaged.into_iter().collect::<String>().as_str(), lines[line]] {
                let reading = whole.read(line.as_bytes());
                prop_assert_eq!(light.key(line.as_bytes()), key_of(&reading), "{}", line);
            }
        }
    }

    #[test]
    fn no_odd_value_is_a_panic(values in prop::collection::vec(
        prop_oneof![Just("null"), Just("-1"), Just("1e400"), Just("\"\\ud800\""), Just("{}"), Just("[]"),
            Just("\"alert\""), Just("\"2026-11-22T10:57:52.3+0000\""), Just("\"::1\""), Just("\"TCP\""),
            Just("65536"), Just("1773475242"), Just("\"\""), Just("2004"), Just("\":0\""),
            Just("[{\"src_endpoint\":1}]"), Just("{\"action\":{}}")], 39)
    ) {
        let names = ["event_type", "timestamp", "src_ip", "dest_ip", "src_port", "dest_port", "proto", "flow",
            "http", "alert", "direction", "pkt_src", "tx_id", "host", "tls", "ssh", "start_time", "end_time",
            "dst_ip", "dst_port", "l4_protocol", "net_connect_dir", "alert_id", "alert_name", "ts", "uid", "duration",
            "conn_state", "note", "id.orig_h", "id.resp_h", "src_ap", "dst_ap", "seconds", "class_uid", "evidences",
            "service", "detail", "type"];
        let members: Vec<_> = names.iter().zip(&values).map(|(n, v)| format!("\"{n}\":{v}")).collect();
        let line = format!("{{{}}}", members.join(","));
        for format in AlertFormat::PRESETS {
            let mut reader = reader(&format);
            let reading = reader.read(line.as_bytes());
            prop_assert_eq!(reader.key(line.as_bytes()), key_of(&reading));
        }
    }
}
