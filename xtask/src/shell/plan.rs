//! What happens to a service in a world: what is written for it when, and what goes wrong.

use super::{disk::Odds, files};
use std::{collections::BTreeSet, fs, io, path::Path, time::Duration};
use unmasq_testkit::{
    rng::Rng,
    world::{Us, World, stamp},
};

/// What is put at the end of a file at some moment.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) at: Us,
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
}

/// What a seed draws beside its world.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) called: &'static str,
    /// In order of time.
    pub(crate) written: Vec<Written>,
    pub(crate) odds: Odds,
    /// In one of so many thousand steps the process dies between two of them.
    pub(crate) dies: u64,
    /// When our clock is set, and by how much it is ahead of true time from then on.
    pub(crate) jumps: Vec<(Us, Us)>,
    /// From when to when the sink is not there.
    pub(crate) away: Option<(Us, Us)>,
    pub(crate) poll: Duration,
    pub(crate) wait: Duration,
    /// So many open alerts are held in memory.
    pub(crate) open_max: usize,
    /// So many sessions are stored at a time.
    pub(crate) lot: usize,
    /// So many lots are merged.
    pub(crate) lots: usize,
    /// Whether a gateway has several logs.
    pub(crate) several_logs: bool,
    /// So many messages wait for the desk before others wait.
    pub(crate) queue: usize,
}

pub(crate) const SECOND: Us = 1_000_000;
/// The file of the alerts.
pub(crate) const ALERTS: &str = "eve.json";

impl Plan {
    pub(crate) fn draw(world: &World) -> Self {
        let mut rng = Rng::new(world.seed ^ 0x0073_6865_6c6c);
        let mut written = Vec::new();
        for (number, (log, lines)) in world.logs.iter().zip(&world.lines).enumerate() {
            let file = files::name(world, number);
            let said = lines
                .iter()
                .filter_map(|line| files::line(world, log, &line.record).map(|text| (line.arrives, text)));
            written.extend(stream(&file, said.collect(), &mut rng));
        }
        let mut of_alerts = stream(ALERTS, alerts(world, &mut rng), &mut rng);
        // The last one may end without the end of a line.
        if let Some(last) = of_alerts.last_mut().filter(|_| rng.chance(30)) {
            last.bytes.pop();
        }
        written.extend(of_alerts);
        written.sort_by_key(|written| written.at);
        let last = written.last().map_or(0, |written| written.at);
        let first = written.first().map_or(0, |written| written.at);
        let temper = rng.below(8);
        let crashing = Odds { dies: 30, ..Odds::default() };
        let (called, odds) = match temper {
            0 => ("in peace", Odds::default()),
            1 | 2 => ("that dies", crashing),
            3 => ("with a slow disk", Odds { slow: 200, ..Odds::default() }),
            4 => ("with a disk that refuses", Odds { refuses: 150, ..Odds::default() }),
            5 => ("with a clock that jumps", Odds::default()),
            6 => ("with a sink that is away", Odds::default()),
            _ => ("with everything", Odds { slow: 60, refuses: 60, dies: 20 }),
        };
        let everything = temper == 7;
        let moment = |rng: &mut Rng| rng.between(first, last);
        let jumps = (0..if temper == 5 || everything { 1 + rng.below(4) } else { 0 }).map(|_| {
            let by = rng.pick(&[SECOND, 90 * SECOND, 2 * 3_600 * SECOND]);
            (moment(&mut rng), rng.between(-by, by))
        });
        let mut jumps: Vec<(Us, Us)> = jumps.collect();
        jumps.sort_unstable();
        let away = (temper == 6 || (everything && rng.chance(50))).then(|| {
            let from = moment(&mut rng);
            (from, from + rng.pick(&[30 * SECOND, 3_600 * SECOND]))
        });
        // Looking all the time while nothing happens only takes time.
        let hours = away.is_some_and(|(from, to)| to - from > 1_000 * SECOND);
        let may_die = odds.dies > 0;
        let gateways: BTreeSet<usize> = world.logs.iter().map(|log| log.plan.gateway).collect();
        Self {
            several_logs: gateways.len() < world.logs.len(),
            called,
            written,
            odds,
            dies: if may_die { rng.pick(&[1, 5, 20]) } else { 0 },
            jumps,
            away,
            poll: Duration::from_millis(if hours { 10_000 } else { rng.pick(&[500, 2_000, 5_000]) }),
            wait: Duration::from_secs(rng.pick(&[3, 30, 90])),
            open_max: rng.pick(&[1_000_000, 4]),
            lot: rng.pick(&[1 << 20, 15]),
            queue: rng.pick(&[1, 4, 50]),
            lots: rng.pick(&[64, 4, 2]),
        }
    }

    /// When nothing is written any more and nothing goes wrong.
    pub(crate) fn calm(&self) -> Us {
        let written = self.written.last().map_or(0, |written| written.at);
        let jumped = self.jumps.last().map_or(0, |(at, _)| *at);
        written.max(jumped).max(self.away.map_or(0, |(_, to)| to)) + SECOND
    }
}

/// The alerts' lines, some of them twice, and lines that are none.
fn alerts(world: &World, rng: &mut Rng) -> Vec<(Us, String)> {
    let mut lines = Vec::new();
    for staged in world.alerts.iter().filter(|staged| staged.carried.is_none()) {
        let line = files::alert(staged);
        let late = rng.pick(&[SECOND / 100, 2 * SECOND, 200 * SECOND]);
        let at = staged.at + rng.between(0, late);
        for _ in 0..1 + usize::from(rng.chance(10)) {
            lines.push((at, line.clone()));
        }
        if rng.chance(20) {
            let other = [r#"{"event_type":"flow","src_ip":"192.0.2.1"}"#, r#"{"event_type":"al"#, ""];
            lines.push((at, rng.pick(&other).to_owned()));
        }
    }
    lines
}

/// Lines as they are put into a file: in order of time, and some of them in two pieces.
fn stream(file: &str, mut lines: Vec<(Us, String)>, rng: &mut Rng) -> Vec<Written> {
    lines.sort_by_key(|(at, _)| *at);
    let mut written: Vec<Written> = Vec::new();
    for place in 0..lines.len() {
        let (at, line) = &lines[place];
        let bytes = format!("{line}\n").into_bytes();
        let next = lines.get(place + 1).map_or(Us::MAX, |(at, _)| *at);
        let put = |at, bytes: &[u8]| Written { at, file: file.to_owned(), bytes: bytes.to_vec() };
        if rng.chance(10) {
            let cut = rng.below(bytes.len());
            let later = (at + rng.between(0, 3 * SECOND)).min(next);
            written.push(put(*at, &bytes[..cut]));
            written.push(put(later, &bytes[cut..]));
        } else {
            written.push(put(*at, &bytes));
        }
    }
    written
}

/// Puts something at the end of a file.
pub(crate) fn append(folder: &Path, written: &Written) -> io::Result<()> {
    let path = folder.join(&written.file);
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
    io::Write::write_all(&mut file, &written.bytes)
}

/// True time, as a clock shows it that is so far ahead.
pub(crate) fn shown(at: Us, ahead: Us) -> unmasq_model::Arrival {
    unmasq_model::Arrival::from_unix_us(stamp(at, ahead).as_unix_us())
}
