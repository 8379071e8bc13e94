//! Many losses in a row leave nothing behind. A test program of its own, since it measures the
//! process: its tests run one after the other.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]
#![allow(dead_code, reason = "what it shares with the recovery tests is more than it needs")]

mod black_holes;
#[path = "../recovery/desk.rs"]
mod desk;
mod disconnects;
mod process;
#[path = "../recovery/world.rs"]
mod world;

/// Held by the test that measures.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
