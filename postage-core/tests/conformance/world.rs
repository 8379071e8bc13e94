//! What every case needs: connections to one broker, names of its own, and waits that end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
#[cfg(feature = "amqp")]
use postage_core::Config;
#[cfg(feature = "amqp")]
use postage_core::transport::AmqpTransport;
use postage_core::transport::{
    Delivery, MemoryTransport, Properties, Publication, Settlement, Source, Subscription,
    Transport, TransportError,
};
#[cfg(feature = "faults")]
use postage_core::transport::{Faults, FaultyTransport};
use postage_core::{Binding, Exchange, ExchangeKind, Queue, Route};
use uuid::Uuid;

/// A connection, whatever is behind it.
pub(crate) type Link = Arc<dyn Transport>;

/// Longer than any wait that succeeds takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A broker under test. The names that one world makes are its own, so cases that share a broker
/// do not meet.
pub(crate) struct World {
    broker: UnderTest,
    suffix: String,
}

enum UnderTest {
    Memory(MemoryTransport),
    #[cfg(feature = "faults")]
    Faultless(FaultyTransport),
    #[cfg(feature = "amqp")]
    Amqp,
}

impl World {
    pub(crate) fn memory() -> Self {
        Self::of(UnderTest::Memory(MemoryTransport::new()))
    }

    #[cfg(feature = "faults")]
    pub(crate) fn faultless() -> Self {
        Self::of(UnderTest::Faultless(FaultyTransport::new(
            MemoryTransport::new(),
            Faults::none(0),
        )))
    }

    #[cfg(feature = "amqp")]
    pub(crate) fn amqp() -> Self {
        Self::of(UnderTest::Amqp)
    }

    fn of(broker: UnderTest) -> Self {
        Self { broker, suffix: Uuid::new_v4().simple().to_string() }
    }

    /// A new connection to the broker.
    pub(crate) async fn connect(&self) -> Link {
        match &self.broker {
            UnderTest::Memory(memory) => Arc::new(memory.connect()),
            #[cfg(feature = "faults")]
            UnderTest::Faultless(faulty) => Arc::new(faulty.connect()),
            #[cfg(feature = "amqp")]
            UnderTest::Amqp => {
                let config = Config::new(testbed::broker_url());
                let connecting = within("the connection", AmqpTransport::connect(&config));
                Arc::new(connecting.await.expect("RabbitMQ lets us in"))
            }
        }
    }

    /// A name that no other case has.
    pub(crate) fn name(&self, stem: &str) -> String {
        format!("{stem}-{}", self.suffix)
    }

    /// A queue of this world, described.
    pub(crate) fn queue(&self, stem: &str) -> Queue {
        Queue::new(self.name(stem))
    }

    /// An exchange of this world, described.
    pub(crate) fn exchange(&self, stem: &str, kind: ExchangeKind) -> Exchange {
        Exchange::new(self.name(stem), kind)
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

/// Asks again and again until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let asking = async {
        let mut pause = tokio::time::interval(Duration::from_millis(5));
        while !holds().await {
            pause.tick().await;
        }
    };
    within(what, asking).await;
}

/// Declares a queue and answers its name.
pub(crate) async fn declare(link: &Link, queue: &Queue) -> String {
    within("a queue", link.declare_queue(queue)).await.expect("the queue is declared")
}

/// Declares an exchange.
pub(crate) async fn declare_exchange(link: &Link, exchange: &Exchange) {
    within("an exchange", link.declare_exchange(exchange)).await.expect("it is declared");
}

/// Binds a queue to an exchange.
pub(crate) async fn bind(link: &Link, exchange: &Exchange, queue: &str, key: &str) {
    let binding = Binding::new(exchange.clone(), queue.to_owned(), key.to_owned());
    within("a binding", link.bind(&binding)).await.expect("the queue is bound");
}

/// A mandatory, confirmed publication.
pub(crate) fn publication(route: Route, body: impl Into<Bytes>) -> Publication {
    let mut properties = Properties::default();
    properties.message_id = Some(Uuid::new_v4().to_string().into());
    Publication::new(route, properties, body)
}

/// Publishes what some queue must take.
pub(crate) async fn send(link: &Link, route: Route, body: impl Into<Bytes>) {
    send_it(link, publication(route, body)).await;
}

/// As [`send`], straight to a queue.
pub(crate) async fn send_to(link: &Link, queue: &str, body: impl Into<Bytes>) {
    send(link, Route::to_queue(queue.to_owned()), body).await;
}

/// Publishes what the broker must take.
pub(crate) async fn send_it(link: &Link, publication: Publication) {
    within("a confirm", link.publish(publication)).await.expect("the message is taken");
}

/// What is consumed when nothing special is asked.
pub(crate) fn source(queue: &str) -> Source {
    Source::new(queue.to_owned())
}

/// Consumes with this prefetch.
pub(crate) async fn consume(link: &Link, queue: &str, prefetch: u16) -> Subscription {
    consume_from(link, source(queue).prefetch(prefetch)).await
}

/// Consumes.
pub(crate) async fn consume_from(link: &Link, source: Source) -> Subscription {
    within("a consumer", link.consume(source)).await.expect("the queue is consumed")
}

/// The next delivery.
pub(crate) async fn next(subscription: &mut Subscription) -> Delivery {
    let next = within("a delivery", subscription.next()).await;
    next.expect("the subscription lives").expect("the subscription goes on")
}

/// The body of the next delivery, acknowledged.
pub(crate) async fn next_text(subscription: &mut Subscription) -> String {
    let delivery = next(subscription).await;
    let text = text(&delivery);
    settle(delivery, Settlement::Ack).await;
    text
}

/// The bodies of the next deliveries, acknowledged.
pub(crate) async fn next_texts(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        texts.push(next_text(subscription).await);
    }
    texts
}

/// Everything that waits in a queue, acknowledged. A marker says where the end is: what was
/// routed before it has arrived before it.
pub(crate) async fn drain(link: &Link, queue: &str) -> Vec<String> {
    let marker = Uuid::new_v4().to_string();
    send_to(link, queue, marker.clone()).await;
    let mut subscription = consume(link, queue, 0).await;
    let mut texts = Vec::new();
    loop {
        match next_text(&mut subscription).await {
            text if text == marker => return texts,
            text => texts.push(text),
        }
    }
}

/// Settles a delivery.
pub(crate) async fn settle(delivery: Delivery, settlement: Settlement) {
    within("a settlement", delivery.settle(settlement)).await.expect("the delivery is settled");
}

/// The body, as a text.
pub(crate) fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.body.to_vec()).expect("the body is a text")
}

/// Whether a queue of this name is there, and ours to use.
pub(crate) async fn exists(link: &Link, queue: &str) -> bool {
    let asked = Queue::new(queue.to_owned()).passive(true);
    within("an answer", link.declare_queue(&asked)).await.is_ok()
}

/// Waits until a queue has gone.
pub(crate) async fn gone(link: &Link, queue: &str) {
    until("the queue to go", || async { !exists(link, queue).await }).await;
}

/// Says that the broker refused, and in which words.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, TransportError>) -> String {
    match result {
        Err(TransportError::Refused { reason, .. }) => reason,
        Err(other) => panic!("refused otherwise: {other}"),
        Ok(_) => panic!("not refused"),
    }
}

/// Says that the connection is gone.
#[track_caller]
pub(crate) fn disconnected<T>(result: Result<T, TransportError>) {
    match result {
        Err(TransportError::Disconnected { .. }) => {}
        Err(other) => panic!("failed otherwise: {other}"),
        Ok(_) => panic!("still connected"),
    }
}
