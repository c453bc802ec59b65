use super::*;
use unmasq_engine::unreadable;
use unmasq_model::AlertId;

fn put(form: Form, format: &str, raw: &[u8], said: Option<Arrival>) -> Vec<u8> {
    let trace = serde_json::to_string(&unreadable(AlertId("a-1".into()))).unwrap();
    let carrier = if raw.starts_with(b"{") { Carrier::Member } else { Carrier::Envelope };
    let mut out = b"before ".to_vec();
    form.put(&Answer { format, carrier, raw, alert: None, trace: &trace, field: "trace", said }, &mut out);
    assert!(out.starts_with(b"before ") && !out.ends_with(b"\n"));
    out.split_off(7)
}

fn json(form: Form, format: &str, raw: &[u8], said: Option<Arrival>) -> Value {
    serde_json::from_slice(&put(form, format, raw, said)).unwrap()
}

#[test]
fn an_alert_of_which_nothing_is_known_has_what_is_required() {
    let said = Some(Arrival::from_unix_us(1_795_345_072_309_137));
    let finding = json(Form::Ocsf, "suricata-eve", b"{}\r\n", said);
    assert_eq!(finding["time"], 1_795_345_072_309_u64);
    assert_eq!((&finding["severity_id"], &finding["finding_info"]["title"]), (&0.into(), &"Alert".into()));
    assert_eq!((&finding["raw_data"], &finding["raw_data_size"]), (&"{}".into(), &2.into()));
    assert_eq!(json(Form::Ecs, "flat", b"{}", said)["@timestamp"], "2026-11-22T10:57:52.309137Z");
    assert_eq!(json(Form::Ecs, "flat", b"{}", None)["@timestamp"], "1970-01-01T00:00:00Z");
}

#[test]
fn nothing_that_an_alert_says_breaks_a_document() {
    let odd: [&[u8]; 5] = [
        b"1.0\t\xff\xfe\0\n",
        br#"{"alert":{"signature_id":{"trace":[]},"severity":-1,"category":[1]},"host":{"a":null},"trace":1}"#,
        br#"{"alert":{"severity":18446744073709551615}}"#,
        br#"{"severity_id":99,"finding_info":[]}"#,
        b"{\"a\":\"\xed\xa0\x80\"",
    ];
    for raw in odd {
        for format in ["suricata-eve", "snort3-json", "ocsf-finding", "zeek-tsv", "x"] {
            let finding = json(Form::Ocsf, format, raw, None);
            assert!(finding["severity_id"].as_u64().unwrap() <= 5);
            assert_eq!(finding["metadata"]["uid"], "a-1:1");
            let document = json(Form::Ecs, format, raw, None);
            assert!(document["observer"]["name"].is_null() && document["rule"]["id"].is_null(), "{document}");
            put(Form::Eve, format, raw, None);
        }
    }
}

#[test]
fn a_foreign_member_leaves_the_alert_as_it_came() {
    let told = put(Form::Eve, "suricata-eve", br#"{"trace":1}"#, None);
    let (alert, trace) = str::from_utf8(&told).unwrap().split_once('\n').unwrap();
    assert_eq!(alert, r#"{"trace":1}"#);
    assert_eq!(serde_json::from_str::<Value>(trace).unwrap()["alert_id"], "a-1");
}
