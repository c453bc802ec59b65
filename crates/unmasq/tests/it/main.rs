//! The program as its users run it: files in, files out, text and exit codes.

mod run;
mod trace;
