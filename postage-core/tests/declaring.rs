//! Producers declare their exchange before they send.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postage_core::topology::{Binding, Exchange, ExchangeKind, Queue};
use postage_core::transport::{
    BoxFuture, ConnectionState, MemoryTransport, Publication, Source, Subscription, Transport,
    TransportError,
};
use postage_core::{Broker, Fingerprint, Producer};
use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};

const NEWS: Exchange = Exchange::declared("news", ExchangeKind::Fanout);

type Done<'a, T> = BoxFuture<'a, Result<T, TransportError>>;

/// The broker in memory, with declarations that take a moment, fail at first, and are counted.
#[derive(Debug)]
struct Counting {
    inner: MemoryTransport,
    declared: Arc<AtomicUsize>,
    failing: usize,
}

impl Transport for Counting {
    fn declare_exchange<'a>(&'a self, exchange: &'a Exchange) -> Done<'a, ()> {
        Box::pin(async move {
            let before = self.declared.fetch_add(1, Ordering::SeqCst);
            yield_now().await;
            if before < self.failing {
                let (operation, reason) = ("declare".to_owned(), "not now".to_owned());
                return Err(TransportError::Refused { operation, reason });
            }
            self.inner.declare_exchange(exchange).await
        })
    }

    fn declare_queue<'a>(&'a self, queue: &'a Queue) -> Done<'a, String> {
        self.inner.declare_queue(queue)
    }

    fn delete_queue<'a>(&'a self, queue: &'a str) -> Done<'a, ()> {
        self.inner.delete_queue(queue)
    }

    fn bind<'a>(&'a self, binding: &'a Binding) -> Done<'a, ()> {
        self.inner.bind(binding)
    }

    fn unbind<'a>(&'a self, binding: &'a Binding) -> Done<'a, ()> {
        self.inner.unbind(binding)
    }

    fn publish(&self, publication: Publication) -> Done<'_, ()> {
        self.inner.publish(publication)
    }

    fn consume(&self, source: Source) -> Done<'_, Subscription> {
        self.inner.consume(source)
    }

    fn vhost(&self) -> &str {
        self.inner.vhost()
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.inner.state()
    }

    fn close(&self) -> Done<'_, ()> {
        self.inner.close()
    }
}

/// A queue takes the news; so many declarations fail before one succeeds.
async fn producer(failing: usize) -> (Producer, Arc<AtomicUsize>) {
    let inner = MemoryTransport::new();
    inner.declare_exchange(&NEWS).await.unwrap();
    inner.declare_queue(&Queue::new("reader")).await.unwrap();
    inner.bind(&Binding::new(NEWS, "reader", "")).await.unwrap();
    let declared = Arc::default();
    let broker = Broker::over(Counting { inner, declared: Arc::clone(&declared), failing });
    (Producer::new(&broker, Fingerprint::new("test", "test")).eks([(NEWS, "")]), declared)
}

/// Sends so many messages at once; answers how many could not be sent.
async fn failed_of(producer: &Producer, messages: usize) -> usize {
    let sends: JoinSet<_> = (0..messages).map(|_| producer.command("print", ())).collect();
    sends.join_all().await.iter().filter(|sent| sent.is_err()).count()
}

#[tokio::test]
async fn those_who_begin_together_declare_their_exchange_once() {
    let (producer, declared) = producer(0).await;
    assert_eq!(failed_of(&producer, 1000).await, 0);
    assert_eq!(failed_of(&producer, 1000).await, 0);
    assert_eq!(declared.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_declaration_that_fails_is_an_error_to_one_and_tried_by_the_next() {
    let (producer, declared) = producer(2).await;
    assert_eq!(failed_of(&producer, 10).await, 2);
    assert_eq!(declared.load(Ordering::SeqCst), 3);
}
