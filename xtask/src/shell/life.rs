//! The lives of a service: who does the next step, at what time, until it dies or there is nothing left to be done.

use super::{
    disk::Faulty,
    plan::{Plan, SECOND, append, shown},
};
use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc, time::Duration};
use unmasq_io::disk::OnDisk;
use unmasq_node::serve::{Clock, Counters, Next, Options, Part, SetClock, Stepped, stepped};
use unmasq_testkit::{rng::Rng, world::Us};
use unmasq_work::Reader;

/// Everything around a service.
pub(crate) struct Around<'w> {
    pub(crate) plan: &'w Plan,
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) clock: &'static SetClock,
    pub(crate) disk: Arc<Faulty>,
    rng: Rng,
    /// True time.
    pub(crate) now: Us,
    /// How far our clock is ahead of it.
    ahead: Us,
    written: usize,
    jumped: usize,
    is_away: bool,
    /// From when to when there was nobody, or something was waited for that is nobody's fault.
    pub(crate) excused: Vec<(Us, Us)>,
    /// When each alert was stored, and when something was said of it, in true time.
    pub(crate) watched: BTreeMap<String, (Us, Option<Us>)>,
    pub(crate) steps: u64,
    /// What was done, in one number.
    pub(crate) print: u64,
}

/// How a life ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Died,
    /// It was asked to end, and did.
    Stopped,
    /// Everything was read and answered.
    Quiet,
    /// Nothing more could be done, and yet it was not idle.
    Stuck,
}

/// So long after everything has calmed down whatever there is to say was said: the longest wait, a sweep, and what a
/// sink may be waited for.
const SETTLED: Us = 220 * SECOND;
/// Whoever is asked to end does so within that, however slow the disk is.
const STOPPING: Us = 180 * SECOND;
/// By then at the latest.
const NEVER: Us = 3 * SETTLED;
/// The folder of the sink, and where it is while it is away.
pub(crate) const SINK: [&str; 2] = ["told", "told.away"];

impl<'w> Around<'w> {
    pub(crate) fn new(plan: &'w Plan, seed: u64, folder: PathBuf, options: Options) -> Self {
        // A clock is so small that it may stay.
        let clock: &'static SetClock = Box::leak(Box::default());
        let mut rng = Rng::new(!seed);
        let disk = Arc::new(Faulty::new(clock, plan.odds, rng.fork()));
        let now = plan.written.first().map_or(0, |written| written.at) - 2 * SECOND;
        Self {
            plan,
            folder,
            options,
            clock,
            disk,
            rng,
            now,
            ahead: 0,
            written: 0,
            jumped: 0,
            is_away: false,
            excused: Vec::new(),
            watched: BTreeMap::new(),
            steps: 0,
            print: 0,
        }
    }

    /// One life, from when it begins until it ends.
    pub(crate) fn live(&mut self, counters: &Arc<Counters>) -> End {
        self.disk.revive();
        self.until(self.now);
        let (options, asked) = (self.options.clone(), OnDisk::of(self.disk.clone()));
        let lived = stepped(&options, Clock::Set(self.clock), counters, &asked, |service| {
            let opened = self.spent();
            // A disk that is slow while it is opened is nobody's fault either.
            self.excused.push((self.now, self.now + opened));
            self.until(self.now + opened);
            self.run(service, counters)
        });
        let end = lived.unwrap_or(End::Died);
        if matches!(end, End::Died | End::Stopped) {
            let died = self.now;
            let away = self.rng.pick(&[SECOND / 10, 3 * SECOND, 40 * SECOND]);
            let back = self.now + self.rng.between(1, away);
            self.until(back);
            self.excused.push((died, self.now));
        }
        end
    }

    /// Looks at who is answered by now.
    fn watch(&mut self) {
        let Ok(work) = Reader::open(&self.options.data.join("work.sqlite")) else { return };
        let now = self.now + self.spent();
        for alert in work.alerts_after(0, u32::MAX).unwrap_or_default() {
            let (_, answered) = self.watched.entry(alert.id.to_string()).or_insert((now, None));
            if alert.last.is_some() {
                answered.get_or_insert(now);
            }
        }
    }

    /// How long a step took, by its own clock.
    fn spent(&self) -> Us {
        let begun = shown(self.now, self.ahead);
        i64::try_from(self.clock.now().since(begun).as_micros()).unwrap_or(0)
    }

    fn run(&mut self, service: &mut Stepped<'_>, counters: &Counters) -> End {
        let mut parts: BTreeMap<Part, Turn> = BTreeMap::new();
        for part in service.parts() {
            let at = self.now + self.rng.between(0, SECOND / 10);
            parts.insert(part, Turn { at, rung: None, speaks: None });
        }
        let seen = || counters.alerts_stored.get() + counters.first_answers.get();
        let mut watched = None;
        let calm = self.plan.calm();
        let mut asked: Option<Us> = None;
        loop {
            for (part, turn) in &mut parts {
                if turn.speaks.is_some_and(|at| at <= self.now) {
                    turn.speaks = None;
                    service.deliver(*part);
                }
            }
            if parts.values().all(|turn| turn.at == Us::MAX) {
                return End::Stopped;
            }
            if asked.is_some_and(|at| self.now > at + STOPPING) {
                return End::Stuck;
            }
            if self.now > calm + SETTLED
                && asked.is_none()
                && service.is_idle()
                && parts.values().all(|turn| turn.speaks.is_none())
            {
                return End::Quiet;
            }
            if self.now > calm + NEVER {
                return End::Stuck;
            }
            let ready: Vec<Part> = parts
                .iter()
                .filter(|(part, turn)| self.is_ready(service, **part, turn))
                .map(|(part, _)| *part)
                .collect();
            if ready.is_empty() {
                self.until(self.next(&parts));
                continue;
            }
            let part = self.rng.pick(&ready);
            if self.now < calm && asked.is_none() && self.rng.next_u64() % 5_000 < self.plan.dies {
                if self.rng.chance(70) {
                    self.disk.kill();
                    return End::Died;
                }
                service.stop();
                asked = Some(self.now);
            }
            self.clock.set(shown(self.now, self.ahead));
            let refused = self.disk.told().refused;
            let next = service.step(part);
            self.steps += 1;
            if part == Part::Desk && watched.replace(seen()) != Some(seen()) {
                self.watch();
            }
            if self.disk.is_dead() {
                return End::Died;
            }
            let spent = self.spent();
            if spent > 0 || self.disk.told().refused > refused {
                self.excused.push((self.now, self.now + spent + 3 * SECOND));
            }
            self.note(part, next, spent);
            let free = self.now + spent + self.rng.between(1, 2_000);
            let turn = match next {
                Next::After(time) => Turn { at: free + us(time) + self.laziness(), rung: None, speaks: None },
                Next::WhenRung(rung) => Turn { at: free + SECOND, rung: Some(rung), speaks: None },
                Next::Over => Turn { at: Us::MAX, rung: None, speaks: None },
            };
            if spent > 0 {
                parts.insert(part, Turn { speaks: Some(self.now + spent), ..turn });
            } else {
                service.deliver(part);
                parts.insert(part, turn);
            }
            // Whatever is done takes a moment.
            let after = self.now + self.rng.between(0, 500);
            self.until(after);
        }
    }

    /// Some come later than they might: nobody promises when a thread runs.
    fn laziness(&mut self) -> Us {
        if self.rng.chance(3) { self.rng.between(0, SECOND) } else { 0 }
    }

    fn is_ready(&self, service: &Stepped<'_>, part: Part, turn: &Turn) -> bool {
        if turn.speaks.is_some() {
            return false;
        }
        match part {
            Part::Desk => turn.at <= self.now || (service.under_way() > 0 && service.may_be_told()),
            Part::Sink(_) => turn.at <= self.now || turn.rung.is_some_and(|rung| service.rung() > rung),
            // While too much is under way, who has more waits.
            Part::Logs | Part::Alerts(_) => turn.at <= self.now && service.under_way() < self.plan.queue,
        }
    }

    /// When something happens next.
    fn next(&self, parts: &BTreeMap<Part, Turn>) -> Us {
        let turns = parts.values().map(|turn| turn.speaks.unwrap_or(turn.at));
        let written = self.plan.written.get(self.written).map(|written| written.at);
        let jump = self.plan.jumps.get(self.jumped).map(|(at, _)| *at);
        let later = turns.chain(written).chain(jump).filter(|at| *at > self.now);
        // Somebody who waits for room is let on by the desk.
        later.min().unwrap_or(self.now + SECOND)
    }

    /// Lets time pass, and happen what happens.
    fn until(&mut self, at: Us) {
        self.now = self.now.max(at);
        while let Some(written) = self.plan.written.get(self.written).filter(|written| written.at <= self.now)
        {
            append(&self.folder, written).expect("a followed file can be written");
            self.written += 1;
        }
        while let Some((_, ahead)) = self.plan.jumps.get(self.jumped).filter(|(at, _)| *at <= self.now) {
            self.ahead = *ahead;
            self.jumped += 1;
        }
        let is_away = self.plan.away.is_some_and(|(from, to)| (from..to).contains(&self.now));
        if is_away != self.is_away {
            let [here, away] = SINK.map(|name| self.folder.join(name));
            let (from, to) = if is_away { (here, away) } else { (away, here) };
            fs::rename(from, to).expect("the folder of the sink can be moved");
            self.is_away = is_away;
        }
        if self.now >= self.plan.calm() {
            self.disk.heal();
        }
        self.clock.set(shown(self.now, self.ahead));
    }

    /// Puts what was done into one number, by which two runs are told apart.
    fn note(&mut self, part: Part, next: Next, spent: Us) {
        let said = format!("{} {part:?} {next:?} {spent}", self.now);
        for byte in said.bytes() {
            self.print = (self.print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// When a part does its next step.
#[derive(Clone, Copy, Debug)]
struct Turn {
    at: Us,
    /// Or sooner, when the bell has rung more often than that.
    rung: Option<u64>,
    /// When it has done the one before, and what it says is heard.
    speaks: Option<Us>,
}

fn us(time: Duration) -> Us {
    Us::try_from(time.as_micros()).unwrap_or(Us::MAX / 4)
}
