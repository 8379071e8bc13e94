//! A place for one test: names of its own, on a broker.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::transport::{
    Delivery, Properties, Publication, Settlement, Source, Subscription,
};
use postage_core::{Binding, Producer, Route};
use tokio::time::timeout;
use uuid::Uuid;

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) broker: Broker,
    suffix: String,
}

impl World {
    pub(crate) async fn rabbitmq() -> Self {
        let broker = Broker::connect(&testbed::broker_url()).await.expect("the broker is there");
        Self { broker, suffix: format!("-{}", Uuid::new_v4()) }
    }

    pub(crate) fn memory() -> Self {
        Self { broker: Broker::memory(), suffix: String::new() }
    }

    /// A name that no other test has.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }

    /// A text without what is this test's own.
    pub(crate) fn plain(&self, text: &str) -> String {
        match &*self.suffix {
            "" => text.to_owned(),
            suffix => text.replace(suffix, ""),
        }
    }

    pub(crate) fn exchange(&self) -> Exchange {
        Exchange::new(self.name("orders"), ExchangeKind::Topic).durable(false).auto_delete(true)
    }

    pub(crate) fn queue(&self, name: &str) -> Queue {
        Queue::new(self.name(name)).durable(false).auto_delete(true)
    }

    /// Sends and calls under this key.
    pub(crate) fn producer(&self, key: &'static str) -> Producer {
        let producer = Producer::new(&self.broker, Fingerprint::new("shop", "front-end"));
        producer.eks([(self.exchange(), key)])
    }

    /// Serves under this key, from the queue of this name.
    pub(crate) async fn serve<P: MessageProcessor>(
        &self,
        service: P,
        queue: &str,
        key: &'static str,
    ) -> Serving {
        let serving = self.broker.serve(service).no_dedup();
        serving.bind(self.exchange(), self.queue(queue), key).await.expect("it is served")
    }

    /// Consumes by hand what comes under this key.
    pub(crate) async fn listen(&self, queue: &str, key: &'static str) -> Subscription {
        self.broker.declare_queue(&self.queue(queue)).await.expect("it is declared");
        let binding = Binding::new(self.exchange(), self.name(queue), key);
        self.broker.bind(&binding).await.expect("it is bound");
        let source = Source::new(self.name(queue));
        self.broker.transport().consume(source).await.expect("it is consumed")
    }

    /// Publishes these bytes by hand.
    pub(crate) async fn publish(&self, key: &'static str, properties: Properties, body: &str) {
        let route = Route::new(self.name("orders"), key);
        let raw = Publication::new(route, properties, body.as_bytes().to_vec());
        within("a confirm", self.broker.transport().publish(raw)).await.expect("it is taken");
    }
}

/// The next delivery, acknowledged and kept for a look at it.
pub(crate) async fn next(subscription: &mut Subscription) -> (Properties, Vec<u8>) {
    let next = within("a message", subscription.next()).await;
    let delivery: Delivery = next.expect("the subscription lives").expect("it goes on");
    let seen = (delivery.properties.clone(), delivery.body.to_vec());
    delivery.settle(Settlement::Ack).await.expect("it is acknowledged");
    seen
}

pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    let ended = timeout(DEADLINE, future).await;
    ended.unwrap_or_else(|_| panic!("waited {DEADLINE:?} for {what}"))
}
