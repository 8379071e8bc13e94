//! A private RabbitMQ node for the tests, and what tests need to find it.
//!
//! [`RabbitMq::start`] runs the server with its own ports, folders and node name, so it harms no
//! other node of the machine and leaves nothing behind. `cargo xtask test` starts one for all the
//! suites and tells them by the environment; they ask [`broker_url`]. A suite that stops and
//! kills its broker starts one of its own.
//!
//! [`Proxy`] stands between a client and a broker and does to their connections what networks do:
//! it cuts, refuses, stalls, loses and slows.

mod epmd;
mod error;
mod handshake;
mod layout;
mod locate;
mod node;
mod process;
mod proxy;

use std::env;

pub use error::Error;
pub use layout::Certificates;
pub use node::RabbitMq;
pub use proxy::{Direction, Proxy};

/// The environment variable with the address of the broker that the tests may use.
pub const AMQP_URL: &str = "POSTAGE_TEST_AMQP_URL";

/// The environment variable with a Python interpreter that can import `pika`.
pub const PYTHON: &str = "POSTAGE_TEST_PYTHON";

/// The address of the broker that the tests may use.
///
/// # Panics
/// When the environment does not say it: a test without its broker has failed, it is not skipped.
#[must_use]
pub fn broker_url() -> String {
    required(AMQP_URL)
}

/// A Python interpreter that can import `pika`.
///
/// # Panics
/// When the environment does not say it, as [`broker_url`].
#[must_use]
pub fn python() -> String {
    required(PYTHON)
}

#[allow(clippy::panic)] // the whole point: the test fails, and says what to run
fn required(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run the tests by `cargo xtask test`, or set it by hand")
    })
}
