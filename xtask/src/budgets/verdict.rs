//! Holds what was counted against the budgets.

use std::{collections::BTreeMap, fmt};

/// How far a count may be from its budget, either way: a change elsewhere in a crate moves it too, by what the
/// compiler then inlines where.
const TOLERANCE: f64 = 0.03;

/// A loop, what an item of it may take, and what it takes.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Counted {
    pub(super) name: String,
    pub(super) budget: Option<f64>,
    pub(super) now: Option<f64>,
}

/// What that means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It takes what it may.
    Within,
    /// It takes more.
    Above,
    /// It takes so much less that it may grow without anybody seeing it.
    Below,
    /// Nobody has said what it may take.
    Unknown,
    /// There is a budget and no such loop.
    Gone,
}

/// All loops in their order, then the budgets that no loop has.
pub(super) fn judged(budgets: &BTreeMap<String, f64>, counted: &[(String, f64)]) -> Vec<Counted> {
    let loops = counted.iter().map(|(name, now)| Counted {
        name: name.clone(),
        budget: budgets.get(name).copied(),
        now: Some(*now),
    });
    let left = budgets.iter().filter(|(name, _)| !counted.iter().any(|(counted, _)| counted == *name));
    let gone = left.map(|(name, budget)| Counted { name: name.clone(), budget: Some(*budget), now: None });
    loops.chain(gone).collect()
}

impl Counted {
    pub(super) fn verdict(&self) -> Verdict {
        match (self.budget, self.now) {
            (Some(budget), Some(now)) if now > budget * (1.0 + TOLERANCE) => Verdict::Above,
            (Some(budget), Some(now)) if now < budget * (1.0 - TOLERANCE) => Verdict::Below,
            (Some(_), Some(_)) => Verdict::Within,
            (None, _) => Verdict::Unknown,
            (Some(_), None) => Verdict::Gone,
        }
    }

    /// What is said of a loop that is not within its budget.
    pub(super) fn complaint(&self) -> String {
        let name = &self.name;
        match (self.budget, self.now) {
            (Some(budget), Some(now)) => {
                let by = 100.0 * (now / budget - 1.0);
                format!(
                    "{name}: its budget is {budget:.1} instructions per item, it takes {now:.1} ({by:+.1} %)"
                )
            }
            (None, Some(now)) => format!("{name}: it takes {now:.1} instructions per item"),
            (_, None) => format!("{name}: there is no such loop"),
        }
    }
}

/// Its name in as many columns as are asked for, its budget, and what it takes now.
impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = |figure: Option<f64>| figure.map_or("–".to_owned(), |figure| format!("{figure:.1}"));
        let (width, name) = (f.width().unwrap_or(0), &self.name);
        write!(f, "{name:<width$}  {:>10}  {:>10}", figure(self.budget), figure(self.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(budget: impl Into<Option<f64>>, now: impl Into<Option<f64>>) -> Counted {
        Counted { name: "nat_csv".into(), budget: budget.into(), now: now.into() }
    }

    #[test]
    fn three_percent_either_way_is_within() {
        for (now, verdict) in [
            (1_000.0, Verdict::Within),
            (1_029.9, Verdict::Within),
            (1_030.1, Verdict::Above),
            (970.1, Verdict::Within),
            (969.9, Verdict::Below),
            (0.0, Verdict::Below),
        ] {
            assert_eq!(counted(1_000.0, now).verdict(), verdict, "{now}");
        }
        assert_eq!(counted(None, 1.0).verdict(), Verdict::Unknown);
        assert_eq!(counted(1.0, None).verdict(), Verdict::Gone);
    }

    #[test]
    fn every_loop_and_every_budget_is_judged_once() {
        let budgets = [("b".to_owned(), 1.0), ("gone".to_owned(), 2.0)].into();
        let judged = judged(&budgets, &[("b".to_owned(), 1.0), ("a".to_owned(), 3.0)]);
        let verdicts: Vec<_> = judged.iter().map(|one| (one.name.as_str(), one.verdict())).collect();
        assert_eq!(verdicts, [("b", Verdict::Within), ("a", Verdict::Unknown), ("gone", Verdict::Gone)]);
    }

    #[test]
    fn a_complaint_names_the_loop_its_budget_and_what_it_takes() {
        let complaint = |budget: Option<f64>, now: Option<f64>| counted(budget, now).complaint();
        assert_eq!(
            complaint(Some(1_000.0), Some(1_100.0)),
            "nat_csv: its budget is 1000.0 instructions per item, it takes 1100.0 (+10.0 %)"
        );
        assert_eq!(complaint(None, Some(1.5)), "nat_csv: it takes 1.5 instructions per item");
        assert_eq!(complaint(Some(1.5), None), "nat_csv: there is no such loop");
    }

    #[test]
    fn a_row_is_as_wide_as_is_asked() {
        assert_eq!(format!("{:<9}", counted(None, 1.5)), "nat_csv             –         1.5");
    }
}
