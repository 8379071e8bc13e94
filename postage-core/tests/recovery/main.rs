//! What comes back after a loss, against a RabbitMQ that the tests kill and cut off.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod killed;
mod world;
