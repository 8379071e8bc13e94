//! Nothing by itself: the tests beside it are what this package is for.

/// Every Rust block of the README is a test of this package.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// A contract as programs share one: the service is in another crate.
pub mod shared {
    use postage_core::prelude::*;
    use serde::{Deserialize, Serialize};

    /// Nobody else sees it.
    const USUAL: u32 = 12;

    /// Where it goes.
    #[exchange(name = "shared", kind = "topic")]
    pub struct Shared;

    /// What is counted.
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Count(pub u32);

    /// Counts.
    #[producer(exchange = Shared, key = "shared.counter")]
    pub trait Counter: Send + Sync {
        /// Adds up.
        #[rpc]
        async fn add(&self, name: &str, #[default(USUAL)] number: u32) -> Result<Count, String>;

        /// Where it starts.
        fn start(&self) -> u32 {
            0
        }
    }
}
