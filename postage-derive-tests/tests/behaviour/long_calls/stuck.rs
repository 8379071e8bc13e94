//! A broker that takes no messages while a long call is to be answered.

use std::sync::Arc;
use std::time::Duration;

use postage_core::Binding;
use postage_core::prelude::*;
use postage_core::transport::{
    BoxFuture, ConnectionState, MemoryTransport, Publication, Source, Subscription, Transport,
    TransportError,
};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Inbox, yard};
use crate::world::World;

/// The memory transport, but nothing is taken that is sent to the queue of callers.
#[derive(Debug)]
struct Stuck {
    inner: MemoryTransport,
    queue: String,
}

impl Transport for Stuck {
    fn declare_exchange<'a>(
        &'a self,
        exchange: &'a Exchange,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.declare_exchange(exchange)
    }

    fn declare_queue<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> BoxFuture<'a, Result<String, TransportError>> {
        self.inner.declare_queue(queue)
    }

    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.delete_queue(queue)
    }

    fn bind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.bind(binding)
    }

    fn unbind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.unbind(binding)
    }

    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), TransportError>> {
        if publication.route.key() == self.queue {
            return Box::pin(std::future::pending());
        }
        self.inner.publish(publication)
    }

    fn consume(&self, source: Source) -> BoxFuture<'_, Result<Subscription, TransportError>> {
        self.inner.consume(source)
    }

    fn vhost(&self) -> &str {
        self.inner.vhost()
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.inner.state()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), TransportError>> {
        self.inner.close()
    }
}

#[tokio::test(start_paused = true)]
async fn statuses_and_answer_that_nobody_takes_hold_the_handlers_place_for_the_time_of_one_send() {
    let memory = MemoryTransport::new();
    let inner = memory.connect();
    let world = World::over(memory);
    let broker = world.broker().await;
    let inbox = Inbox::of(&world, &broker, "caller").await;
    let stuck = Stuck { inner, queue: inbox.queue.name().to_owned() };
    let services = Broker::over(stuck);
    let place = world.place("yard");
    let (yard, mut ear) = yard();
    yard.gate.open(2);
    let serving = place.serve_with(&services, Arc::clone(&yard), |serve| serve.concurrency(1));
    let _serving = serving.await;
    let asked = [("postage-statuses", true.into())];
    inbox.asks((&broker, &place), "1", ("haul", json!(1)), &asked).await;
    assert_eq!(ear.hears().await, "hauls 1");
    let since = Instant::now();
    let next = tokio::spawn(place.producer(&broker).rpc::<u32>("haul", 2));
    let heard = tokio::time::timeout(Duration::from_secs(300), ear.0.recv()).await;
    assert_eq!(heard.expect("the place is free again").as_deref(), Some("hauls 2"));
    assert!(since.elapsed() <= Duration::from_secs(31), "{:?}", since.elapsed());
    assert_eq!(next.await.unwrap().unwrap(), 2);
}
