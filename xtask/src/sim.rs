//! `cargo xtask sim`: as many small worlds as one likes, or one of them in full.

use std::num::NonZero;
use unmasq_testkit::{
    laws::{Broken, answer_all, check},
    tally::Tally,
    world::{Balancers, Order, World},
};

/// Which worlds, and how much to say.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many worlds to run.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "M", default_value_t = 0)]
    from: u64,
    /// Run this one world only.
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print the world, its records and its answers. With many seeds: every broken law, not the first ten.
    #[arg(long)]
    verbose: bool,
    /// Run the service in them, on a clock and a disk of ours: it crashes, the disk is slow or refuses, clocks jump.
    #[arg(long)]
    shell: bool,
}

/// At most this many broken laws are printed, unless all are asked for.
const BROKEN_SHOWN: usize = 10;

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let (from, count) = arguments.seed.map_or((arguments.from, arguments.seeds), |seed| (seed, 1));
    if arguments.shell {
        return crate::shell::run(from, count, arguments.verbose);
    }
    if let (Some(seed), true) = (arguments.seed, arguments.verbose) {
        print_world(&World::from_seed(seed));
    }
    let (tally, broken) = check_all(from, count);
    print!("{tally}");
    let shown = if arguments.verbose { broken.len() } else { BROKEN_SHOWN };
    for broken in broken.iter().take(shown) {
        println!("\n{broken}");
    }
    anyhow::ensure!(broken.is_empty(), "{} laws broken in {count} worlds", broken.len());
    println!("no law broken in {count} worlds");
    Ok(())
}

/// Checks worlds on every core; results in order of seed.
fn check_all(from: u64, count: u64) -> (Tally, Vec<Broken>) {
    let threads = u64::try_from(std::thread::available_parallelism().map_or(1, NonZero::get)).unwrap_or(1);
    let share = count.div_ceil(threads).max(1);
    let until = from.saturating_add(count);
    let parts = std::thread::scope(|scope| {
        let starts = (from..until).step_by(usize::try_from(share).unwrap_or(1));
        let workers: Vec<_> = starts
            .map(|start| scope.spawn(move || check_some(start..until.min(start.saturating_add(share)))))
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a world panicked")).collect::<Vec<_>>()
    });
    let mut tally = Tally::default();
    let mut broken = Vec::new();
    for (part, more) in parts {
        tally.add(&part);
        broken.extend(more);
    }
    (tally, broken)
}

fn check_some(seeds: std::ops::Range<u64>) -> (Tally, Vec<Broken>) {
    let mut tally = Tally::default();
    let mut broken = Vec::new();
    for seed in seeds {
        let checked = check(seed);
        tally.add(&checked.tally);
        broken.extend(checked.broken);
    }
    (tally, broken)
}

fn print_world(world: &World) {
    println!("{:#?}", world.plan);
    for (nat, gateway) in world.history.nats.iter().zip(&world.plan.gateways) {
        println!("\n{} truly held", gateway.name);
        for entry in &nat.entries {
            let t = &entry.translation;
            let packets: Vec<_> =
                entry.packets.iter().map(|(at, kind, _)| format!("{at} {kind:?}")).collect();
            println!(
                "  {} {:?} <- {:?} towards {:?} until {}: {}",
                t.protocol,
                t.outside,
                t.inside,
                t.remote,
                entry.stop,
                packets.join(", ")
            );
        }
    }
    for (log, lines) in world.logs.iter().zip(&world.lines) {
        println!("\n{log:?}");
        for line in lines {
            println!("  written {}, arrives {}: {:?}", line.written, line.arrives, line.record);
        }
    }
    if let Some(balancers) = &world.balancers {
        print_balancers(balancers);
    }
    let known = world.known(Order::Arrival);
    println!("\nsessions");
    for session in &known.sessions {
        println!(
            "  {:?} {:?} start {} end {} proven {:?} {:?}",
            session.gateway, session.translation, session.start, session.end, session.proven, session.request
        );
    }
    println!("\nalerts");
    for (staged, answer) in world.alerts.iter().zip(answer_all(&known, world)) {
        let alert = &staged.alert;
        println!(
            "  {} {} {:?} at {}; truth {:?}; {:?}; shows {:?}",
            alert.id.0,
            alert.protocol,
            alert.ends,
            alert.at,
            staged.truth,
            staged.carried,
            alert.context.http
        );
        println!("    {:?} / {:?}", answer.src, answer.dest);
    }
    println!();
}

fn print_balancers(balancers: &Balancers) {
    println!("\n{:#?}", balancers.plan);
    for connection in &balancers.connections {
        println!("{connection:?}");
    }
    for (log, lines) in balancers.logs.iter().zip(&balancers.lines) {
        println!("\n{log:?}");
        for line in lines {
            println!("  written {}, arrives {}: {:?}", line.written, line.arrives, line.record);
        }
    }
}
