//! What of the records of one key is too old to be kept.

use super::Filed;
use std::{collections::BTreeMap, time::Duration};
use unmasq_decode::{EventKind, Fact, Record};
use unmasq_model::{LogTime, Translation};

/// An event may have opened a session that still goes on. If no end of that is told, it stays for so long.
pub(crate) const OPEN_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Leaves out what ended before a moment, of records of one key. An event that came before it stays if its session may
/// reach beyond: that is, if no later one told of its end by then.
pub(super) fn leave_out(before: LogTime, filed: &mut Vec<Filed>) {
    let mut ended: BTreeMap<Translation, LogTime> = BTreeMap::new();
    for record in filed.iter().map(|filed| &filed.other.record) {
        if let Fact::Event(event) = &record.fact
            && event.kind == EventKind::Destroy
            && event.at < before
        {
            let last = ended.entry(record.translation).or_insert(event.at);
            *last = event.at.max(*last);
        }
    }
    filed.retain(|filed| {
        let record = &filed.other.record;
        match &record.fact {
            Fact::Whole { end, .. } => end.to() >= before,
            Fact::Event(event) => {
                let is_open = ended.get(&record.translation).is_none_or(|ended| event.at > *ended);
                event.at >= before || (is_open && event.at >= before.minus(OPEN_KEPT))
            }
        }
    });
}

/// The last moment of which a record tells.
pub(super) fn last_moment(record: &Record) -> LogTime {
    match &record.fact {
        Fact::Event(event) => event.at,
        Fact::Whole { end, .. } => end.to(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Other;
    use std::sync::Arc;
    use unmasq_decode::Event;
    use unmasq_model::{Endpoint, Protocol, Span};

    fn at(seconds: i64) -> LogTime {
        LogTime::from_unix_seconds(1_000_000_000 + seconds).unwrap()
    }

    fn filed(name: &str, inside: u8, fact: Fact) -> Filed {
        let endpoint = |ip: [u8; 4]| Endpoint { ip: ip.into(), port: Some(1) };
        let [outside, inside, remote] =
            [[203, 0, 113, 1], [10, 0, 0, inside], [198, 51, 100, 1]].map(endpoint);
        let record = Record {
            gateway: None,
            inside_realm: None,
            translation: Translation::of_source_nat(Protocol::TCP, outside, inside, remote),
            request: None,
            fact,
        };
        let other = Other {
            log: "log".into(),
            file: "file".into(),
            position: 1,
            gateway: "gw".into(),
            record,
            text: Arc::from(name),
        };
        Filed { key: String::new(), line: name.to_owned(), other }
    }

    fn event(kind: EventKind, seconds: i64) -> Fact {
        Fact::Event(Event {
            kind,
            at: at(seconds),
            lag: Duration::ZERO,
            entry: None,
            timeout: None,
            state: None,
            lasted: None,
            started: None,
            stopped: None,
        })
    }

    fn whole(start: i64, end: i64) -> Fact {
        Fact::Whole { start: Span::at(at(start)), end: Span::at(at(end)), proven: None }
    }

    #[test]
    fn what_may_reach_into_what_is_kept_stays_with_its_beginning() {
        use EventKind::{Destroy, New, Update};
        let day = 24 * 3600;
        let mut all = vec![
            filed("old", 1, event(New, 0)),
            filed("its end", 1, event(Destroy, 10)),
            filed("opened again", 1, event(New, 20)),
            filed("alive", 1, event(Update, 90)),
            filed("gone", 1, event(Destroy, 200)),
            filed("another's, never ended", 2, event(New, 5)),
            filed("and long ago", 3, event(New, -31 * day)),
            filed("over", 4, whole(0, 99)),
            filed("reaches in", 4, whole(0, 100)),
            filed("for ever", 4, whole(-400 * day, i64::from(u32::MAX))),
        ];
        leave_out(at(100), &mut all);
        let left: Vec<&str> = all.iter().map(|filed| filed.line.as_str()).collect();
        let expected = ["opened again", "alive", "gone", "another's, never ended", "reaches in", "for ever"];
        assert_eq!(left, expected);
    }
}
