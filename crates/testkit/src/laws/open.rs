//! What nobody who is open to proof asked about changes no answer.

use super::{Checked, Law, bytes, half_told, memory};
use crate::{
    rng::Rng,
    world::{Knowledge, World},
};
use std::{cell::RefCell, collections::BTreeSet};
use unmasq_engine::{OpenQuestions, SiteMap, settle};
use unmasq_index::{Arena, Memory};
use unmasq_model::{Alert, Question, Trace};

impl Checked {
    /// Half of the sessions are known, then the other half comes: whose answer that changes was touched by it.
    pub(super) fn open_questions_miss_nothing(
        &mut self,
        world: &World,
        known: &Knowledge,
        answers: &[Trace],
    ) {
        let site = SiteMap::of(known.site.clone());
        let mut rng = Rng::new(!world.seed);
        let drawn: Vec<bool> = known.sessions.iter().map(|_| rng.chance(50)).collect();
        let mut halves = drawn.iter();
        let early = memory(known, |_| halves.next().is_some_and(|early| *early));
        let mut open = OpenQuestions::default();
        let mut before = Vec::new();
        for (number, staged) in (0..).zip(&world.alerts) {
            let (trace, asked) = asking(&staged.alert, &site, &early);
            open.ask(number, &asked);
            before.push(trace);
        }
        let mut touched = BTreeSet::new();
        let half_told = half_told(known);
        for (session, _) in known.sessions.iter().zip(&drawn).filter(|(_, early)| !**early) {
            let reach = Some(session.reach()).filter(|_| !half_told.contains(&session.log()));
            open.touch(&session.translation, session.request.as_deref(), reach, &mut touched);
        }
        for ((number, staged), (before, answer)) in (0..).zip(&world.alerts).zip(before.iter().zip(answers)) {
            if !touched.contains(&number) && bytes(before) != bytes(answer) {
                let story = format!("half known: {}", bytes(before));
                self.breaks(world, Law::OpenQuestionsMissNothing, staged, answer, &story);
            }
        }
    }
}

fn asking(alert: &Alert, site: &SiteMap, memory: &Memory) -> (Trace, BTreeSet<Question>) {
    let (room, asked) = (Arena::new(), RefCell::new(BTreeSet::new()));
    let trace = settle(alert, site, |question| {
        asked.borrow_mut().insert(question.clone());
        memory.answer(question, &room)
    });
    (trace, asked.into_inner())
}
