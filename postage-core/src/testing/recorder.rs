//! A connection to the memory broker that records what passes over it.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::watch;

use super::Seen;
use super::record::{Entry, Received, Record, Sent};
use crate::cancellation::CANCELLED;
use crate::headers;
use crate::topology::{Binding, Exchange, Queue};
use crate::transport::{
    BoxFuture, ConnectionState, Deliveries, Delivery, MemoryTransport, Publication, Settle,
    Settled, Settlement, Source, Subscription, Transport, TransportError,
};

#[derive(Debug)]
pub(super) struct Recorder {
    memory: MemoryTransport,
    record: Arc<Record>,
}

impl Recorder {
    pub(super) fn new(memory: MemoryTransport, record: Arc<Record>) -> Self {
        Self { memory, record }
    }

    /// Records what the program sends: not a copy of what failed, which is told as what became of
    /// the delivery, nor the word that a caller has left.
    fn note(&self, publication: &Publication) -> Option<usize> {
        let Publication { route, properties, body, .. } = publication;
        let copy = properties.header(headers::FAILURES).is_some();
        if copy || route.exchange() == CANCELLED.name() {
            return None;
        }
        let message = Seen::new(route.clone(), properties.clone(), body.clone());
        Some(self.record.add(Entry::Sent(Sent { message, error: None })))
    }
}

impl Transport for Recorder {
    fn declare_exchange<'a>(
        &'a self,
        exchange: &'a Exchange,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        self.memory.declare_exchange(exchange)
    }

    fn declare_queue<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> BoxFuture<'a, Result<String, TransportError>> {
        self.memory.declare_queue(queue)
    }

    fn delete_queue<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<(), TransportError>> {
        self.memory.delete_queue(queue)
    }

    fn bind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        self.memory.bind(binding)
    }

    fn unbind<'a>(&'a self, binding: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        self.memory.unbind(binding)
    }

    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(async move {
            let number = self.note(&publication);
            let published = self.memory.publish(publication).await;
            if let (Some(number), Err(error)) = (number, &published) {
                self.record.not_taken(number, error.clone());
            }
            published
        })
    }

    fn consume(&self, source: Source) -> BoxFuture<'_, Result<Subscription, TransportError>> {
        Box::pin(async move {
            let queue = source.queue.to_string();
            let counts_as_settled = source.auto_ack;
            let inner = self.memory.consume(source).await?;
            // So come the replies to calls, and the word that a caller has left.
            if counts_as_settled {
                return Ok(inner);
            }
            let record = Arc::clone(&self.record);
            Ok(Subscription::new(Recorded { inner, queue, record }))
        })
    }

    fn vhost(&self) -> &str {
        self.memory.vhost()
    }

    fn system(&self) -> &'static str {
        "memory"
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.memory.state()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), TransportError>> {
        self.memory.close()
    }
}

struct Recorded {
    inner: Subscription,
    queue: String,
    record: Arc<Record>,
}

impl Deliveries for Recorded {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Delivery>, TransportError>> {
        let next = ready!(pin!(self.inner.next()).poll(cx));
        let delivery = next.map(|delivery| {
            delivery.map(|delivery| {
                let Delivery { route, properties, body, redelivered, .. } = &delivery;
                let number = self.record.add(Entry::Received(Received {
                    message: Seen::new(route.clone(), properties.clone(), body.clone()),
                    queue: self.queue.clone(),
                    redelivered: *redelivered,
                    settled: None,
                }));
                let record = Arc::clone(&self.record);
                delivery.settled_through(|inner| Arc::new(Settler { inner, record, number }))
            })
        });
        Poll::Ready(delivery)
    }

    fn cancel(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(self.inner.cancel())
    }

    fn settled(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        Box::pin(self.inner.settled())
    }
}

/// Settles one delivery, and records how. It is recorded before the broker knows, so that a test
/// that has waited until nothing is under way finds it.
struct Settler {
    inner: Arc<dyn Settle>,
    record: Arc<Record>,
    number: usize,
}

impl Settle for Settler {
    fn settle(
        &self,
        tag: u64,
        settlement: Settlement,
    ) -> BoxFuture<'_, Result<(), TransportError>> {
        self.record.settled_unless_explained(self.number, settlement);
        Box::pin(async move {
            let settled = self.inner.settle(tag, settlement).await;
            if settled.is_err() {
                self.record.settled(self.number, Settled::Requeued);
            }
            settled
        })
    }

    fn abandon(&self, tag: u64) {
        self.record.settled(self.number, Settled::Requeued);
        self.inner.abandon(tag);
    }

    fn explain(&self, tag: u64, settled: &Settled) {
        self.record.settled(self.number, settled.clone());
        self.inner.explain(tag, settled);
    }
}
