//! `cargo xtask sim --shell`: the service itself in small worlds, on a clock and a disk of ours.
//!
//! What runs is the service's own code, one step of one part at a time, in an order that a seed draws; real files,
//! real SQLite. A world's records are written to logs when they would come. The process dies and is started again, the
//! disk is slow or refuses, our clock jumps, the sink is away. [`laws`] says what must hold all the same.

mod disk;
mod files;
mod laws;
mod life;
mod plan;

use anyhow::Context;
use laws::{Kept, Tally};
use life::{Around, End, SINK};
use plan::Plan;
use std::{fs, num::NonZero, path::Path, sync::Arc};
use unmasq_decode::alert::AlertFormat;
use unmasq_io::sink::Place;
use unmasq_node::{
    SessionsArg, Sources,
    batch::{AlertsArg, EvidenceDetail},
    serve::{Counters, Options, SinkArg},
};
use unmasq_testkit::world::World;

/// A life is begun again so often at most.
const LIVES: u32 = 200;
/// At most this many broken laws are printed, unless all are asked for.
const BROKEN_SHOWN: usize = 10;

/// Runs worlds on every core.
pub(crate) fn run(from: u64, count: u64, verbose: bool) -> anyhow::Result<()> {
    let (tally, broken) = check_all(from, count, verbose)?;
    print!("{tally}");
    let shown = if verbose { broken.len() } else { BROKEN_SHOWN };
    broken.iter().take(shown).for_each(|broken| println!("\n{broken}"));
    anyhow::ensure!(broken.is_empty(), "{} laws broken in {count} worlds", broken.len());
    println!("no law broken in {count} worlds");
    Ok(())
}

fn check_all(from: u64, count: u64, verbose: bool) -> anyhow::Result<(Tally, Vec<String>)> {
    let threads = u64::try_from(std::thread::available_parallelism().map_or(1, NonZero::get)).unwrap_or(1);
    let parts = std::thread::scope(|scope| {
        let worker = |first: u64| {
            scope.spawn(move || -> anyhow::Result<Vec<(u64, Checked)>> {
                let seeds = (from + first..from + count).step_by(usize::try_from(threads).unwrap_or(1));
                seeds.map(|seed| Ok((seed, check(seed, verbose && count == 1)?))).collect()
            })
        };
        let workers: Vec<_> = (0..threads).map(worker).collect();
        workers
            .into_iter()
            .map(|worker| worker.join().expect("a world panicked; run it alone with --seed"))
            .collect::<anyhow::Result<Vec<_>>>()
    })?;
    let (mut tally, mut broken) = (Tally::default(), Vec::new());
    let mut worlds: Vec<(u64, Checked)> = parts.into_iter().flatten().collect();
    worlds.sort_by_key(|(seed, _)| *seed);
    for (_, checked) in worlds {
        tally.add(&checked.tally);
        broken.extend(checked.broken);
    }
    Ok((tally, broken))
}

/// What came of one world.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) tally: Tally,
    pub(crate) broken: Vec<String>,
}

/// Runs the world of a seed and checks every law in it.
pub(crate) fn check(seed: u64, verbose: bool) -> anyhow::Result<Checked> {
    let world = World::from_seed(seed);
    let plan = Plan::draw(&world);

    // In memory, where there is such a place: what a real disk promises is tested with real kills.
    let memory = Path::new("/dev/shm");
    let mut place = tempfile::Builder::new();
    place.prefix("unmasq-shell-");
    let place = place.tempdir_in(memory).or_else(|_| place.tempdir())?;
    let folder = &if verbose { place.keep() } else { place.path().to_owned() };
    if verbose {
        println!("{}", folder.display());
    }
    fs::create_dir(folder.join(SINK[0]))?;
    let options = options(&world, &plan, folder)?;
    if verbose {
        println!("{plan:#?}");
    }
    let mut around = Around::new(&plan, seed, folder.to_owned(), options);
    let mut kept = Kept::new(seed, plan.called);
    let mut lives = 0;
    let last = loop {
        let counters = Arc::new(Counters::default());
        let end = around.live(&counters);
        lives += 1;
        if verbose {
            for (n, _, _, v) in counters.list() {
                if v > 0 {
                    println!("   {n} {v}");
                }
            }
            println!("{end:?} at {}", around.now);
        }
        kept.look(&around, &counters).context(seed)?;
        if !matches!(end, End::Died | End::Stopped) || lives == LIVES {
            break (end, counters);
        }
    };
    kept.judge(&around, last.0, &last.1).context(seed)?;
    let told = around.disk.told();
    let tally = Tally {
        worlds: 1,
        lives: u64::from(lives),
        steps: around.steps,
        changes: told.changes,
        slow: told.slow,
        refused: told.refused,
        died: told.died,
        jumps: plan.jumps.len() as u64,
        alerts: kept.alerts(),
        revisions: kept.revisions(),
        traced: kept.traced(),
        print: around.print,
    };
    Ok(Checked { tally, broken: kept.broken })
}

/// What the service is to do in a world.
fn options(world: &World, plan: &Plan, folder: &Path) -> anyhow::Result<Options> {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut options = Options::new(folder.join("data"));
    for number in 0..world.logs.len() {
        let name = files::name(world, number);
        // Without an inventory a log is refused that is not there; a batch takes one for not connected.
        let is_silent = plan.written.iter().all(|written| written.file != name);
        if !world.plan.declared || is_silent {
            fs::write(folder.join(name), "")?;
        }
    }
    let zone = Some(unmasq_io::zone("UTC")?);
    options.sources = if world.plan.declared {
        let realm = world.alerts.first().map_or("public", |staged| staged.alert.realm.as_str());
        fs::write(folder.join("inventory.json"), files::inventory(world, realm).to_string())?;
        Sources { inventory: Some(folder.join("inventory.json")), zone, ..Sources::default() }
    } else {
        let log = |number: usize| SessionsArg {
            format: files::format(&world.logs[number]).parse().ok(),
            layout: None,
            path: path(&files::name(world, number)),
        };
        Sources { sessions: (0..world.logs.len()).map(log).collect(), zone, ..Sources::default() }
    };
    options.alerts =
        vec![AlertsArg { format: AlertFormat::preset("suricata-eve"), path: path(plan::ALERTS) }];
    options.sinks = vec![SinkArg::new(Place::File(folder.join(SINK[0]).join("traced.json")))];
    options.gateways.discovered = true;
    // A store keeps no lines of plain sessions.
    options.evidence = EvidenceDetail::Ref;
    options.poll = plan.poll;
    options.patience.wait = plan.wait;
    options.open_max = plan.open_max;
    options.lot = plan.lot;
    options.lots = plan.lots;
    Ok(options)
}

#[cfg(test)]
mod tests;
