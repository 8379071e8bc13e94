//! Postage over the memory transport.

use std::sync::Arc;

use postage_core::prelude::*;

use crate::Error;
use crate::book::Book;
use crate::contract::BenchProducer;
use crate::ours::Ours;
use crate::side::{Place, Side};

/// A service in this process, and its client.
#[derive(Debug)]
pub struct InMemory {
    client: Arc<BenchProducer>,
    _serving: Vec<Serving>,
}

impl InMemory {
    /// Starts the service, in the runtime of now.
    ///
    /// # Errors
    /// When it cannot be served.
    pub async fn start() -> Result<Self, Error> {
        let broker = Broker::memory();
        let ours = Ours::over(broker.clone(), broker);
        let place = Place::new("postage-bench.memory", 1);
        let serving = ours.serve(&place, Arc::new(Book::empty())).await?;
        Ok(Self { client: ours.client(&place).await?, _serving: serving })
    }

    /// The typed client.
    #[must_use]
    pub const fn client(&self) -> &Arc<BenchProducer> {
        &self.client
    }
}
