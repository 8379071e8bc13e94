//! What the examples share: the contracts, as a crate that both sides of a call would share, and
//! the way they start and stop.

pub mod echo;
pub mod monitor;
pub mod orders;
#[cfg(feature = "amqp")]
pub mod program;
