//! The test harness for users, by its own means: what it records, what it waits for, what its
//! mocks answer, and what it says when something does not hold.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod applications;
mod desk;
mod long_calls;
mod mocks;
mod raw;
mod recording;
mod settling;
mod texts;
mod waiting;
