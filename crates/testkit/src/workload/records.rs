//! The log: sessions begin, are cut into capture windows, and their records arrive late and out of order.

use super::{
    Plan, SECOND_US,
    draw::{exponential, log_normal, microseconds, unit},
    holders::{Held, Holders, Tuple, Which},
    network::{self, GATEWAYS, Network},
};
use crate::rng::Rng;
use std::{cmp::Reverse, collections::BinaryHeap, net::SocketAddrV4};

/// Over which time sessions begin, in seconds.
pub(super) const SPAN_S: u64 = 6 * 3_600;

/// A session that lasts longer than this has several records.
const WINDOW_US: u64 = 600 * SECOND_US;

/// Of how many sessions, in percent, the five-tuple was just released by another host.
const TAKEN_OVER_PERCENT: u8 = 15;
/// How many of the released are offered for that. More than are taken, so that there is always one.
const OFFERED_PERCENT: u8 = 30;

/// What the gateway tells of one session in one capture window. Times are microseconds since
/// [`super::BEGIN_UNIX_S`]; the log has whole seconds of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Record {
    // The first two are what records are sorted by.
    /// When it was delivered: after its end.
    pub delivered: u64,
    /// Which record it would be, were they delivered at once. No two have the same.
    pub number: u64,
    /// The session's first packet, or the window's begin.
    pub start: u64,
    /// The session's last packet, or the window's end.
    pub end: u64,
    /// Who held the tuple.
    pub inside: SocketAddrV4,
    /// What it held.
    pub tuple: Tuple,
    /// Which gateway wrote it, from 0 to 15.
    pub gateway: u8,
}

impl Record {
    /// Bytes and packets from the remote, then from the host. They mean nothing.
    #[must_use]
    pub fn traffic(&self) -> [u64; 4] {
        let mut rng = Rng::new(self.number);
        let [received, sent] = [1 + rng.below(400) as u64, 1 + rng.below(300) as u64];
        [received * (60 + rng.below(1_024) as u64), received, sent * (60 + rng.below(512) as u64), sent]
    }
}

/// The log of `plan`, in order of delivery.
#[must_use]
pub fn records(plan: &Plan) -> Records {
    let mut rng = Rng::new(plan.seed);
    let network = Network::new(&mut rng.fork());
    Records {
        rng: rng.fork(),
        network,
        holders: Holders::new(usize::from(GATEWAYS)),
        gap_s: SPAN_S as f64 / plan.records.max(1) as f64,
        now_s: 0.0,
        now: 0,
        total: plan.records,
        made: 0,
        under_way: BinaryHeap::new(),
    }
}

/// What [`records`] returns. It holds the records that are not delivered yet, and no others.
pub struct Records {
    rng: Rng,
    network: Network,
    holders: Holders,
    gap_s: f64,
    now_s: f64,
    /// When the latest session began. No record that is still to be made is delivered before this.
    now: u64,
    total: u64,
    made: u64,
    under_way: BinaryHeap<Reverse<Record>>,
}

impl Iterator for Records {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while self.made < self.total
            && self.under_way.peek().is_none_or(|Reverse(first)| first.delivered >= self.now)
        {
            self.begin_session();
        }
        self.under_way.pop().map(|Reverse(record)| record)
    }
}

impl Records {
    fn begin_session(&mut self) {
        self.now_s += exponential(&mut self.rng, self.gap_s);
        self.now = microseconds(self.now_s);
        self.holders.advance(self.now / SECOND_US);

        let host = self.network.host(&mut self.rng);
        let gateway = network::gateway(host);
        let duration_s = log_normal(&mut self.rng, 5.0, 2.0).clamp(0.05, 4.0 * 3_600.0);
        let end = self.now + microseconds(duration_s);
        let inside =
            SocketAddrV4::new(network::inside_ip(host), network::port(&mut self.rng, 32_768, 60_999));
        let tuple = self.taken_over(usize::from(gateway), host).unwrap_or_else(|| self.unused_tuple(host));
        let offered = self.rng.chance(OFFERED_PERCENT);
        self.holders.hold(Held { tuple, gateway: usize::from(gateway), host, offered }, end / SECOND_US);
        self.write_windows(end, inside, tuple, gateway);
    }

    /// Half of the tuples that are taken over come back at once, half after as long as there is choice.
    fn taken_over(&mut self, gateway: usize, host: usize) -> Option<Tuple> {
        if !self.rng.chance(TAKEN_OVER_PERCENT) {
            return None;
        }
        let which = if self.rng.chance(50) { Which::Newest } else { Which::Oldest };
        self.holders.take_over(gateway, host, which)
    }

    fn unused_tuple(&mut self, host: usize) -> Tuple {
        let remote = self.network.remote(&mut self.rng);
        let ip = network::outside_ip(host, *remote.at.ip());
        loop {
            // A third out of few ports: so an endpoint is often live towards several remotes at once.
            let high = if self.rng.below(3) == 0 { 1_024 + 3_999 } else { u16::MAX };
            let outside = SocketAddrV4::new(ip, network::port(&mut self.rng, 1_024, high));
            let tuple = Tuple { protocol: remote.protocol, outside, remote: remote.at };
            if !self.holders.is_live(&tuple) {
                return tuple;
            }
        }
    }

    fn write_windows(&mut self, session_end: u64, inside: SocketAddrV4, tuple: Tuple, gateway: u8) {
        let mut start = self.now;
        while start < session_end && self.made < self.total {
            let end = session_end.min(start + WINDOW_US);
            let mut delay_s = exponential(&mut self.rng, 20.0);
            if self.rng.below(1_000) == 0 {
                delay_s += 600.0 * unit(&mut self.rng);
            }
            let delivered = end + microseconds(delay_s);
            let record = Record { delivered, number: self.made, start, end, inside, tuple, gateway };
            self.under_way.push(Reverse(record));
            self.made += 1;
            start = end;
        }
    }
}
