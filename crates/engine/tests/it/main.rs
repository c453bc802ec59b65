//! What a trace promises, one fact a test, on worlds of a few sessions written by hand.
//!
//! The testkit's simulator holds the same promises over thousands of random worlds; here each is
//! small enough to be read.

mod absence;
mod balance;
mod chain;
mod holders;
mod port_plan;
mod site;
mod world;
