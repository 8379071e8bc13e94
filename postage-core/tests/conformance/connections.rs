//! What a connection owns, and how it ends.

use postage_core::transport::Settlement;
use postage_core::{Binding, Exchange, ExchangeKind, Queue, Route};

use crate::world::*;

pub(crate) async fn after_close_everything_is_disconnected(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    send_to(&link, &queue, "out").await;
    let mut subscription = consume(&link, &queue, 0).await;
    let delivery = next(&mut subscription).await;

    within("the end", link.close()).await.expect("the connection is closed");

    let topic = Exchange::declared("amq.topic", ExchangeKind::Topic);
    let binding = Binding::new(topic.clone(), queue.clone(), "key");
    disconnected(within("an answer", link.declare_exchange(&topic)).await);
    disconnected(within("an answer", link.declare_queue(&Queue::new(queue.clone()))).await);
    disconnected(within("an answer", link.delete_queue(&queue)).await);
    disconnected(within("an answer", link.bind(&binding)).await);
    disconnected(within("an answer", link.unbind(&binding)).await);
    let it = publication(Route::to_queue(queue.clone()), "late");
    disconnected(within("an answer", link.publish(it)).await);
    disconnected(within("an answer", link.consume(source(&queue))).await);
    disconnected(within("an answer", delivery.settle(Settlement::Ack)).await);
    disconnected(within("an answer", subscription.next()).await);
}

pub(crate) async fn closing_twice_is_closing_once(world: World) {
    let link = world.connect().await;

    within("the end", link.close()).await.expect("the connection is closed");
    within("the end", link.close()).await.expect("twice is no error");
}

pub(crate) async fn a_waiting_consumer_is_told_that_its_connection_was_closed(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut subscription = consume(&link, &queue, 0).await;
    let waiting = tokio::spawn(async move { subscription.next().await });
    tokio::task::yield_now().await;

    within("the end", link.close()).await.expect("the connection is closed");

    disconnected(within("the news", waiting).await.expect("the task ends well"));
}

pub(crate) async fn what_a_closed_connection_had_out_is_delivered_again(world: World) {
    let (first, second) = (world.connect().await, world.connect().await);
    let queue = declare(&first, &world.queue("queue")).await;
    for body in ["1", "2", "3"] {
        send_to(&first, &queue, body).await;
    }
    let mut subscription = consume(&first, &queue, 2).await;
    let held = next(&mut subscription).await;
    let mut patient = consume(&second, &queue, 0).await;
    assert_eq!(next_text(&mut patient).await, "3", "the other two are out");

    within("the end", first.close()).await.expect("the connection is closed");

    for expected in ["1", "2"] {
        let delivery = next(&mut patient).await;
        assert_eq!(text(&delivery), expected);
        assert!(delivery.redelivered);
        settle(delivery, Settlement::Ack).await;
    }
    disconnected(within("an answer", held.settle(Settlement::Ack)).await);
}

pub(crate) async fn two_connections_see_the_same_topology(world: World) {
    let (one, two) = (world.connect().await, world.connect().await);
    let exchange = world.exchange("shared", ExchangeKind::Topic);
    declare_exchange(&one, &exchange).await;
    let queue = declare(&two, &world.queue("queue")).await;
    bind(&one, &exchange, &queue, "#").await;
    let mut subscription = consume(&two, &queue, 0).await;

    send(&one, Route::new(exchange.name().to_owned(), "key"), "across").await;

    assert_eq!(next_text(&mut subscription).await, "across");
    assert_eq!(one.vhost(), two.vhost());
    assert!(!one.vhost().is_empty());
}
