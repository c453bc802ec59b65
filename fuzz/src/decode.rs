//! Targets of the decode crate. Every byte may lie: nothing panics, nothing hangs, and what comes out
//! keeps its promises.

use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use unmasq_decode::{
    Carrier, Cited, Fact, Format, Framing, Hints, ProcessFormat, Record, Said, Sighting, SpliceError,
    alert::{self, AlertFormat, AlertIdentity, AlertIds, Reading},
    assemble, detect, splice, strip,
};
use unmasq_model::{Evidence, GatewayIx, LogIx, LogTime, Session};

/// What a target does with its bytes.
pub type Target = fn(&[u8]);

/// Every target that is not [`session_log`] of some format, by the name of its file and of its corpus.
pub const OTHERS: [(&str, Target); 3] = [("alert", alert), ("process", process), ("splice", splicing)];

/// Alerts in every form that needs no map.
///
/// # Panics
/// When a promise is broken.
pub fn alert(log: &[u8]) {
    for guess in alert::detect(log) {
        assert!((1..=100).contains(&guess.percent), "a guess without a line that fits");
    }
    let moment = LogTime::from_unix_us(1_795_345_000_000_000);
    let known = Hints { zone: Some(TimeZone::UTC), written: moment, ..Hints::default() };
    for (format, hints) in AlertFormat::PRESETS
        .iter()
        .flat_map(|format| [Hints::default(), known.clone()].map(|hints| (format, hints)))
    {
        let mut reader = format.reader(hints);
        for line in log.split(|&byte| byte == b'\n') {
            let key = reader.key(line);
            let reading = reader.read(line);
            assert_eq!(key.is_some(), matches!(reading, Reading::Alert(_)), "a key to nothing, or none");
            if let Reading::Alert(facts) = reading {
                assert_eq!(key, Some(facts.key()), "another key");
                assert!(facts.at.from() <= facts.at.to() && facts.at.to().is_finite(), "no time");
                assert!(
                    facts.protocol.has_ports() || facts.ends.src.port.is_none(),
                    "a port without a meaning"
                );
            }
        }
    }
}

/// Process records.
///
/// # Panics
/// When a promise is broken.
pub fn process(log: &[u8]) {
    let _ = ProcessFormat::detect(log);
    for line in log.split(|&byte| byte == b'\n') {
        if let Ok(Some(socket)) = ProcessFormat::Unmasq.read(line) {
            assert!(socket.lived.from().is_finite(), "a socket since ever");
        }
    }
}

/// A trace put into an alert, and taken out again.
///
/// # Panics
/// When a byte is lost.
pub fn splicing(line: &[u8]) {
    const TRACE: &str = r#"{"version":1,"alert_id":"x"}"#;
    let bare = strip(line, "trace");
    assert_eq!(strip(&bare, "trace"), bare, "stripping twice is not stripping once");
    let enveloped = Carrier::Envelope.put(line, "trace", TRACE).expect("every line has room in an envelope");
    assert_eq!(
        Carrier::Envelope.put(&enveloped, "trace", TRACE).as_ref(),
        Ok(&enveloped),
        "an envelope in an envelope"
    );
    match splice(line, "trace", TRACE) {
        Ok(spliced) => {
            assert_eq!(strip(&spliced, "trace"), bare, "the alert was altered");
            assert_eq!(
                splice(&spliced, "trace", TRACE),
                Ok(spliced.clone()),
                "splicing twice is not splicing once"
            );
            let id = |line| AlertIds::default().id(&AlertIdentity::default(), line, "trace");
            assert_eq!(id(line), id(&spliced), "a trace changes the alert's id");
        }
        Err(SpliceError::NotAnObject) => assert_eq!(bare, line, "something was taken out of no object"),
        Err(SpliceError::Foreign) => {}
    }
}

/// Reads a whole log of one format, with and without hints, and assembles its sessions.
///
/// # Panics
/// When a promise is broken.
pub fn session_log(format: Format, log: &[u8]) {
    for guess in detect(log) {
        assert!((1..=100).contains(&guess.percent), "a guess without a line that fits");
    }
    let moment = LogTime::from_unix_us(1_795_345_000_000_000);
    let known = Hints { zone: Some(TimeZone::UTC), taken: moment, written: moment, ..Hints::default() };
    // The first line may also be the format string that the others were written by.
    let layout = log.split(|&byte| byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok());
    let given = Hints { layout: layout.map(Into::into), ..known.clone() };
    for hints in [Hints::default(), known, given] {
        let sightings = read(format, &hints, log);
        let sessions = assemble(sightings.clone());
        sessions.iter().for_each(check);
        assert!(sessions.is_sorted(), "sessions out of order");
        // An end that does not say what was translated needs its beginning.
        let tells = |s: &Sighting| {
            matches!(s.record.fact, Fact::Whole { .. }) || s.record.translation.outside.ip.is_some()
        };
        assert_eq!(sessions.is_empty(), !sightings.iter().any(tells), "sightings came to nothing");
        let backwards = sightings.into_iter().rev().collect();
        assert_eq!(sessions, assemble(backwards), "the order of the input shows");
    }
}

fn read(format: Format, hints: &Hints, log: &[u8]) -> Vec<Sighting> {
    let Ok(mut decoder) = format.decoder(hints) else { return Vec::new() };
    let mut said = Said::default();
    for (position, frame) in format.traits().framing.frames(log) {
        let brief = decoder.brief(frame).map(Record::from);
        let before = said.records.len();
        decoder.read_at(position, frame, &mut said);
        if let Some(brief) = brief {
            let read = said.records[before..].iter().map(|cited| &cited.record);
            assert!(read.eq([&brief]), "in brief it says something else");
        }
    }
    decoder.finish(&mut said);
    if format.traits().framing == Framing::Lines {
        let unreadable: BTreeSet<u64> = said.unreadable.iter().map(|(line, _)| *line).collect();
        let left = said.records.iter().any(|cited| unreadable.contains(&cited.position));
        assert!(!left, "an unreadable frame left a record behind");
    }
    let sighting = |Cited { position, text, record }: Cited| {
        assert!(text.len() <= 4096, "too much is cited");
        let evidence = Evidence { log: LogIx(0), file: 0, line: position, record: text };
        Sighting { gateway: GatewayIx(0), evidence, record }
    };
    said.records.into_iter().map(sighting).collect()
}

fn check(session: &Session) {
    assert!(session.start.from() <= session.end.to(), "it ends before it starts");
    assert!(!session.evidence.is_empty(), "nothing proves it");
    assert!(session.evidence.is_sorted(), "its evidence is out of order");
}
