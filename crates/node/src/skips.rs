//! What could not be read: counted by reason, with the first place of each.

use std::{collections::BTreeMap, fmt::Display};

/// At most this many reasons are told apart; more are counted together.
const REASONS_MAX: usize = 16;
/// What those are called.
const OTHERS: &str = "for other reasons";

/// Lines that could not be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Skips {
    reasons: BTreeMap<String, Skip>,
}

/// One reason for not reading a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skip {
    /// How many lines.
    pub lines: u64,
    /// The first of them: its file and line.
    pub first: (String, u64),
}

impl Skips {
    /// Counts one line.
    pub fn add(&mut self, file: &str, line: u64, why: &(impl Display + ?Sized)) {
        let why = why.to_string();
        let known = self.reasons.len() < REASONS_MAX || self.reasons.contains_key(&why);
        let why = if known { why } else { OTHERS.to_owned() };
        let skip =
            self.reasons.entry(why).or_insert_with(|| Skip { lines: 0, first: (file.to_owned(), line) });
        skip.lines += 1;
    }

    /// Counts what was skipped in another file, after this one.
    pub(crate) fn append(&mut self, other: Self) {
        for (why, skip) in other.reasons {
            let known = self.reasons.len() < REASONS_MAX || self.reasons.contains_key(&why);
            let why = if known { why } else { OTHERS.to_owned() };
            self.reasons.entry(why).and_modify(|first| first.lines += skip.lines).or_insert(skip);
        }
    }

    /// How many lines in all.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.reasons.values().map(|skip| skip.lines).sum()
    }

    /// Each reason with its count, most lines first.
    #[must_use]
    pub fn by_reason(&self) -> Vec<(&str, &Skip)> {
        let mut rows: Vec<_> = self.reasons.iter().map(|(why, skip)| (why.as_str(), skip)).collect();
        rows.sort_by_key(|(why, skip)| (std::cmp::Reverse(skip.lines), *why));
        rows
    }
}
