use super::*;
use crate::{Format, Guess, Hints, detect};
use proptest::prelude::*;
use unmasq_model::{Protocol, Role};

const JSON: &str = include_str!("../../../../../corpus/alibaba-nat/windows-reuse-icmp/input.jsonl");
const CSV: &str = include_str!("../../../../../corpus/alibaba-nat-csv/chosen-columns/input.csv");

fn decode_all(format: Format, zone: Option<TimeZone>, log: &str) -> Vec<Result<Record, Unreadable>> {
    let mut decoder = format.decoder(&Hints { zone, ..Hints::default() }).unwrap();
    let mut all = Vec::new();
    for line in log.split_inclusive('\n') {
        let mut out = Vec::new();
        match decoder.decode(line.as_bytes(), &mut out) {
            Ok(()) => all.extend(out.into_iter().map(Ok)),
            Err(why) => all.push(Err(why)),
        }
    }
    all
}

fn records(format: Format, log: &str) -> Vec<Record> {
    decode_all(format, None, log).into_iter().map(|record| record.unwrap()).collect()
}

/// The one record of the JSON log's first line with one piece of it replaced.
fn changed(from: &str, to: &str) -> Result<Record, String> {
    let line = JSON.lines().next().unwrap();
    assert!(line.contains(from), "{from}");
    decode_all(Format::AlibabaNat, None, &line.replace(from, to)).remove(0).map_err(|why| why.to_string())
}

fn edges(record: &Record) -> (String, String) {
    match &record.fact {
        Fact::Whole { start, end, proven: None } => (start.to_string(), end.to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_record_is_a_translation_over_a_window() {
    let record = &records(Format::AlibabaNat, JSON)[0];
    assert_eq!(record.gateway, Some("ngw-demo-prod".into()));
    assert_eq!(record.inside_realm, Some("vpc-demo-prod".into()));
    let t = record.translation;
    assert_eq!((t.protocol, t.role), (Some(Protocol::TCP), Role::Client));
    assert_eq!(
        (t.outside.to_string(), t.remote.unwrap().to_string()),
        ("10.20.250.10:48155".into(), "198.51.100.77:443".into())
    );
    assert_eq!(t.inside.unwrap().to_string(), "10.20.8.31:47176");
    assert_eq!(t.inside_remote, t.remote);
    let (start, end) = edges(record);
    assert_eq!(start, "2026-03-14T08:00:41Z … 2026-03-14T08:00:41.999999Z");
    assert_eq!(end, "2026-03-14T08:03:12Z … 2026-03-14T08:03:12.999999Z");
}

#[test]
fn both_forms_say_the_same() {
    let (json, csv) = (records(Format::AlibabaNat, JSON), records(Format::AlibabaNatCsv, CSV));
    assert_eq!(json.len(), 11);
    assert_eq!(json, csv);
}

#[test]
fn icmp_keeps_its_ids_on_our_side_only() {
    let all = records(Format::AlibabaNat, JSON);
    let icmp = all.iter().find(|record| record.translation.protocol.is_some_and(Protocol::is_icmp)).unwrap();
    let t = icmp.translation;
    assert_eq!(
        (t.outside.port(), t.inside.unwrap().port, t.remote.unwrap().port),
        (Some(7731), Some(7731), None)
    );
}

#[test]
fn times_may_be_milliseconds_or_iso() {
    let start = |text: &str| changed("\"1773475241\"", text).map(|record| edges(&record).0);
    assert_eq!(start("1773475241125"), Ok("2026-03-14T08:00:41.125Z … 2026-03-14T08:00:41.125999Z".into()));
    assert_eq!(
        start("\"2026-03-14T16:00:41+08:00\""),
        Ok("2026-03-14T08:00:41Z … 2026-03-14T08:00:41.999999Z".into())
    );
    assert_eq!(start("\"2026-03-14 16:00:41\""), Err(Unreadable::NeedsZone.to_string()));

    let civil = JSON.lines().next().unwrap().replace("\"1773475241\"", "\"2026-03-14 16:00:41\"");
    let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
    let record = decode_all(Format::AlibabaNat, Some(shanghai), &civil).remove(0).unwrap();
    assert_eq!(edges(&record), edges(&records(Format::AlibabaNat, JSON)[0]));
}

#[test]
fn what_makes_no_sense_is_named() {
    for (from, to, says) in [
        ("\"1773475241\"", "\"1773475393\"", "`end_time` is before `start_time`"),
        ("\"1773475241\"", "\"0\"", "`start_time` is not set"),
        ("\"1773475241\"", "\"999999999999\"", "`start_time` is not a time between the years 1970 and 9999"),
        ("\"1773475241\"", "1.7e9", "`start_time` is not a time between the years 1970 and 9999"),
        ("\"1773475241\"", "\"\"", "`start_time` is missing, or written twice"),
        ("\"nat_port\"", "\"nat_prot\"", "`nat_port` is missing, or written twice"),
        ("\"48155\"", "\"-\"", "`nat_port` is missing, or written twice"),
        ("\"48155\"", "\"65536\"", "`nat_port` is not a port"),
        ("\"10.20.8.31\"", "\"10.20.8\"", "`pri_ip` is not an address of a machine"),
        ("\"10.20.8.31\"", "\"0.0.0.0\"", "`pri_ip` is not an address of a machine"),
        ("\"protocol\"", "\"proto\"", "`protocol` is missing, or written twice"),
        ("\"pub_ip\"", "\"pri_ip\"", "`pri_ip` is missing, or written twice"),
    ] {
        assert_eq!(changed(from, to), Err(says.into()), "{from} as {to}");
    }
    assert_eq!(changed("{", "["), Err("it is not one JSON object".into()));
}

#[test]
fn a_record_may_leave_its_gateway_and_realm_to_its_log() {
    let record = changed("\"instance\":\"ngw-demo-prod\",\"vpc_id\":\"vpc-demo-prod\",", "").unwrap();
    assert_eq!((record.gateway, record.inside_realm), (None, None));
}

#[test]
fn columns_stand_in_any_order_and_between_any_delimiter() {
    for delimiter in ["|", " ", "\t"] {
        let log = CSV.replace(',', delimiter);
        assert_eq!(
            records(Format::AlibabaNatCsv, &log),
            records(Format::AlibabaNatCsv, CSV),
            "{delimiter:?}"
        );
    }
    let log = "end_time,\"start_time\",nat_port,nat_ip,pub_port,pub_ip,pri_port,pri_ip,portocol\r\n\
               1773475392,1773475241,48155,10.20.250.10,443,198.51.100.77,47176,\"10.20.8.31\",6\r\n";
    let record = &records(Format::AlibabaNatCsv, &format!("\u{feff}{log}"))[0];
    assert_eq!(record.translation, records(Format::AlibabaNat, JSON)[0].translation);
    assert_eq!(record.gateway, None);
}

#[test]
fn a_header_may_come_again_with_other_columns() {
    let log = format!(
        "{CSV}nat_ip|nat_port|pri_ip|pri_port|pub_ip|pub_port|protocol|start_time|end_time\n\
                       10.20.250.10|1|10.20.8.31|2|198.51.100.77|3|6|1773475241|1773475392\n"
    );
    assert_eq!(records(Format::AlibabaNatCsv, &log).len(), 12);
}

#[test]
fn nearly_every_line_is_a_brief() {
    let mut decoder = JsonDecoder::new(None);
    let briefs = JSON.lines().filter(|line| decoder.brief(line.as_bytes()).is_some()).count();
    let with_ports = JSON.lines().filter(|line| !line.contains(r#""protocol":"1""#)).count();
    assert_eq!(briefs, with_ports);
    let misspelt = JSON.lines().next().unwrap().replace("\"protocol\"", "\"portocol\"");
    assert!(decoder.brief(misspelt.as_bytes()).is_some());
}

#[test]
fn rows_need_a_header_that_names_enough() {
    let says = |log: &str| {
        let all = decode_all(Format::AlibabaNatCsv, None, log);
        all.into_iter().map(|record| record.unwrap_err().to_string()).collect::<Vec<_>>()
    };
    let row = CSV.lines().nth(1).unwrap();
    assert_eq!(says(row), ["no header row before it names the columns: export with a header"]);
    let lacking = "`nat_port` is not among the columns of the header row";
    assert_eq!(says(&CSV.lines().next().unwrap().replace("nat_port", "x")), [lacking]);
    assert_eq!(
        says(&format!("nat_ip,pri_ip,pri_port,pub_ip,pub_port,start_time,end_time\n{row}\n")),
        [lacking; 2]
    );
    assert_eq!(
        says(&CSV.lines().next().unwrap().replace("bytes_from_vpc", "nat_ip")),
        ["the header row names a column twice"]
    );
    let short = format!("{}\n{row},1\n", CSV.lines().next().unwrap());
    assert_eq!(says(&short), ["it has more or fewer columns than the header row"]);
}

#[test]
fn detection_tells_the_two_forms_from_others() {
    assert_eq!(detect(JSON.as_bytes()).first(), Some(&Guess { format: Format::AlibabaNat, percent: 100 }));
    assert_eq!(detect(CSV.as_bytes()).first(), Some(&Guess { format: Format::AlibabaNatCsv, percent: 100 }));
    assert_eq!(detect(b"{\"src_ip\":\"192.0.2.1\"}\n"), []);
    assert_eq!(
        detect(CSV.split_once('\n').unwrap().1.as_bytes()),
        [],
        "rows without a header are only numbers"
    );
}

/// What a line says by the sure way alone.
fn surely<F: Form>(line: &str, places: &Places<{ NAMES.len() }>) -> Option<Record> {
    Fields::<F>::new(line.as_bytes(), places).any_record(None, &mut RecordNames::default()).ok()
}

proptest! {
    #[test]
    fn a_brief_is_what_the_sure_way_says(
        addresses in prop::array::uniform3("[0-9]{1,3}(\\.[0-9]{1,3}){3}|10\\.[0-9]\\.0\\.1|::1|[0-9.]{0,18}"),
        ports in prop::array::uniform3("[0-9]{1,6}|-|"),
        protocol in "6|17|1|06|tcp|[0-9]{1,3}",
        times in prop::array::uniform2("17734752[0-9]{2}|[0-9]{10}|[0-9]{13}|0|"),
        names in prop::array::uniform3("ngw-[ab]|-||\\\\u0041"),
        quoted in any::<bool>(),
    ) {
        let pairs = addresses.iter().zip(&ports).flat_map(|(ip, port)| [ip, port]);
        let all = [&protocol, ""].into_iter().chain(pairs.map(String::as_str));
        let all = all.chain(times.iter().chain(&names).map(String::as_str));
        let values: Vec<&str> = all.collect();
        let json = NAMES.iter().zip(&values).filter(|(_, value)| quoted || !value.is_empty());
        let json = json.map(|(name, value)| {
            let bare = !quoted && value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
            if bare { format!("\"{name}\":{value}") } else { format!("\"{name}\":\"{value}\"") }
        });
        let json = format!("{{{}}}", json.collect::<Vec<_>>().join(","));
        let mut places = Places::nowhere();
        if Members::new(NAMES).find(&json, &mut places) {
            let mut decoder = JsonDecoder::new(None);
            let brief = decoder.brief(json.as_bytes()).map(Record::from);
            prop_assert!(brief.is_none() || brief == surely::<Json>(&json, &places), "{}", json);
        }

        let mut decoder = CsvDecoder::new(None);
        decoder.decode(NAMES.join(",").as_bytes(), &mut Vec::new()).unwrap();
        let (csv, mut places) = (values.join(","), Places::nowhere());
        if decoder.rows.plain(csv.as_bytes(), &mut places) {
            let sure = surely::<Cells>(&csv, &places);
            let brief = decoder.brief(csv.as_bytes()).map(Record::from);
            prop_assert!(brief.is_none() || brief == sure, "{}", csv);
        }
    }

    #[test]
    fn no_bytes_are_a_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4)) {
        for format in [Format::AlibabaNat, Format::AlibabaNatCsv] {
            let mut decoder = format.decoder(&Hints::default()).unwrap();
            let mut out = Vec::new();
            let _ = decoder.decode(CSV.lines().next().unwrap().as_bytes(), &mut out);
            for line in &lines {
                let before = out.len();
                if decoder.decode(line, &mut out).is_err() {
                    prop_assert_eq!(out.len(), before, "what cannot be read leaves nothing");
                }
            }
        }
    }

    #[test]
    fn no_damage_is_a_panic(at in 0_usize..2_000, byte in any::<u8>()) {
        for (format, log) in [(Format::AlibabaNat, JSON), (Format::AlibabaNatCsv, CSV)] {
            let mut log = log.as_bytes().to_vec();
            let at = at % log.len();
            log[at] = byte;
            let _ = detect(&log);
            let mut decoder = format.decoder(&Hints::default()).unwrap();
            for line in log.split(|&byte| byte == b'\n') {
                let _ = decoder.decode(line, &mut Vec::new());
            }
        }
    }
}
