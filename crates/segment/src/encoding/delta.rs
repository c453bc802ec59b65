//! `DELTA_BINARY_PACKED`: how much larger each number is than the one before it, in blocks of 128.

use super::packed::{pack, unpack, width_of};
use crate::{
    damaged::Broken,
    thrift::{put_varint, take_varint, unzigzag, zigzag},
};

const BLOCK: usize = 128;
const PARTS: usize = 4;
const PART: usize = BLOCK / PARTS;

/// Appends `values`, which are numbers of 32 or of 64 bits.
pub(crate) fn put_delta(values: &[u64], wide: bool, out: &mut Vec<u8>) {
    put_varint(out, BLOCK as u64);
    put_varint(out, PARTS as u64);
    put_varint(out, values.len() as u64);
    let Some((&first, rest)) = values.split_first() else {
        put_varint(out, 0);
        return;
    };
    put_varint(out, zigzag(signed(first, wide)));
    let mut before = first;
    for block in rest.chunks(BLOCK) {
        let mut deltas = [0; BLOCK];
        for (delta, &value) in deltas.iter_mut().zip(block) {
            *delta = signed(value.wrapping_sub(before), wide);
            before = value;
        }
        let deltas = &deltas[..block.len()];
        let least = deltas.iter().copied().min().unwrap_or(0);
        put_varint(out, zigzag(least));
        let above = |delta: i64| cut(delta.wrapping_sub(least).cast_unsigned(), wide);
        let mut widths = [0; PARTS];
        for (width, part) in widths.iter_mut().zip(deltas.chunks(PART)) {
            *width = width_of(part.iter().fold(0, |all, &delta| all | above(delta)));
        }
        out.extend_from_slice(&widths);
        for (&width, part) in widths.iter().zip(deltas.chunks(PART)) {
            let padded = part.iter().map(|&delta| above(delta)).chain(std::iter::repeat(0)).take(PART);
            pack(padded, width, out);
        }
    }
}

/// Reads `count` values and appends them to `values`.
pub(crate) fn take_delta(
    mut rest: &[u8],
    wide: bool,
    count: usize,
    values: &mut Vec<u64>,
) -> Result<(), Broken> {
    let shape = [take_varint(&mut rest)?, take_varint(&mut rest)?, take_varint(&mut rest)?];
    if shape != [BLOCK as u64, PARTS as u64, count as u64] {
        return Err("differences come in blocks of another shape");
    }
    let mut value = cut(unzigzag(take_varint(&mut rest)?).cast_unsigned(), wide);
    if count == 0 {
        return Ok(());
    }
    values.push(value);
    let mut left = count - 1;
    while left > 0 {
        let least = unzigzag(take_varint(&mut rest)?).cast_unsigned();
        let (widths, after) = rest.split_first_chunk::<PARTS>().ok_or("a block is cut")?;
        rest = after;
        for &width in widths {
            if left == 0 {
                break;
            }
            if width > if wide { 64 } else { 32 } {
                return Err("a difference has too many bits");
            }
            let (part, after) =
                rest.split_at_checked(usize::from(width) * PART / 8).ok_or("a block is cut")?;
            rest = after;
            let here = left.min(PART);
            unpack(part, width, here, |above| {
                value = cut(value.wrapping_add(least).wrapping_add(above), wide);
                values.push(value);
            });
            left -= here;
        }
    }
    Ok(())
}

fn cut(value: u64, wide: bool) -> u64 {
    if wide { value } else { value & u64::from(u32::MAX) }
}

/// The same bits as a number that may be below zero.
fn signed(value: u64, wide: bool) -> i64 {
    if wide { value.cast_signed() } else { (value << 32).cast_signed() >> 32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_whatever_the_length_and_the_extremes() {
        for wide in [false, true] {
            for length in [0, 1, 2, 32, 33, 128, 129, 130, 161, 1_000] {
                let values: Vec<u64> = (0..length as u64)
                    .map(|i| match i % 7 {
                        0 => 0,
                        1 => cut(u64::MAX, wide),
                        2 => cut(1 << 31, wide),
                        3 => cut(1 << 63, wide),
                        _ => cut(i.wrapping_mul(0x9e37_79b9_7f4a_7c15), wide),
                    })
                    .collect();
                let mut bytes = Vec::new();
                put_delta(&values, wide, &mut bytes);
                let mut found = Vec::new();
                take_delta(&bytes, wide, length, &mut found).unwrap();
                assert_eq!(found, values);
            }
        }
    }
}
