//! The oracle over the whole: lots, merged or not, and memory give one answer.

use super::*;
use crate::import::{plain, stored::Room};
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

/// Whether each record of a log tells both edges: then none of its sessions is bounded by another, and they may
/// be kept as rows. See [`Tells`].
const fn tells_both_edges(log: LogIx) -> bool {
    log.0.is_multiple_of(2)
}

/// Sessions around the turn of an hour, as a log of their kind would tell them.
fn logged(sessions: Vec<Session>) -> Vec<Session> {
    let told = |session: Session| {
        let (start, end) = (shifted(session.start), shifted(session.end));
        let half_told = end.to() == LogTime::FOREVER && tells_both_edges(session.evidence[0].log);
        Session { start, end: if half_told { Span::at(end.from()) } else { end }, ..session }
    };
    sessions.into_iter().map(told).collect()
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
        let row = Row::of(&session.translation, session.start, session.end, &written);
        match row.filter(|_| tells_both_edges(log)) {
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
            waiting: Vec::new(),
            whole: None,
            skipped: 0,
            records: 0,
            broken: false,
            last: None,
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
        let written = writer.lots().write(&lot(part)).unwrap();
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
        forgotten in prop::option::of(0..4u32),
        merged_meanwhile in any::<bool>(),
    ) {
        let mut sessions = logged(sessions);
        let folder = tempfile::tempdir().unwrap();
        stored(folder.path(), &sessions, lots, &merges);
        if let Some(log) = forgotten {
            // As if that log had never been imported.
            let told = Writer::open(folder.path()).unwrap().forget(&log_name(LogIx(log))).unwrap();
            prop_assert!(told.was_known && told.left.len() == 3);
            sessions.retain(|session| session.evidence[0].log != LogIx(log));
            // Those behind it are called by the numbers before theirs.
            let evidence = sessions.iter_mut().flat_map(|session| &mut session.evidence);
            evidence.filter(|at| at.log > LogIx(log)).for_each(|at| at.log.0 -= 1);
            let again = Writer::open(folder.path()).unwrap().forget(&log_name(LogIx(log))).unwrap();
            prop_assert_eq!((again.was_known, again.sessions, again.others, again.files), (false, 0, 0, 0));
        }
        let mut site = Site::undeclared();
        let mut past = Past::open(folder.path(), &mut site, &mut Vec::new(), &mut Vec::new()).unwrap();
        if merged_meanwhile {
            // It reads the files that it knows of, wherever they were put.
            Writer::open(folder.path()).unwrap().merge().unwrap();
        }
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

    /// Whatever of it is in memory, and however it came there.
    #[test]
    fn what_is_held_of_the_last_hours_answers_as_the_store_does(
        sessions in generate::sessions(40),
        asked in prop::collection::vec(generate::question(), 1..8),
        (early, lots) in (0..41usize, 1..4usize),
        merges in prop::collection::vec(any::<bool>(), 1..4),
        (hours, bytes) in (0..3u64, prop::sample::select(vec![usize::MAX, 30_000, 0])),
    ) {
        let sessions = logged(sessions);
        let (early, late) = sessions.split_at(early.min(sessions.len()));
        let folder = tempfile::tempdir().unwrap();
        stored(folder.path(), early, lots, &merges);
        let past = |store| Past::of(store, &mut Site::undeclared(), &mut Vec::new(), &mut Vec::new()).unwrap();
        let mut past = past(Store::open(folder.path()).unwrap());
        let latest = early.iter().map(|session| session.end.from()).max();
        let window = Window { length: Duration::from_secs(hours * 3600), bytes };
        past.recent = Some(Recent::of(&past.store, window, latest).unwrap());
        // What comes later is told to both.
        for (number, part) in late.chunks(7).enumerate() {
            let mut writer = Writer::open(folder.path()).unwrap();
            let lot = lot(part);
            let written = writer.lots().write(&lot).unwrap();
            // Some are held, and others are read again.
            let room = Room::for_rows(if number % 2 == 0 { 1 << 20 } else { 0 });
            let stored = StoredLot::holding(written.files(), lot, &room);
            writer.commit(written, |_| ()).unwrap();
            let mut now =
                Past::of(past.store_now().unwrap(), &mut Site::undeclared(), &mut Vec::new(), &mut Vec::new()).unwrap();
            now.set_recent(past.take_recent());
            now.touch(&stored, &OpenQuestions::default(), &mut News::default(), &mut BTreeSet::new()).unwrap();
            past = now;
        }
        let everything = in_memory(&sessions);
        let questions = asked.iter().map(|asked| {
            Question::Sessions(SessionsQuestion { during: shifted(asked.during), ..*asked })
        });
        let Recalled { sessions, block } = past.recall(&questions.clone().collect()).unwrap();
        let mut memory = Memory::default();
        memory.replace_sessions(sessions, block);
        let room = Arena::new();
        for question in questions {
            let Question::Sessions(asked) = question else { unreachable!("they are made so") };
            prop_assert_eq!(memory.sessions(&asked, &room), everything.sessions(&asked, &room));
        }
    }
}
