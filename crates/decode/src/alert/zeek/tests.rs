use crate::{
    Hints, Unreadable,
    alert::{AlertFacts, AlertFormat, AlertReader, Reading, UnusableAlert},
};
use proptest::prelude::*;
use unmasq_model::{End, Protocol, Span};

const HEADER: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n\
    #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\tconn_state\thistory";
const ROW: &str =
    "1795345072.310113\tC1\t203.0.113.10\t20038\t198.51.100.66\t80\ttcp\t0.020000\tSF\tShADadFf";
const JSON: &str = r#"{"ts":1795345072.310113,"uid":"C1","id.orig_h":"203.0.113.10","id.orig_p":20038,"id.resp_h":"198.51.100.66","id.resp_p":80,"proto":"tcp","duration":0.02,"conn_state":"SF","history":"ShADadFf"}"#;
const NOTICE: &str = r#"{"ts":1795345072.310113,"uid":"C1","id.orig_h":"203.0.113.10","id.orig_p":20038,"id.resp_h":"198.51.100.66","id.resp_p":443,"proto":"tcp","note":"SSL::Invalid_Server_Cert","src":"203.0.113.10","dst":"198.51.100.66","p":443}"#;

fn table(header: &str) -> AlertReader {
    let mut reader = AlertFormat::ZeekTsv.reader(Hints::default());
    for line in header.lines() {
        let _ = reader.read(line.as_bytes());
    }
    reader
}

fn alert(reading: Reading) -> AlertFacts {
    match reading {
        Reading::Alert(facts) => *facts,
        other => panic!("{other:?}"),
    }
}

fn unusable(reading: Reading) -> UnusableAlert {
    match reading {
        Reading::Unusable(lost) => *lost,
        other => panic!("{other:?}"),
    }
}

fn row(header: &str, row: &str) -> Reading {
    table(header).read(row.as_bytes())
}

fn json(line: &str) -> Reading {
    AlertFormat::ZeekJson.reader(Hints::default()).read(line.as_bytes())
}

fn span(from: &str, to: &str) -> Span {
    Span::between(from.parse().unwrap(), to.parse().unwrap())
}

#[test]
fn a_connection_is_a_span_from_its_first_to_its_last_packet() {
    let facts = alert(row(HEADER, ROW));
    assert_eq!(facts.at, span("2026-11-22T10:57:52.310113Z", "2026-11-22T10:57:52.330113Z"));
    assert_eq!(facts.ends.src.to_string(), "203.0.113.10:20038");
    assert_eq!(facts.ends.dest.to_string(), "198.51.100.66:80");
    assert_eq!((facts.protocol, facts.opened_by), (Protocol::TCP, Some(End::Src)));
    assert_eq!(facts.identity.own_id.as_deref(), Some("C1"));
    assert_eq!(alert(json(JSON)), facts, "both forms say the same");
    let single = alert(row(HEADER, &ROW.replace("0.020000", "-")));
    assert_eq!(single.at, Span::at("2026-11-22T10:57:52.310113Z".parse().unwrap()));
}

#[test]
fn times_come_in_seconds_milliseconds_or_as_text() {
    let at = |ts: &str| alert(json(&JSON.replace("1795345072.310113", ts))).at.from().to_string();
    assert_eq!(at("1795345072310"), "2026-11-22T10:57:52.310Z");
    assert_eq!(at("\"2026-11-22T10:57:52.310113Z\""), "2026-11-22T10:57:52.310113Z");
    assert_eq!(at("1795345072.3"), "2026-11-22T10:57:52.300Z");
    let lasting = |text: &str| alert(json(&JSON.replace("0.02,", text))).at.to().to_string();
    assert_eq!(lasting("3.0994415283203125e-05,"), "2026-11-22T10:57:52.310144Z");
    let local = unusable(json(&JSON.replace("1795345072.310113", "\"2026-11-22T10:57:52\"")));
    assert_eq!(local.why.to_string(), "`ts` is not a time since 1970 or with its offset");
    let backwards = unusable(json(&JSON.replace("0.02,", "-0.02,")));
    assert_eq!(backwards.why.to_string(), "`duration` is not a number of seconds");
}

#[test]
fn a_notice_may_come_after_its_packets_and_shares_its_connections_id() {
    let facts = alert(json(NOTICE));
    assert_eq!(facts.at, span("2026-11-22T10:57:47.310113Z", "2026-11-22T10:57:52.310113Z"));
    assert_eq!(facts.identity.own_id, None);
    assert_eq!(facts.context.signature.as_deref(), Some("SSL::Invalid_Server_Cert"));
    let bare = NOTICE.replace("\"id.", "\"no.");
    assert_eq!(alert(json(&bare)).ends.dest.to_string(), "198.51.100.66:443", "src, dst and p say it too");
}

#[test]
fn a_notice_without_two_ends_is_an_alert_with_a_reason() {
    let scan = r#"{"ts":1795345072.3,"note":"Scan::Port_Scan","src":"203.0.113.10","dst":"198.51.100.66"}"#;
    let lost = unusable(json(scan));
    assert_eq!(lost.why.to_string(), "`proto` is missing, or written twice");
    assert_eq!(lost.ends.src.unwrap().to_string(), "203.0.113.10");
    let lost = unusable(json(r#"{"ts":1795345072.3,"note":"CaptureLoss::Too_Much_Loss"}"#));
    assert_eq!(lost.why.to_string(), "`id.orig_h` is missing, or written twice");
}

#[test]
fn icmp_has_a_type_and_a_code_but_no_ports() {
    let facts = alert(row(HEADER, &ROW.replace("tcp", "icmp").replace("SF", "OTH")));
    assert_eq!((facts.protocol, facts.ends.src.port, facts.ends.dest.port), (Protocol::ICMP, None, None));
    assert_eq!(facts.opened_by, Some(End::Src));
    let v6 = alert(json(
        &JSON
            .replace("tcp", "icmp")
            .replace("203.0.113.10", "2001:db8::1")
            .replace("198.51.100.66", "2001:db8::2"),
    ));
    assert_eq!(v6.protocol, Protocol::ICMPV6);
}

#[test]
fn who_opened_a_connection_without_handshake_is_not_known() {
    assert_eq!(alert(row(HEADER, &ROW.replace("SF", "OTH"))).opened_by, None);
    let flipped = alert(row(HEADER, &ROW.replace("ShADadFf", "^hADadFf")));
    assert_eq!((flipped.opened_by, flipped.ends.src.port), (Some(End::Src), Some(20038)));
}

#[test]
fn fields_may_have_other_names() {
    let want = alert(row(HEADER, ROW));
    for (from, to) in [(".", "_"), ("id.orig_h", "src"), ("id.resp_h", "dst")] {
        let header = HEADER.replace(from, to);
        assert_eq!(alert(row(&header, ROW)), want, "{from} as {to}");
    }
    let nested = JSON.replace(
        r#""id.orig_h":"203.0.113.10","id.orig_p":20038,"id.resp_h":"198.51.100.66","id.resp_p":80"#,
        r#""id":{"orig_h":"203.0.113.10","orig_p":20038,"resp_h":"198.51.100.66","resp_p":80}"#,
    );
    assert_eq!(alert(json(&nested)), want);
    assert_eq!(alert(json(&JSON.replace("\"id.", "\"id_"))), want);
}

#[test]
fn other_separators_and_marks_are_those_of_the_header() {
    let header =
        HEADER.replace('\t', "|").replace("\\x09", "\\x7c").replace("unset_field|-", "unset_field|NIL");
    let facts = alert(row(&header, &ROW.replace('\t', "|").replace("0.020000", "NIL")));
    assert_eq!(facts.at.from(), facts.at.to());
    let dash = unusable(row(&header, &ROW.replace('\t', "|").replace("0.020000", "-")));
    assert_eq!(dash.why.to_string(), "`duration` is not a number of seconds");
}

#[test]
fn a_header_that_comes_again_says_what_comes_after_it() {
    let mut reader = table(HEADER);
    let before = alert(reader.read(ROW.as_bytes()));
    let turned: Vec<&str> = ROW.split('\t').rev().collect();
    assert!(matches!(reader.read(b"#close\t2026-11-22-11-00-00"), Reading::NotAnAlert));
    for line in HEADER.lines() {
        let names: Vec<&str> = line.split('\t').collect();
        let mut turned: Vec<&str> = names[1..].to_vec();
        turned.reverse();
        let line = match names[0] {
            "#fields" => format!("#fields\t{}", turned.join("\t")),
            _ => line.to_owned(),
        };
        assert_eq!(reader.read(line.as_bytes()), Reading::NotAnAlert);
    }
    assert_eq!(alert(reader.read(turned.join("\t").as_bytes())), before);
}

#[test]
fn a_table_that_cannot_be_told_is_unreadable_line_by_line() {
    let says = |reading: Reading| match reading {
        Reading::Unreadable(why) => why.to_string(),
        other => panic!("{other:?}"),
    };
    let no_header = "no `#fields` header says what its columns are";
    assert_eq!(says(row("", ROW)), no_header);
    assert_eq!(says(row(&format!("{HEADER}\n#separator \\x09"), ROW)), no_header, "a new file began");
    let width = "it has more or fewer columns than its `#fields`";
    assert_eq!(says(row(HEADER, &format!("{ROW}\tx"))), width);
    assert_eq!(says(row(HEADER, &ROW[..ROW.len() - 9])), width);
    let separator = "its `#separator` is not one to sixteen ASCII characters";
    for bad in ["", "\\xff", "0123456789abcdefg"] {
        let mut reader = table(&HEADER.replace("\\x09", bad));
        assert_eq!(says(reader.read(ROW.as_bytes())), separator, "{bad}");
    }
    let twice = HEADER.replace("uid", "ts");
    assert_eq!(unusable(row(&twice, ROW)).why.to_string(), "`ts` is missing, or written twice");
}

#[test]
fn thousands_of_columns_are_only_columns() {
    let wide = vec!["x"; 100_000].join("\t");
    let facts = alert(row(&format!("{HEADER}\t{wide}"), &format!("{ROW}\t{wide}")));
    assert_eq!(facts.identity.own_id.as_deref(), Some("C1"));
}

#[test]
fn other_logs_of_zeek_are_no_alerts() {
    let dns = r#"{"_path":"dns","ts":1795345072.3,"uid":"C2","id.orig_h":"192.0.2.1","id.resp_h":"192.0.2.2","proto":"udp"}"#;
    assert_eq!(json(dns), Reading::NotAnAlert);
    let header = HEADER.replace("conn_state", "query").replace("#path\tconn", "#path\tdns");
    assert_eq!(row(&header, ROW), Reading::NotAnAlert);
    let long = alert(json(&JSON.replace("{", "{\"_path\":\"conn_long\",")));
    assert_eq!(long.identity.own_id, None, "its connection is told of again");
    assert_eq!(
        json("{\"a\":1}"),
        Reading::Unreadable(Unreadable::because(
            "it is not of Zeek: it has no `ts`, or is of no log that Zeek writes"
        ))
    );
}

proptest! {
    #[test]
    fn no_header_is_a_panic(
        lines in prop::collection::vec(
            prop_oneof![
                Just(ROW.to_owned()),
                Just(HEADER.to_owned()),
                "#(separator |fields\t|unset_field\t|path\t)[a-z\\\\x0-9\t|.é-]{0,30}",
                ".{0,40}",
            ],
            0..12,
        )
    ) {
        let mut reader = table("");
        for line in lines.iter().flat_map(|lines| lines.lines()) {
            let _ = reader.read(line.as_bytes());
        }
    }
}
