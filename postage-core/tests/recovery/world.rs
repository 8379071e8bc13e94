//! Where the tests take place: names of their own on the shared broker, lines that fail, and waits
//! that end.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use postage_core::transport::ConnectionState;
use postage_core::{
    Broker, Config, Exchange, ExchangeKind, Fingerprint, Producer, Queue, SendError, Serve, Serving,
};
use testbed::{Proxy, RabbitMq};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, interval, timeout};
use uuid::Uuid;

use crate::desk::Desk;

/// What a busy machine may add to the two heartbeats within which a silence is noticed: the clock
/// gives the silence 1.9 of them, so this is for three tasks and a thread to be scheduled in turn.
/// lapin's own clock, of 2.0 to 2.5, would pass in a part of the runs only.
pub(crate) const BUSY: Duration = Duration::from_millis(300);

/// Far longer than anything here takes that is not stuck.
const LIMIT: Duration = Duration::from_secs(45);

/// The heartbeat of a line whose silence is to be noticed.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);

/// What a busy machine may add to a bound.
pub(crate) const SLACK: Duration = Duration::from_millis(1500);

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    match timeout(LIMIT, work).await {
        Ok(done) => done,
        Err(_) => panic!("waited {LIMIT:?} for {what}"),
    }
}

/// Asks again and again until the answer is yes.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let asking = async {
        let mut pause = interval(Duration::from_millis(20));
        while !holds().await {
            pause.tick().await;
        }
    };
    within(what, asking).await;
}

/// A line to the shared broker.
pub(crate) fn line() -> Proxy {
    Proxy::start_before(&testbed::broker_url()).unwrap()
}

/// An address whose silence is noticed, and soon given up while connecting.
pub(crate) fn watchful(line: &Proxy) -> Config {
    let config = Config::new(line.url_for(&testbed::broker_url()));
    config.heartbeat(HEARTBEAT).connect_timeout(Duration::from_secs(1))
}

/// An address whose silence is put up with for the length of a test.
pub(crate) fn patient(line: &Proxy) -> Config {
    Config::new(line.url_for(&testbed::broker_url())).heartbeat(Duration::from_secs(60))
}

pub(crate) async fn connect(config: Config) -> Broker {
    within("a connection", Broker::connect_with(config)).await.unwrap()
}

/// The shared broker, over a line that never fails.
pub(crate) async fn direct() -> Broker {
    connect(Config::new(testbed::broker_url())).await
}

pub(crate) async fn until_session(broker: &Broker, session: u64) {
    let mut state = broker.state();
    let there = |state: &ConnectionState| matches!(state, ConnectionState::Connected { session: now } if *now >= session);
    within("the next connection", state.wait_for(there)).await.unwrap();
}

pub(crate) fn session(broker: &Broker) -> Option<u64> {
    match &*broker.state().borrow() {
        ConnectionState::Connected { session } => Some(*session),
        _ => None,
    }
}

/// Waits until the loss is noticed, and answers how long that took.
pub(crate) async fn until_lost(broker: &Broker) -> Duration {
    let since = Instant::now();
    let mut state = broker.state();
    within("the loss", state.wait_for(|state| !state.is_connected())).await.unwrap();
    since.elapsed()
}

/// An exchange, a queue and a key that no other test has.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) exchange: Exchange,
    pub(crate) queue: Queue,
    pub(crate) key: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let name = format!("recovery-{}", Uuid::new_v4());
        Self {
            exchange: Exchange::new(name.clone(), ExchangeKind::Direct),
            queue: Queue::new(name.clone()),
            key: name,
        }
    }

    pub(crate) fn serve(&self, broker: &Broker, desk: &Arc<Desk>) -> Serve {
        let served = broker.serve(Arc::clone(desk));
        served.bind(self.exchange.clone(), self.queue.clone(), self.key.clone())
    }

    pub(crate) async fn served(&self, broker: &Broker) -> (Arc<Desk>, Serving) {
        let desk = Arc::new(Desk::default());
        let serving = within("a service", self.serve(broker, &desk).into_future()).await.unwrap();
        (desk, serving)
    }

    pub(crate) fn producer(&self, broker: &Broker) -> Producer {
        let identity = Fingerprint::new("test", "test");
        Producer::new(broker, identity).eks([(self.exchange.clone(), self.key.clone())])
    }
}

/// Tells all these numbers at once, and waits for the confirms.
pub(crate) async fn tell_all(
    producer: &Producer,
    numbers: impl IntoIterator<Item = u64>,
) -> Result<(), SendError> {
    let mut sends = JoinSet::new();
    for number in numbers {
        sends.spawn(producer.command("tell", number));
    }
    let sent = within("the confirms", sends.join_all()).await;
    sent.into_iter().collect()
}

/// Calls with all these numbers at once; each answer must be its own.
pub(crate) fn ask_all(producer: &Producer, numbers: impl IntoIterator<Item = u64>) -> JoinSet<()> {
    let mut calls = JoinSet::new();
    for number in numbers {
        let call = producer.rpc::<u64>("double", number).timeout(LIMIT);
        calls.spawn(async move { assert_eq!(call.await.unwrap(), number * 2) });
    }
    calls
}

pub(crate) async fn answered(calls: JoinSet<()>) {
    within("the answers", calls.join_all()).await;
}

/// Looks at queues, over a connection of its own.
pub(crate) struct Look {
    connection: Connection,
}

impl Look {
    pub(crate) async fn at(url: &str) -> Self {
        let connecting = Connection::connect(url, ConnectionProperties::default());
        Self { connection: within("a connection", connecting).await.unwrap() }
    }

    pub(crate) async fn at_shared() -> Self {
        Self::at(&testbed::broker_url()).await
    }

    /// The queue's ready messages and consumers; `None` when there is no such queue.
    pub(crate) async fn counts(&self, queue: &str) -> Option<(u32, u32)> {
        let channel = self.connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found =
            channel.queue_declare(queue.into(), passive, FieldTable::default()).await.ok()?;
        channel.close(200, "seen".into()).await.unwrap();
        Some((found.message_count(), found.consumer_count()))
    }

    pub(crate) async fn until(&self, queue: &str, ready: u32, consumers: u32) {
        let what = format!("{ready} ready messages and {consumers} consumers");
        until(&what, async || self.counts(queue).await == Some((ready, consumers))).await;
    }
}

/// A broker of the test's own, to be killed.
pub(crate) async fn node() -> RabbitMq {
    spawn_blocking(|| RabbitMq::start().unwrap()).await.unwrap()
}

/// Has the node refuse to read from publishers, as one that is short of memory, or read again.
pub(crate) async fn short_of_memory(node: RabbitMq, short: bool) -> RabbitMq {
    let of_all = if short { "0.00001" } else { "0.4" };
    let told = spawn_blocking(move || {
        node.control(&["set_vm_memory_high_watermark", of_all]).unwrap();
        node
    });
    told.await.unwrap()
}

pub(crate) async fn killed(mut node: RabbitMq) -> RabbitMq {
    let killed = spawn_blocking(move || {
        node.kill();
        node
    });
    killed.await.unwrap()
}

pub(crate) async fn restarted(mut node: RabbitMq) -> RabbitMq {
    let restarted = spawn_blocking(move || {
        node.restart().unwrap();
        node
    });
    restarted.await.unwrap()
}
