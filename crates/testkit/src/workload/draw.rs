//! Draws from the distributions that traffic follows.
//!
//! The logarithm and the exponential are our own, of nothing but additions, multiplications and divisions,
//! which IEEE 754 rounds alike everywhere. Those of a system's library differ in the last digit between
//! machines, and one digit is enough for other bytes.

use super::SECOND_US;
use crate::rng::Rng;
use std::f64::consts::{LN_2, SQRT_2};

/// From 0 up to, but without, 1.
pub(super) fn unit(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// How long until the next of events that come independently of each other, every `mean` on average.
pub(super) fn exponential(rng: &mut Rng, mean: f64) -> f64 {
    -ln(1.0 - unit(rng)) * mean
}

/// Half of all draws are below `median`; `sigma` is the standard deviation of their logarithm.
pub(super) fn log_normal(rng: &mut Rng, median: f64, sigma: f64) -> f64 {
    exp(ln(median) + sigma * normal(rng))
}

/// Mean 0, deviation 1, by Marsaglia's polar method, which needs no sine.
fn normal(rng: &mut Rng) -> f64 {
    loop {
        let (x, y) = (2.0 * unit(rng) - 1.0, 2.0 * unit(rng) - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            return x * (-2.0 * ln(square) / square).sqrt();
        }
    }
}

/// Seconds as whole microseconds; what is negative is 0.
#[expect(clippy::cast_possible_truncation, reason = "it saturates, and no draw is that large")]
pub(super) fn microseconds(seconds: f64) -> u64 {
    (seconds * SECOND_US as f64) as u64
}

/// The natural logarithm of a positive, normal number.
fn ln(x: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = x.to_bits();
    let mut power = (bits >> 52) as f64 - 1023.0;
    let mut mantissa = f64::from_bits(bits & MANTISSA | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa /= 2.0;
        power += 1.0;
    }
    // ln m = 2 artanh z; z is below 0.18, so that the twelfth term is beyond the last digit.
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let series = (0..12u32).rev().fold(0.0, |rest, term| 1.0 / f64::from(2 * term + 1) + z * z * rest);
    power * LN_2 + 2.0 * z * series
}

/// e to the power of `x`, for |x| below 700.
#[expect(clippy::cast_possible_truncation, reason = "the power is between -1010 and 1010")]
fn exp(x: f64) -> f64 {
    let power = (x / LN_2).round();
    let rest = x - power * LN_2;
    let series = (1..18u32).rev().fold(1.0, |sum, term| 1.0 + rest / f64::from(term) * sum);
    series * f64::from_bits(((1023 + power as i64) as u64) << 52)
}

/// Ranks of which the k-th is drawn in proportion to k^-s: few are popular, most are not.
///
/// Walker's alias table: a draw costs the same for any number of ranks.
pub(super) struct Zipf {
    /// For each rank, in which part of the draws that hit it it stands for itself, and for whom otherwise.
    columns: Vec<(f64, usize)>,
}

impl Zipf {
    pub(super) fn new(ranks: u32, s: f64) -> Self {
        let weights: Vec<f64> = (1..=ranks).map(|rank| exp(-s * ln(f64::from(rank)))).collect();
        let mean = weights.iter().sum::<f64>() / f64::from(ranks);
        let mut columns: Vec<(f64, usize)> =
            weights.iter().enumerate().map(|(rank, weight)| (weight / mean, rank)).collect();
        let (mut short, mut tall): (Vec<usize>, Vec<usize>) =
            (0..columns.len()).partition(|&rank| columns[rank].0 < 1.0);
        // Each short column is filled up with what a tall one has too much.
        while let (Some(&under), Some(&over)) = (short.last(), tall.last()) {
            short.pop();
            columns[under].1 = over;
            columns[over].0 -= 1.0 - columns[under].0;
            if columns[over].0 < 1.0 {
                tall.pop();
                short.push(over);
            }
        }
        Self { columns }
    }

    /// A rank, 0 the most popular.
    pub(super) fn draw(&self, rng: &mut Rng) -> usize {
        let rank = rng.below(self.columns.len());
        let (own, other) = self.columns[rank];
        // What rounding left in a column that has no other is its own.
        if unit(rng) < own { rank } else { other }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_exponential_are_those_of_the_library_but_for_rounding() {
        for step in 1..2_000 {
            let x = f64::from(step) * 0.037;
            assert!((ln(x) - x.ln()).abs() < 1e-13, "ln {x}");
            assert!((exp(x - 37.0) / (x - 37.0).exp() - 1.0).abs() < 1e-13, "exp {}", x - 37.0);
        }
        assert!(ln(1.0 - unit(&mut Rng::new(0))).is_finite());
    }

    #[test]
    fn draws_have_the_mean_and_the_median_that_were_asked_for() {
        let mut rng = Rng::new(3);
        let count = 100_000;
        let mean = (0..count).map(|_| exponential(&mut rng, 20.0)).sum::<f64>() / f64::from(count);
        assert!((mean - 20.0).abs() < 0.3, "{mean}");
        let draws: Vec<f64> = (0..count).map(|_| log_normal(&mut rng, 5.0, 2.0)).collect();
        let share = |most: f64| draws.iter().filter(|&&draw| draw < most).count() as f64 / f64::from(count);
        assert!((share(5.0) - 0.5).abs() < 0.01);
        // One deviation above the median.
        assert!((share(5.0 * 2.0f64.exp()) - 0.841).abs() < 0.01);
    }

    #[test]
    fn a_rank_is_drawn_in_proportion_to_its_weight() {
        let zipf = Zipf::new(1_000, 1.05);
        let mut rng = Rng::new(5);
        let mut hits = vec![0u32; 1_000];
        for _ in 0..200_000 {
            hits[zipf.draw(&mut rng)] += 1;
        }
        let ratio = f64::from(hits[0]) / f64::from(hits[9]);
        assert!((ratio - 10f64.powf(1.05)).abs() < 1.0, "{ratio}");
        assert!(hits[999] < 100);
    }
}
