use super::*;

const ENDS: &str = r#""orig.ip.protocol":6,"orig.l4.sport":5000,"orig.l4.dport":80,"reply.l4.sport":80,"reply.l4.dport":1000,"src_ip":"10.0.0.14","dest_ip":"198.51.100.9","reply.ip.saddr.str":"198.51.100.9","reply.ip.daddr.str":"203.0.113.1""#;
const NEW: &str = r#""ct.event":1,"flow.start.sec":1795345072,"flow.start.usec":308879"#;
const OVER: &str = r#""ct.event":4,"flow.start.sec":1795345072,"flow.start.usec":308750,"flow.end.sec":1795345075,"flow.end.usec":312047"#;

fn facts(lines: &[&str]) -> Vec<Fact> {
    let mut decoder = UlogdJson::new(None);
    let mut out = Vec::new();
    for line in lines {
        decoder.decode(format!("{{{line},{ENDS}}}").as_bytes(), &mut out).unwrap();
    }
    out.into_iter().map(|record| record.fact).collect()
}

#[test]
fn a_record_by_flow_bounds_a_session_and_proves_none() {
    let at = |us| LogTime::from_unix_us(us).unwrap();
    let facts = facts(&[OVER]);
    let [Fact::Whole { start, end, proven: None }] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(*start, Span::between(at(1_795_345_072_283_750), at(1_795_345_072_308_750)));
    assert_eq!(end.to(), at(1_795_345_075_312_047));
}

#[test]
fn after_a_new_the_times_of_a_destroy_are_the_kernels() {
    let facts = facts(&[NEW, OVER]);
    let [Fact::Event(_), Fact::Event(destroy)] = facts.as_slice() else { panic!("{facts:?}") };
    assert_eq!(destroy.started, LogTime::from_unix_us(1_795_345_072_308_750).map(Span::at));
    assert_eq!(destroy.stopped, LogTime::from_unix_us(1_795_345_075_312_047).map(Span::at));
}
