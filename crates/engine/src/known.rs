//! What has been answered so far, and what must still be asked.

use crate::{SiteMap, crossing::Leg};
use std::{cell::RefCell, collections::BTreeMap};
use unmasq_model::{
    Answer, GatewayIx, HoldersQuestion, Question, RequestsQuestion, Rows, Session, SessionsQuestion, Socket,
    SocketsQuestion, Tenure,
};

/// The site, what is in memory, and the answers to questions that had to be asked elsewhere.
#[derive(Clone)]
pub struct Known<'m, 'k> {
    site: &'k SiteMap,
    memory: &'m dyn Fn(&Question) -> Option<Answer<'k>>,
    regardless: bool,
    learned: BTreeMap<Question, Answer<'k>>,
}

impl<'m, 'k> Known<'m, 'k> {
    /// Nothing but the site.
    #[must_use]
    pub fn new(site: &'k SiteMap) -> Self {
        Self::with(site, &|_| None)
    }

    /// The site, and what `memory` answers at once: completely, or not at all.
    #[must_use]
    pub fn with(site: &'k SiteMap, memory: &'m dyn Fn(&Question) -> Option<Answer<'k>>) -> Self {
        Self { site, memory, regardless: false, learned: BTreeMap::new() }
    }

    /// As if no gateway was ever switched off.
    #[must_use]
    pub fn regardless_of_switches(self) -> Self {
        Self { regardless: true, ..self }
    }

    /// Adds an answer, as the index gives it: complete for its question.
    pub fn learn(&mut self, question: Question, answer: Answer<'k>) {
        self.learned.insert(question, answer);
    }

    fn answer(&self, question: &Question) -> Option<Answer<'k>> {
        if self.learned.is_empty() {
            return (self.memory)(question);
        }
        self.learned.get(question).cloned().or_else(|| (self.memory)(question))
    }
}

/// One run of the trace function over what is known: it notes what was asked on the way.
pub(crate) struct Inquiry<'a, 'm, 'k> {
    known: &'a Known<'m, 'k>,
    /// Every question with whether it was answered; `None` if nobody wants to know.
    asked: Option<RefCell<Vec<(Question, bool)>>>,
}

/// What one run asked, in order.
pub(crate) struct Questions {
    pub(crate) asked: Vec<Question>,
    pub(crate) missing: Vec<Question>,
}

/// Looks an answer up, or notes that it is missing. One method for each kind of question.
macro_rules! lookup {
    ($(#[$doc:meta])* $name:ident($question:ty) -> $row:ty, $kind:ident) => {
        $(#[$doc])*
        pub(crate) fn $name(&self, question: $question) -> Option<Rows<'k, $row>> {
            match self.ask(&Question::$kind(question))? {
                Answer::$kind(rows) => Some(rows),
                _ => unreachable!("a question was answered as one of another kind"),
            }
        }
    };
}

impl<'a, 'm, 'k> Inquiry<'a, 'm, 'k> {
    /// One that notes what is asked.
    pub(crate) fn noting(known: &'a Known<'m, 'k>) -> Self {
        Self { known, asked: Some(RefCell::default()) }
    }

    /// One that only asks.
    pub(crate) const fn new(known: &'a Known<'m, 'k>) -> Self {
        Self { known, asked: None }
    }

    pub(crate) const fn site(&self) -> &'k SiteMap {
        self.known.site
    }

    /// Whether alerts like that of `leg` are traced through a gateway.
    pub(crate) fn traces(&self, gateway: GatewayIx, leg: &Leg<'_>) -> bool {
        self.known.regardless || self.site().gateway(gateway).switches.trace(leg.class, leg.at)
    }

    lookup!(
        /// Which sessions explain an outside endpoint? `None` if that must be asked first.
        sessions(SessionsQuestion) -> Session, Sessions
    );
    lookup!(
        /// What did a balancer carry for a client? `None` if that must be asked first.
        requests(RequestsQuestion) -> Session, Requests
    );
    lookup!(
        /// Who held an inside address? `None` if that must be asked first.
        holders(HoldersQuestion) -> Tenure, Holders
    );
    lookup!(
        /// Whose socket was it? `None` if that must be asked first.
        sockets(SocketsQuestion) -> Socket, Sockets
    );

    fn ask(&self, question: &Question) -> Option<Answer<'k>> {
        let answer = self.known.answer(question);
        if let Some(asked) = &self.asked {
            asked.borrow_mut().push((question.clone(), answer.is_some()));
        }
        answer
    }

    pub(crate) fn into_questions(self) -> Questions {
        let mut all = self.asked.map(RefCell::into_inner).unwrap_or_default();
        all.sort_unstable();
        all.dedup();
        let missing = all.iter().filter(|(_, answered)| !answered).map(|(question, _)| question.clone());
        Questions {
            missing: missing.collect(),
            asked: all.into_iter().map(|(question, _)| question).collect(),
        }
    }
}
