//! Numbers of so many bits each, and Parquet's hybrid of those with runs.

use crate::{
    damaged::Broken,
    thrift::{put_varint, take_varint},
};

/// How many bits the largest of them takes.
pub(crate) fn width_of(largest: u64) -> u8 {
    u8::try_from(64 - largest.leading_zeros()).unwrap_or(64)
}

/// Appends `values`, `width` bits each, lowest first, up to a whole byte.
pub(crate) fn pack(values: impl IntoIterator<Item = u64>, width: u8, out: &mut Vec<u8>) {
    if width <= 32 {
        // What is held and one more fit into a word.
        let (mut held, mut bits) = (0u64, 0);
        for value in values {
            held |= value << bits;
            bits += u32::from(width);
            if bits >= 32 {
                out.extend_from_slice(&held.to_le_bytes()[..4]);
                held >>= 32;
                bits -= 32;
            }
        }
        out.extend_from_slice(&held.to_le_bytes()[..bits.div_ceil(8) as usize]);
        return;
    }
    let (mut held, mut bits) = (0u128, 0);
    for value in values {
        held |= u128::from(value) << bits;
        bits += u32::from(width);
        while bits >= 32 {
            out.extend_from_slice(&held.to_le_bytes()[..4]);
            held >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&held.to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Gives `count` values of `width` bits to `each`. `packed` has them all.
#[inline]
pub(crate) fn unpack(packed: &[u8], width: u8, count: usize, mut each: impl FnMut(u64)) {
    let width = usize::from(width);
    if width == 0 {
        (0..count).for_each(|_| each(0));
        return;
    }
    let mask = u64::MAX >> (64 - width);
    if width > 56 {
        for i in 0..count {
            each(
                u64::try_from(window::<16>(packed, i * width / 8) >> (i * width % 8) & u128::from(mask))
                    .unwrap_or(0),
            );
        }
        return;
    }
    // Eight bytes can be taken at once for all but the last few.
    let whole = if packed.len() < 8 { 0 } else { ((packed.len() - 8) * 8 / width + 1).min(count) };
    let mut bit = 0;
    for _ in 0..whole {
        let eight = packed[bit / 8..].first_chunk().copied().map_or(0, u64::from_le_bytes);
        each(eight >> (bit % 8) & mask);
        bit += width;
    }
    for _ in whole..count {
        each(
            u64::try_from(window::<8>(packed, bit / 8) & u128::from(u64::MAX)).unwrap_or(0) >> (bit % 8)
                & mask,
        );
        bit += width;
    }
}

/// Up to `N` bytes from `at` on; what is missing is zero.
fn window<const N: usize>(packed: &[u8], at: usize) -> u128 {
    let there = packed.get(at..).unwrap_or_default();
    let there = &there[..there.len().min(N)];
    let mut bytes = [0; 16];
    bytes[..there.len()].copy_from_slice(there);
    u128::from_le_bytes(bytes)
}

/// Appends `values` as a hybrid: one run if all are the same, else packed.
pub(crate) fn put_hybrid(values: &[u32], width: u8, out: &mut Vec<u8>) {
    let Some((&first, rest)) = values.split_first() else { return };
    if rest.iter().all(|&value| value == first) {
        put_varint(out, (values.len() as u64) << 1);
        out.extend_from_slice(&first.to_le_bytes()[..usize::from(width).div_ceil(8)]);
        return;
    }
    let groups = values.len().div_ceil(8);
    put_varint(out, (groups as u64) << 1 | 1);
    let padded = values.iter().copied().chain(std::iter::repeat(0)).take(groups * 8);
    pack(padded.map(u64::from), width, out);
}

/// Takes a hybrid of `count` values off the front of `rest` and appends them to `values`.
pub(crate) fn take_hybrid(
    rest: &mut &[u8],
    width: u8,
    count: usize,
    values: &mut Vec<u32>,
) -> Result<(), Broken> {
    if width > 32 {
        return Err("a number of more than 32 bits stands for a value");
    }
    let end = values.len() + count;
    while values.len() < end {
        let head = take_varint(rest)?;
        let left = end - values.len();
        let length = usize::try_from(head >> 1).map_err(|_| "a run is too long")?;
        if head & 1 == 0 {
            if length == 0 || length > left {
                return Err("a run has more rows than its page");
            }
            let (bytes, after) =
                rest.split_at_checked(usize::from(width).div_ceil(8)).ok_or("a run is cut")?;
            *rest = after;
            let mut value = [0; 4];
            value[..bytes.len()].copy_from_slice(bytes);
            values.resize(values.len() + length, u32::from_le_bytes(value));
        } else {
            // The last group is filled up to eight values.
            if length == 0 || length > left.div_ceil(8) {
                return Err("packed values are more than the rows of their page");
            }
            let (bytes, after) =
                rest.split_at_checked(length * usize::from(width)).ok_or("packed values are cut")?;
            *rest = after;
            unpack(bytes, width, left.min(length * 8), |value| {
                values.push(u32::try_from(value).unwrap_or(u32::MAX));
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_unpacked_at_every_width() {
        for width in 0..=64u8 {
            let mask = if width == 0 { 0 } else { u64::MAX >> (64 - width) };
            let values: Vec<u64> =
                (1..100u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17) & mask).collect();
            let mut packed = Vec::new();
            pack(values.iter().copied(), width, &mut packed);
            assert_eq!(packed.len(), (values.len() * usize::from(width)).div_ceil(8));
            let mut found = Vec::new();
            unpack(&packed, width, values.len(), |value| found.push(value));
            assert_eq!(found, values, "{width} bits");
        }
    }
}
