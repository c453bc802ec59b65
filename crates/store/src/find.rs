//! What a store has in answer to questions.

use crate::{Key, Other, Plain, SegmentEntry, Store, StoreError, cores, hours};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};
use unmasq_model::{
    Endpoint, LogTime, Protocol, Question, RequestsQuestion, SessionsQuestion, Span, Translation,
};
use unmasq_segment::{Asked, Names};

/// What was found: everything that answers, and perhaps more.
#[derive(Debug, Default)]
pub struct Found {
    /// Plain sessions, with what their names are; one that is filed under two hours may come twice.
    pub plain: Vec<(Vec<Plain>, Names)>,
    /// All other records: every one of a translation of which one is here.
    pub others: BTreeSet<Other>,
}

/// What a row means: what was translated, when it began and when it ended; `None` if the row is none that was
/// ever written.
#[must_use]
pub fn session_of(row: &Plain) -> Option<(Translation, Span, Span)> {
    let at = |ip: u32, port| Endpoint { ip: Ipv4Addr::from(ip).into(), port };
    let translation = Translation::of_source_nat(
        Protocol::from_number(row.protocol),
        at(row.outside_ip, Some(row.outside_port)),
        at(row.inside_ip, row.inside_port()),
        at(row.remote_ip, row.remote_port()),
    );
    let moment = LogTime::from_unix_us;
    let start = Span::new(moment(row.start)?, moment(row.start.checked_add(row.start_open.into())?)?).ok()?;
    let end = Span::new(moment(row.end.checked_sub(row.end_open.into())?)?, moment(row.end)?).ok()?;
    Some((translation, start, end))
}

/// To begin a thread takes longer than to answer so few questions.
const FEW: usize = 64;

impl Store {
    /// Finds what answers questions about sessions; others it passes over.
    ///
    /// # Errors
    /// When a file is missing, cannot be read, or is damaged where it was read.
    pub fn find(&self, questions: &[&Question]) -> Result<Found, StoreError> {
        self.find_but(questions, |_| false)
    }

    /// The same without the plain sessions that answer questions of which `known` says so.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn find_but(
        &self,
        questions: &[&Question],
        known: impl Fn(&SessionsQuestion) -> bool,
    ) -> Result<Found, StoreError> {
        let mut sessions = Vec::new();
        let mut requests = Vec::new();
        for question in questions {
            match question {
                Question::Sessions(asked) => sessions.push(asked),
                Question::Requests(asked) => requests.push(asked),
                Question::Holders(_) | Question::Sockets(_) => {}
            }
        }
        let mut found = Found::default();
        let unknown: Vec<&SessionsQuestion> =
            sessions.iter().filter(|asked| !known(asked)).copied().collect();
        self.plain(&unknown, &Peers::of(&unknown), &mut found)?;
        let peers = Peers::of(&sessions);
        for records in &self.manifest().records {
            let records = self.records(&records.name)?;
            sessions.iter().try_for_each(|asked| by_outside(&records, asked, &mut found.others))?;
            requests.iter().try_for_each(|asked| by_client(&records, asked, &mut found.others))?;
            if peers.during.is_some() {
                records.search(Key::OUTSIDES, |other| peers.want_other(other), &mut found.others)?;
            }
        }
        self.ends(&mut found.others)?;
        Ok(found)
    }

    /// Finds plain sessions.
    fn plain(&self, asked: &[&SessionsQuestion], peers: &Peers, found: &mut Found) -> Result<(), StoreError> {
        let by_peer = |hour: i32| peers.during.is_some_and(|during| hours::may_hold(hour, during));
        let by_hour = self.by_hour(asked);
        let of = |entry: &SegmentEntry| -> Vec<Asked> {
            entry.hours.iter().filter_map(|(hour, _)| by_hour.get(hour)).flatten().copied().collect()
        };
        let is_searched = |entry: &SegmentEntry| entry.hours.iter().any(|(hour, _)| by_peer(*hour));
        let entries: Vec<&SegmentEntry> = self
            .manifest()
            .segments
            .iter()
            .filter(|entry| {
                is_searched(entry) || entry.hours.iter().any(|(hour, _)| by_hour.contains_key(hour))
            })
            .collect();
        let in_segment = |entry: &&SegmentEntry| {
            let (here, searched) = (of(entry), is_searched(entry));
            let mut rows = Vec::new();
            let path = self.place().path_of(&entry.name);
            let segment = self.segment(&entry.name)?;
            segment
                .find_many(&here, |_, row| rows.push(*row))
                .map_err(|error| StoreError::segment(&path, error))?;
            if searched {
                let may_be = |remote_ip, outside_port| peers.hints.may_have(remote_ip, outside_port);
                segment
                    .search(by_peer, may_be, |row| rows.extend(Some(*row).filter(|row| peers.want(row))))
                    .map_err(|error| StoreError::segment(&path, error))?;
            }
            rows.sort_unstable();
            rows.dedup();
            Ok((rows, segment.names().clone()))
        };
        let plain = if asked.len() < FEW && peers.during.is_none() {
            entries.iter().map(in_segment).collect::<Result<Vec<_>, StoreError>>()?
        } else {
            cores::for_each(&entries, in_segment)?
        };
        found.plain.extend(plain.into_iter().filter(|(rows, _)| !rows.is_empty()));
        Ok(())
    }

    /// What is asked of each hour that there is.
    fn by_hour(&self, asked: &[&SessionsQuestion]) -> BTreeMap<i32, Vec<Asked>> {
        let hours: BTreeSet<i32> =
            self.manifest().segments.iter().flat_map(|entry| &entry.hours).map(|(hour, _)| *hour).collect();
        let mut by_hour: BTreeMap<i32, Vec<Asked>> = BTreeMap::new();
        for asked in asked {
            let long = hours.contains(&hours::LONG).then_some(hours::LONG);
            for hour in hours.range(hours::within(asked.during)).copied().chain(long) {
                if let Some(asked) = in_hour(hour, asked) {
                    by_hour.entry(hour).or_default().push(asked);
                }
            }
        }
        by_hour
    }

    /// Ends that do not say what was translated, of the connections that were found.
    fn ends(&self, others: &mut BTreeSet<Other>) -> Result<(), StoreError> {
        let real = |other: &Other| {
            let translation = &other.record.translation;
            let own = translation.outside.ip.map(|ip| Endpoint { ip, port: translation.outside.port() });
            translation.inside.or(own)
        };
        let sought: BTreeSet<Endpoint> = others.iter().filter_map(real).collect();
        for entry in &self.manifest().records {
            let records = self.records(&entry.name)?;
            if !records.has_ends()? {
                continue;
            }
            for endpoint in &sought {
                records.find(&Key::Real(*endpoint).to_string(), others)?;
            }
        }
        Ok(())
    }
}

/// What a question asks of one hour's plain sessions; `None` if it does not say which outside address.
fn in_hour(hour: i32, asked: &SessionsQuestion) -> Option<Asked> {
    let (Some(IpAddr::V4(ip)), outside_port) = asked.outside else { return None };
    Some(Asked {
        hour,
        outside_ip: ip.to_bits(),
        outside_port,
        remote: match asked.remote {
            Some(Endpoint { ip: IpAddr::V4(ip), port }) => Some((ip.to_bits(), port)),
            Some(_) => return None,
            None => None,
        },
        during: (asked.during.from().as_unix_us(), asked.during.to().as_unix_us()),
    })
}

/// Questions that do not say which outside address, but with whom it spoke. All are answered by one look at
/// everything.
struct Peers {
    /// By the peer's address, our port and its port. Peers are popular: many ask about one, and few of those with
    /// one port of ours.
    sought: BTreeMap<(IpAddr, Option<u16>, Option<u16>), Vec<SessionsQuestion>>,
    hints: Hints,
    /// From the first to the last moment that any of them asks about.
    during: Option<Span>,
}

impl Peers {
    fn of(asked: &[&SessionsQuestion]) -> Self {
        let unnamed = || asked.iter().filter(|asked| asked.outside.0.is_none() && asked.remote.is_some());
        let mut peers = Self { sought: BTreeMap::new(), hints: Hints::of(unnamed()), during: None };
        for asked in unnamed() {
            let Some(remote) = asked.remote else { continue };
            peers.sought.entry((remote.ip, asked.outside.1, remote.port)).or_default().push(**asked);
            peers.during = Some(peers.during.map_or(asked.during, |during| during.hull(asked.during)));
        }
        peers
    }

    /// The questions about this peer and this port of ours; who does not know a port of the peer means every one.
    fn about(&self, remote: Endpoint, our_port: u16) -> impl Iterator<Item = &SessionsQuestion> {
        let Endpoint { ip, port } = remote;
        [None, Some(our_port)].into_iter().flat_map(move |ours| {
            let known = match port {
                Some(port) => (ip, ours, Some(port))..=(ip, ours, Some(port)),
                None => (ip, ours, Some(0))..=(ip, ours, Some(u16::MAX)),
            };
            let any = self.sought.get(&(ip, ours, None)).into_iter();
            any.chain(self.sought.range(known).map(|(_, asked)| asked)).flatten()
        })
    }

    fn want(&self, row: &Plain) -> bool {
        let remote = Endpoint { ip: Ipv4Addr::from(row.remote_ip).into(), port: row.remote_port() };
        self.about(remote, row.outside_port).any(|asked| {
            row.start <= asked.during.to().as_unix_us() && asked.during.from().as_unix_us() <= row.end
        })
    }

    /// As for all other records, whenever they are.
    fn want_other(&self, other: &Other) -> bool {
        let Translation { outside, remote, .. } = other.record.translation;
        match (remote, outside.port()) {
            (Some(remote), Some(port)) => self.about(remote, port).next().is_some(),
            // Many ports, or a peer that is left out: few records are so.
            _ => self.sought.values().flatten().any(|asked| {
                outside.answers(None, asked.outside.1)
                    && remote.is_none_or(|remote| asked.remote.is_some_and(|asked| remote.answers(asked)))
            }),
        }
    }
}

/// Says of nearly every row that nobody asked for it, by the peer and our port: a bit for each, sixteen times as
/// many as there are questions.
struct Hints {
    /// Nothing if a question does not know our port.
    bits: Vec<u64>,
}

impl Hints {
    fn of<'q>(asked: impl Iterator<Item = &'q &'q SessionsQuestion> + Clone) -> Self {
        let places = (asked.clone().count() * 16).next_power_of_two().max(64);
        let mut hints = Self { bits: vec![0; places / 64] };
        for asked in asked {
            match (asked.remote, asked.outside.1) {
                (Some(Endpoint { ip: IpAddr::V4(ip), .. }), Some(port)) => {
                    let place = hints.place(ip.to_bits(), port);
                    hints.bits[place / 64] |= 1 << (place % 64);
                }
                (Some(Endpoint { ip: IpAddr::V6(_), .. }) | None, _) => {}
                (_, None) => return Self { bits: Vec::new() },
            }
        }
        hints
    }

    fn place(&self, ip: u32, port: u16) -> usize {
        // Fibonacci hashing: the upper bits of the product are spread well.
        let spread = (u64::from(ip) << 16 | u64::from(port)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(spread >> 32).unwrap_or_default() & (self.bits.len() * 64 - 1)
    }

    fn may_have(&self, ip: u32, port: u16) -> bool {
        if self.bits.is_empty() {
            return true;
        }
        let place = self.place(ip, port);
        self.bits[place / 64] & 1 << (place % 64) != 0
    }
}

/// Records about an outside endpoint, whenever they are: those before and after bound the ones that are sought.
fn by_outside(
    records: &crate::others::Others,
    asked: &SessionsQuestion,
    found: &mut BTreeSet<Other>,
) -> Result<(), StoreError> {
    match asked.outside {
        (Some(ip), Some(port)) => {
            records.find(&Key::Outside(ip, Some(port)).to_string(), found)?;
            records.find(&Key::Outside(ip, None).to_string(), found)
        }
        (Some(ip), None) => records.find(&Key::prefix(Key::OUTSIDES, ip), found),
        // See `Peers`.
        (None, _) => Ok(()),
    }
}

/// Requests of a client, and those of which nobody knows whose they are.
fn by_client(
    records: &crate::others::Others,
    asked: &RequestsQuestion,
    found: &mut BTreeSet<Other>,
) -> Result<(), StoreError> {
    match asked.client {
        Some(client) => {
            records.find(&Key::prefix(Key::CLIENTS, client.ip), found)?;
            records.find(&Key::Client(None).to_string(), found)
        }
        None => records.find(Key::CLIENTS, found),
    }
}
