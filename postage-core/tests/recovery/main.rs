//! What comes back after a loss, against a RabbitMQ that the tests kill, and over lines that they
//! cut, stall, lose and slow.
//!
//! One module for each who may suffer: [`publisher`], [`service`], [`replies`], [`connecting`].
//! Each has a test for each fault: cut, stall, black hole, slow, restored.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod applications;
mod blocked;
mod cancelling;
mod channels;
mod connecting;
mod desk;
mod killed;
mod long_calls;
mod publisher;
mod replies;
mod service;
mod state;
mod topology;
mod world;
