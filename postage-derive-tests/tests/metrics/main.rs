//! What is counted and measured, as a recorder of `metrics` sees it.
//!
//! A process has one recorder, which hears what each metric is, so these tests have a program of
//! their own; each has a recorder on its own thread for the numbers.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod numbers;
mod recorded;
mod services;
