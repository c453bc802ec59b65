//! Sorting by the bytes that tell most apart.

use super::sorted::Item;

const BYTES: usize = 8;
const VALUES: usize = 256;

/// Sorts items; `spare` is room that is used again.
///
/// By the first bytes in which any two differ, as many as tell nearly all of them apart, the last of them first; those
/// that are still alike are compared.
pub(super) fn sort(items: &mut Vec<Item>, spare: &mut Vec<Item>) {
    let Some(first) = items.first().copied() else { return };
    let differing = items.iter().fold(0, |all, item| all | (item.key() ^ first.key())).to_be_bytes();
    let enough = items.len().ilog2() + 3;
    let (mut places, mut told) = (Vec::with_capacity(BYTES), 0);
    for (place, byte) in differing.iter().enumerate() {
        if *byte != 0 && told < enough {
            places.push(place);
            told += byte.count_ones();
        }
    }
    spare.clear();
    spare.resize(items.len(), first);
    for place in places.iter().rev() {
        scatter(items, spare, *place);
        std::mem::swap(items, spare);
    }
    let told_by = |item: &Item| places.last().map_or(0, |last| item.key() >> (8 * (BYTES - 1 - last)));
    for alike in items.chunk_by_mut(|a, b| told_by(a) == told_by(b)) {
        if alike.len() > 1 {
            alike.sort_unstable();
        }
    }
}

/// Puts items in order of one byte, else as they were.
fn scatter(items: &[Item], into: &mut [Item], place: usize) {
    let byte = |item: &Item| usize::from(item.key().to_be_bytes()[place]);
    let mut next = [0usize; VALUES];
    for item in items {
        next[byte(item)] += 1;
    }
    let mut sum = 0;
    for count in &mut next {
        sum += std::mem::replace(count, sum);
    }
    for item in items {
        let at = &mut next[byte(item)];
        into[*at] = *item;
        *at += 1;
    }
}
