//! Findings in OCSF: Detection Finding (class 2004) and Data Security Finding (class 2006).
//!
//! ```json
//! {"class_uid":2004,"time":1795345072310,"metadata":{"uid":"…","product":{"name":"…"}},
//!  "finding_info":{"title":"…","first_seen_time":1795345072309,"last_seen_time":1795345072330},
//!  "evidences":[{"src_endpoint":{"ip":"203.0.113.10","port":20038},"dst_endpoint":{"ip":"198.51.100.66","port":80},
//!   "connection_info":{"protocol_num":6},"http_request":{"http_method":"GET","url":{"hostname":"…","path":"/…"}}}]}
//! ```
//!
//! | theirs | ours |
//! | --- | --- |
//! | `finding_info.first_seen_time`, `last_seen_time`; else `start_time`, `end_time`; else `time` | `at`, in milliseconds; `…_dt` (a text) where the number is absent |
//! | `src_endpoint`, `dst_endpoint` of an evidence, or of the finding | `ends` |
//! | `connection_info.protocol_num`, else `protocol_name` | `protocol` |
//! | `metadata.uid` | the alert's own id. `finding_info.uid` comes again with every update |
//! | `finding_info.title` | `context.signature` |
//! | `http_request`, `http_response`, `tls.sni` | `context` |
//! | `class_uid` | `class`: 2006 is about sensitive data |
//!
//! Quirks: class 2004 has no endpoints of its own. Evidences of several flows are not one alert with two ends.
//! Nothing says who opened the flow.
//! <https://schema.ocsf.io/classes/detection_finding>

use super::{
    AlertIdentity, Reading,
    draft::{Draft, end, kept},
};
use crate::{
    Unreadable,
    field::{self, UnixUnit, fault, required},
    json::Object,
};
use std::{sync::Arc, time::Duration};
use unmasq_model::{AlertClass, Context, Endpoint, HttpContext, Protocol, Span};

const DETECTION: &str = "2004";
const DATA_SECURITY: &str = "2006";

pub(super) fn read(line: &Object<'_>) -> Reading {
    let class = match line.scalar("class_uid").as_deref() {
        Some(DETECTION) => AlertClass::Attack,
        Some(DATA_SECURITY) => AlertClass::Sensitive,
        Some(_) => return Reading::NotAnAlert,
        None => return Reading::Unreadable(fault("class_uid", "is missing: it is not OCSF")),
    };
    let flow = flow(line);
    let protocol = flow.as_ref().map_or_else(|| Err(NO_ENDS), |flow| flow.protocol.clone());
    Draft {
        identity: AlertIdentity {
            own_id: kept(line.at("metadata.uid")),
            sensor: kept(line.at("metadata.product.uid").or_else(|| line.at("metadata.product.name"))),
            flow_id: None,
        },
        realm: None,
        at: at(line),
        request_lag: Duration::ZERO,
        src: flow.as_ref().map_or(Err(NO_ENDS), |flow| flow.src.clone()),
        dest: flow.as_ref().map_or(Err(NO_ENDS), |flow| flow.dest.clone()),
        protocol,
        opened_by: None,
        flow_start: None,
        class,
        context: Context {
            signature: kept(line.at("finding_info.title")),
            ..flow.map(|flow| flow.context).unwrap_or_default()
        },
    }
    .finish()
}

/// Whether a line is a finding that is read here.
pub(super) fn fits(line: &Object<'_>) -> bool {
    line.scalar("class_uid").is_some_and(|class| class == DETECTION || class == DATA_SECURITY)
}

const NO_ENDS: Unreadable = Unreadable::because("none of its evidences has endpoints");
const SEVERAL: Unreadable =
    Unreadable::because("its evidences are about several flows, an alert about two ends");

/// What one piece of evidence says.
#[derive(Clone)]
struct Flow {
    protocol: Result<Protocol, Unreadable>,
    src: Result<Endpoint, Unreadable>,
    dest: Result<Endpoint, Unreadable>,
    context: Context,
}

/// The one flow that the finding is about; `None` if it names no endpoint.
fn flow(line: &Object<'_>) -> Option<Flow> {
    let evidences = line.objects("evidences").unwrap_or_default();
    let has_ends = |object: &&Object<'_>| object.has("src_endpoint") || object.has("dst_endpoint");
    let mut flows = evidences.iter().filter(has_ends).chain(Some(line).filter(has_ends)).map(Flow::of);
    let first = flows.next()?;
    let same = |other: &Flow| {
        (&other.src, &other.dest, &other.protocol) == (&first.src, &first.dest, &first.protocol)
    };
    if flows.all(|other| same(&other)) {
        return Some(first);
    }
    Some(Flow { protocol: Err(SEVERAL), src: Err(SEVERAL), dest: Err(SEVERAL), context: Context::default() })
}

impl Flow {
    fn of(evidence: &Object<'_>) -> Self {
        let number = evidence.at("connection_info.protocol_num").filter(|number| *number != "-1");
        let named = number.or_else(|| evidence.at("connection_info.protocol_name"));
        let protocol = required("connection_info.protocol_num", named)
            .and_then(|named| field::protocol("connection_info.protocol_num", &named));
        let end_of = |name: &str| {
            let names = ["ip", "port"].map(|part| format!("{name}.{part}"));
            end([&names[0], &names[1]], [evidence.at(&names[0]), evidence.at(&names[1])], &protocol)
        };
        let (src, dest) = (end_of("src_endpoint"), end_of("dst_endpoint"));
        let context =
            Context { http: http(evidence), tls_sni: kept(evidence.at("tls.sni")), ..Context::default() };
        Self { protocol, src, dest, context }
    }
}

fn http(evidence: &Object<'_>) -> Option<HttpContext> {
    let text = |path: &str| evidence.at(path);
    let url = text("http_request.url.path").map(|path| match text("http_request.url.query_string") {
        Some(query) => Arc::from(format!("{path}?{}", query.trim_start_matches('?'))),
        None => Arc::from(path),
    });
    let http = HttpContext {
        host: kept(text("http_request.url.hostname")),
        method: kept(text("http_request.http_method")),
        url,
        agent: kept(text("http_request.user_agent")),
        status: text("http_response.code").and_then(|code| field::number(&code)),
        position: None,
    };
    (http != HttpContext::default()).then_some(http)
}

fn at(line: &Object<'_>) -> Result<Span, Unreadable> {
    const SPANS: [[&str; 2]; 3] = [
        ["finding_info.first_seen_time", "finding_info.last_seen_time"],
        ["start_time", "end_time"],
        ["time", "time"],
    ];
    for [first, last] in SPANS {
        if let Some(from) = moment(line, first)? {
            let to = moment(line, last)?.unwrap_or(from);
            return Span::new(from.from(), to.to()).map_err(|_| fault(last, "is before the start"));
        }
    }
    Err(fault("time", "is missing, or written twice"))
}

/// A time in milliseconds, or beside it (`…_dt`) as a text.
fn moment(line: &Object<'_>, name: &str) -> Result<Option<Span>, Unreadable> {
    let number = line.at(name).map(|number| field::unix_time(&number, UnixUnit::Milliseconds));
    let text = || line.at(&format!("{name}_dt")).map(|text| field::zoned_time(&text));
    match number.or_else(text) {
        None => Ok(None),
        Some(Some(at)) => Ok(Some(at)),
        Some(None) => Err(fault(name, "is not a time in milliseconds since 1970")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Hints,
        alert::{AlertFacts, AlertFormat},
    };

    const EVIDENCE: &str = r#"{"src_endpoint":{"ip":"203.0.113.10","port":20038},"dst_endpoint":{"ip":"198.51.100.66","port":80},"connection_info":{"protocol_num":6,"direction_id":2},"http_request":{"http_method":"GET","user_agent":"x/1","url":{"hostname":"cdn.bad.example","path":"/gate.php","query_string":"id=1"}},"http_response":{"code":200}}"#;

    fn finding(evidences: &str) -> String {
        format!(
            r#"{{"class_uid":2004,"time":1795345999000,"metadata":{{"uid":"e1","product":{{"name":"ndr"}}}},"finding_info":{{"uid":"f1","title":"C2 beacon","first_seen_time":1795345072310,"last_seen_time":1795345072330}},"evidences":[{evidences}]}}"#
        )
    }

    fn reading(line: &str) -> Reading {
        AlertFormat::OcsfFinding.reader(Hints::default()).read(line.as_bytes())
    }

    fn alert(line: &str) -> AlertFacts {
        match reading(line) {
            Reading::Alert(facts) => *facts,
            other => panic!("{other:?}"),
        }
    }

    fn why(line: &str) -> String {
        match reading(line) {
            Reading::Unusable(lost) => lost.why.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_finding_is_about_its_one_evidence() {
        let facts = alert(&finding(&format!("{{\"query\":\"x\"}},{EVIDENCE},{EVIDENCE}")));
        assert_eq!(facts.at.to_string(), "2026-11-22T10:57:52.310Z … 2026-11-22T10:57:52.330999Z");
        assert_eq!(facts.ends.src.to_string(), "203.0.113.10:20038");
        assert_eq!(facts.ends.dest.to_string(), "198.51.100.66:80");
        assert_eq!((facts.protocol, facts.opened_by, facts.class), (Protocol::TCP, None, AlertClass::Attack));
        assert_eq!(
            facts.identity,
            AlertIdentity { own_id: Some("e1".into()), sensor: Some("ndr".into()), flow_id: None }
        );
        let http = facts.context.http.unwrap();
        assert_eq!(
            (
                http.host.as_deref(),
                http.method.as_deref(),
                http.url.as_deref(),
                http.agent.as_deref(),
                http.status
            ),
            (Some("cdn.bad.example"), Some("GET"), Some("/gate.php?id=1"), Some("x/1"), Some(200))
        );
        assert_eq!(facts.context.signature.as_deref(), Some("C2 beacon"));
    }

    #[test]
    fn the_next_best_time_is_taken_where_the_best_is_not_there() {
        let line = finding(EVIDENCE);
        let line = line.replace("first_seen_time", "was");
        assert_eq!(alert(&line).at.to_string(), "2026-11-22T11:13:19Z … 2026-11-22T11:13:19.000999Z");
        let text = line.replace("\"time\":1795345999000", "\"time_dt\":\"2026-11-22T11:13:19.5Z\"");
        assert!(alert(&text).at.to_string().starts_with("2026-11-22T11:13:19.500Z"));
        assert_eq!(why(&line.replace("\"time\":", "\"was_time\":")), "`time` is missing, or written twice");
        assert_eq!(
            why(&line.replace("1795345999000", "\"soon\"")),
            "`time` is not a time in milliseconds since 1970"
        );
    }

    #[test]
    fn a_data_security_finding_has_its_ends_at_the_top() {
        let line = finding("").replace("2004", "2006").replace(
            "\"evidences\":[]",
            r#""src_endpoint":{"ip":"10.0.0.1"},"dst_endpoint":{"ip":"198.51.100.1"},"connection_info":{"protocol_name":"udp"}"#,
        );
        let facts = alert(&line);
        assert_eq!((facts.class, facts.protocol), (AlertClass::Sensitive, Protocol::UDP));
    }

    #[test]
    fn what_has_not_two_ends_is_an_alert_with_a_reason() {
        assert_eq!(why(&finding("")), "none of its evidences has endpoints");
        let other = EVIDENCE.replace("20038", "20039");
        assert_eq!(
            why(&finding(&format!("{EVIDENCE},{other}"))),
            "its evidences are about several flows, an alert about two ends"
        );
        let half = r#"{"src_endpoint":{"ip":"203.0.113.10","port":1},"connection_info":{"protocol_num":6}}"#;
        assert_eq!(why(&finding(half)), "`dst_endpoint.ip` is missing, or written twice");
    }

    #[test]
    fn other_classes_are_no_alerts() {
        assert_eq!(reading(&finding(EVIDENCE).replace("2004", "4001")), Reading::NotAnAlert);
        assert!(matches!(reading("{\"time\":1}"), Reading::Unreadable(_)));
    }
}
