//! What only the in-process broker has: names for brokers, a clock that tests can turn, an end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::MemoryTransport;
use crate::topology::{Exchange, ExchangeKind, Queue, Route};
use crate::transport::{
    Properties, Publication, Settlement, Source, Subscription, Transport, TransportError,
};

fn to_queue(queue: &'static str, expiration: Option<Duration>) -> Publication {
    let message_id = Some("id".into());
    let properties = Properties { expiration, message_id, ..Properties::default() };
    let body = Bytes::from_static(b"body");
    let route = Route::to_queue(queue);
    Publication::new(route, properties, body)
}

async fn consume(transport: &MemoryTransport, queue: &'static str) -> Subscription {
    let source = Source::new(queue);
    transport.consume(source).await.unwrap()
}

#[tokio::test]
async fn connections_to_one_name_share_a_broker_while_one_lives() {
    let one = MemoryTransport::named("shared by name");
    let two = MemoryTransport::named("shared by name");
    let other = MemoryTransport::named("another name");
    one.declare_queue(&Queue::new("queue")).await.unwrap();

    two.publish(to_queue("queue", None)).await.unwrap();
    let elsewhere = other.publish(to_queue("queue", None)).await;
    assert!(matches!(elsewhere, Err(TransportError::Unroutable { .. })));
    let private = MemoryTransport::new().publish(to_queue("queue", None)).await;
    assert!(matches!(private, Err(TransportError::Unroutable { .. })));

    drop((one, two));
    let again = MemoryTransport::named("shared by name");
    let gone = again.publish(to_queue("queue", None)).await;
    assert!(matches!(gone, Err(TransportError::Unroutable { .. })), "it ended with its last user");
}

#[tokio::test]
async fn a_kind_of_a_plugin_is_refused_by_its_name() {
    let transport = MemoryTransport::new();
    let exchange = Exchange::new("orders", ExchangeKind::Plugin("x-consistent-hash".into()));

    let error = transport.declare_exchange(&exchange).await.unwrap_err().to_string();

    for part in ["`orders`", "x-consistent-hash", "direct, topic, fanout and headers"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn messages_expire_by_the_runtimes_clock() {
    let transport = MemoryTransport::new();
    let hour = Duration::from_secs(3600);
    let queue = Queue::new("queue").dead_letter("").dead_letter_key("morgue");
    transport.declare_queue(&queue).await.unwrap();
    transport.declare_queue(&Queue::new("morgue")).await.unwrap();
    let mut dead = consume(&transport, "morgue").await;
    let start = Instant::now();

    transport.publish(to_queue("queue", Some(2 * hour))).await.unwrap();
    dead.next().await.unwrap().unwrap().settle(Settlement::Ack).await.unwrap();
    assert!((2 * hour..3 * hour).contains(&start.elapsed()));

    transport.publish(to_queue("queue", Some(hour))).await.unwrap();
    dead.next().await.unwrap().unwrap().settle(Settlement::Ack).await.unwrap();
    assert!((3 * hour..4 * hour).contains(&start.elapsed()));
}

#[test]
fn a_broker_that_outlives_a_runtime_keeps_its_clock() {
    let transport = MemoryTransport::new();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let queue = Queue::new("queue").dead_letter("").dead_letter_key("morgue");
            transport.declare_queue(&queue).await.unwrap();
            transport.declare_queue(&Queue::new("morgue")).await.unwrap();
            let mut dead = consume(&transport, "morgue").await;
            transport.publish(to_queue("queue", Some(Duration::from_millis(5)))).await.unwrap();
            let letter = tokio::time::timeout(Duration::from_secs(10), dead.next()).await.unwrap();
            letter.unwrap().unwrap().settle(Settlement::Ack).await.unwrap();
        });
    }
}

#[tokio::test]
async fn a_broker_ends_with_its_last_user_though_its_clock_runs() {
    let transport = MemoryTransport::new();
    transport.declare_queue(&Queue::new("queue")).await.unwrap();
    let subscription = consume(&transport, "queue").await;
    transport.publish(to_queue("queue", Some(Duration::from_secs(3600)))).await.unwrap();
    let broker = Arc::downgrade(&transport.broker);

    drop(transport);
    assert!(broker.upgrade().is_some(), "a subscription is left");
    drop(subscription);

    assert!(broker.upgrade().is_none());
}

#[tokio::test]
async fn deliveries_may_be_dropped_by_a_thread_without_a_runtime() {
    let transport = MemoryTransport::new();
    transport.declare_queue(&Queue::new("queue")).await.unwrap();
    transport.publish(to_queue("queue", Some(Duration::from_secs(3600)))).await.unwrap();
    let mut subscription = consume(&transport, "queue").await;
    let delivery = subscription.next().await.unwrap().unwrap();

    std::thread::spawn(move || drop(delivery)).join().unwrap();

    assert!(subscription.next().await.unwrap().unwrap().redelivered);
}
