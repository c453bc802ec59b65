//! Who holds which five-tuple, and which were released of late.

use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddrV4,
};

/// A translated five-tuple. No two sessions that are live at once have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tuple {
    /// The IANA number.
    pub protocol: u8,
    /// The gateway's end.
    pub outside: SocketAddrV4,
    /// The peer.
    pub remote: SocketAddrV4,
}

/// Each gateway offers at most this many released tuples to its next hosts.
const OFFERED_MAX: usize = 4_096;

/// A tuple and the host that has or had it.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) tuple: Tuple,
    pub(super) gateway: usize,
    pub(super) host: usize,
    /// Whether another host may take it over at once when it is released.
    pub(super) offered: bool,
}

/// Which of the released tuples a host takes over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Newest,
    Oldest,
}

/// The tuples of all gateways, as of some second.
pub(super) struct Holders {
    live: HashSet<Tuple>,
    /// All that ended before this second, counted from the beginning, are released.
    second: u64,
    /// What ends in that second, in the one after it, and so on.
    due: VecDeque<Vec<Held>>,
    /// What each gateway offers, oldest first.
    offered: Vec<VecDeque<Held>>,
}

impl Holders {
    pub(super) fn new(gateways: usize) -> Self {
        Self {
            live: HashSet::new(),
            second: 0,
            due: VecDeque::new(),
            offered: vec![VecDeque::new(); gateways],
        }
    }

    /// Releases what ended before `second`. Never goes back.
    pub(super) fn advance(&mut self, second: u64) {
        while self.second < second {
            for held in self.due.pop_front().unwrap_or_default() {
                self.live.remove(&held.tuple);
                if held.offered {
                    let offered = &mut self.offered[held.gateway];
                    offered.push_back(held);
                    if offered.len() > OFFERED_MAX {
                        offered.pop_front();
                    }
                }
            }
            self.second += 1;
        }
    }

    pub(super) fn is_live(&self, tuple: &Tuple) -> bool {
        self.live.contains(tuple)
    }

    /// A tuple of `gateway` that another than `host` released and nobody has taken since. It is no longer
    /// offered, but not yet held.
    pub(super) fn take_over(&mut self, gateway: usize, host: usize, which: Which) -> Option<Tuple> {
        let offered = &mut self.offered[gateway];
        let held = match which {
            Which::Newest => offered.pop_back(),
            Which::Oldest => offered.pop_front(),
        }?;
        (held.host != host && !self.live.contains(&held.tuple)).then_some(held.tuple)
    }

    /// From now on `held` is live, until the end of `second`.
    pub(super) fn hold(&mut self, held: Held, second: u64) {
        let taken = self.live.insert(held.tuple);
        debug_assert!(taken, "a live tuple was given away");
        let ahead = usize::try_from(second.saturating_sub(self.second)).unwrap_or(usize::MAX);
        if self.due.len() <= ahead {
            self.due.resize_with(ahead + 1, Vec::new);
        }
        self.due[ahead].push(held);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn held(port: u16, host: usize) -> Held {
        let tuple = Tuple {
            protocol: 6,
            outside: SocketAddrV4::new(Ipv4Addr::new(203, 0, 113, 1), port),
            remote: SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 1), 443),
        };
        Held { tuple, gateway: 0, host, offered: true }
    }

    #[test]
    fn a_tuple_is_live_until_its_last_second_is_over() {
        let mut holders = Holders::new(1);
        holders.hold(held(1, 7), 3);
        holders.advance(3);
        assert!(holders.is_live(&held(1, 7).tuple));
        assert!(holders.take_over(0, 8, Which::Newest).is_none());
        holders.advance(4);
        assert!(!holders.is_live(&held(1, 7).tuple));
        assert_eq!(holders.take_over(0, 8, Which::Newest), Some(held(1, 7).tuple));
        assert!(holders.take_over(0, 8, Which::Newest).is_none(), "it is offered once");
    }

    #[test]
    fn the_newest_and_the_oldest_are_told_apart_and_nobody_follows_himself() {
        let mut holders = Holders::new(1);
        for port in 1..=3 {
            holders.hold(held(port, 7), u64::from(port));
        }
        holders.advance(9);
        assert_eq!(holders.take_over(0, 8, Which::Oldest), Some(held(1, 7).tuple));
        assert_eq!(holders.take_over(0, 8, Which::Newest), Some(held(3, 7).tuple));
        assert!(holders.take_over(0, 7, Which::Newest).is_none());
    }
}
