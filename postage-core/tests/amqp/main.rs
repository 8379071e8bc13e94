//! What the AMQP transport does that the common conformance suite does not ask of every transport.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

mod bursts;
mod connecting;
mod consuming;
mod doubler;
mod hostile;
mod publishing;
mod raw;
mod refusing;

use std::time::Duration;

use postage_core::transport::{
    AmqpTransport, Delivery, Properties, Publication, Source, Subscription, Transport,
};
use postage_core::{Config, Queue, Route};
use tokio::time::timeout;
use uuid::Uuid;

/// Nothing here takes this long; a test that does has hung.
const DEADLINE: Duration = Duration::from_secs(30);

async fn within<T>(work: impl Future<Output = T>) -> T {
    timeout(DEADLINE, work).await.expect("it hung")
}

async fn connect() -> AmqpTransport {
    AmqpTransport::connect(&Config::new(testbed::broker_url())).await.unwrap()
}

fn unique(what: &str) -> String {
    format!("{what}-{}", Uuid::new_v4())
}

/// A queue that goes with the connection.
async fn queue(transport: &AmqpTransport) -> String {
    let queue = Queue::new(unique("queue")).durable(false).exclusive(true);
    transport.declare_queue(&queue).await.unwrap()
}

/// A mandatory, confirmed message with an id of its own.
fn message(route: Route, body: &str) -> Publication {
    let mut properties = Properties::default();
    properties.message_id = Some(Uuid::new_v4().to_string().into());
    Publication::new(route, properties, body.to_owned())
}

/// Sends a text to a queue.
async fn send(transport: &AmqpTransport, queue: &str, body: &str) {
    let to = Route::to_queue(queue.to_owned());
    within(transport.publish(message(to, body))).await.unwrap();
}

fn source(queue: &str, prefetch: u16) -> Source {
    Source::new(queue.to_owned()).prefetch(prefetch)
}

async fn subscribe(transport: &AmqpTransport, queue: &str, prefetch: u16) -> Subscription {
    transport.consume(source(queue, prefetch)).await.unwrap()
}

async fn next(subscription: &mut Subscription) -> Delivery {
    within(subscription.next()).await.unwrap().expect("the subscription ended")
}

/// The queue's next message, for a consumer that comes and goes.
async fn take(transport: &AmqpTransport, queue: &str) -> Delivery {
    let mut subscription = subscribe(transport, queue, 1).await;
    next(&mut subscription).await
}
