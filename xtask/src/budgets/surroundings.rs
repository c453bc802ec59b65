//! What a count depends on beside the code: counts from elsewhere say nothing here.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::process::{Command, Stdio};

/// What made the program, what counted, and what the program finds at run time.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Surroundings {
    /// The compiler.
    pub(super) rustc: String,
    /// What counts. It also is the processor that the program sees.
    pub(super) valgrind: String,
    /// Copying and allocating are the C library's.
    pub(super) libc: String,
    /// What valgrind passes on of this processor and our libraries choose their code by.
    pub(super) processor: String,
}

impl Surroundings {
    /// Those of this machine; an error where nothing can be counted.
    pub(super) fn here() -> Result<Self> {
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        Ok(Self {
            rustc: answer(&rustc, &["-V"])?,
            valgrind: answer("valgrind", &["--version"])?,
            // Not every C library has an answer; then it is known by that.
            libc: answer("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|_| "unknown".into()),
            processor: processor(),
        })
    }

    /// Each by its name.
    pub(super) fn named(&self) -> [(&'static str, &str); 4] {
        [
            ("rustc", &self.rustc),
            ("valgrind", &self.valgrind),
            ("libc", &self.libc),
            ("processor", &self.processor),
        ]
    }

    /// Where these, which the budgets are of, are not those that are here.
    pub(super) fn differences(&self, here: &Self) -> Vec<String> {
        let pairs = self.named().into_iter().zip(here.named());
        let differing = pairs.filter(|((_, budgets), (_, here))| budgets != here);
        differing
            .map(|((name, budgets), (_, here))| format!("{name} is `{here}`, theirs `{budgets}`"))
            .collect()
    }
}

/// What a program says, without the end of its line.
fn answer(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "`{program} {}` failed", arguments.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(target_arch = "x86_64")]
fn processor() -> String {
    let avx2 = if std::arch::is_x86_feature_detected!("avx2") { "with" } else { "without" };
    format!("x86_64 {avx2} avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn processor() -> String {
    std::env::consts::ARCH.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_compiler_is_a_difference_and_is_named() {
        let budgets = Surroundings {
            rustc: "rustc 1.95.0".into(),
            valgrind: "valgrind-3.19.0".into(),
            libc: "glibc 2.36".into(),
            processor: "x86_64 with avx2".into(),
        };
        assert_eq!(budgets.differences(&budgets), Vec::<String>::new());
        let here = Surroundings { rustc: "rustc 1.96.0".into(), ..budgets.clone() };
        assert_eq!(budgets.differences(&here), ["rustc is `rustc 1.96.0`, theirs `rustc 1.95.0`"]);
    }

    #[test]
    fn a_program_that_is_not_there_has_no_answer() {
        let why = answer("no-such-program-of-ours", &[]).expect_err("it is not there");
        assert_eq!(why.to_string(), "cannot run no-such-program-of-ours");
    }
}
