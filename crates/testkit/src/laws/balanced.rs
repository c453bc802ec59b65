//! What must hold of answers about what a balancer carried.

use crate::world::{Knowledge, Staged};
use unmasq_model::{
    Session,
    trace::{MaskedEnd, Proof},
};

/// Whether every backend that an answer lists as tried received the request; if the alert shows none, a
/// request of its connection.
pub(super) fn attempts_were_received(masked: &MaskedEnd, staged: &Staged) -> bool {
    let Some(carried) = &staged.carried else {
        return masked.attempts.is_empty();
    };
    masked
        .attempts
        .iter()
        .filter_map(|attempt| attempt.inside.as_ref())
        .all(|at| carried.received.contains(at))
}

/// Whether some hop has no other proof than records whose client comes from a header.
pub(super) fn rests_on_a_claim(masked: &MaskedEnd, known: &Knowledge) -> bool {
    let claims = |session: &Session| session.request.as_ref().is_some_and(|request| request.client_claimed);
    known.sessions.iter().any(claims)
        && masked.hops.iter().any(|hop| {
            let proven = hop.evidence.iter().map(|proof| is_claimed(proof, known));
            !hop.evidence.is_empty() && proven.into_iter().all(|claimed| claimed)
        })
}

fn is_claimed(proof: &Proof, known: &Knowledge) -> bool {
    let Proof::Record { source, line, .. } = proof else {
        return false;
    };
    known.sessions.iter().any(|session| {
        let claims = session.request.as_ref().is_some_and(|request| request.client_claimed);
        claims
            && session.evidence.iter().any(|evidence| {
                let log = &known.site.logs[evidence.log.0 as usize];
                log.files.get(evidence.file as usize) == Some(source) && evidence.line == *line
            })
    })
}
