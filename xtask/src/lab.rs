//! Traces the recorded lab at several clock bounds and holds the answers against its truth.

use anyhow::{Context, Result, bail};
use std::{fs, path::Path, time::Duration};
use unmasq_node::{
    Silent, Sources,
    batch::{AlertsArg, Batch, EvidenceDetail, Hold, Options},
};
use unmasq_testkit::{corpus, lab::score};

const BOUNDS_MS: [u64; 4] = [50, 500, 1_000, 2_000];

/// What of the lab to trace.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// A clock bound in milliseconds, instead of the usual four
    #[arg(long, value_name = "MS")]
    clock_bound: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = corpus::folder().join("lab-basic");
    let bounds = arguments.clock_bound.map_or(BOUNDS_MS.to_vec(), |bound| vec![bound]);
    let mut wrong = 0;
    for bound in bounds {
        let traced = traced(&folder, Duration::from_millis(bound))?;
        let truth = fs::read_to_string(folder.join("truth.jsonl")).context("cannot read the truth")?;
        let score = score(&traced, &truth)?;
        println!("clock bound {bound} ms\n{score}");
        wrong += score.wrong().count();
    }
    if wrong > 0 {
        bail!("{wrong} ends are named wrongly");
    }
    Ok(())
}

fn traced(folder: &Path, clock_bound: Duration) -> Result<String> {
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let sources = Sources {
        inventory: Some(folder.join("inventory.json")),
        processes: vec![path("process.jsonl")],
        clock_bound: Some(clock_bound),
        ..Sources::default()
    };
    let alerts = [AlertsArg { format: None, path: path("eve.json") }];
    let traced = |hold| -> Result<String> {
        let options = Options { evidence: EvidenceDetail::Ref, hold, ..Options::default() };
        let batch = Batch::new(&alerts, options)?;
        let mut out = Vec::new();
        batch.trace(&batch.learn(&sources, &Silent)?, &mut out, &Silent)?;
        Ok(String::from_utf8(out)?)
    };
    let (by_alerts, by_sessions) = (traced(Hold::Alerts)?, traced(Hold::Sessions)?);
    if by_alerts != by_sessions {
        bail!("the answers depend on what is held in memory");
    }
    Ok(by_alerts)
}
