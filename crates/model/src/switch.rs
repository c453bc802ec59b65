//! Switches: for which alerts a gateway is traced through, and since when.

use crate::{AlertClass, LogTime, Span};

/// One switch with its history, in log time: what was on stays on for what happened then, so that a replay gives
/// the same answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Switch {
    /// Whether it was on before anybody turned it.
    initially: bool,
    /// When it was turned, and whether on, in order of time.
    turned: Vec<(LogTime, bool)>,
}

impl Switch {
    /// One that nobody has turned yet.
    #[must_use]
    pub const fn initially(on: bool) -> Self {
        Self { initially: on, turned: Vec::new() }
    }

    /// Turns it from `at` on. What was said of a later moment stays.
    pub fn turn(&mut self, at: LogTime, on: bool) {
        let place = self.turned.partition_point(|(known, _)| *known <= at);
        self.turned.insert(place, (at, on));
    }

    /// Whether it was on at some moment of `during`.
    #[must_use]
    pub fn was_on(&self, during: Span) -> bool {
        let before = self.turned.partition_point(|(at, _)| *at <= during.from());
        let at_first = before.checked_sub(1).map_or(self.initially, |last| self.turned[last].1);
        at_first || self.turned[before..].iter().take_while(|(at, _)| *at <= during.to()).any(|(_, on)| *on)
    }

    /// Whether it is on after all that was said of it.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.turned.last().map_or(self.initially, |(_, on)| *on)
    }

    /// Whether it never was off.
    #[must_use]
    pub fn was_always_on(&self) -> bool {
        self.initially && self.turned.iter().all(|(_, on)| *on)
    }

    /// Whether it was on before anybody turned it.
    #[must_use]
    pub const fn was_initially_on(&self) -> bool {
        self.initially
    }

    /// When it was turned, and whether on, in order of time.
    #[must_use]
    pub fn turned(&self) -> &[(LogTime, bool)] {
        &self.turned
    }
}

/// The switches of a gateway: one for each class of alerts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Switches {
    /// For alerts about attacks.
    pub attack: Switch,
    /// For alerts about sensitive data that left.
    pub sensitive: Switch,
}

impl Switches {
    /// Both as [`Switch::initially`].
    #[must_use]
    pub const fn initially(on: bool) -> Self {
        Self { attack: Switch::initially(on), sensitive: Switch::initially(on) }
    }

    /// Whether alerts of a class about that time are traced; one of both classes is if either's are.
    #[must_use]
    pub fn trace(&self, class: AlertClass, at: Span) -> bool {
        match class {
            AlertClass::Attack => self.attack.was_on(at),
            AlertClass::Sensitive => self.sensitive.was_on(at),
            AlertClass::Both => self.attack.was_on(at) || self.sensitive.was_on(at),
        }
    }
}

/// Whoever says nothing of switches wants everything traced.
impl Default for Switches {
    fn default() -> Self {
        Self::initially(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(seconds: i64) -> LogTime {
        LogTime::from_unix_seconds(seconds).unwrap()
    }

    #[test]
    fn what_was_on_at_any_moment_counts() {
        let mut switch = Switch::initially(false);
        switch.turn(t(20), false);
        switch.turn(t(10), true);
        let on = |from, to| switch.was_on(Span::between(t(from), t(to)));
        assert!(!on(0, 9) && on(0, 10) && on(12, 13) && on(15, 30) && !on(20, 30));
        assert!(!switch.is_on() && !switch.was_always_on());
        assert!(Switch::initially(true).was_always_on());
    }

    #[test]
    fn turned_twice_at_once_the_last_word_counts() {
        let mut switch = Switch::initially(true);
        switch.turn(t(10), false);
        switch.turn(t(10), true);
        assert!(switch.is_on() && switch.was_on(Span::at(t(10))));
    }

    #[test]
    fn an_alert_of_both_classes_needs_one_of_them() {
        let switches = Switches { attack: Switch::initially(false), ..Switches::default() };
        let at = Span::at(t(1));
        assert!(!switches.trace(AlertClass::Attack, at));
        assert!(switches.trace(AlertClass::Sensitive, at) && switches.trace(AlertClass::Both, at));
    }
}
