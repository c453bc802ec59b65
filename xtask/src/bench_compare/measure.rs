//! Runs a process and says what it cost.

use anyhow::{Context, Result, bail};
use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How often the memory is looked at. A peak between two looks is not seen.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a run of a process and its children cost.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// On all cores, in user and system mode, in steps of 10 ms. `None` without /proc.
    pub(crate) cpu: Option<Duration>,
    /// The most anonymous and shared memory at any look, in KiB. The page cache is nobody's, so mapped files
    /// do not count. `None` without /proc.
    pub(crate) memory_kib: Option<u64>,
}

/// Whether CPU time and memory can be measured here.
pub(crate) fn sees_memory() -> bool {
    Path::new("/proc/self/status").exists()
}

/// Runs `command` to its end. What it prints is thrown away, but for the end of its complaints if it fails.
pub(crate) fn run(mut command: Command) -> Result<Usage> {
    let program = command.get_program().to_string_lossy().into_owned();
    let complaints = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(complaints.path())?);
    let cpu_before = cpu_of_children();
    let start = now();
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    let ended = AtomicBool::new(false);
    let root = child.id();
    let (status, wall, memory_kib) = thread::scope(|scope| {
        let watcher = scope.spawn(|| peak_memory_kib(root, &ended));
        let status = child.wait();
        let wall = start.elapsed();
        ended.store(true, Ordering::Relaxed);
        (status, wall, watcher.join().ok().flatten())
    });
    let status = status.with_context(|| format!("cannot wait for {program}"))?;
    if !status.success() {
        let text = fs::read_to_string(complaints.path()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let end = lines[lines.len().saturating_sub(8)..].join("\n");
        bail!("{program} ended with {status}:\n{end}");
    }
    let cpu = cpu_of_children().zip(cpu_before).map(|(after, before)| after.saturating_sub(before));
    Ok(Usage { wall, cpu, memory_kib })
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what this is for")]
/// What a stopwatch shows.
pub(crate) fn now() -> Instant {
    Instant::now()
}

fn peak_memory_kib(root: u32, ended: &AtomicBool) -> Option<u64> {
    let mut peak = None;
    while !ended.load(Ordering::Relaxed) {
        // A process that has ended has no memory lines any more.
        peak = peak.max(tree(root).into_iter().filter_map(memory_kib).reduce(|sum, more| sum + more));
        thread::sleep(LOOK_EVERY);
    }
    peak
}

/// A process and all beneath it, as of now.
fn tree(root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(&process) = found.get(next) {
        for task in fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(children.split_ascii_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        next += 1;
    }
    found
}

/// What a process has for itself, in KiB.
pub(crate) fn memory_kib(process: u32) -> Option<u64> {
    memory_in(&fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

fn memory_in(status: &str) -> Option<u64> {
    let of = |name: &str| {
        let rest = status.lines().find_map(|line| line.strip_prefix(name))?;
        rest.split_ascii_whitespace().next()?.parse::<u64>().ok()
    };
    Some(of("RssAnon:")? + of("RssShmem:")?)
}

/// What all children of this process that have ended have used so far, with theirs.
fn cpu_of_children() -> Option<Duration> {
    cpu_in(&fs::read_to_string("/proc/self/stat").ok()?)
}

fn cpu_in(stat: &str) -> Option<Duration> {
    ticks_in(stat, 13)
}

/// What a process has used so far, its children not counted.
pub(crate) fn cpu_of(process: u32) -> Option<Duration> {
    ticks_in(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?, 11)
}

/// Two counts of time that follow each other.
fn ticks_in(stat: &str, first: usize) -> Option<Duration> {
    // The program's name stands in brackets and may hold anything; fields are counted after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let ticks = fields.get(first)?.parse::<u64>().ok()? + fields.get(first + 1)?.parse::<u64>().ok()?;
    // Linux tells user space of a hundred ticks a second, whatever the kernel's own are.
    Some(Duration::from_millis(ticks * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_children_s_time_is_found_behind_any_name() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 250 50 20 0 1 0";
        assert_eq!(cpu_in(stat), Some(Duration::from_secs(3)));
        assert_eq!(cpu_in("42 (short) S 1"), None);
    }

    #[test]
    fn files_in_memory_do_not_count() {
        let status = "VmHWM:\t  900 kB\nRssAnon:\t  100 kB\nRssFile:\t  700 kB\nRssShmem:\t  20 kB\n";
        assert_eq!(memory_in(status), Some(120));
        assert_eq!(memory_in("Name:\tzombie\n"), None);
    }

    #[test]
    fn a_process_that_fails_says_why() {
        let mut command = Command::new(env!("CARGO"));
        command.arg("no-such-chore");
        let error = run(command).err().expect("it fails").to_string();
        assert!(error.contains("no-such-chore"), "{error}");
    }
}
