//! What readers see: everything that was known at one moment.

use super::{
    dense::{Dense, flow},
    hour::{Hour, Key},
    run::Run,
};
use crate::{Arena, Row, answers, block::Sought, memory::carried};
use std::{
    collections::{BTreeMap, BTreeSet},
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    ops::Range,
    sync::Arc,
};
use unmasq_model::{LogTime, RequestsQuestion, Rivals, Session, SessionsQuestion, Span};

/// All sessions that were known when it was taken; nothing that comes later changes it. A clone costs a
/// few bytes for each hour.
#[derive(Clone, Default, Debug)]
pub struct Snapshot {
    pub(super) hours: BTreeMap<Key, Arc<Hour>>,
}

/// Rows that may answer a question, and what is needed to read them.
struct Near<'s> {
    /// Which of the questions.
    asked: usize,
    hour: &'s Hour,
    run: &'s Run,
    outside: usize,
    ip: u32,
    rows: Rows,
}

enum Rows {
    /// Those that begin at a start which was not yet read.
    From(usize),
    These(Range<usize>),
    /// All of the outside address.
    All,
}

/// So many questions are answered together: what they read stays in the nearest cache until it is used.
const TOGETHER: usize = 64;

impl Snapshot {
    /// How many sessions there are; one that came twice may still be counted twice.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hours.values().map(|hour| hour.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hours.is_empty()
    }

    /// How many bytes it takes, whoever else shares them.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.hours.values().map(|hour| hour.memory()).sum()
    }

    /// Which sessions explain an outside endpoint? See [`SessionsQuestion`] for what is promised.
    #[must_use]
    pub fn sessions<'a>(&'a self, asked: &SessionsQuestion, room: &'a Arena<Session>) -> Vec<&'a Session> {
        self.sessions_of_each(std::slice::from_ref(asked), room).pop().unwrap_or_default()
    }

    /// The same for many questions, in their order. Each waits for memory as the next does, and all of them wait
    /// together.
    #[must_use]
    pub fn sessions_of_each<'a>(
        &'a self,
        asked: &[SessionsQuestion],
        room: &'a Arena<Session>,
    ) -> Vec<Vec<&'a Session>> {
        let mut found = Vec::with_capacity(asked.len());
        let (mut near, mut rows) = (Vec::new(), Vec::new());
        for asked in asked.chunks(TOGETHER) {
            let first = found.len();
            found.resize_with(first + asked.len(), Vec::new);
            let hours = self.hours_of(asked);
            dense(&hours, asked, &mut near, &mut rows, room, &mut found[first..]);
            let mut hours = hours.as_slice();
            for (place, (asked, found)) in asked.iter().zip(&mut found[first..]).enumerate() {
                let count = hours.iter().take_while(|(of, _)| *of == place).count();
                let (own, others) = hours.split_at(count);
                hours = others;
                self.wide(own, asked, room, found);
                found.sort_unstable();
                found.dedup();
            }
        }
        found
    }

    /// What did a balancer carry for a client? See [`RequestsQuestion`] for what is promised.
    #[must_use]
    pub fn requests(&self, asked: &RequestsQuestion) -> Vec<&Session> {
        let clients = match asked.client {
            Some(client) => vec![Some(None), Some(Some(client.ip))],
            None => vec![None],
        };
        let tables = self.touched(asked.during).flat_map(Hour::wide);
        let near =
            tables.flat_map(|wide| clients.iter().flat_map(|client| wide.of_client(asked.gateway, *client)));
        let mut found: Vec<&Session> = near.filter(|session| carried(session, asked)).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn touched(&self, during: Span) -> impl Iterator<Item = &Hour> {
        self.hours.values().map(Arc::as_ref).filter(move |hour| hour.touches(during))
    }

    /// For each question, in order, the hours that may have an answer.
    fn hours_of(&self, asked: &[SessionsQuestion]) -> Vec<(usize, &Hour)> {
        let of = |(place, asked): (usize, &SessionsQuestion)| {
            let touched = self.touched(asked.during);
            touched.map(move |hour| (place, hour))
        };
        asked.iter().enumerate().flat_map(of).collect()
    }

    /// Adds the sessions that answer and are no rows, and what bounds them.
    fn wide<'a>(
        &'a self,
        hours: &[(usize, &'a Hour)],
        asked: &SessionsQuestion,
        room: &'a Arena<Session>,
        found: &mut Vec<&'a Session>,
    ) {
        let mut open: Vec<&Session> = Vec::new();
        for wide in hours.iter().flat_map(|(_, hour)| hour.wide()) {
            for session in wide.near(asked) {
                if answers(session, asked) && session.reach().touches(asked.during) {
                    found.push(session);
                    if session.start.from() == LogTime::BEGINNING || session.end.to() == LogTime::FOREVER {
                        open.push(session);
                    }
                }
            }
        }
        if open.is_empty() {
            return;
        }
        let port = |s: &Session| (s.translation.outside.ip, s.gateway, s.translation.outside.port());
        let ports: BTreeSet<_> = open.iter().map(|session| port(session)).collect();
        let tables = || self.hours.values().flat_map(|hour| hour.wide());
        let mut others: Vec<&Session> = Vec::new();
        for key in ports.iter().filter(|(ip, ..)| ip.is_some()) {
            others.extend(tables().flat_map(|wide| wide.of_port(key)));
            if let (ip, gateway, Some(port)) = *key {
                let asked = SessionsQuestion {
                    gateway: Some(gateway),
                    protocol: None,
                    outside: (ip, Some(port)),
                    remote: None,
                    during: Span::ALWAYS,
                };
                let mut rows = [Vec::new()];
                let hours = self.hours_of(&[asked]);
                dense(&hours, &[asked], &mut Vec::new(), &mut Vec::new(), room, &mut rows);
                others.append(&mut rows[0]);
            }
        }
        let rivals = Rivals::of(others.into_iter());
        let bounds = open.iter().flat_map(|s| rivals.before(s).into_iter().chain(rivals.after(s)));
        found.extend(bounds);
    }
}

/// Adds the sessions that answer and are rows.
fn dense<'s, 'a>(
    hours: &[(usize, &'s Hour)],
    asked: &[SessionsQuestion],
    near: &mut Vec<Near<'s>>,
    rows: &mut Vec<Row>,
    room: &'a Arena<Session>,
    found: &mut [Vec<&'a Session>],
) {
    near.clear();
    for (place, hour) in hours {
        each_near(*place, &asked[*place], hour, near);
    }
    // No read of one round waits for another of it.
    for near in near.iter_mut() {
        if let Rows::From(start) = near.rows {
            near.rows = Rows::These(near.run.rows_at(start));
        }
    }
    black_box(near.iter().fold(0, |all, near| match &near.rows {
        Rows::These(rows) => all ^ near.run.touch(rows),
        _ => all,
    }));
    let mut near = near.iter().peekable();
    for &(place, hour) in hours {
        let (asked, found) = (&asked[place], &mut found[place]);
        let sought = Sought::by(asked);
        rows.clear();
        let is_here = |near: &&Near<'_>| near.asked == place && std::ptr::eq(near.hour, hour);
        while let Some(near) = near.next_if(is_here) {
            near.each(asked, &sought, rows);
        }
        hour.each_loose(asked, &sought, rows);
        // Two runs may have the same row; copies differ in where they are written.
        rows.sort_unstable();
        rows.dedup();
        for copies in rows.chunk_by(Row::is_copy_of) {
            let mut session = copies[0].session(&hour.names.realms);
            if answers(&session, asked) {
                session.evidence.extend(copies[1..].iter().map(Row::evidence));
                session.evidence.sort_unstable();
                found.push(room.alloc(session));
            }
        }
    }
}

/// Finds where rows of an hour begin that may answer.
fn each_near<'s>(place: usize, asked: &SessionsQuestion, hour: &'s Hour, near: &mut Vec<Near<'s>>) {
    let ip = match asked.outside.0 {
        Some(IpAddr::V4(ip)) => Some(u32::from(ip)),
        Some(IpAddr::V6(_)) => return,
        None => None,
    };
    let remote = match asked.remote.map(|remote| remote.ip) {
        Some(IpAddr::V4(ip)) => Some(u32::from(ip)),
        Some(IpAddr::V6(_)) => return,
        None => None,
    };
    let port = asked.outside.1;
    // Without a peer all rows are looked at that the address has in one part; nearly every question has one.
    let flow = port.zip(remote).map(|(port, remote)| flow(port, remote));
    for run in hour.runs(port) {
        let mut add = |outside, ip| {
            let rows = flow.map_or(Rows::All, |flow| Rows::From(run.start(outside, flow)));
            near.push(Near { asked: place, hour, run, outside, ip, rows });
        };
        match ip {
            Some(ip) => run.outside(ip).into_iter().for_each(|outside| add(outside, ip)),
            None => run.outsides().enumerate().for_each(|(outside, ip)| add(outside, ip)),
        }
    }
}

impl Near<'_> {
    /// Adds the rows that may answer.
    fn each(&self, asked: &SessionsQuestion, sought: &Sought, rows: &mut Vec<Row>) {
        let remote = match asked.remote.map(|remote| remote.ip) {
            Some(IpAddr::V4(ip)) => Some(u32::from(ip)),
            _ => None,
        };
        let is_other = |dense: &Dense| {
            remote.is_some_and(|ip| ip != dense.remote_ip())
                || asked.outside.1.is_some_and(|port| port != dense.port())
        };
        let dense: &[Dense] = match &self.rows {
            Rows::These(range) => self.run.rows(range.clone()),
            Rows::From(_) | Rows::All => self.run.rows_of(self.outside),
        };
        let (from, to) = (asked.during.from().as_unix_us(), asked.during.to().as_unix_us());
        let measure = self.hour.measure;
        for dense in dense {
            if is_other(dense) {
                continue;
            }
            let (start, end) = dense.reach(measure);
            if end < from || start.saturating_sub(measure.unit) > to {
                continue;
            }
            let row = dense.row(Ipv4Addr::from(self.ip), &self.hour.names, measure);
            rows.extend(row.filter(|row| sought.may_be(row) && row.reach().touches(asked.during)));
        }
    }
}

impl Hour {
    /// Adds those of the rows that are too much for a dense one which may answer.
    fn each_loose(&self, asked: &SessionsQuestion, sought: &Sought, found: &mut Vec<Row>) {
        for rows in self.loose() {
            let may_be = |row: &&Row| sought.may_be(row) && row.reach().touches(asked.during);
            let near = match asked.outside.0 {
                Some(IpAddr::V4(ip)) => {
                    let near = &rows[rows.partition_point(|row| row.outside_ip() < ip)..];
                    &near[..near.partition_point(|row| row.outside_ip() <= ip)]
                }
                Some(IpAddr::V6(_)) => &[],
                None => rows,
            };
            found.extend(near.iter().filter(may_be));
        }
    }
}
