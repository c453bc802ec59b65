//! The oracle over the whole: lots, merged or not, and memory give one answer.

use super::*;
use crate::import::plain;
use proptest::prelude::*;
use std::path::Path;
use unmasq_decode::{Fact, Record};
use unmasq_index::{Arena, Memory};
use unmasq_io::source::Content;
use unmasq_model::{SessionsQuestion, Span};
use unmasq_store::{FileEntry, Lot, ShownEntry, Writer, hours};
use unmasq_testkit::generate;

const FILE: &str = "nat.log";

fn log_name(log: LogIx) -> SourceName {
    format!("log-{}", log.0).into()
}

fn gateway_name(gateway: GatewayIx) -> GatewayName {
    format!("gw-{}", gateway.0).into()
}

/// The generated seconds lie around the turn of an hour.
fn shifted(span: Span) -> Span {
    const BACK: Duration = Duration::from_secs(5);
    Span::between(span.from().minus(BACK), span.to().minus(BACK))
}

fn sighting(session: &Session) -> Sighting {
    let evidence = Evidence { record: "".into(), ..session.evidence[0].clone() };
    let fact = Fact::Whole { start: session.start, end: session.end, proven: session.proven };
    let Session { translation, inside_realm, request, .. } = session.clone();
    Sighting {
        gateway: session.gateway,
        evidence,
        record: Record { gateway: None, inside_realm, translation, request, fact },
    }
}

/// What a run that holds everything would know.
fn in_memory(sessions: &[Session]) -> Memory {
    let mut by_log: BTreeMap<LogIx, Vec<Sighting>> = BTreeMap::new();
    for session in sessions {
        by_log.entry(session.evidence[0].log).or_default().push(sighting(session));
    }
    let mut memory = Memory::default();
    by_log.into_values().flat_map(assemble).for_each(|session| memory.insert(session));
    memory
}

/// A lot of these: plain sessions as rows, if they are, all others as records.
fn lot(sessions: &[Session]) -> Lot {
    let mut lot = Lot::default();
    for session in sessions {
        let Evidence { log, line, .. } = session.evidence[0];
        let written = Written { gateway: session.gateway, log, file: 0, line, realm: None };
        match Row::of(&session.translation, session.start, session.end, &written) {
            Some(row) => {
                let (log, file) = (lot.names.log(&log_name(log)), lot.names.file(&FILE.into()));
                let mut plain = plain(&row, log, file);
                plain.gateway = lot.names.gateway(&gateway_name(session.gateway));
                lot.rows.extend(hours::filed(session.reach()).map(|hour| {
                    let mut filed = plain;
                    filed.hour = hour;
                    filed
                }));
            }
            None => {
                let Sighting { record, evidence, .. } = sighting(session);
                lot.others.push(Other {
                    log: log_name(log),
                    file: FILE.into(),
                    position: line,
                    gateway: gateway_name(session.gateway),
                    record,
                    text: evidence.record,
                });
            }
        }
    }
    lot
}

/// Logs in which both gateways were seen.
fn logs() -> Vec<LogEntry> {
    let entry = |log: u32| LogEntry {
        name: log_name(LogIx(log)),
        gateway: gateway_name(GatewayIx(0)),
        format: Format::ConntrackText.name().to_owned(),
        facts: LogFacts::default(),
        files: vec![FileEntry {
            name: FILE.into(),
            head: Content::of(b""),
            position: 0,
            whole: None,
            skipped: 0,
            records: 0,
            broken: false,
        }],
        shown: ShownEntry {
            gateways: [0, 1].map(GatewayIx).map(gateway_name).into(),
            ..ShownEntry::default()
        },
    };
    (0..4).map(entry).collect()
}

fn stored(folder: &Path, sessions: &[Session], lots: usize, merges: &[bool]) {
    let mut writer = Writer::open(folder).unwrap();
    writer.commit(Default::default(), |manifest| manifest.logs = logs()).unwrap();
    for (part, merges) in sessions.chunks(sessions.len().div_ceil(lots).max(1)).zip(merges.iter().cycle()) {
        let written = writer.lots().write(lot(part)).unwrap();
        writer.commit(written, |_| ()).unwrap();
        if *merges {
            writer.merge().unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn lots_merged_or_not_and_memory_give_one_answer(
        sessions in generate::sessions(40),
        asked in prop::collection::vec(generate::question(), 1..8),
        lots in 1..6usize,
        merges in prop::collection::vec(any::<bool>(), 1..4),
    ) {
        let mut sessions = sessions;
        for session in &mut sessions {
            (session.start, session.end) = (shifted(session.start), shifted(session.end));
        }
        let folder = tempfile::tempdir().unwrap();
        stored(folder.path(), &sessions, lots, &merges);
        let mut site = Site::undeclared();
        let mut past = Past::open(folder.path(), &mut site, &mut Vec::new(), &mut Vec::new()).unwrap();
        let everything = in_memory(&sessions);
        let mut memory = Memory::default();
        // Asked one after another: what was recalled before stays.
        for asked in asked {
            let asked = SessionsQuestion { during: shifted(asked.during), ..asked };
            let question = Question::Sessions(asked);
            let Recalled { sessions, block } = past.recall(&BTreeSet::from([question.clone()])).unwrap();
            memory.replace_sessions(sessions, block);
            prop_assert!(past.has_answered(&question));
            let room = Arena::new();
            prop_assert_eq!(memory.sessions(&asked, &room), everything.sessions(&asked, &room));
        }
    }
}
