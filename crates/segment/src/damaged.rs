//! What can go wrong.

use std::io;

/// Why a file, or a part of it, cannot be believed. What was damaged never comes out as another row.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// The bytes cannot be had at all.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// What the file says of itself, at its end, is wrong: nothing of it can be used.
    #[error("the file's directory is damaged: {0}")]
    Directory(&'static str),
    /// One page is wrong.
    #[error("column `{column}` is damaged at row {row} and after: {what}")]
    Page {
        /// The column's name.
        column: &'static str,
        /// The first of the rows that cannot be read, from 0.
        row: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Unwritten {
    /// The output's own words.
    #[error("the file cannot be written: {0}")]
    Output(#[from] io::Error),
    /// A row came before one that was pushed earlier.
    #[error("row {0} is before the row that was pushed before it")]
    Unsorted(u64),
    /// A row names a gateway, realm, log or file that is not in the lists.
    #[error("row {0} has the number of a name that is in no list")]
    Nameless(u64),
    /// The file would be longer than Parquet can say, or a name is.
    #[error("{0} is larger than the format can say")]
    TooLarge(&'static str),
    /// A file that was to be merged is damaged.
    #[error(transparent)]
    Input(#[from] Damaged),
}

/// What is wrong with some bytes; whoever knows where they lie makes a [`Damaged`] of it.
pub(crate) type Broken = &'static str;
