//! The laws, in a thousand worlds; and the index against a scan.

mod index;
mod lab;
mod resident;
mod worlds;
