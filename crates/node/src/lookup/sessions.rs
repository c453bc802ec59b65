//! What logs say of an endpoint, session by session.

use super::{Lookup, search::each_session};
use crate::{Knowledge, NodeError, mask::without_secrets};
use serde::Serialize;
use std::{collections::BTreeSet, sync::Arc};
use unmasq_model::{
    AlertClass, Endpoint, GatewayName, LogTime, Ports, Protocol, Realm, Role, Session, SourceName, Span,
};

/// The sessions of an endpoint.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SessionsAnswer {
    /// Those that may have been there then, in order of their start.
    pub sessions: Vec<SessionRow>,
    /// How many more there are.
    pub unlisted: usize,
}

/// A session, as its logs tell it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct SessionRow {
    /// When it began: between these two.
    pub start: Moments,
    /// When it ended.
    pub end: Moments,
    /// Which gateway held it.
    pub gateway: GatewayName,
    /// The transport protocol's name or number, if it is told.
    pub protocol: Option<String>,
    /// Who opened it.
    pub role: Role,
    /// Our side, as the world saw it; without a port if it had none, or several.
    pub outside: Option<Endpoint>,
    /// From the first to the last port, where it had a block of them.
    pub ports: Option<(u16, u16)>,
    /// The peer.
    pub remote: Option<Endpoint>,
    /// Our side, as it is behind the gateway.
    pub inside: Option<Endpoint>,
    /// The realm of that.
    pub inside_realm: Realm,
    /// The peer, as our side saw it.
    pub inside_remote: Option<Endpoint>,
    /// The lines that prove it.
    pub evidence: Vec<Line>,
}

/// From when to when something may have been; `null` where nobody says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Moments {
    /// Not before that.
    pub from: LogTime,
    /// Not after that.
    pub to: LogTime,
}

/// A line of a log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Line {
    /// The file.
    pub source: SourceName,
    /// The line, from 1, or the offset.
    pub line: u64,
    /// The line itself, without secrets, unless the store does not keep it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub record: Arc<str>,
}

impl From<Span> for Moments {
    fn from(span: Span) -> Self {
        Self { from: span.from(), to: span.to() }
    }
}

/// What logs say of the endpoint, at most `most` sessions.
///
/// # Errors
/// When a file of the store is missing or damaged.
pub fn sessions(knowledge: &mut Knowledge, asked: &Lookup, most: usize) -> Result<SessionsAnswer, NodeError> {
    let realm = asked.realm.clone().unwrap_or_else(|| knowledge.site.sensor_realm.clone());
    loop {
        let during = asked.during.widened(knowledge.site.widest_clock_bound());
        let (mut missing, mut found, mut unlisted) = (BTreeSet::new(), BTreeSet::new(), 0);
        each_session(knowledge, asked, &realm, &mut missing, |session| {
            // What is switched off names nobody here either.
            let switches = &knowledge.site.gateway(session.gateway).switches;
            let is_shown =
                session.reach().touches(during) && switches.trace(AlertClass::Both, session.reach());
            if is_shown && found.insert(row(knowledge, session)) && found.len() > most {
                found.pop_last();
                unlisted += 1;
            }
        });
        if missing.is_empty() {
            return Ok(SessionsAnswer { sessions: found.into_iter().collect(), unlisted });
        }
        knowledge.learn_about(&missing)?;
    }
}

fn row(knowledge: &Knowledge, session: &Session) -> SessionRow {
    let site = &knowledge.site;
    let gateway = site.gateway(session.gateway);
    let translation = &session.translation;
    let evidence = session.evidence.iter().map(|evidence| {
        let log = site.log(evidence.log);
        let source = log.files.get(evidence.file as usize).unwrap_or(&log.name).clone();
        Line { source, line: evidence.line, record: without_secrets(Arc::clone(&evidence.record)) }
    });
    let outside = translation.outside;
    SessionRow {
        start: session.start.into(),
        end: session.end.into(),
        gateway: gateway.name.clone(),
        protocol: translation.protocol.map(|protocol: Protocol| protocol.to_string()),
        role: translation.role,
        outside: outside.ip.map(|ip| Endpoint::new(ip, outside.port())),
        ports: match outside.ports {
            Ports::Block(first, last) => Some((first, last)),
            _ => None,
        },
        remote: translation.remote,
        inside: translation.inside,
        inside_realm: session.inside_realm.clone().unwrap_or_else(|| gateway.inside_realm.clone()),
        inside_remote: translation.inside_remote,
        evidence: evidence.collect(),
    }
}
