//! One gateway of the recorded lab, told twice: as the kernel wrote it, and as NAT events in IPFIX that
//! were derived from that. Both must name the same sessions.

use crate::corpus::repository;
use std::{collections::BTreeMap, fs, time::Duration};
use unmasq_decode::{Cited, Format, Hints, Said, Sighting, assemble};
use unmasq_model::{Evidence, GatewayIx, LogIx, Protocol, Role, Session, Translation};

fn sessions(format: Format, file: &str) -> Vec<Session> {
    let log = fs::read(repository().join("corpus").join(file)).unwrap();
    let mut decoder = format.decoder(&Hints::default()).unwrap();
    let mut said = Said::default();
    for (position, frame) in format.traits().framing.frames(&log).filter(|(_, frame)| !frame.is_empty()) {
        decoder.read_at(position, frame, &mut said);
    }
    decoder.finish(&mut said);
    assert_eq!(said.unreadable, [], "{file}");
    let sighting = |Cited { position, text, record }| {
        let evidence = Evidence { log: LogIx(0), file: 0, line: position, record: text };
        Sighting { gateway: GatewayIx(0), evidence, record }
    };
    assemble(said.records.into_iter().map(sighting).collect())
}

/// Sessions by what was translated, in order of their start.
fn translated(sessions: &[Session]) -> BTreeMap<Translation, Vec<&Session>> {
    let mut by_translation: BTreeMap<Translation, Vec<&Session>> = BTreeMap::new();
    for session in sessions.iter().filter(|session| session.translation.inside.is_some()) {
        // The derived file has TCP and UDP only.
        if matches!(session.translation.protocol, Some(Protocol::TCP | Protocol::UDP)) {
            by_translation.entry(session.translation).or_default().push(session);
        }
    }
    for sessions in by_translation.values_mut() {
        sessions.sort_by_key(|session| session.start);
    }
    by_translation
}

#[test]
fn nat_events_tell_the_sessions_of_the_kernels_log() {
    let kernel = sessions(Format::ConntrackText, "lab-basic/gw-a.conntrack.log");
    let events = sessions(Format::IpfixNat, "lab-basic/gw-a.nat.ipfix");
    let (kernel, events) = (translated(&kernel), translated(&events));
    assert!(kernel.len() > 200, "{}", kernel.len());
    assert!(kernel.keys().any(|translation| translation.role == Role::Server));
    assert_eq!(kernel.keys().collect::<Vec<_>>(), events.keys().collect::<Vec<_>>());
    for (translation, kernel) in &kernel {
        let events = &events[translation];
        assert_eq!(kernel.len(), events.len(), "{translation:?}");
        for (one, other) in kernel.iter().zip(events) {
            let millisecond = Duration::from_millis(1);
            assert!(other.start.widened(millisecond).contains(one.start), "{one:#?}\n{other:#?}");
            assert!(other.reach().widened(millisecond).contains(one.reach()), "{one:#?}\n{other:#?}");
        }
    }
}
