//! What has been answered so far, and what must still be asked.

use std::{cell::RefCell, collections::BTreeMap, collections::BTreeSet};
use unmasq_model::{
    Answer, HoldersQuestion, Question, RequestsQuestion, Session, SessionsQuestion, Site, Socket,
    SocketsQuestion, Tenure,
};

/// The site, and the answers to the questions that a trace has asked.
#[derive(Clone, Debug)]
pub struct Known<'k> {
    site: &'k Site,
    answers: BTreeMap<Question, Answer<'k>>,
}

impl<'k> Known<'k> {
    /// Nothing but the site.
    #[must_use]
    pub fn new(site: &'k Site) -> Self {
        Self { site, answers: BTreeMap::new() }
    }

    /// Adds an answer, as the index gives it: complete for its question.
    pub fn learn(&mut self, question: Question, answer: Answer<'k>) {
        self.answers.insert(question, answer);
    }
}

/// One run of the trace function over what is known: it notes what was asked on the way.
pub(crate) struct Inquiry<'a, 'k> {
    known: &'a Known<'k>,
    asked: RefCell<BTreeSet<Question>>,
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
        pub(crate) fn $name(&self, question: $question) -> Option<Vec<&'k $row>> {
            let question = Question::$kind(question);
            let found = match self.known.answers.get(&question) {
                Some(Answer::$kind(rows)) => Some(rows.clone()),
                Some(_) => unreachable!("an answer was learned for a question of another kind"),
                None => None,
            };
            self.asked.borrow_mut().insert(question);
            found
        }
    };
}

impl<'a, 'k> Inquiry<'a, 'k> {
    pub(crate) fn new(known: &'a Known<'k>) -> Self {
        Self { known, asked: RefCell::default() }
    }

    pub(crate) fn site(&self) -> &'k Site {
        self.known.site
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

    pub(crate) fn into_questions(self) -> Questions {
        let asked: Vec<Question> = self.asked.into_inner().into_iter().collect();
        let missing = asked.iter().filter(|q| !self.known.answers.contains_key(q)).cloned().collect();
        Questions { asked, missing }
    }
}
