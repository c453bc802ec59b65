//! The medians of all runs, as a table for a terminal.

use super::{Contender, Measured, score::Score};
use std::time::Duration;

const COLUMNS: [&str; 10] =
    ["", "time", "ratio", "CPU", "memory", "right", "wrong", "guessed", "ambiguous", "missed"];

const LEGEND: &str = "
time       from the start of the process to its end; ratio: how many times as long as unmasq
CPU        user and system, on all cores; memory: the most anonymous memory at any moment
right      the host that was behind the alert is named, of those that were somebody's
wrong      another host is named, or one where there was none
guessed    a host is named although the log leaves several possible within a clock bound of 500 ms
ambiguous  none is named, because several are possible
missed     nobody is named although there was somebody
";

/// A row for each contender, and what the columns mean.
pub(crate) fn table(results: &[(Contender, Vec<Measured>)]) -> String {
    let ours = results.iter().find(|(contender, _)| contender.is_ours());
    let our_time = ours.and_then(|(_, measured)| median_time(measured));
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    rows.extend(results.iter().map(|(contender, measured)| row(&contender.name(), measured, our_time)));
    laid_out(&rows) + LEGEND
}

fn row(name: &str, measured: &[Measured], our_time: Option<Duration>) -> [String; 10] {
    let time = median_time(measured);
    let cpu = median(measured.iter().filter_map(|one| one.usage.cpu));
    let memory = median(measured.iter().filter_map(|one| one.usage.memory_kib));
    let ratio = time.zip(our_time).map(|(time, ours)| time.as_secs_f64() / ours.as_secs_f64());
    let seconds = |time: Option<Duration>| cell(time.map(|time| format!("{:.2} s", time.as_secs_f64())));
    // The answers of one contender are the same in every run, or it would have to be looked at why.
    let score = measured.first().map(|one| one.score.clone()).unwrap_or_default();
    let differs = measured.iter().any(|one| one.score != score);
    let name = if differs { format!("{name} (answers differ between runs)") } else { name.to_owned() };
    let Score { right, wrong, guessed, abstained, missed, held } = score;
    let right_percent = 100.0 * right as f64 / held.max(1) as f64;
    [
        name,
        seconds(time),
        cell(ratio.map(|ratio| format!("{ratio:.2}"))),
        seconds(cpu),
        cell(memory.map(|kib| format!("{} MiB", kib / 1_024))),
        format!("{right} ({right_percent:.2} %)"),
        wrong.to_string(),
        guessed.to_string(),
        abstained.to_string(),
        missed.to_string(),
    ]
}

fn cell(text: Option<String>) -> String {
    text.unwrap_or_else(|| "–".to_owned())
}

fn median_time(measured: &[Measured]) -> Option<Duration> {
    median(measured.iter().map(|one| one.usage.wall))
}

/// The middle one; of an even number, the greater of the two in the middle.
fn median<T: Ord>(values: impl Iterator<Item = T>) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    values.into_iter().nth(middle)
}

/// The first column to the left, the others to the right.
fn laid_out(rows: &[[String; 10]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 10] = std::array::from_fn(width);
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (text, width))| match column {
            0 => format!("{text:width$}"),
            _ => format!("{text:>width$}"),
        });
        out.push_str(&cells.collect::<Vec<_>>().join("  "));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([5, 1, 3].into_iter()), Some(3));
        assert_eq!(median([5, 1].into_iter()), Some(5));
        assert_eq!(median(std::iter::empty::<u32>()), None);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut rows = [COLUMNS.map(str::to_owned), COLUMNS.map(|_| "1".to_owned())];
        rows[1][0] = "unmasq".to_owned();
        let out = laid_out(&rows);
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[0].len(), lines[1].len());
        assert!(lines[1].starts_with("unmasq     1"), "{out}");
    }
}
