//! Work on many things by as many as there are cores.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// More do not read one disk any faster.
const WORKERS_MAX: usize = 16;

/// Does `work` for each of the things, several at once, and gives what came of them in their order.
///
/// # Errors
/// The first error that anybody met; what was not begun then is left.
pub(crate) fn for_each<I: Sync, T: Send, E: Send>(
    things: &[I],
    work: impl Fn(&I) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let (next, done, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Mutex::new(None));
    let run = || {
        while failed.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(thing) = things.get(place) else { return };
            match work(thing) {
                Ok(made) => done.lock().unwrap_or_else(PoisonError::into_inner).push((place, made)),
                Err(error) => {
                    failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..cores.min(WORKERS_MAX).min(things.len()) {
            scope.spawn(run);
        }
        run();
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, made)| made).collect())
}

#[cfg(test)]
mod tests {
    use super::for_each;

    #[test]
    fn what_is_made_comes_in_order() {
        let things: Vec<u32> = (0..1000).collect();
        let made: Result<Vec<u32>, ()> = for_each(&things, |thing| Ok(thing * 2));
        assert_eq!(made.unwrap(), things.iter().map(|thing| thing * 2).collect::<Vec<_>>());
        let refused = for_each(&things, |thing| if *thing == 500 { Err("no") } else { Ok(()) });
        assert_eq!(refused, Err("no"));
    }
}
