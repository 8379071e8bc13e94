//! What becomes of a delivery.

use postage_core::transport::Settlement;

use crate::world::*;

pub(crate) async fn an_acknowledged_message_is_forgotten(world: World) {
    let (link, other) = (world.connect().await, world.connect().await);
    let queue = declare(&link, &world.queue("queue")).await;
    send_to(&link, &queue, "done").await;
    let mut subscription = consume(&link, &queue, 0).await;

    settle(next(&mut subscription).await, Settlement::Ack).await;
    // The end of the connection would bring it back.
    within("the end", link.close()).await.expect("the connection is closed");

    assert_eq!(drain(&other, &queue).await, [""; 0]);
}

pub(crate) async fn a_rejected_message_is_dropped(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    send_to(&link, &queue, "bad").await;
    let mut subscription = consume(&link, &queue, 0).await;

    settle(next(&mut subscription).await, Settlement::Reject).await;
    send_to(&link, &queue, "good").await;

    assert_eq!(next_text(&mut subscription).await, "good");
}

pub(crate) async fn a_requeued_message_comes_again_and_says_so(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    send_to(&link, &queue, "again").await;
    let mut subscription = consume(&link, &queue, 0).await;

    let first = next(&mut subscription).await;
    assert!(!first.redelivered);
    settle(first, Settlement::Requeue).await;

    let second = next(&mut subscription).await;
    assert!(second.redelivered);
    assert_eq!(text(&second), "again");
}

pub(crate) async fn a_requeued_message_takes_its_old_place(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    for body in ["1", "2", "3", "4"] {
        send_to(&link, &queue, body).await;
    }
    let mut holder = consume(&link, &queue, 3).await;
    let mut out = Vec::new();
    for _ in 0..3 {
        out.push(next(&mut holder).await);
    }
    within("the end", holder.cancel()).await.expect("it is cancelled");

    for delivery in [out.remove(1), out.remove(1), out.remove(0)] {
        settle(delivery, Settlement::Requeue).await;
    }

    assert_eq!(drain(&link, &queue).await, ["1", "2", "3", "4"]);
}

pub(crate) async fn a_dropped_delivery_goes_back(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    send_to(&link, &queue, "dropped").await;
    let mut subscription = consume(&link, &queue, 1).await;

    drop(next(&mut subscription).await);

    let again = next(&mut subscription).await;
    assert!(again.redelivered);
    assert_eq!(text(&again), "dropped");
}

pub(crate) async fn deliveries_are_settled_in_any_order_and_from_any_task(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    for number in 0..20 {
        send_to(&link, &queue, number.to_string()).await;
    }
    let mut subscription = consume(&link, &queue, 20).await;
    let mut out = Vec::new();
    for _ in 0..20 {
        out.push(next(&mut subscription).await);
    }

    let mut tasks = tokio::task::JoinSet::new();
    for (index, delivery) in out.into_iter().enumerate().rev() {
        let settlement = if index % 2 == 0 { Settlement::Ack } else { Settlement::Requeue };
        tasks.spawn(settle(delivery, settlement));
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("the task ends well");
    }

    let mut again = next_texts(&mut subscription, 10).await;
    again.sort_by_key(|text| text.parse::<u32>().expect("a number"));
    let odd: Vec<_> = (0..20).filter(|number| number % 2 == 1).map(|it| it.to_string()).collect();
    assert_eq!(again, odd);
}

pub(crate) async fn settling_after_the_queue_was_deleted_harms_nothing(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    for body in ["1", "2", "3"] {
        send_to(&link, &queue, body).await;
    }
    let mut subscription = consume(&link, &queue, 0).await;
    let (one, two) = (next(&mut subscription).await, next(&mut subscription).await);
    within("a deletion", link.delete_queue(&queue)).await.expect("it is deleted");

    settle(one, Settlement::Ack).await;
    settle(two, Settlement::Requeue).await;

    let queue = declare(&link, &world.queue("queue")).await;
    assert_eq!(drain(&link, &queue).await, [""; 0], "the new queue has nothing of the old one");
}
