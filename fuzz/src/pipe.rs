use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use postage_core::transport::{
    BoxFuture, Deliveries, Delivery, Properties, Publication, Settle, Settlement, Source,
    Subscription,
};
use postage_core::{Binding, ConnectionState, Exchange, Queue, Route, Transport, TransportError};
use tokio::sync::{mpsc, watch};

/// More than one input causes of anything.
const ROOM: usize = 64;

/// A transport whose broker is the fuzz target: it puts deliveries into the queues, and takes what
/// is published and how it was settled out of the [`Ends`].
#[derive(Clone, Debug)]
pub struct Pipe(Arc<Inner>);

/// The broker's ends of a [`Pipe`].
#[derive(Debug)]
pub struct Ends {
    /// What was published.
    pub published: mpsc::Receiver<Publication>,
    /// How deliveries were settled; `None` for one that was given up unsettled.
    pub settled: mpsc::Receiver<Option<Settlement>>,
}

#[derive(Debug)]
struct Inner {
    queues: Mutex<HashMap<String, mpsc::Sender<Delivery>>>,
    named: AtomicUsize,
    published: mpsc::Sender<Publication>,
    settled: Arc<Settled>,
    state: watch::Sender<ConnectionState>,
}

#[derive(Debug)]
struct Settled(mpsc::Sender<Option<Settlement>>);

impl Pipe {
    /// A pipe, connected.
    #[must_use]
    pub fn new() -> (Self, Ends) {
        let (published, publications) = mpsc::channel(ROOM);
        let (settled, settlements) = mpsc::channel(ROOM);
        let inner = Inner {
            queues: Mutex::default(),
            named: AtomicUsize::new(0),
            published,
            settled: Arc::new(Settled(settled)),
            state: watch::Sender::new(ConnectionState::Connected { session: 1 }),
        };
        (Self(Arc::new(inner)), Ends { published: publications, settled: settlements })
    }

    /// Delivers a message to the consumer of a queue.
    pub fn deliver(&self, queue: &str, properties: Properties, body: Bytes) {
        let settler = Arc::clone(&self.0.settled);
        let route = Route::to_queue(queue.to_owned());
        let delivery = Delivery::new(body, properties, route, false, Some((settler, 1)));
        self.hand_over(queue, delivery);
    }

    /// Delivers a message to a consumer that settles nothing.
    pub fn deliver_settled(&self, queue: &str, properties: Properties, body: Bytes) {
        let route = Route::to_queue(queue.to_owned());
        self.hand_over(queue, Delivery::new(body, properties, route, false, None));
    }

    fn hand_over(&self, queue: &str, delivery: Delivery) {
        let queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let consumer = queues.get(queue).expect("the queue has a consumer");
        consumer.try_send(delivery).expect("its consumer is there");
    }
}

impl Settle for Settled {
    fn settle(&self, _: u64, settlement: Settlement) -> BoxFuture<'_, Result<(), TransportError>> {
        self.0.try_send(Some(settlement)).expect("there is room");
        done(())
    }

    fn abandon(&self, _: u64) {
        self.0.try_send(None).expect("there is room");
    }
}

struct Consumer(mpsc::Receiver<Delivery>);

impl Deliveries for Consumer {
    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Delivery>, TransportError>> {
        self.0.poll_recv(cx).map(Ok)
    }

    fn cancel(&mut self) -> BoxFuture<'_, Result<(), TransportError>> {
        self.0.close();
        done(())
    }
}

fn done<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T, TransportError>> {
    Box::pin(std::future::ready(Ok(value)))
}

impl Transport for Pipe {
    fn declare_exchange<'a>(
        &'a self,
        _: &'a Exchange,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        done(())
    }

    fn declare_queue<'a>(
        &'a self,
        queue: &'a Queue,
    ) -> BoxFuture<'a, Result<String, TransportError>> {
        if queue.name().is_empty() {
            let number = self.0.named.fetch_add(1, Ordering::Relaxed);
            return done(format!("amq.gen-{number}"));
        }
        done(queue.name().to_owned())
    }

    fn delete_queue<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<(), TransportError>> {
        done(())
    }

    fn bind<'a>(&'a self, _: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        done(())
    }

    fn unbind<'a>(&'a self, _: &'a Binding) -> BoxFuture<'a, Result<(), TransportError>> {
        done(())
    }

    fn publish(&self, publication: Publication) -> BoxFuture<'_, Result<(), TransportError>> {
        self.0.published.try_send(publication).expect("there is room");
        done(())
    }

    fn consume(&self, source: Source) -> BoxFuture<'_, Result<Subscription, TransportError>> {
        let (sender, receiver) = mpsc::channel(ROOM);
        let mut queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        // A call's own reply queue goes with the call.
        queues.retain(|_, consumer| !consumer.is_closed());
        queues.insert(source.queue.into_owned(), sender);
        done(Subscription::new(Consumer(receiver)))
    }

    fn vhost(&self) -> &str {
        "/"
    }

    fn state(&self) -> watch::Receiver<ConnectionState> {
        self.0.state.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), TransportError>> {
        done(())
    }
}
