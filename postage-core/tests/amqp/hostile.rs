//! Messages that lapin cannot read, or dies of.

use postage_core::transport::{ConnectionState, Settlement, Transport};
use postage_core::{Binding, Broker, Config, Exchange, ExchangeKind, Fingerprint, Producer, Queue};
use tokio::task::spawn_blocking;

use super::doubler::Doubler;
use super::raw::{RawPeer, long, short};
use super::{connect, next, queue, send, subscribe, take, unique, within};

const HEADERS: u16 = 1 << 13;
const CORRELATION_ID: u16 = 1 << 10;
const BODY: &[u8] = br#"{"type":"command","name":"double","category":"message","content":{}}"#;

/// Headers of one entry, a list in a list and so on.
fn lists(depth: usize) -> Vec<u8> {
    let inside = (1..depth).fold(b"V".to_vec(), |value, _| [b"A", &long(&value)[..]].concat());
    long(&[&short(b"deep")[..], &inside].concat())
}

/// What the queue gets: properties that lapin cannot take, of several kinds.
fn hostile() -> Vec<(u16, Vec<u8>)> {
    vec![
        (HEADERS, lists(65)),
        (HEADERS, lists(2_000)),
        (HEADERS, lists(20_000)),
        (HEADERS, long(b"\x02\xff\xfeV")),
        (CORRELATION_ID, short(b"caf\xe9")),
    ]
}

/// Publishes all that is hostile, and a message of lists as deep as is allowed.
async fn attack(queue: &str) {
    let queue = queue.to_owned();
    let attack = move || {
        let mut peer = RawPeer::connect(&testbed::broker_url());
        for (flags, properties) in hostile() {
            peer.publish(b"", queue.as_bytes(), flags, &properties, BODY);
        }
        peer.publish(b"", queue.as_bytes(), HEADERS, &lists(64), BODY);
        peer.close();
    };
    spawn_blocking(attack).await.unwrap();
}

fn is_first_session(transport: &dyn Transport) -> bool {
    matches!(*transport.state().borrow(), ConnectionState::Connected { session: 1 })
}

#[tokio::test]
async fn properties_that_cannot_be_read_arrive_as_a_content_type_that_says_so() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut subscription = subscribe(&transport, &queue, 0).await;
    attack(&queue).await;
    for _ in hostile() {
        let delivery = next(&mut subscription).await;
        assert_eq!(
            delivery.properties.content_type.as_deref(),
            Some("application/x-unreadable-properties")
        );
        assert!(delivery.properties.headers.is_empty());
        assert_eq!(&delivery.body[..], BODY);
        delivery.settle(Settlement::Ack).await.unwrap();
    }
    let deepest = next(&mut subscription).await;
    assert_eq!(deepest.properties.content_type, None);
    assert!(deepest.properties.header("deep").is_some());
    assert!(is_first_session(&transport));
}

#[tokio::test]
async fn a_routing_key_that_is_no_utf8_arrives_mended() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let all = Exchange::new(unique("all"), ExchangeKind::Fanout).durable(false).auto_delete(true);
    transport.declare_exchange(&all).await.unwrap();
    transport.bind(&Binding::new(all.clone(), queue.clone(), "")).await.unwrap();
    let exchange = all.name().to_owned();
    let attack = move || {
        let mut peer = RawPeer::connect(&testbed::broker_url());
        peer.publish(exchange.as_bytes(), b"caf\xe9.\xff", 0, b"", BODY);
        peer.close();
    };
    spawn_blocking(attack).await.unwrap();
    let delivery = take(&transport, &queue).await;
    assert_eq!(delivery.route.key(), "caf?.?");
}

#[tokio::test]
async fn a_rejected_message_reaches_its_dead_letter_queue_and_hurts_no_one_there() {
    let transport = connect().await;
    let dead = queue(&transport).await;
    let first = Queue::new(unique("first")).durable(false).exclusive(true);
    let first = first.dead_letter("").dead_letter_key(dead.clone());
    let first = transport.declare_queue(&first).await.unwrap();
    let mut subscription = subscribe(&transport, &first, 0).await;
    attack(&first).await;
    for _ in hostile() {
        next(&mut subscription).await.settle(Settlement::Reject).await.unwrap();
    }
    let mut letters = subscribe(&transport, &dead, 0).await;
    for _ in hostile() {
        next(&mut letters).await.settle(Settlement::Ack).await.unwrap();
    }
    send(&transport, &dead, "still here").await;
    assert_eq!(&next(&mut letters).await.body[..], b"still here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_rejects_what_cannot_be_read_once_and_answers_the_next_call() {
    let broker = Broker::connect_with(Config::new(testbed::broker_url())).await.unwrap();
    let transport = connect().await;
    let dead = queue(&transport).await;
    let name = unique("doubler");
    let queue = Queue::new(name.clone()).durable(false).auto_delete(true);
    let queue = queue.dead_letter("").dead_letter_key(dead.clone());
    let _serving = broker.serve(Doubler).queue(queue).await.unwrap();
    attack(&name).await;

    let producer = Producer::new(&broker, Fingerprint::new("test", "test"));
    let producer = producer.eks([(Exchange::DEFAULT, name)]).max_retry(0);
    assert_eq!(within(producer.rpc::<u64>("double", 21)).await.unwrap(), 42);
    let mut letters = subscribe(&transport, &dead, 0).await;
    for _ in hostile() {
        next(&mut letters).await.settle(Settlement::Ack).await.unwrap();
    }
    // Each came there once, and over the connections of the beginning.
    send(&transport, &dead, "last").await;
    assert_eq!(&next(&mut letters).await.body[..], b"last");
    assert!(is_first_session(&transport) && is_first_session(&**broker.transport()));
}
