//! No message is lost that waits for its next attempt. What a queue does not take is offered again
//! each second by a node of the testbed; unless set, RabbitMQ does so each three minutes.

use std::sync::Arc;
use std::time::Duration;

use postage_core::{Config, Overflow, Retry};
use tokio::task::JoinSet;

use crate::desk::Desk;
use crate::world::{Look, Place, connect, killed, node, restarted, tell_all, within};

const ALL: u64 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_five_hundred_messages_that_wait_while_the_broker_is_killed_twice_none_is_lost() {
    let mut node = node().await;
    let place = Place::new();
    let services = connect(Config::new(node.url())).await;
    let senders = connect(Config::new(node.url())).await;
    let desk = Arc::new(Desk::default());
    let serve = place.serve(&services, &desk).retry(Retry::new(10));
    let _serving = within("a service", serve.into_future()).await.unwrap();

    let producer = place.producer(&senders);
    // RabbitMQ 3.10 may lose a quorum queue that it made less than half a second before it is killed.
    within("a confirm", producer.command("stumble", ALL)).await.unwrap();
    desk.until_told([ALL]).await;
    let mut sends = JoinSet::new();
    for number in 0..ALL {
        sends.spawn(producer.command("stumble", number).within(Duration::from_secs(60)));
    }
    // While they go to wait, and while they come back.
    desk.until("some to fail", |seen| seen.failed as u64 >= ALL / 2).await;
    node = restarted(killed(node).await).await;
    desk.until("some to come back", |seen| seen.told.len() > 1).await;
    let node = restarted(killed(node).await).await;
    for sent in within("the confirms", sends.join_all()).await {
        sent.unwrap();
    }
    desk.until_told(0..ALL).await;
    Look::at(&node.url()).await.until(place.queue.name(), 0, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_back_to_a_full_queue_waits_until_there_is_room() {
    let node = node().await;
    let place = Place::new();
    let queue = place.queue.clone().max_length(2).overflow(Overflow::RejectPublish);
    let place = Place { queue, ..place };
    let broker = connect(Config::new(node.url())).await;
    let desk = Arc::new(Desk::default());
    let retry = Retry::new(2).first_pause(Duration::from_secs(5));
    let serve = place.serve(&broker, &desk).prefetch(1).concurrency(1).retry(retry);
    let _serving = within("a service", serve.into_future()).await.unwrap();
    let look = Look::at(&node.url()).await;
    let waiting = format!("{}.retry.q.5000", place.queue.name());

    let producer = place.producer(&broker);
    within("a confirm", producer.command("stumble", 0_u64)).await.unwrap();
    look.until(&waiting, 1, 0).await;
    desk.shut();
    // One at its handler, and two in the queue.
    tell_all(&producer, [1]).await.unwrap();
    desk.until_begun(2).await;
    tell_all(&producer, [2, 3]).await.unwrap();
    // Its pause is over, and the queue is full.
    look.until(&waiting, 0, 0).await;
    look.until(place.queue.name(), 2, 1).await;
    desk.open();
    desk.until_told(0..=3).await;
    assert_eq!(desk.seen().told_again(), 0);
}
