//! How queues come and go, and what they hold.

use std::time::Duration;

use postage_core::transport::TransportError;
use postage_core::{Binding, Exchange, ExchangeKind, Overflow, Queue, Route};

use crate::world::*;

pub(crate) async fn a_queue_is_declared_again_only_as_it_is(world: World) {
    let link = world.connect().await;
    let description = world.queue("orders").message_ttl(Duration::from_secs(60));
    let queue = declare(&link, &description).await;
    let mut subscription = consume(&link, &queue, 0).await;

    assert_eq!(declare(&link, &description).await, queue);
    for (argument, other) in [
        ("durable", description.clone().durable(false)),
        ("auto_delete", description.clone().auto_delete(true)),
        ("x-message-ttl", description.clone().message_ttl(Duration::from_secs(61))),
        ("x-message-ttl", world.queue("orders")),
        ("x-max-length", description.clone().max_length(5)),
        ("x-dead-letter-exchange", description.clone().dead_letter("amq.fanout")),
    ] {
        let reason = refused(within("an answer", link.declare_queue(&other)).await);
        assert!(reason.contains("PRECONDITION_FAILED"), "{reason}");
        assert!(reason.contains(argument), "{reason}");
    }

    send_to(&link, &queue, "unharmed").await;
    assert_eq!(next_text(&mut subscription).await, "unharmed");
}

pub(crate) async fn a_passive_queue_is_only_looked_for(world: World) {
    let link = world.connect().await;

    let reason = refused(link.declare_queue(&world.queue("orders").passive(true)).await);
    assert!(reason.contains("NOT_FOUND"), "{reason}");

    let queue = declare(&link, &world.queue("orders")).await;
    assert_eq!(declare(&link, &world.queue("orders").passive(true).durable(false)).await, queue);
}

pub(crate) async fn arguments_that_make_no_sense_are_refused(world: World) {
    let link = world.connect().await;
    for (argument, queue) in [
        ("x-message-ttl", world.queue("q").argument("x-message-ttl", -1)),
        ("x-message-ttl", world.queue("q").argument("x-message-ttl", "soon")),
        ("x-expires", world.queue("q").expires(Duration::ZERO)),
        ("x-max-length", world.queue("q").argument("x-max-length", -1)),
        ("x-overflow", world.queue("q").argument("x-overflow", "explode")),
        ("x-dead-letter-routing-key", world.queue("q").dead_letter_key("nowhere")),
        ("x-max-priority", world.queue("q").argument("x-max-priority", 256)),
    ] {
        let reason = refused(within("an answer", link.declare_queue(&queue)).await);
        assert!(reason.contains(argument), "{reason}");
    }
    assert!(!exists(&link, &world.name("q")).await);
}

pub(crate) async fn a_reserved_queue_name_is_refused(world: World) {
    let link = world.connect().await;

    let queue = Queue::new(format!("amq.{}", world.name("mine")));

    let reason = refused(within("an answer", link.declare_queue(&queue)).await);
    assert!(reason.contains("ACCESS_REFUSED"), "{reason}");
}

pub(crate) async fn the_broker_names_a_queue_that_has_no_name(world: World) {
    let link = world.connect().await;

    let one = declare(&link, &Queue::server_named()).await;
    let two = declare(&link, &Queue::server_named()).await;

    assert!(one.starts_with("amq.gen-"), "{one}");
    assert_ne!(one, two);
    send_to(&link, &one, "hello").await;
    assert_eq!(drain(&link, &one).await, ["hello"]);
}

pub(crate) async fn an_exclusive_queue_is_locked_to_other_connections(world: World) {
    let (owner, other) = (world.connect().await, world.connect().await);
    let description = world.queue("own").exclusive(true);
    let queue = declare(&owner, &description).await;

    let locked = |reason: String| assert!(reason.contains("RESOURCE_LOCKED"), "{reason}");
    locked(refused(within("an answer", other.declare_queue(&description)).await));
    locked(refused(other.declare_queue(&description.clone().passive(true)).await));
    locked(refused(within("an answer", other.consume(source(&queue))).await));
    locked(refused(within("an answer", other.delete_queue(&queue)).await));
    let topic = Exchange::declared("amq.topic", ExchangeKind::Topic);
    let binding = Binding::new(topic, queue.clone(), "key");
    locked(refused(within("an answer", other.bind(&binding)).await));

    send_to(&other, &queue, "anyone may send").await;
    declare(&owner, &description).await;
    assert_eq!(drain(&owner, &queue).await, ["anyone may send"]);
}

pub(crate) async fn an_exclusive_queue_goes_with_its_connection(world: World) {
    let (owner, other) = (world.connect().await, world.connect().await);
    let queue = declare(&owner, &world.queue("own").exclusive(true)).await;

    within("the end", owner.close()).await.expect("the connection is closed");

    gone(&other, &queue).await;
    until("the name to be free", || async {
        other.declare_queue(&world.queue("own").exclusive(true)).await.is_ok()
    })
    .await;
}

pub(crate) async fn an_auto_delete_queue_goes_with_its_last_consumer(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("passing").auto_delete(true)).await;
    assert!(exists(&link, &queue).await, "one that had no consumer stays");
    let mut one = consume(&link, &queue, 0).await;
    let two = consume(&link, &queue, 0).await;

    within("the end", one.cancel()).await.expect("the consumer is cancelled");
    assert!(exists(&link, &queue).await, "one consumer is left");
    drop(two);

    gone(&link, &queue).await;
}

pub(crate) async fn an_auto_delete_queue_goes_with_its_consumers_connection(world: World) {
    let (consumer, other) = (world.connect().await, world.connect().await);
    let queue = declare(&other, &world.queue("passing").auto_delete(true)).await;
    let _subscription = consume(&consumer, &queue, 0).await;

    within("the end", consumer.close()).await.expect("the connection is closed");

    gone(&other, &queue).await;
}

pub(crate) async fn deleting_a_queue_deletes_what_is_in_it(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    send_to(&link, &queue, "lost").await;

    within("a deletion", link.delete_queue(&queue)).await.expect("it is deleted");
    within("a deletion", link.delete_queue(&queue)).await.expect("twice is no error");

    assert!(!exists(&link, &queue).await);
    declare(&link, &world.queue("queue")).await;
    assert_eq!(drain(&link, &queue).await, [""; 0]);
}

pub(crate) async fn a_queue_that_nobody_uses_expires(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("idle").expires(Duration::from_millis(100))).await;
    let used = declare(&link, &world.queue("used").expires(Duration::from_millis(100))).await;
    let _subscription = consume(&link, &used, 0).await;

    // Looking for it by its name would count as use.
    until("the queue to expire", || async {
        let sent = link.publish(publication(Route::to_queue(queue.clone()), "there?")).await;
        matches!(sent, Err(TransportError::Unroutable { .. }))
    })
    .await;

    assert!(exists(&link, &used).await, "a consumed queue does not expire");
}

pub(crate) async fn a_full_queue_drops_its_oldest(world: World) {
    let link = world.connect().await;
    let by_count = declare(&link, &world.queue("count").max_length(3)).await;
    let by_bytes = declare(&link, &world.queue("bytes").max_bytes(110)).await;

    for body in ["1", "2", "3", "4"] {
        send_to(&link, &by_count, body).await;
        send_to(&link, &by_bytes, body.repeat(36)).await;
    }

    // The marker of `drain` pushes one more out.
    assert_eq!(drain(&link, &by_count).await, ["3", "4"]);
    assert_eq!(drain(&link, &by_bytes).await, ["3".repeat(36), "4".repeat(36)]);
}

pub(crate) async fn a_full_queue_that_refuses_does_not_confirm(world: World) {
    let link = world.connect().await;
    let description = world.queue("full").max_length(2).overflow(Overflow::RejectPublish);
    let queue = declare(&link, &description).await;
    let send_one =
        |body: &'static str| link.publish(publication(Route::to_queue(queue.clone()), body));
    send_to(&link, &queue, "1").await;
    send_to(&link, &queue, "2").await;

    let refused = within("an answer", send_one("3")).await;
    assert!(matches!(refused, Err(TransportError::NotConfirmed { .. })), "{refused:?}");

    let mut subscription = consume(&link, &queue, 1).await;
    assert_eq!(next_text(&mut subscription).await, "1");
    assert_eq!(next_text(&mut subscription).await, "2");
    send_to(&link, &queue, "4").await;
    assert_eq!(next_text(&mut subscription).await, "4");
}

pub(crate) async fn one_full_queue_of_two_denies_the_confirm_and_the_other_has_the_message(
    world: World,
) {
    let link = world.connect().await;
    let exchange = world.exchange("both", ExchangeKind::Fanout);
    declare_exchange(&link, &exchange).await;
    let description = world.queue("full").max_length(0).overflow(Overflow::RejectPublish);
    let full = declare(&link, &description).await;
    let free = declare(&link, &world.queue("free")).await;
    bind(&link, &exchange, &full, "").await;
    bind(&link, &exchange, &free, "").await;

    let sent = link.publish(publication(Route::new(exchange.name().to_owned(), ""), "half"));
    let sent = within("an answer", sent).await;

    assert!(matches!(sent, Err(TransportError::NotConfirmed { .. })), "{sent:?}");
    assert_eq!(drain(&link, &free).await, ["half"]);
}

pub(crate) async fn a_requeued_message_counts_against_the_limit(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue").max_length(2)).await;
    let mut subscription = consume(&link, &queue, 1).await;
    send_to(&link, &queue, "1").await;
    let first = next(&mut subscription).await;
    within("the end", subscription.cancel()).await.expect("it is cancelled");
    send_to(&link, &queue, "2").await;
    send_to(&link, &queue, "3").await;

    settle(first, postage_core::transport::Settlement::Requeue).await;

    let mut subscription = consume(&link, &queue, 0).await;
    assert_eq!(next_texts(&mut subscription, 2).await, ["2", "3"], "the oldest was dropped");
}

pub(crate) async fn a_queue_with_priorities_serves_the_highest_first(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("ranks").argument("x-max-priority", 5)).await;
    for (body, priority) in
        [("a", None), ("b", Some(1)), ("c", Some(5)), ("d", Some(200)), ("e", Some(1))]
    {
        let mut it = publication(Route::to_queue(queue.clone()), body);
        it.properties.priority = priority;
        send_it(&link, it).await;
    }

    assert_eq!(
        next_texts(&mut consume(&link, &queue, 1).await, 5).await,
        ["c", "d", "b", "e", "a"]
    );
}

pub(crate) async fn a_quorum_queue_keeps_and_hands_out_messages(world: World) {
    let link = world.connect().await;
    let description = world.queue("quorum").kind(postage_core::QueueKind::Quorum);
    let queue = declare(&link, &description).await;
    for body in ["1", "2", "3"] {
        send_to(&link, &queue, body).await;
    }

    assert_eq!(next_texts(&mut consume(&link, &queue, 1).await, 3).await, ["1", "2", "3"]);

    let exclusive = world.queue("other").kind(postage_core::QueueKind::Quorum).exclusive(true);
    refused(within("an answer", link.declare_queue(&exclusive)).await);
}
