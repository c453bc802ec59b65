//! The last hours of a store, in memory.
//!
//! Plain sessions of these hours are answered from here, and need not be sought in files. It holds what the store
//! holds: it is filled from it, and told of each lot that is stored.
//!
//! Invariant: it answers as the store would, for every moment that it [covers](Recent::covers).

use crate::{NodeError, met::Met};
use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};
use unmasq_index::{Found, Limits, Resident, Row, Written};
use unmasq_model::{
    Evidence, GatewayIx, GatewayName, LogIx, LogTime, Realm, Session, SessionsQuestion, SourceName, Span,
    Translation,
};
use unmasq_store::{Names, Plain, Store, hours, session_of};

/// How much of a store is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Window {
    /// So long before the latest record, by the logs' own clocks.
    pub length: Duration,
    /// So many bytes at most: then the oldest hours are left to the store.
    pub bytes: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { length: Duration::from_secs(6 * 3600), bytes: 2 << 30 }
    }
}

/// The last hours of a store.
#[derive(Debug)]
pub(crate) struct Recent {
    resident: Resident,
    window: Window,
    /// Everything that ended then or later is held.
    since: LogTime,
    books: Books,
}

/// What rows have numbers for. They stay as long as the process, whatever the site looks like.
#[derive(Debug)]
struct Books {
    gateways: Met<GatewayName>,
    realms: Met<Realm>,
    logs: Vec<SourceName>,
    /// The files of each log.
    files: Vec<Vec<SourceName>>,
}

/// What the names of one file have for numbers here.
struct Numbers {
    gateways: Vec<u32>,
    realms: Vec<(u32, Realm)>,
    logs: Vec<usize>,
    /// For each log and each file of it; they are few.
    files: Vec<Vec<u32>>,
}

/// How a site calls what the books have numbers for.
pub(crate) struct Calls<'c> {
    pub(crate) gateways: &'c BTreeMap<GatewayName, GatewayIx>,
    pub(crate) logs: &'c BTreeMap<SourceName, (LogIx, BTreeMap<SourceName, u32>)>,
}

/// So many rows are inserted together.
const TOGETHER: usize = 100_000;

impl Recent {
    /// What a store has of the hours before its latest record.
    ///
    /// # Errors
    /// When a file of it is missing or damaged.
    pub(crate) fn of(store: &Store, window: Window, latest: Option<LogTime>) -> Result<Self, NodeError> {
        let since = latest.map_or(LogTime::BEGINNING, |latest| hours::begin_of(latest.minus(window.length)));
        let books =
            Books { gateways: Met::nobody(), realms: Met::nobody(), logs: Vec::new(), files: Vec::new() };
        let resident = Resident::new(Limits { bytes: window.bytes });
        let mut recent = Self { resident, window, since, books };
        let files: Vec<(String, Numbers)> = store
            .names_since(since)
            .map_err(NodeError::Store)?
            .into_iter()
            .map(|(file, names)| {
                let numbers = recent.books.numbers(&names);
                (file, numbers)
            })
            .collect();
        // One reads and unpacks, the other puts in order.
        let (sender, inbox) = sync_channel(4);
        thread::scope(|scope| {
            let reader = scope.spawn(move || read(store, &files, since, &sender));
            recent.take_all(&inbox);
            reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        Ok(recent)
    }

    /// Somebody who adds rows of these names.
    pub(crate) fn adding(&mut self, names: &Names) -> Adding<'_> {
        let numbers = self.books.numbers(names);
        Adding { recent: self, numbers, read: Read::default() }
    }

    /// Whether everything is held whose packets passed during that span.
    pub(crate) fn covers(&self, during: Span) -> bool {
        during.from() >= self.since
    }

    /// Leaves to the store what is too old, now that there are records of that moment.
    pub(crate) fn move_on(&mut self, latest: LogTime) {
        let since = hours::begin_of(latest.minus(self.window.length));
        if since > self.since {
            self.resident.expire(since);
            self.since = since;
        }
    }

    /// How many sessions are held, and in how many bytes.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.resident.len(), self.resident.memory())
    }

    /// The sessions that answer these questions, each of which is [covered](Self::covers), as the site calls things.
    pub(crate) fn find(&self, asked: &[&SessionsQuestion], calls: &Calls<'_>) -> Vec<Session> {
        let gateways: Vec<Option<GatewayIx>> =
            self.books.gateways.names().iter().map(|name| calls.gateways.get(name).copied()).collect();
        let own = |ix: GatewayIx| gateways.iter().position(|known| *known == Some(ix));
        let asked: Vec<SessionsQuestion> = asked
            .iter()
            .filter_map(|asked| {
                let gateway = match asked.gateway {
                    // Of whom nothing is held, nothing is found.
                    Some(ix) => Some(GatewayIx(u32::try_from(own(ix)?).ok()?)),
                    None => None,
                };
                Some(SessionsQuestion { gateway, ..**asked })
            })
            .collect();
        let snapshot = self.resident.snapshot();
        let mut sessions: Vec<Session> = snapshot
            .reader()
            .find_each(&asked)
            .flat_map(Found::sessions)
            .filter_map(|session| {
                let gateway = gateways.get(session.gateway.0 as usize).copied().flatten()?;
                let evidence = session.evidence.iter().map(|evidence| self.called(evidence, calls));
                let evidence = evidence.collect::<Option<Vec<Evidence>>>()?;
                Some(Session { gateway, evidence, ..session.into_owned() })
            })
            .collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    fn called(&self, evidence: &Evidence, calls: &Calls<'_>) -> Option<Evidence> {
        let own = evidence.log.0 as usize;
        let (log, files) = calls.logs.get(self.books.logs.get(own)?)?;
        let file = self.books.files.get(own)?.get(evidence.file as usize)?;
        Some(Evidence {
            log: *log,
            file: files.get(file).copied().unwrap_or_default(),
            line: evidence.line,
            record: evidence.record.clone(),
        })
    }

    fn take_all(&mut self, inbox: &Receiver<Read>) {
        for read in inbox {
            self.take(read);
        }
    }

    fn take(&mut self, read: Read) {
        let dropped = self.resident.insert_rows(&read.rows, self.books.realms.names());
        let more = if read.others.is_empty() { None } else { self.resident.insert_sessions(read.others) };
        for dropped in dropped.into_iter().chain(more) {
            self.since = self.since.max(dropped.until);
        }
    }
}

/// Rows on their way to where they are held.
pub(crate) struct Adding<'r> {
    recent: &'r mut Recent,
    numbers: Numbers,
    read: Read,
}

impl Adding<'_> {
    /// Adds a row, which means this session.
    pub(crate) fn add(&mut self, row: &Plain, session: &PlainSession) {
        self.read.take(row, session, &self.numbers, self.recent.since);
    }

    /// That was all.
    pub(crate) fn done(self) {
        self.recent.take(self.read);
    }
}

/// What a plain row means: see [`session_of`].
pub(crate) type PlainSession = (Translation, Span, Span);

/// Sessions, as they are held.
#[derive(Default)]
struct Read {
    rows: Vec<Row>,
    /// Those of which a row cannot hold everything.
    others: Vec<Session>,
}

impl Read {
    fn take(&mut self, plain: &Plain, session: &PlainSession, numbers: &Numbers, since: LogTime) {
        // It stands under every hour that it touches, and is taken once.
        if hours::first_since(plain.start, since) != plain.hour && plain.hour != hours::LONG {
            return;
        }
        let (_, _, end) = session;
        if end.to() >= since
            && let Some((written, realm)) = numbers.written(plain)
        {
            Unpacked::of(session, &written, realm).into_either(&mut self.rows, &mut self.others);
        }
    }
}

/// A plain session out of a store: a row, unless that cannot hold all of it.
pub(crate) struct Unpacked(Result<Row, Session>);

impl Unpacked {
    pub(crate) fn of(session: &PlainSession, written: &Written, realm: Option<Realm>) -> Self {
        let (translation, start, end) = *session;
        Self(Row::of(&translation, start, end, written).ok_or_else(|| {
            let Written { gateway, log, file, line, .. } = *written;
            let evidence = vec![Evidence { log, file, line, record: "".into() }];
            let (request, proven) = (None, None);
            Session { gateway, translation, request, inside_realm: realm, start, end, proven, evidence }
        }))
    }

    pub(crate) fn into_either(self, rows: &mut Vec<Row>, others: &mut Vec<Session>) {
        match self.0 {
            Ok(row) => rows.push(row),
            Err(session) => others.push(session),
        }
    }
}

fn read(
    store: &Store,
    files: &[(String, Numbers)],
    since: LogTime,
    sender: &SyncSender<Read>,
) -> Result<(), NodeError> {
    let mut read = Read::default();
    for (file, numbers) in files {
        let take = |rows: &[Plain]| {
            for row in rows {
                if let Some(session) = session_of(row) {
                    read.take(row, &session, numbers, since);
                }
            }
            if read.rows.len() + read.others.len() >= TOGETHER {
                // Nobody hears it only when the other side has died of something that is told there.
                let _ = sender.send(std::mem::take(&mut read));
            }
        };
        store.each_since(file, since, take).map_err(NodeError::Store)?;
    }
    let _ = sender.send(read);
    Ok(())
}

impl Books {
    fn numbers(&mut self, names: &Names) -> Numbers {
        let logs: Vec<usize> = names.logs.iter().map(|log| place(&mut self.logs, log)).collect();
        self.files.resize(self.logs.len(), Vec::new());
        let mut file = |log: usize, name: &SourceName| {
            u32::try_from(place(&mut self.files[log], name)).unwrap_or(u32::MAX)
        };
        let files =
            logs.iter().map(|log| names.files.iter().map(|name| file(*log, name)).collect()).collect();
        Numbers {
            gateways: names.gateways.iter().map(|name| self.gateways.number(name)).collect(),
            realms: names.realms.iter().map(|name| (self.realms.number(name), name.clone())).collect(),
            logs,
            files,
        }
    }
}

impl Numbers {
    /// Where a row is written, and the realm that it names; `None` if it names what its file does not.
    fn written(&self, row: &Plain) -> Option<(Written, Option<Realm>)> {
        let (log, realm) = (row.log as usize, row.realm().map(|realm| realm as usize));
        let realm = realm.map(|realm| self.realms.get(realm)).map_or(Some(None), |known| known.map(Some))?;
        let written = Written {
            gateway: GatewayIx(*self.gateways.get(row.gateway as usize)?),
            log: LogIx(u32::try_from(*self.logs.get(log)?).ok()?),
            file: *self.files.get(log)?.get(row.file as usize)?,
            line: row.line,
            realm: realm.map(|(number, _)| *number),
        };
        Some((written, realm.map(|(_, name)| name.clone())))
    }
}

fn place(names: &mut Vec<SourceName>, name: &SourceName) -> usize {
    names.iter().rposition(|known| known == name).unwrap_or_else(|| {
        names.push(name.clone());
        names.len() - 1
    })
}
