//! Postage, as a user has it by default.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use postage_core::prelude::*;

use crate::Error;
use crate::book::Book;
use crate::contract::{BenchProducer, Worker};
use crate::side::{Batch, Client, Place, Side};
use crate::text;

const DRAIN: Duration = Duration::from_secs(5);

/// A client and a service, each with a connection of its own.
#[derive(Debug)]
pub struct Ours {
    client: Broker,
    service: Broker,
}

impl Ours {
    /// Both over brokers that are there already.
    #[must_use]
    pub const fn over(client: Broker, service: Broker) -> Self {
        Self { client, service }
    }
}

impl Side for Ours {
    type Client = BenchProducer;
    type Serving = Vec<Serving>;

    const NAME: &'static str = "ours";

    async fn connect(url: &str) -> Result<Self, Error> {
        Ok(Self::over(Broker::connect(url).await?, Broker::connect(url).await?))
    }

    async fn serve(&self, place: &Place, book: Arc<Book>) -> Result<Vec<Serving>, Error> {
        let mut serving = Vec::new();
        for queue in &place.queues {
            let serve = self.service.serve(Worker::new(Arc::clone(&book)));
            let described = Queue::new(queue.clone()).durable(false);
            serving.push(serve.bind(exchange(place), described, queue.clone()).await?);
        }
        Ok(serving)
    }

    async fn stop(&self, serving: Vec<Serving>) -> Result<(), Error> {
        for one in serving {
            one.drain(DRAIN).await;
        }
        Ok(())
    }

    async fn client(&self, place: &Place) -> Result<Arc<BenchProducer>, Error> {
        let client = BenchProducer::new(&self.client, Fingerprint::new("bench", "client"));
        let (exchange, key) = (exchange(place), place.key().to_owned());
        Ok(Arc::new(client.with(|producer| producer.eks([(exchange, key)]))))
    }
}

fn exchange(place: &Place) -> Exchange {
    let kind = if place.fan_out { ExchangeKind::Fanout } else { ExchangeKind::Direct };
    Exchange::new(place.exchange.clone(), kind).durable(false)
}

impl Client for BenchProducer {
    async fn call(&self, text: &str) -> Result<String, Error> {
        Ok(self.echo(text).await?)
    }

    async fn send(&self, batch: Batch, book: &Book) -> Result<Vec<Duration>, Error> {
        let send = |number| async move {
            book.sends(number);
            let begun = Instant::now();
            self.tell(&text::numbered(number, batch.size)).await?;
            Ok::<_, Error>(begun.elapsed())
        };
        let sends = stream::iter(0..batch.messages).map(send);
        sends.buffer_unordered(batch.in_flight).try_collect().await
    }
}
