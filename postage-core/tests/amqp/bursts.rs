//! More at once than a connection has channels.

use std::time::Duration;

use postage_core::transport::Transport;
use postage_core::{
    Broker, CallFault, Config, Exchange, Fingerprint, Peer, Producer, Queue, Route, TransportError,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::doubler::Doubler;
use super::{connect, message, queue, source, unique, within};

/// More than RabbitMQ allows on a connection: 2,047.
const MANY: u64 = 2_100;

async fn producer(queue: &str) -> (Broker, Producer) {
    let broker = Broker::connect_with(Config::new(testbed::broker_url())).await.unwrap();
    let producer = Producer::new(&broker, Fingerprint::new("test", "test")).max_retry(0);
    let producer = producer.eks([(Exchange::DEFAULT, queue.to_owned())]).peer(Peer::Python);
    (broker, producer)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_addresses_of_their_own_are_answered_however_many_come_at_once() {
    let name = unique("doubler");
    let (broker, producer) = producer(&name).await;
    let queue = Queue::new(name).durable(false).auto_delete(true);
    let _serving = broker.serve(Doubler).queue(queue).await.unwrap();
    let mut calls = JoinSet::new();
    for number in 0..MANY {
        let call = producer.rpc::<u64>("double", number).timeout(Duration::from_secs(60));
        calls.spawn(async move { (number, call.await) });
    }
    while let Some(call) = calls.join_next().await {
        let (number, answer) = call.unwrap();
        assert_eq!(answer.unwrap(), number * 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_an_address_counts_against_the_time_of_a_call_which_is_told_so() {
    let transport = connect().await;
    let (_broker, producer) = producer(&queue(&transport).await).await;
    let began = Instant::now();
    let mut calls = JoinSet::new();
    for number in 0..MANY {
        calls.spawn(producer.rpc::<u64>("double", number).timeout(Duration::from_secs(3)));
    }
    let mut without_address = 0;
    while let Some(call) = calls.join_next().await {
        match call.unwrap().unwrap_err() {
            CallFault::TimedOut { .. } => {}
            CallFault::TooManyCalls { limit: 256 } => without_address += 1,
            fault => panic!("{fault}"),
        }
    }
    assert!(without_address > 0);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_without_a_free_channel_says_so_and_goes_on() {
    let transport = connect().await;
    let queue = queue(&transport).await;
    let mut subscriptions = Vec::new();
    let refused = loop {
        match within(transport.consume(source(&queue, 1))).await {
            Ok(subscription) => subscriptions.push(subscription),
            Err(refused) => break refused,
        }
        assert!(subscriptions.len() < 3_000);
    };
    assert!(matches!(refused, TransportError::Refused { .. }), "{refused}");
    assert!(refused.to_string().contains("channels"), "{refused}");
    within(transport.publish(message(Route::to_queue(queue.clone()), "still here"))).await.unwrap();
    drop(subscriptions);
}
