//! Real files and real sockets, as one test binary.

mod inventory;
mod sink;
mod source;
