//! The program as its users run it: files in, files out, text and exit codes.

mod alibaba;
mod bucket;
mod complete;
mod crash;
mod damage;
mod demo;
mod detectors;
mod forms;
mod help;
mod hostile;
mod inputs;
mod inspect;
mod lab;
mod lookup;
mod run;
mod schema;
mod store;
mod stream;
mod trace;
