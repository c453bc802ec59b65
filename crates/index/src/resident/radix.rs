//! Sorting by the bytes that tell most apart.

use super::run::Item;

/// The bytes of an item that it is sorted by first, the first first: address, port, peer.
fn byte(item: &Item, place: usize) -> usize {
    let key = u128::from(item.ip) << 64 | u128::from(item.dense.key());
    usize::from(key.to_be_bytes()[place + 4])
}

const BYTES: usize = 12;
const VALUES: usize = 256;

/// Sorts items; `spare` is room that is used again.
///
/// By the first bytes in which any two differ, as many as tell nearly all of them apart, the last of them first; those that
/// are still alike are compared.
pub(super) fn sort(items: &mut Vec<Item>, spare: &mut Vec<Item>) {
    let Some(first) = items.first().copied() else { return };
    let differing = items.iter().fold(0u128, |all, item| all | (key(item) ^ key(&first)));
    let enough = items.len().ilog2() + 4;
    let (mut places, mut told) = (Vec::with_capacity(BYTES), 0);
    for place in 0..BYTES {
        let bits = differing.to_be_bytes()[place + 4].count_ones();
        if bits > 0 && told < enough {
            places.push(place);
            told += bits;
        }
    }
    spare.clear();
    spare.resize(items.len(), first);
    for place in places.iter().rev() {
        scatter(items, spare, *place);
        std::mem::swap(items, spare);
    }
    let told_by = |item: &Item| places.last().map_or(0, |last| key(item) >> (8 * (BYTES - 1 - last)));
    for alike in items.chunk_by_mut(|a, b| told_by(a) == told_by(b)) {
        if alike.len() > 1 {
            alike.sort_unstable();
        }
    }
}

fn key(item: &Item) -> u128 {
    u128::from(item.ip) << 64 | u128::from(item.dense.key())
}

/// Puts items in order of one byte, else as they were.
fn scatter(items: &[Item], into: &mut [Item], place: usize) {
    let mut next = [0usize; VALUES];
    for item in items {
        next[byte(item, place)] += 1;
    }
    let mut sum = 0;
    for count in &mut next {
        sum += std::mem::replace(count, sum);
    }
    for item in items {
        let at = &mut next[byte(item, place)];
        into[*at] = *item;
        *at += 1;
    }
}
