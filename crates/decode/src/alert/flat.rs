//! Alerts of any detector that writes one JSON object a line, by a [`FieldMap`].

use super::{
    AlertIdentity, Reading,
    draft::{Draft, end, kept},
    map::{FieldMap, HttpFields, OpenerFields, RawFieldMap, TimeUnit},
};
use crate::{
    Unreadable,
    field::{self, UnixUnit, fault, required},
    json::Object,
};
use std::{sync::LazyLock, time::Duration};
use unmasq_model::{AlertClass, Context, End, HttpContext, Span};

/// The alert log of Alibaba Cloud's NDR. Its source is the end that opened the flow, whichever way
/// the flow went (`net_connect_dir` is `in` or `out`, as seen from the cloud); times are whole
/// seconds.
/// <https://www.alibabacloud.com/help/en/cloud-firewall/network-detection-and-response/user-guide/log-fields>
pub(super) static ALIBABA_NDR: LazyLock<FieldMap> = LazyLock::new(|| {
    let path = |name: &str| Some(name.to_owned());
    FieldMap(RawFieldMap {
        id: path("alert_id"),
        sensor: None,
        time: None,
        start: path("start_time"),
        end: path("end_time"),
        time_unit: TimeUnit::S,
        src_ip: "src_ip".into(),
        src_port: path("src_port"),
        dest_ip: "dst_ip".into(),
        dest_port: path("dst_port"),
        protocol: "l4_protocol".into(),
        signature: path("alert_name"),
        tls_sni: None,
        ssh_client: None,
        only: None,
        opened_by: Some(OpenerFields {
            field: "net_connect_dir".into(),
            src: vec!["in".into(), "out".into()],
            dest: Vec::new(),
        }),
        class: None,
        http: HttpFields {
            host: path("host"),
            method: path("request_method"),
            url: path("request_uri"),
            ..HttpFields::default()
        },
    })
});

pub(super) fn read(FieldMap(map): &FieldMap, object: &Object<'_>) -> Reading {
    let text = |path: &Option<String>| path.as_deref().and_then(|path| object.at(path));
    let says = |field: &str, values: &[String]| {
        object.at(field).is_some_and(|value| values.iter().any(|listed| *listed == value))
    };
    if map.only.as_ref().is_some_and(|only| !says(&only.field, &only.values)) {
        return Reading::NotAnAlert;
    }
    let protocol = required(&map.protocol, object.at(&map.protocol))
        .and_then(|written| field::protocol(&map.protocol, &written));
    let end_of = |ip: &str, port: &Option<String>| {
        end([ip, port.as_deref().unwrap_or_default()], [object.at(ip), text(port)], &protocol)
    };
    let opened_by = map.opened_by.as_ref().and_then(|opener| {
        match (says(&opener.field, &opener.src), says(&opener.field, &opener.dest)) {
            (true, false) => Some(End::Src),
            (false, true) => Some(End::Dest),
            _ => None,
        }
    });
    let class = map.class.as_ref().map_or(AlertClass::Attack, |class| {
        if says(&class.field, &class.both) {
            AlertClass::Both
        } else if says(&class.field, &class.sensitive) {
            AlertClass::Sensitive
        } else {
            AlertClass::Attack
        }
    });
    Draft {
        identity: AlertIdentity {
            own_id: kept(text(&map.id)),
            sensor: kept(text(&map.sensor)),
            flow_id: None,
        },
        realm: None,
        at: at(map, object),
        request_lag: Duration::ZERO,
        src: end_of(&map.src_ip, &map.src_port),
        dest: end_of(&map.dest_ip, &map.dest_port),
        protocol,
        opened_by,
        flow_start: None,
        class,
        context: Context {
            signature: kept(text(&map.signature)),
            http: http_context(&map.http, text),
            tls_sni: kept(text(&map.tls_sni)),
            ssh_client: kept(text(&map.ssh_client)),
        },
    }
    .finish()
}

/// The moment, or from the start to the end; without an end, the start.
fn at(map: &RawFieldMap, object: &Object<'_>) -> Result<Span, Unreadable> {
    let moment = |path: &str| -> Result<Option<Span>, Unreadable> {
        let Some(written) = object.at(path) else { return Ok(None) };
        let read = match map.time_unit {
            TimeUnit::S => field::unix_time(&written, UnixUnit::Seconds),
            TimeUnit::Ms => field::unix_time(&written, UnixUnit::Milliseconds),
            TimeUnit::Us => field::unix_time(&written, UnixUnit::Microseconds),
            TimeUnit::Rfc3339 => field::zoned_time(&written),
        };
        read.map(Some).ok_or_else(|| fault(path, "is not a time in the unit of its map"))
    };
    let start_path = map.time.as_deref().or(map.start.as_deref()).unwrap_or_default();
    let start = moment(start_path)?.ok_or_else(|| fault(start_path, "is missing, or written twice"))?;
    let Some(end_path) = map.end.as_deref() else { return Ok(start) };
    let end = moment(end_path)?.unwrap_or(start);
    Span::new(start.from(), end.to()).map_err(|_| fault(end_path, "is before the start"))
}

fn http_context<'a>(
    map: &HttpFields,
    text: impl Fn(&Option<String>) -> Option<std::borrow::Cow<'a, str>>,
) -> Option<HttpContext> {
    let http = HttpContext {
        host: kept(text(&map.host)),
        method: kept(text(&map.method)),
        url: kept(text(&map.url)),
        agent: kept(text(&map.agent)),
        status: text(&map.status).and_then(|status| field::number(&status)),
        position: text(&map.position).and_then(|position| field::number(&position)),
    };
    (http != HttpContext::default()).then_some(http)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Hints,
        alert::{AlertFacts, AlertFormat},
    };
    use std::sync::Arc;
    use unmasq_model::Protocol;

    /// The map of the module's documentation, so that the documentation is true.
    fn documented() -> String {
        include_str!("map.rs")
            .lines()
            .skip_while(|line| *line != "//! ```toml")
            .skip(1)
            .take_while(|line| *line != "//! ```")
            .map(|line| line.trim_start_matches("//!").to_owned() + "\n")
            .collect()
    }

    fn map(toml: &str) -> Result<FieldMap, toml::de::Error> {
        toml::from_str(toml)
    }

    fn alert(format: &AlertFormat, line: &str) -> AlertFacts {
        match format.reader(Hints::default()).read(line.as_bytes()) {
            Reading::Alert(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_alert_of_the_ndr_sample_is_read() {
        let sample = include_str!("testdata/ndr.jsonl");
        let facts: Vec<_> = sample.lines().map(|line| alert(&AlertFormat::AlibabaNdr, line)).collect();
        let [out, _, inbound] = &facts[..] else { panic!("three alerts") };
        assert_eq!(out.identity.own_id.as_deref(), Some("a1"));
        assert_eq!(out.at.to_string(), "2026-03-14T08:00:42Z … 2026-03-14T08:00:43.999999Z");
        assert_eq!(
            (out.ends.src.to_string(), out.ends.dest.to_string()),
            ("203.0.113.10:48155".into(), "198.51.100.77:443".into())
        );
        assert_eq!((out.protocol, out.opened_by, &out.context.http), (Protocol::TCP, Some(End::Src), &None));
        assert_eq!(out.context.signature.as_deref(), Some("C2 beacon"));
        assert_eq!(inbound.opened_by, Some(End::Src));
        let http = inbound.context.http.as_ref().unwrap();
        assert_eq!(
            (http.host.as_deref(), http.url.as_deref()),
            (Some("shop.example.com"), Some("/api/upload"))
        );
    }

    #[test]
    fn the_documented_map_reads_nested_and_dotted_fields() {
        let format = AlertFormat::Flat(Arc::new(map(&documented()).unwrap()));
        let line = r#"{"event":{"kind":"alert","category":"data-leak"},"start_time":"1773475242.25","end_time":1773475243,
            "source.ip":"203.0.113.7","source":{"port":"40112","ip":"192.0.2.1"},"destination":{"ip":"2001:db8::1","port":443},
            "network":{"transport":17,"direction":"reply"},"observer":{"name":"ndr-1"},"alert_id":77,
            "http":{"response":{"status_code":"404"}}}"#;
        let facts = alert(&format, line);
        assert_eq!(
            facts.ends.src.to_string(),
            "203.0.113.7:40112",
            "the member that has the dots comes first"
        );
        assert_eq!(facts.ends.dest.to_string(), "[2001:db8::1]:443");
        assert_eq!((facts.protocol, facts.opened_by), (Protocol::UDP, Some(End::Dest)));
        assert_eq!(facts.class, AlertClass::Sensitive);
        assert_eq!(facts.at.to_string(), "2026-03-14T08:00:42.250Z … 2026-03-14T08:00:43.999999Z");
        assert_eq!(
            (facts.identity.own_id.as_deref(), facts.identity.sensor.as_deref()),
            (Some("77"), Some("ndr-1"))
        );
        assert_eq!(facts.context.http.unwrap().status, Some(404));

        assert_eq!(
            format.reader(Hints::default()).read(br#"{"event":{"kind":"metric"}}"#),
            Reading::NotAnAlert
        );
    }

    #[test]
    fn times_come_in_every_unit() {
        let fields = "time = 't'\nsrc_ip = 's'\ndest_ip = 'd'\nprotocol = 'p'\n";
        for (unit, written, want) in [
            ("s", "1773475242", "2026-03-14T08:00:42Z … 2026-03-14T08:00:42.999999Z"),
            ("ms", "1773475242125", "2026-03-14T08:00:42.125Z … 2026-03-14T08:00:42.125999Z"),
            ("us", "\"1773475242125001\"", "2026-03-14T08:00:42.125001Z"),
            ("rfc3339", "\"2026-03-14T16:00:42.125001+08:00\"", "2026-03-14T08:00:42.125001Z"),
        ] {
            let map = map(&format!("{fields}time_unit = '{unit}'")).unwrap();
            let line = format!(r#"{{"t":{written},"s":"192.0.2.1","d":"192.0.2.2","p":"icmp"}}"#);
            assert_eq!(alert(&AlertFormat::Flat(Arc::new(map)), &line).at.to_string(), want);
        }
    }

    #[test]
    fn an_alert_that_ends_before_it_starts_is_unusable() {
        let line = r#"{"alert_id":"x","start_time":10,"end_time":9,"src_ip":"192.0.2.1","dst_ip":"192.0.2.2","l4_protocol":"tcp"}"#;
        match AlertFormat::AlibabaNdr.reader(Hints::default()).read(line.as_bytes()) {
            Reading::Unusable(lost) => {
                assert_eq!(lost.why.to_string(), "`end_time` is before the start");
                assert_eq!(lost.identity.own_id.as_deref(), Some("x"));
            }
            other => panic!("{other:?}"),
        }
    }
}
