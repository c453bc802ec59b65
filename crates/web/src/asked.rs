//! What a request asks for: its parameters.

use crate::problem::Problem;
use std::{collections::BTreeMap, fmt::Display, str::FromStr};

/// A parameter that a path takes, in its query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Parameter {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What it means, and how it is written.
    pub(crate) what: &'static str,
    /// How it is written.
    pub(crate) form: Form,
    /// A value of it.
    pub(crate) example: &'static str,
    /// Whether nothing is answered without it.
    pub(crate) is_needed: bool,
}

/// How a parameter is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    Text,
    /// A place in a list: digits.
    Place,
    /// A whole number between these, both included.
    Number(u32, u32),
}

/// How long a page may be.
pub(crate) const LIMITS: std::ops::RangeInclusive<u32> = 1..=1000;
/// How long a page is if nobody says.
const LIMIT: u32 = 100;

pub(crate) const AFTER: Parameter = Parameter {
    name: "after",
    what: "Where to go on: the `next` of the page before. Without it, from the beginning.",
    form: Form::Place,
    example: "0",
    is_needed: false,
};

pub(crate) const LIMIT_PARAMETER: Parameter = Parameter {
    name: "limit",
    what: "How many at most: 1 to 1000, 100 if not said. A page may be shorter although there is more.",
    form: Form::Number(*LIMITS.start(), *LIMITS.end()),
    example: "100",
    is_needed: false,
};

/// The parameters of one request: those that its path takes, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked(BTreeMap<&'static str, String>);

impl Asked {
    /// Reads the query of a path that takes these.
    ///
    /// # Errors
    /// When one is unknown, or given twice.
    pub(crate) fn of(query: &str, known: &'static [Parameter]) -> Result<Self, Problem> {
        let mut asked = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(parameter) = known.iter().find(|parameter| parameter.name == name) else {
                let names: Vec<&str> = known.iter().map(|parameter| parameter.name).collect();
                let takes = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(Problem::bad(
                    &name,
                    format!("there is no such parameter; this path takes {takes}"),
                ));
            };
            if asked.insert(parameter.name, value.into_owned()).is_some() {
                return Err(Problem::bad(&name, "it is given twice: give it once"));
            }
        }
        Ok(Self(asked))
    }

    /// What a parameter says, if it is given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// What a parameter means, as `read` finds out.
    ///
    /// # Errors
    /// With its name, and what `read` says.
    pub(crate) fn read<T, E: Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        self.text(name).map(read).transpose().map_err(|error| Problem::bad(name, error.to_string()))
    }

    /// After which number a page begins.
    pub(crate) fn after(&self) -> Result<Option<u64>, Problem> {
        self.read(AFTER.name, cursor)
    }

    /// How long a page may be.
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        let read = |text: &str| {
            let limit = u32::from_str(text).ok().filter(|limit| LIMITS.contains(limit));
            limit.ok_or("it is a number from 1 to 1000")
        };
        Ok(self.read(LIMIT_PARAMETER.name, read)?.unwrap_or(LIMIT))
    }
}

/// A place in a list: numbers here are those that a file can hold.
pub(crate) fn cursor(text: &str) -> Result<u64, &'static str> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse::<i64>().ok().filter(|_| is_number);
    number
        .and_then(|number| u64::try_from(number).ok())
        .ok_or("it is no place in this list: give the `next` of the page before, or leave it out to begin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_taken_exactly() {
        const KNOWN: &[Parameter] = &[AFTER, LIMIT_PARAMETER];
        let asked = |query| Asked::of(query, KNOWN);
        let page = asked("after=7&limit=1000").unwrap();
        assert_eq!((page.after(), page.limit()), (Ok(Some(7)), Ok(1000)));
        let page = asked("").unwrap();
        assert_eq!((page.after(), page.limit()), (Ok(None), Ok(100)));
        for wrong in ["limit=0", "limit=1001", "limit=-1", "limit=", "limit=%FF", "limit=9%"] {
            assert!(asked(wrong).unwrap().limit().is_err(), "{wrong}");
        }
        for wrong in ["after=", "after=-1", "after=+1", "after=x", "after=18446744073709551615", "after=%00"]
        {
            assert!(asked(wrong).unwrap().after().is_err(), "{wrong}");
        }
        assert!(asked("limits=1").is_err() && asked("limit=1&limit=1").is_err());
    }
}
