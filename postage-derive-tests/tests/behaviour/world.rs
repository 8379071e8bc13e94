//! What every case needs: connections to one broker, names of its own, and waits that end.

use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use postage_core::transport::{
    Delivery, MemoryTransport, Properties, Publication, Settlement, Source, Subscription,
};
use postage_core::{
    Binding, Broker, Exchange, ExchangeKind, Fingerprint, MessageProcessor, Producer, Queue, Route,
    Serving, exchange,
};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use uuid::Uuid;

/// Longer than any wait that succeeds takes.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// What contracts name that get their exchange when the case runs.
#[exchange(name = "behaviour-anywhere", durable = false)]
pub(crate) struct Anywhere;

/// A broker under test. The names that one world makes are its own, so cases that share a broker
/// do not meet.
pub(crate) struct World {
    memory: Option<MemoryTransport>,
    suffix: String,
}

impl World {
    pub(crate) fn memory() -> Self {
        Self::of(Some(MemoryTransport::new()))
    }

    pub(crate) fn rabbitmq() -> Self {
        Self::of(None)
    }

    /// A broker in memory that the case has already.
    pub(crate) fn over(memory: MemoryTransport) -> Self {
        Self::of(Some(memory))
    }

    fn of(memory: Option<MemoryTransport>) -> Self {
        Self { memory, suffix: Uuid::new_v4().simple().to_string() }
    }

    /// A new connection to the broker.
    pub(crate) async fn broker(&self) -> Broker {
        match &self.memory {
            Some(memory) => Broker::over(memory.connect()),
            None => {
                let url = testbed::broker_url();
                within("the connection", Broker::connect(&url)).await.expect("RabbitMQ lets us in")
            }
        }
    }

    /// A name that no other case has.
    pub(crate) fn name(&self, stem: &str) -> String {
        format!("behaviour-{stem}-{}", self.suffix)
    }

    pub(crate) fn exchange(&self, stem: &str, kind: ExchangeKind) -> Exchange {
        Exchange::new(self.name(stem), kind).durable(false)
    }

    /// A queue that goes some time after the case.
    pub(crate) fn queue(&self, stem: &str) -> Queue {
        Queue::new(self.name(stem)).expires(Duration::from_secs(120))
    }

    /// A direct exchange, and a queue bound to it whose dead letters go to another.
    pub(crate) fn place(&self, stem: &str) -> Place {
        let dead = self.queue(&format!("{stem}-dead"));
        let queue = self.queue(stem).dead_letter("").dead_letter_key(dead.name().to_owned());
        let exchange = self.exchange(stem, ExchangeKind::Direct);
        Place { exchange, queue, dead, key: format!("{stem}.key") }
    }
}

/// Where a service of a case stands.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) exchange: Exchange,
    pub(crate) queue: Queue,
    pub(crate) dead: Queue,
    pub(crate) key: String,
}

impl Place {
    /// The route to it, as a producer takes it.
    pub(crate) fn eks(&self) -> [(Exchange, String); 1] {
        [(self.exchange.clone(), self.key.clone())]
    }

    /// A producer that sends there.
    pub(crate) fn producer(&self, broker: &Broker) -> Producer {
        Producer::new(broker, Fingerprint::new("case", "test")).eks(self.eks())
    }

    /// Makes it real with nobody to serve.
    pub(crate) async fn declare(&self, broker: &Broker) {
        declare(broker, &self.dead).await;
        declare(broker, &self.queue).await;
        bind(broker, &self.exchange, &self.queue, &self.key).await;
    }

    /// Makes it real and consumes its queue by hand.
    pub(crate) async fn consume(&self, broker: &Broker) -> Subscription {
        self.declare(broker).await;
        consume(broker, self.queue.name()).await
    }

    /// Consumes the queue of its dead letters by hand.
    pub(crate) async fn dead_letters(&self, broker: &Broker) -> Subscription {
        declare(broker, &self.dead).await;
        consume(broker, self.dead.name()).await
    }

    /// Serves there.
    pub(crate) async fn serve<P: MessageProcessor>(&self, broker: &Broker, service: P) -> Serving {
        self.serve_with(broker, service, |serve| serve).await
    }

    /// Serves there with settings of the case.
    pub(crate) async fn serve_with<P: MessageProcessor>(
        &self,
        broker: &Broker,
        service: P,
        change: impl FnOnce(postage_core::Serve) -> postage_core::Serve,
    ) -> Serving {
        declare(broker, &self.dead).await;
        let (exchange, queue) = (self.exchange.clone(), self.queue.clone());
        let serve = change(broker.serve(service).bind(exchange, queue, self.key.clone()));
        within("the service", serve.into_future()).await.expect("it is served")
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

pub(crate) async fn declare(broker: &Broker, queue: &Queue) {
    within("a queue", broker.declare_queue(queue)).await.expect("the queue is declared");
}

pub(crate) async fn bind(broker: &Broker, exchange: &Exchange, queue: &Queue, key: &str) {
    let binding = Binding::new(exchange.clone(), queue.name().to_owned(), key.to_owned());
    within("a binding", broker.bind(&binding)).await.expect("the queue is bound");
}

/// Consumes a queue by hand, without a bound.
pub(crate) async fn consume(broker: &Broker, queue: &str) -> Subscription {
    let source = Source::new(queue.to_owned());
    within("a consumer", broker.transport().consume(source)).await.expect("it is consumed")
}

/// A message as a receiver of another make sees it.
pub(crate) struct Seen {
    pub(crate) properties: Properties,
    pub(crate) route: Route,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub(crate) fn name(&self) -> String {
        self.json()["name"].as_str().expect("the message has a name").to_owned()
    }

    pub(crate) fn parameters(&self) -> Value {
        self.json()["content"]["parameters"].clone()
    }

    /// Answers by hand, with the correlation id of the request.
    pub(crate) async fn answer(&self, broker: &Broker, body: impl Into<Bytes>) {
        let mut properties = Properties::default();
        properties.content_type = Some("application/json".into());
        properties.correlation_id = self.properties.correlation_id.clone();
        self.answer_with(broker, properties, body).await;
    }

    /// Answers by hand, with any properties.
    pub(crate) async fn answer_with(
        &self,
        broker: &Broker,
        properties: Properties,
        body: impl Into<Bytes>,
    ) {
        let reply_to = self.properties.reply_to.clone().expect("the request has a reply address");
        let reply = Publication::new(Route::to_queue(reply_to), properties, body)
            .mandatory(false)
            .confirm(false);
        within("a reply", broker.transport().publish(reply)).await.expect("the reply is sent");
    }
}

pub(crate) fn success(value: &Value) -> String {
    serde_json::json!({
        "type": "result", "name": "none", "category": "message", "version": "2",
        "fingerprint": {}, "_reserved": {},
        "content": {"type": "success", "value": value, "message": ""},
    })
    .to_string()
}

/// The next delivery, unsettled.
pub(crate) async fn next(subscription: &mut Subscription) -> Delivery {
    let next = within("a delivery", subscription.next()).await;
    next.expect("the subscription lives").expect("the subscription goes on")
}

/// The next message, acknowledged.
pub(crate) async fn seen(subscription: &mut Subscription) -> Seen {
    let delivery = next(subscription).await;
    let seen = Seen {
        properties: delivery.properties.clone(),
        route: delivery.route.clone(),
        body: delivery.body.clone(),
    };
    within("a settlement", delivery.settle(Settlement::Ack)).await.expect("it is settled");
    seen
}

/// Publishes a body by hand, which some queue must take. It has an id of its own, unless given.
pub(crate) async fn publish(
    broker: &Broker,
    place: &Place,
    mut properties: Properties,
    body: impl Into<Bytes>,
) {
    properties.message_id.get_or_insert_with(|| Uuid::new_v4().to_string().into());
    let route = Route::new(place.exchange.name().to_owned(), place.key.clone());
    let publication = Publication::new(route, properties, body);
    within("a confirm", broker.transport().publish(publication)).await.expect("it is taken");
}

/// Whether there is a queue of this name.
pub(crate) async fn exists(broker: &Broker, queue: &str) -> bool {
    let passive = Queue::new(queue.to_owned()).passive(true);
    within("a queue", broker.declare_queue(&passive)).await.is_ok()
}

/// Says that a queue has nothing more for the one who consumes it: what was routed before a marker
/// has arrived before it.
pub(crate) async fn nothing_more(broker: &Broker, queue: &Queue, messages: &mut Subscription) {
    let marker = mark(broker, queue).await;
    assert_eq!(seen(messages).await.name(), marker);
}

async fn mark(broker: &Broker, queue: &Queue) -> String {
    let marker = Uuid::new_v4().to_string();
    let producer = Producer::new(broker, Fingerprint::default())
        .eks([(Exchange::DEFAULT, queue.name().to_owned())]);
    within("a marker", producer.status(marker.clone())).await.expect("the marker is sent");
    marker
}

/// The names of the messages that wait in a queue, which are taken. A marker says where the end
/// is: what was routed before it has arrived before it.
pub(crate) async fn left_in(broker: &Broker, queue: &Queue) -> Vec<String> {
    let marker = mark(broker, queue).await;
    let mut subscription = consume(broker, queue.name()).await;
    let mut names = Vec::new();
    loop {
        match seen(&mut subscription).await.name() {
            name if name == marker => return names,
            name => names.push(name),
        }
    }
}

/// Holds handlers until it is opened.
pub(crate) struct Gate(Semaphore);

impl Gate {
    pub(crate) fn shut() -> Self {
        Self(Semaphore::new(0))
    }

    pub(crate) async fn pass(&self) {
        self.0.acquire().await.expect("the gate is not closed").forget();
    }

    /// Lets so many pass.
    pub(crate) fn open(&self, count: usize) {
        self.0.add_permits(count);
    }
}

/// A line on which handlers say what they do.
pub(crate) fn line() -> (Voice, Ear) {
    let (sender, receiver) = mpsc::channel(10_000);
    (Voice(sender), Ear(receiver))
}

#[derive(Clone)]
pub(crate) struct Voice(mpsc::Sender<String>);

impl Voice {
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.0.try_send(text.into()).expect("somebody listens, and the line has room");
    }
}

pub(crate) struct Ear(pub(crate) mpsc::Receiver<String>);

impl Ear {
    #[track_caller]
    pub(crate) fn hears(&mut self) -> impl Future<Output = String> {
        let heard = within("a word of a handler", self.0.recv());
        async { heard.await.expect("the handlers live") }
    }

    /// What was said and not heard yet.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}
