//! Builds the hot loops and counts their instructions under valgrind.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The example of the testkit that has the loops.
const EXAMPLE: &str = "hot_loops";

/// How often the loops go through their items in the shorter of two runs. The first pass is not like the
/// others: buffers grow, and shapes of lines are learned.
const PASSES: u64 = 2;

/// The hot loops, as one program.
pub(super) struct Program(PathBuf);

impl Program {
    /// Builds it as what ships is built. Flags from the environment could make it use what valgrind does not know.
    pub(super) fn built() -> Result<Self> {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--release", "--locked", "--package", "unmasq-testkit"])
            .args(["--example", EXAMPLE, "--message-format", "json-render-diagnostics"])
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .current_dir(repository)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("cannot run cargo")?;
        ensure!(output.status.success(), "cargo could not build the hot loops");
        let messages = String::from_utf8_lossy(&output.stdout);
        executable(&messages).map(Self).context("cargo does not say where the hot loops are")
    }

    /// What its loops are called.
    pub(super) fn loops(&self) -> Result<Vec<String>> {
        let said = finished(Command::new(&self.0))?.stdout;
        Ok(String::from_utf8_lossy(&said).lines().map(str::to_owned).collect())
    }

    /// How many instructions an item of a loop takes: what twice as many passes take more, so that making the
    /// items costs nothing.
    pub(super) fn instructions_per_item(&self, name: &str) -> Result<f64> {
        let (instructions, items) = self.counted(name, PASSES)?;
        let (more_instructions, more_items) = self.counted(name, 2 * PASSES)?;
        per_item(more_instructions, instructions, more_items, items)
    }

    /// The instructions of one run, and its items.
    fn counted(&self, name: &str, passes: u64) -> Result<(u64, u64)> {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        command.arg(&self.0).arg(name).arg(passes.to_string());
        let Output { stdout, stderr, .. } = finished(command)?;
        let items = String::from_utf8_lossy(&stdout).trim().parse().context("the loop names no items")?;
        let said = String::from_utf8_lossy(&stderr);
        Ok((collected(&said).with_context(|| format!("valgrind names no count:\n{said}"))?, items))
    }
}

/// Runs a program to its end, which must be a good one.
fn finished(mut command: Command) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program} failed ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}

/// What cargo's messages say of where the example is.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let paths = messages.filter(|message| message["target"]["name"] == EXAMPLE);
    paths.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back()
}

/// The count at the end of what callgrind says: `==4711== Collected : 67713619`.
fn collected(said: &str) -> Option<u64> {
    let (_, count) = said.lines().find_map(|line| line.split_once("Collected :"))?;
    count.trim().parse().ok()
}

fn per_item(more_instructions: u64, instructions: u64, more_items: u64, items: u64) -> Result<f64> {
    let (Some(instructions), Some(items @ 1..)) =
        (more_instructions.checked_sub(instructions), more_items.checked_sub(items))
    else {
        bail!("twice as many passes took {instructions} and then {more_instructions} instructions");
    };
    Ok(instructions as f64 / items as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_what_callgrind_says() {
        let said = "==9== Callgrind, a profiler\n==9== Events    : Ir\n==9== Collected : 67713619\n==9== \n";
        assert_eq!(collected(said), Some(67_713_619));
        assert_eq!(collected("==9== Events    : Ir\n"), None);
    }

    #[test]
    fn what_both_runs_share_costs_an_item_nothing() {
        let per_item = |more, less| per_item(more, less, 8_000, 4_000).map(|figure| format!("{figure:.2}"));
        assert_eq!(per_item(82_471_173, 67_713_619).expect("there are more"), "3689.39");
        assert!(per_item(1, 2).is_err());
    }

    #[test]
    fn the_example_is_where_cargo_says() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"unmasq_testkit"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"hot_loops"},"executable":"/t/hot_loops"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages), Some("/t/hot_loops".into()));
        assert_eq!(executable("not a message"), None);
    }
}
