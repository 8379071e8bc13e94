//! Who gets which message.

use std::time::Duration;

use postage_core::transport::{Settlement, Source, TransportError};
use tokio::time::timeout;

use crate::world::*;

pub(crate) async fn competing_consumers_are_served_in_turn(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut one = consume(&link, &queue, 0).await;
    let mut two = consume(&link, &queue, 0).await;

    for body in ["1", "2", "3", "4"] {
        send_to(&link, &queue, body).await;
    }

    assert_eq!(next_texts(&mut one, 2).await, ["1", "3"]);
    assert_eq!(next_texts(&mut two, 2).await, ["2", "4"]);
}

pub(crate) async fn a_consumer_with_prefetch_one_gets_one_at_a_time(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut slow = consume(&link, &queue, 1).await;
    for body in ["1", "2", "3"] {
        send_to(&link, &queue, body).await;
    }

    let first = next(&mut slow).await;
    let mut quick = consume(&link, &queue, 0).await;
    assert_eq!(text(&first), "1");
    assert_eq!(next_texts(&mut quick, 2).await, ["2", "3"], "the slow one had no room for them");

    drop(quick);
    settle(first, Settlement::Ack).await;
    send_to(&link, &queue, "4").await;
    assert_eq!(next_text(&mut slow).await, "4");
}

pub(crate) async fn a_consumer_with_prefetch_n_gets_n_at_once(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut slow = consume(&link, &queue, 3).await;
    for body in ["1", "2", "3", "4", "5"] {
        send_to(&link, &queue, body).await;
    }

    let mut out = Vec::new();
    for expected in ["1", "2", "3"] {
        let delivery = next(&mut slow).await;
        assert_eq!(text(&delivery), expected);
        out.push(delivery);
    }
    let mut quick = consume(&link, &queue, 0).await;
    assert_eq!(next_texts(&mut quick, 2).await, ["4", "5"], "the slow one had no room for them");

    drop(quick);
    settle(out.remove(1), Settlement::Ack).await;
    send_to(&link, &queue, "6").await;
    assert_eq!(next_text(&mut slow).await, "6", "room for one again");
}

pub(crate) async fn prefetch_zero_is_no_bound(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut subscription = consume(&link, &queue, 0).await;
    let mut out = Vec::new();

    for number in 0..500 {
        send_to(&link, &queue, number.to_string()).await;
    }
    for number in 0..500 {
        let delivery = next(&mut subscription).await;
        assert_eq!(text(&delivery), number.to_string());
        out.push(delivery);
    }
}

pub(crate) async fn a_bounded_consumer_empties_the_queue_as_it_acknowledges(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    for number in 0..200 {
        send_to(&link, &queue, number.to_string()).await;
    }

    let mut subscription = consume(&link, &queue, 7).await;

    let all = next_texts(&mut subscription, 200).await;
    assert_eq!(all, (0..200).map(|number| number.to_string()).collect::<Vec<_>>());
}

pub(crate) async fn consuming_a_missing_queue_is_refused(world: World) {
    let link = world.connect().await;

    let reason = refused(within("an answer", link.consume(source(&world.name("none")))).await);

    assert!(reason.contains("NOT_FOUND"), "{reason}");
}

pub(crate) async fn an_exclusive_consumer_shares_with_nobody(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let exclusive = source(&queue).exclusive(true);
    let mut only = consume_from(&link, exclusive.clone()).await;

    let reason = refused(within("an answer", link.consume(source(&queue))).await);
    assert!(reason.contains("exclusive"), "{reason}");
    send_to(&link, &queue, "mine").await;
    assert_eq!(next_text(&mut only).await, "mine");

    within("the end", only.cancel()).await.expect("it is cancelled");
    let _shared = consume(&link, &queue, 0).await;
    let reason = refused(within("an answer", link.consume(exclusive)).await);
    assert!(reason.contains("exclusive"), "{reason}");
}

pub(crate) async fn deleting_a_queue_ends_its_consumers(world: World) {
    let (link, other) = (world.connect().await, world.connect().await);
    let queue = declare(&link, &world.queue("queue")).await;
    let mut one = consume(&link, &queue, 0).await;
    let mut two = consume(&other, &queue, 0).await;

    within("a deletion", link.delete_queue(&queue)).await.expect("it is deleted");

    for subscription in [&mut one, &mut two] {
        match within("the end", subscription.next()).await {
            Err(TransportError::ConsumerCancelled { queue: named, .. }) => assert_eq!(named, queue),
            other => panic!("not cancelled: {other:?}"),
        }
    }
    let queue = declare(&link, &world.queue("queue")).await;
    send_to(&link, &queue, "the connection lives").await;
    assert_eq!(drain(&link, &queue).await, ["the connection lives"]);
}

pub(crate) async fn a_cancelled_subscription_still_hands_out_what_had_arrived(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    for body in ["1", "2", "3"] {
        send_to(&link, &queue, body).await;
    }
    let mut cancelled = consume(&link, &queue, 2).await;
    let first = next(&mut cancelled).await;

    within("the end", cancelled.cancel()).await.expect("it is cancelled");
    send_to(&link, &queue, "4").await;

    let second = next(&mut cancelled).await;
    assert_eq!((text(&first), text(&second)), ("1".into(), "2".into()));
    settle(first, Settlement::Ack).await;
    settle(second, Settlement::Ack).await;
    let end = within("the end", cancelled.next()).await.expect("the connection lives");
    assert!(end.is_none(), "nothing comes after the last");
    within("the end", cancelled.cancel()).await.expect("twice is no error");
    assert_eq!(drain(&link, &queue).await, ["3", "4"]);
}

pub(crate) async fn a_dropped_subscription_gives_back_what_it_had_not_handed_out(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    for body in ["1", "2", "3"] {
        send_to(&link, &queue, body).await;
    }
    let mut dropped = consume(&link, &queue, 0).await;
    let first = next(&mut dropped).await;

    drop(dropped);

    let mut other = consume(&link, &queue, 0).await;
    assert_eq!(next_texts(&mut other, 2).await, ["2", "3"]);
    settle(first, Settlement::Ack).await;
    send_to(&link, &queue, "4").await;
    assert_eq!(next_text(&mut other).await, "4", "the first was ours to acknowledge");
}

pub(crate) async fn an_automatic_acknowledgement_comes_with_the_delivery(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut automatic = consume_from(&link, source(&queue).auto_ack(true).prefetch(1)).await;
    for body in ["1", "2", "3"] {
        send_to(&link, &queue, body).await;
    }

    drop(next(&mut automatic).await);
    let second = next(&mut automatic).await;
    settle(second, Settlement::Requeue).await;
    assert_eq!(text(&next(&mut automatic).await), "3");
    within("the end", automatic.cancel()).await.expect("it is cancelled");

    assert_eq!(drain(&link, &queue).await, [""; 0], "nothing came back");
}

pub(crate) async fn one_active_consumer_is_followed_by_the_next(world: World) {
    let link = world.connect().await;
    let description = world.queue("queue").argument("x-single-active-consumer", true);
    let queue = declare(&link, &description).await;
    let mut active = consume(&link, &queue, 0).await;
    let mut waiting = consume(&link, &queue, 0).await;
    for body in ["1", "2"] {
        send_to(&link, &queue, body).await;
    }
    assert_eq!(next_texts(&mut active, 2).await, ["1", "2"]);

    within("the end", active.cancel()).await.expect("it is cancelled");
    send_to(&link, &queue, "3").await;

    assert_eq!(next_text(&mut waiting).await, "3");
}

pub(crate) async fn a_dropped_wait_loses_no_delivery(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut subscription = consume(&link, &queue, 0).await;

    for number in 0..50 {
        let waited = timeout(Duration::from_micros(200), subscription.next()).await;
        assert!(waited.is_err(), "nothing was sent yet");
        send_to(&link, &queue, number.to_string()).await;
        assert_eq!(next_text(&mut subscription).await, number.to_string());
    }
}

pub(crate) async fn a_consumer_that_is_given_up_while_it_begins_takes_no_message(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    for pause in 0..20 {
        // Given up at another moment each time.
        let given_up = Duration::from_micros(pause * 100);
        drop(timeout(given_up, link.consume(Source::new(queue.clone()))).await);
    }
    send_to(&link, &queue, "for whoever stays").await;
    let mut stays = consume(&link, &queue, 0).await;
    assert_eq!(next_text(&mut stays).await, "for whoever stays");
}
