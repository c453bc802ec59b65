use super::{any_scalar, plain_scalar};
use crate::{Decoder, Format, Guess, Hints, Record, Unreadable, detect};
use proptest::prelude::*;

const ALB: &str = include_str!("../../../../../corpus/alibaba-alb/one-connection-two-backends/input.jsonl");
const CLB: &str = include_str!("../../../../../corpus/alibaba-clb/shifted-by-a-header/input.jsonl");
const CSV: &str = include_str!("../../../../../corpus/alibaba-alb/csv/input.csv");

fn decoder(format: Format) -> Box<dyn Decoder> {
    format.decoder(&Hints::default()).unwrap()
}

fn records(format: Format, log: &str) -> Vec<Record> {
    let mut decoder = decoder(format);
    let mut out = Vec::new();
    for line in log.lines() {
        let _ = decoder.decode(line.as_bytes(), &mut out);
    }
    out
}

/// The second line of the ALB log, with one piece of it replaced.
fn changed(from: &str, to: &str) -> Result<Record, Unreadable> {
    let line = ALB.lines().nth(1).unwrap();
    assert!(line.contains(from), "{from}");
    let mut out = Vec::new();
    decoder(Format::AlibabaAlb).decode(line.replace(from, to).as_bytes(), &mut out)?;
    Ok(out.remove(0))
}

#[test]
fn two_requests_of_one_connection_have_two_backends() {
    let all = records(Format::AlibabaAlb, ALB);
    assert_eq!(all[0].translation.remote, all[1].translation.remote);
    let inside = |at: usize| all[at].translation.inside.map(|inside| inside.to_string());
    assert_eq!(
        (inside(0).as_deref(), inside(1).as_deref()),
        (Some("10.20.1.11:8080"), Some("10.20.8.31:8080"))
    );
    assert_eq!(all[1].request.as_ref().unwrap().tries.len(), 2, "the first try got the request too");
    assert_eq!(inside(2), None, "the balancer answered by itself");
}

#[test]
fn a_client_that_a_header_names_is_a_claim() {
    let claimed = |to: &str| {
        let from = "\"http_x_forwarded_for\":\"-\"";
        changed(from, to).unwrap().request.unwrap().client_claimed
    };
    for header in
        ["198.51.100.23", "192.0.2.9, 198.51.100.23:80", "[::ffff:198.51.100.23]", "for=198.51.100.23;x"]
    {
        assert!(claimed(&format!("\"http_x_forwarded_for\":\"{header}\"")), "{header}");
    }
    assert!(claimed("\"other\":\"\""), "who does not log the header does not know");
    for header in ["-", "", "198.51.100.231", "192.0.2.9", "unknown"] {
        assert!(!claimed(&format!("\"http_x_forwarded_for\":\"{header}\"")), "{header}");
    }
}

#[test]
fn no_shift_of_the_fields_names_a_backend() {
    // Every value from one field on, moved by one or two fields, as `||` in the header before it does.
    let shop = records(Format::AlibabaClb, CLB).len();
    let pairs: Vec<(String, String)> = CLB.lines().next().unwrap()[1..]
        .trim_end_matches('}')
        .split(",\"")
        .map(|pair| pair.trim_start_matches('"').split_once("\":").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let from = pairs.iter().position(|(name, _)| name == "http_user_agent").unwrap();
    for by in 1..=2 {
        let mut shifted = pairs.clone();
        for at in (from + by..pairs.len()).rev() {
            shifted[at].1.clone_from(&pairs[at - by].1);
        }
        let members: Vec<_> = shifted.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let line = format!("{{{}}}", members.join(","));
        assert_eq!(records(Format::AlibabaClb, &line), [], "{line}");
    }
    assert_eq!(shop, 4, "the fifth record of the log is shifted");
}

#[test]
fn both_products_are_told_apart() {
    assert_eq!(detect(ALB.as_bytes()), [Guess { format: Format::AlibabaAlb, percent: 100 }]);
    assert_eq!(detect(CLB.as_bytes()), [Guess { format: Format::AlibabaClb, percent: 80 }]);
    assert_eq!(detect(CSV.as_bytes()).first().map(|guess| guess.format), Some(Format::AlibabaAlb));
    let mut clb = decoder(Format::AlibabaClb);
    let why = clb.decode(ALB.lines().next().unwrap().as_bytes(), &mut Vec::new());
    assert_eq!(why, Err(Unreadable::because("a record of an ALB: read it as alibaba-alb")));
}

#[test]
fn json_and_csv_say_the_same() {
    let mut json = records(Format::AlibabaAlb, ALB);
    let csv = records(Format::AlibabaAlb, CSV);
    for record in &mut json {
        // A column that was not chosen.
        std::sync::Arc::make_mut(record.request.as_mut().unwrap()).body_bytes = None;
    }
    assert_eq!(json, csv[..4]);
}

#[test]
fn a_row_is_no_header_whatever_is_in_it() {
    assert_eq!(records(Format::AlibabaAlb, CSV).len(), 5);
}

#[test]
fn bytes_that_are_no_text_leave_the_texts_open() {
    let line = ALB.lines().nth(1).unwrap().replace("curl/8.4.0", "curl/\u{1}");
    let line: Vec<u8> = line.bytes().map(|byte| if byte == 1 { 0xff } else { byte }).collect();
    let mut out = Vec::new();
    decoder(Format::AlibabaAlb).decode(&line, &mut out).unwrap();
    let request = out[0].request.as_ref().unwrap();
    assert_eq!((&request.agent, &request.path, request.status), (&None, &None, Some(200)));
}

proptest! {
    #[test]
    fn a_value_without_escapes_is_read_as_any_other(
        value in "\"[a0é\\-]{0,3}\"|-?[0-9]{1,3}|null|true|false|\\[\\]|\\{\\}|",
    ) {
        let surely = any_scalar(&value);
        prop_assert_eq!(plain_scalar(&value), surely.as_deref());
    }

    #[test]
    fn no_damage_is_a_panic(at in 0_usize..4_000, byte in any::<u8>()) {
        for (format, log) in [(Format::AlibabaAlb, ALB), (Format::AlibabaClb, CLB), (Format::AlibabaAlb, CSV)] {
            let mut log = log.as_bytes().to_vec();
            let at = at % log.len();
            log[at] = byte;
            let mut decoder = decoder(format);
            for line in log.split(|&byte| byte == b'\n') {
                let _ = decoder.decode(line, &mut Vec::new());
            }
        }
    }
}
