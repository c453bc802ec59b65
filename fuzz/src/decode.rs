//! Targets of the decode crate. Every byte may lie: nothing panics, nothing hangs, and what comes out
//! keeps its promises.

use jiff::tz::TimeZone;
use unmasq_decode::{Format, Sighting, assemble, detect};
use unmasq_model::{Evidence, GatewayIx, LogIx, Session};

/// What a target does with its bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its file and of its corpus.
pub const ALL: [(&str, Target); 1] = [("conntrack_text", conntrack_text)];

/// `conntrack -E` event text.
pub fn conntrack_text(log: &[u8]) {
    session_log(Format::ConntrackText, log);
}

/// Reads a whole log of one format, with and without a zone, and assembles its sessions.
///
/// # Panics
/// When a promise is broken.
pub fn session_log(format: Format, log: &[u8]) {
    for guess in detect(log) {
        assert!((1..=100).contains(&guess.percent), "a guess without a line that fits");
    }
    for zone in [None, Some(TimeZone::UTC)] {
        let sightings = read(format, zone, log);
        let sessions = assemble(sightings.clone());
        sessions.iter().for_each(check);
        assert!(sessions.is_sorted(), "sessions out of order");
        assert_eq!(sessions.is_empty(), sightings.is_empty(), "sightings came to nothing");
        let backwards = sightings.into_iter().rev().collect();
        assert_eq!(sessions, assemble(backwards), "the order of the input shows");
    }
}

fn read(format: Format, zone: Option<TimeZone>, log: &[u8]) -> Vec<Sighting> {
    let mut decoder = format.decoder(zone);
    let mut sightings = Vec::new();
    for (frame, line) in log.split(|&byte| byte == b'\n').zip(1..) {
        let mut records = Vec::new();
        let read = decoder.decode(frame, &mut records);
        assert!(read.is_ok() || records.is_empty(), "an unreadable frame left a record behind");
        sightings.extend(records.into_iter().map(|record| Sighting {
            gateway: GatewayIx(0),
            evidence: Evidence { log: LogIx(0), file: 0, line, record: "".into() },
            record,
        }));
    }
    sightings
}

fn check(session: &Session) {
    assert!(session.start.from() <= session.end.to(), "it ends before it starts");
    assert!(!session.evidence.is_empty(), "nothing proves it");
    assert!(session.evidence.is_sorted(), "its evidence is out of order");
}
