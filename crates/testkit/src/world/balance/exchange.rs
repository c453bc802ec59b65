//! One request and its answer, as they truly were.

use crate::{
    rng::Rng,
    world::plan::{MS, SECOND, Us},
};
use std::net::IpAddr;
use unmasq_model::Endpoint;

/// A request, what became of it, and who received it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When its first packet passed.
    pub start: Us,
    /// When the last packet of its answer passed, or the client left.
    pub end: Us,
    /// Its number on its connection, from 0.
    pub position: u64,
    /// What the client asked for; `None` if it was no request at all.
    pub words: Option<Words>,
    /// What the client was answered; `None` if it left.
    pub status: Option<u16>,
    /// What the client says of itself in a header.
    pub forwarded: Option<IpAddr>,
    /// Who received it, in order; none if the balancer answered itself.
    pub tries: Vec<Tried>,
    /// The balancer's own port towards the last of them.
    pub from: u16,
}

/// What a request says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Words {
    /// Whom it is for.
    pub host: &'static str,
    /// What to do.
    pub method: &'static str,
    /// With what.
    pub path: &'static str,
    /// Who says that it asks.
    pub agent: &'static str,
}

/// A backend that received a request, or a connection.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Which.
    pub backend: Endpoint,
    /// What it answered.
    pub status: Option<u16>,
}

impl Exchange {
    /// A request that begins at `start`.
    pub(super) fn draw(start: Us, position: u64, backends: &[Endpoint], rng: &mut Rng) -> Self {
        let lasts = rng.pick(&[MS, 50 * MS, 700 * MS, 5 * SECOND]);
        let words = Words {
            host: rng.pick(&["shop.example", "shop.example", "api.example"]),
            method: rng.pick(&["GET", "GET", "POST"]),
            path: rng.pick(&["/a", "/a", "/b?x=1"]),
            agent: rng.pick(&["curl/8.5", "curl/8.5", "sqlmap"]),
        };
        let forged = rng.pick(&[[192, 0, 2, 67], [10, 9, 8, 7], [203, 0, 113, 60]]);
        let mut exchange = Self {
            start,
            end: start + rng.between(1, lasts),
            position,
            words: Some(words),
            status: Some(rng.pick(&[200, 200, 404, 500])),
            forwarded: rng.chance(40).then(|| IpAddr::from(forged)),
            tries: tries(backends, rng),
            from: rng.pick(&[50_001, 50_002, 50_003]),
        };
        match rng.below(20) {
            0 => {
                exchange.words = None;
                exchange.status = Some(400);
                exchange.tries.clear();
            }
            1..3 => {
                exchange.status = Some(403);
                exchange.tries.clear();
            }
            3..5 => exchange.status = None,
            _ => {}
        }
        if let Some(last) = exchange.tries.last_mut() {
            last.status = exchange.status;
        }
        exchange
    }
}

/// One backend, or first some that did not answer.
pub(super) fn tries(backends: &[Endpoint], rng: &mut Rng) -> Vec<Tried> {
    let failed = if rng.chance(15) { 1 + rng.below(2) } else { 0 };
    (0..=failed)
        .map(|_| Tried { backend: rng.pick(backends), status: rng.pick(&[Some(502), None]) })
        .collect()
}
