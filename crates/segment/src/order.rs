//! Brings rows in order.

use crate::Plain;

/// How many rows are handed on at a time, and a few more.
const BATCH: usize = 4_096;

/// Gives `rows` to `each` in order, each once, some thousand at a time.
pub(crate) fn each_in_order<E>(
    rows: &[Plain],
    mut each: impl FnMut(&[Plain]) -> Result<(), E>,
) -> Result<(), E> {
    // What is moved about while they are sorted is where a row belongs and which it is: a fourth of a row.
    let mut order: Vec<u128> = (0u32..).zip(rows).map(|(number, row)| row.place_of(number)).collect();
    order.sort_unstable();
    let mut batch: Vec<Plain> = Vec::with_capacity(BATCH);
    for near in order.chunk_by(|one, other| one >> 32 == other >> 32) {
        let begin = batch.len();
        batch.extend(near.iter().filter_map(|place| rows.get(Plain::number_in(*place))));
        if near.len() > 1 {
            batch[begin..].sort_unstable();
        }
        if batch.len() >= BATCH {
            batch.dedup();
            each(&batch)?;
            batch.clear();
        }
    }
    batch.dedup();
    each(&batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_order_and_once() {
        let rows: Vec<Plain> = (0..20_000u64)
            .map(|i| {
                let spread = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
                let mut row = Plain::default();
                row.hour = i32::try_from(spread % 5).unwrap() - 2;
                row.outside_ip = u32::try_from(spread % 3).unwrap() << 30;
                row.outside_port = u16::try_from(spread % 1_000).unwrap();
                row.remote_ip = u32::try_from(spread % 7).unwrap() << 14;
                row.start = i64::try_from(spread % 11).unwrap() - 5;
                row
            })
            .collect();
        let mut found = Vec::new();
        each_in_order(&rows, |rows| {
            found.extend_from_slice(rows);
            Ok::<(), ()>(())
        })
        .unwrap();
        let mut expected = rows;
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(found, expected);
        assert!(expected.len() < 20_000);
    }
}
