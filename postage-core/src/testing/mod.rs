//! Tests of your services, and of code that calls services, in an ordinary `#[tokio::test]` with no
//! broker. Feature `testing`.
//!
//! ```toml
//! [dev-dependencies]
//! postage-core = { version = "0.1", features = ["testing"] }
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! ```
//!
//! | to test | use |
//! |---|---|
//! | what a method of a service does | the method itself: a service is an ordinary `impl` |
//! | what a service receives, sends and settles | a [`Harness`] |
//! | code that is generic over a contract, `impl OrderDesk` | a plain `impl OrderDesk for Fake` of the contract trait |
//! | code that has a generated client, `OrderDeskProducer` | a [`Mock`]; or a fake under `#[message_processor]`, served, where it has a state of its own |
//!
//! # A service
//!
//! Serve it over [`Harness::broker`], speak to it over [`Harness::outside`], wait until it is
//! [idle](Harness::idle), and ask the harness. An application of several processors goes the same
//! way: whatever uses the broker is recorded.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use postage_core::prelude::*;
//! use postage_core::testing::Harness;
//!
//! #[exchange(name = "greetings")]
//! pub struct Greetings;
//!
//! struct Greeter {
//!     diary: Producer,
//! }
//!
//! #[message_processor(exchange = Greetings, queue = "greeter", key = "greeter")]
//! impl Greeter {
//!     #[rpc_handler]
//!     async fn greet(&self, name: &str) -> String {
//!         self.diary.status("somebody came").await.expect("the diary is there");
//!         format!("Good morning, {name}.")
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let harness = Harness::new();
//! harness.sink(&Exchange::DEFAULT, "diary").await;
//! let diary = Producer::new(harness.broker(), Fingerprint::new("greeter", "test"))
//!     .eks([(Exchange::DEFAULT, "diary")]);
//! let _serving = harness.broker().serve(Greeter { diary }).await?;
//!
//! let guest = Producer::new(harness.outside(), Fingerprint::new("guest", "test"))
//!     .eks([(Greetings::ROUTE, "greeter")]);
//! let greeting: String = guest.rpc("greet", HashMap::from([("name", "Ann")])).await?;
//! harness.idle().await;
//!
//! let greeted = harness.received("greet").only();
//! assert_eq!(greeted.parameter::<String>("name"), "Ann");
//! greeted.assert_acked();
//! assert_eq!(harness.replies().only().value::<String>(), greeting);
//! assert_eq!(harness.sent("somebody came").only().route.key(), "diary");
//! # Ok(()) }
//! ```
//!
//! [`Harness::send_body`] and [`Harness::call_body`] send the bytes of a peer of another make, as
//! Python Postage does. What does not hold is a panic whose text says what there was instead:
//!
//! ```text
//! expected 1 sent as `pick`, found 0; what was received and sent:
//!   received command `place` {"item":"anvil","quantity":2} from queue `order-desk`: acknowledged
//!   sent the value 4021 to queue `amq.gen-…` (default exchange)
//! ```
//!
//! # Time
//!
//! In memory everything that waits goes by tokio's clock: the time-outs and retries of calls, the
//! pauses before a failed message is tried again, messages that expire. With
//! `#[tokio::test(start_paused = true)]` that clock jumps to the next of them whenever all tasks
//! wait, so they take no time. It jumps also when a handler waits for something that is no timer
//! of this runtime, a socket say: leave the clock running in tests of such handlers. The waits of the
//! harness go by the same clock, so give [`Harness::idle_within`] more time than the pauses take.
//! Not by it go the deadline that a [`Context`](crate::Context) tells, and timestamps: they are of the
//! wall clock.

// Here a panic is how a test is told that something does not hold.
#![allow(clippy::panic)]

mod actor;
mod canned;
mod found;
mod harness;
mod mock;
mod parameters;
mod record;
mod recorder;
mod seen;

pub use canned::Canned;
pub use found::Found;
pub use harness::{DEFAULT_WAIT, Harness};
pub use mock::Mock;
pub use record::{Received, Sent};
pub use seen::Seen;

pub use crate::transport::Settled;
