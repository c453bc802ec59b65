//! Rows that answer questions.

use super::{
    dense::{Dense, flow},
    found::HeldRow,
    guide::Guide,
    hour::Hour,
    run::Run,
};
use crate::Row;
use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
};
use unmasq_model::SessionsQuestion;

/// Answers some questions together, in rounds: no read of one round waits for another of it. Its room is used again.
#[derive(Default)]
pub(super) struct Seeker<'s> {
    guides: Vec<Guided<'s>>,
    near: Vec<Near<'s>>,
    rows: Vec<Row>,
}

/// An outside address of a run, and the guide that knows its rows of a flow. Without a flow all its rows are meant.
struct Guided<'s> {
    run: &'s Run,
    outside: usize,
    flow: Option<(u32, &'s Guide)>,
    of: Of<'s>,
}

/// A row that may answer.
struct Near<'s> {
    dense: &'s Dense,
    of: Of<'s>,
}

/// What is read for which question.
#[derive(Clone, Copy)]
struct Of<'s> {
    asked: usize,
    hour: &'s Hour,
    ip: u32,
}

impl<'s> Seeker<'s> {
    /// Adds the rows that answer, in order of questions, those of one hour side by side; `hours` are those that may
    /// have some, by question.
    pub(super) fn rows(
        &mut self,
        hours: &[(usize, &'s Hour)],
        asked: &[SessionsQuestion],
        found: &mut Vec<HeldRow<'s>>,
    ) {
        self.guides.clear();
        self.near.clear();
        for (place, hour) in hours {
            self.each_run(*place, &asked[*place], hour);
        }
        let guides = self.guides.iter().filter_map(|of| of.flow);
        black_box(guides.fold(0, |all, (_, guide)| all ^ guide.first()));
        for &Guided { run, outside, flow, of } in &self.guides {
            let mut add = |dense| self.near.push(Near { dense, of });
            match flow {
                Some((flow, guide)) => run.each_alike(outside, guide, flow, &mut add),
                None => {
                    let may_be = |dense: &&Dense| is_of(dense, &asked[of.asked]);
                    run.rows_of(outside).iter().filter(may_be).for_each(add);
                }
            }
        }
        black_box(self.near.iter().fold(0, |all, near| all ^ near.dense.edges()));
        let mut near = self.near.as_slice();
        for &(place, hour) in hours {
            let asked = &asked[place];
            self.rows.clear();
            let is_here = |near: &&Near<'_>| near.of.asked == place && std::ptr::eq(near.of.hour, hour);
            let count = near.iter().take_while(is_here).count();
            let (here, others) = near.split_at(count);
            near = others;
            self.rows.extend(here.iter().filter_map(|Near { dense, of }| hour.row(dense, of.ip, asked)));
            hour.each_loose(asked, &mut self.rows);
            // Two runs may have the same row; copies differ in where they are written.
            self.rows.sort_unstable();
            self.rows.dedup();
            let realms = &hour.names.realms;
            found.extend(self.rows.iter().map(|row| HeldRow { asked: place, row: *row, realms }));
        }
    }
}

impl<'s> Seeker<'s> {
    /// Finds the guides of one hour that know rows which may answer.
    fn each_run(&mut self, place: usize, asked: &SessionsQuestion, hour: &'s Hour) {
        let (Some(ip), Some(remote)) = (v4(asked.outside.0), v4(asked.remote.map(|remote| remote.ip))) else {
            return;
        };
        let port = asked.outside.1;
        // Without a peer all rows are looked at that the address has in one part; nearly every question has one.
        let flow = port.zip(remote).map(|(port, remote)| flow(port, remote));
        for run in hour.runs(port) {
            let mut add = |outside, ip| {
                let flow = flow.map(|flow| (flow, run.guide(outside, flow)));
                self.guides.push(Guided { run, outside, flow, of: Of { asked: place, hour, ip } });
            };
            match ip {
                Some(ip) => run.outside(ip).into_iter().for_each(|outside| add(outside, ip)),
                None => run.outsides().iter().enumerate().for_each(|(outside, ip)| add(outside, *ip)),
            }
        }
    }
}

/// The address of what is asked if it is one of IPv4; `None` if no row can answer, for it is another.
#[expect(clippy::option_option, reason = "whether it is asked, and what is")]
fn v4(ip: Option<IpAddr>) -> Option<Option<u32>> {
    match ip {
        Some(IpAddr::V4(ip)) => Some(Some(u32::from(ip))),
        Some(IpAddr::V6(_)) => None,
        None => Some(None),
    }
}

/// Whether a row's port and peer are those that are asked for, as far as they are.
#[inline]
fn is_of(dense: &Dense, asked: &SessionsQuestion) -> bool {
    asked.outside.1.is_none_or(|port| port == dense.port())
        && asked.remote.is_none_or(|remote| remote.ip == IpAddr::V4(Ipv4Addr::from(dense.remote_ip())))
}

impl Hour {
    /// A dense row of this hour as a row, if it answers.
    #[inline]
    fn row(&self, dense: &Dense, ip: u32, asked: &SessionsQuestion) -> Option<Row> {
        let (from, to) = (asked.during.from().as_unix_us(), asked.during.to().as_unix_us());
        let (start, end) = dense.reach(self.measure);
        if !is_of(dense, asked) || end < from || start.saturating_sub(self.measure.unit) > to {
            return None;
        }
        let row = dense.row(Ipv4Addr::from(ip), &self.names, self.measure)?;
        (row.reach().touches(asked.during) && row.answers(asked)).then_some(row)
    }

    /// Adds those of the rows that are too much for a dense one which answer.
    fn each_loose(&self, asked: &SessionsQuestion, found: &mut Vec<Row>) {
        for rows in self.loose() {
            let is_sought = |row: &&Row| row.answers(asked) && row.reach().touches(asked.during);
            let near = match asked.outside.0 {
                Some(IpAddr::V4(ip)) => {
                    let near = &rows[rows.partition_point(|row| row.outside_ip() < ip)..];
                    &near[..near.partition_point(|row| row.outside_ip() <= ip)]
                }
                Some(IpAddr::V6(_)) => &[],
                None => rows,
            };
            found.extend(near.iter().filter(is_sought));
        }
    }
}
