//! Switches hide what is behind a gateway, and change nothing else.

use super::{Checked, Law, answer_all, bytes, ends};
use crate::{
    rng::Rng,
    world::{Knowledge, Staged, World},
};
use std::sync::Arc;
use unmasq_model::{
    End, Gateway, GatewayName, Reason, Site, Switches, Trace,
    trace::{Hop, Place, Proof},
};

impl Checked {
    /// Turns some gateways' switches now and then, and holds the answers against those without.
    pub(super) fn switches_only_hide(&mut self, world: &World, known: &Knowledge, answers: &[Trace]) {
        let mut known = known.clone();
        let mut rng = Rng::new(world.seed ^ 0x0ff);
        for gateway in &mut known.site.gateways {
            let mut switches = Switches::initially(rng.chance(50));
            for staged in &world.alerts {
                if rng.chance(10) {
                    switches.attack.turn(staged.alert.at.from(), rng.chance(50));
                }
            }
            gateway.switches = switches;
        }
        let hidden = answer_all(&known, world);
        for ((staged, answer), hidden) in world.alerts.iter().zip(answers).zip(&hidden) {
            let is_off = |name: &GatewayName| is_off(&known.site, name, staged);
            let says_so = End::BOTH.iter().any(|&end| {
                ends(hidden, end).masked().is_some_and(|end| end.reason == Some(Reason::SwitchedOff))
            });
            // It may be one of several ways that ends where nothing more is told.
            let stops_at_one = places(hidden).any(|place| {
                let owners = known.site.owners(&place.realm, place.ip, staged.alert.at);
                owners.into_iter().any(|owner| is_off(&known.site.gateway(owner).name))
            });
            let off: Vec<_> = known.site.gateways.iter().filter(|gateway| is_off(&gateway.name)).collect();
            let cites_one = |hop: &Hop| {
                hop.evidence.iter().any(|proof| match proof {
                    Proof::Record { source, .. } => off
                        .iter()
                        .flat_map(|gateway| &gateway.logs)
                        .any(|log| known.site.log(*log).name == *source),
                    Proof::Rule { path, .. } => {
                        off.iter().flat_map(|gateway| rules(gateway)).any(|rule| rule == path)
                    }
                })
            };
            let passes_one = |trace: &Trace| hops(trace).any(|hop| is_off(&hop.gateway) || cites_one(hop));
            if passes_one(hidden) {
                self.breaks(world, Law::SwitchesOnlyHide, staged, hidden, "it passes one that is off");
            }
            if !says_so && !stops_at_one && !passes_one(answer) && bytes(answer) != bytes(hidden) {
                let story = format!("it changed although nothing is hidden: {}", bytes(hidden));
                self.breaks(world, Law::SwitchesOnlyHide, staged, answer, &story);
            }
        }
    }
}

fn is_off(site: &Site, name: &GatewayName, staged: &Staged) -> bool {
    let gateway = site.gateways.iter().find(|gateway| gateway.name == *name);
    gateway.is_some_and(|gateway| !gateway.switches.trace(staged.alert.class, staged.alert.at))
}

/// Where what the inventory declares of a gateway is written.
fn rules(gateway: &Gateway) -> impl Iterator<Item = &Arc<str>> {
    let dnat = gateway.dnat.iter().flatten().map(|rule| &rule.path);
    dnat.chain(gateway.port_plans.iter().map(|plan| &plan.path))
}

fn hops(trace: &Trace) -> impl Iterator<Item = &Hop> {
    End::BOTH
        .into_iter()
        .filter_map(|end| ends(trace, end).masked())
        .flat_map(|end| end.hops.iter().chain(end.candidates.iter().flat_map(|candidate| &candidate.hops)))
}

fn places(trace: &Trace) -> impl Iterator<Item = &Place> {
    End::BOTH
        .into_iter()
        .filter_map(|end| ends(trace, end).masked())
        .flat_map(|end| end.inside.iter().chain(end.candidates.iter().map(|candidate| &candidate.inside)))
}
