//! A place on the broker for one test: names of its own, and waits that end.

use std::future::Future;
use std::time::Duration;

use postage_core::transport::{Settlement, Source, Subscription};
use postage_core::{Broker, Exchange, ExchangeKind};
use uuid::Uuid;

/// Longer than any wait that succeeds takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// An exchange, a queue and a key that no other test has, and a connection.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) exchange: String,
    pub(crate) queue: String,
    pub(crate) key: String,
}

impl World {
    /// Names with a suffix of their own.
    pub(crate) async fn new() -> Self {
        let suffix = Uuid::new_v4();
        Self::named(format!("wire-{suffix}"), format!("wire-queue-{suffix}"), "wire-rk".into())
            .await
    }

    /// These names.
    pub(crate) async fn named(exchange: String, queue: String, key: String) -> Self {
        let broker = Broker::connect(&testbed::broker_url()).await.expect("the broker is there");
        Self { broker, exchange, queue, key }
    }

    /// The exchange, as Python Postage declares it: direct, durable.
    pub(crate) fn exchange(&self) -> Exchange {
        Exchange::new(self.exchange.clone(), ExchangeKind::Direct)
    }

    /// Deletes the queue, which Python leaves behind.
    pub(crate) async fn leave(self) {
        self.broker.transport().delete_queue(&self.queue).await.expect("the queue is deleted");
        self.broker.close().await.expect("the connection is closed");
    }
}

/// Waits for what must happen soon.
#[track_caller]
pub(crate) fn within<F: Future>(what: &str, future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(DEADLINE, future).await {
            Ok(value) => value,
            Err(_) => panic!("{place}: waited {DEADLINE:?} for {what}"),
        }
    }
}

/// Consumes a queue.
pub(crate) async fn consume(broker: &Broker, queue: &str) -> Subscription {
    let source = Source::new(queue.to_owned());
    broker.transport().consume(source).await.expect("the queue is consumed")
}

/// The next body of a queue, acknowledged.
pub(crate) async fn next_body(subscription: &mut Subscription) -> Vec<u8> {
    let next = within("a message", subscription.next()).await;
    let delivery = next.expect("the subscription lives").expect("the subscription goes on");
    let body = delivery.body.to_vec();
    delivery.settle(Settlement::Ack).await.expect("it is acknowledged");
    body
}
