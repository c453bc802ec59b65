//! One binary for all integration tests of the decode crate: it links once.

mod alerts;
mod balancers;
mod corpus;
mod forks;
mod fuzz_corpus;
mod golden;
mod lab;
mod loss;
mod mutations;
