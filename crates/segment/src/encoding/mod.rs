//! How the values of a page are written.

mod delta;
mod packed;

pub(crate) use delta::{put_delta, take_delta};
pub(crate) use packed::{put_hybrid, take_hybrid, width_of};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    proptest! {
        #[test]
        fn whatever_bytes_say_no_more_values_come_of_them_than_were_asked_for(
            bytes in vec(any::<u8>(), 0..400),
            width in 0..=255u8,
            count in 0..5_000usize,
            wide in any::<bool>(),
        ) {
            let mut codes = Vec::new();
            let whole = take_hybrid(&mut &bytes[..], width, count, &mut codes);
            prop_assert!(codes.len() <= count && (whole.is_err() || codes.len() == count));
            // So that what follows the lengths is reached.
            let mut delta = Vec::new();
            put_delta(&vec![0; count], wide, &mut delta);
            delta.truncate(5);
            delta.extend_from_slice(&bytes);
            let mut values = Vec::new();
            let whole = take_delta(&delta, wide, count, &mut values);
            prop_assert!(values.len() <= count && (whole.is_err() || values.len() == count));
        }
    }
}
