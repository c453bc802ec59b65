//! Runs the built program in a folder of its own.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A folder with files in it, in which the program runs.
pub(crate) struct Workplace {
    folder: TempDir,
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With the recorded lab in it.
    pub(crate) fn with_lab() -> Self {
        let place = Self::new();
        for file in fs::read_dir(lab()).unwrap() {
            let path = file.unwrap().path();
            fs::copy(&path, place.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs `unmasq` with the words of `line`.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_with_input(line, b"")
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &[u8]) -> Ran {
        let mut child = Command::new(env!("CARGO_BIN_EXE_unmasq"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A program that stops reading is not a failure of the test.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        Ran {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// The run, which must have succeeded.
    pub(crate) fn well(self) -> Self {
        assert_eq!(self.exit, 0, "{}", self.err);
        self
    }
}

/// The recorded lab that ships with the project.
pub(crate) fn lab() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/lab-basic")
}
