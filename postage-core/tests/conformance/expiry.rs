//! How messages run out of time.

use std::time::Duration;

use postage_core::transport::Settlement;
use postage_core::{Queue, Route};

use crate::world::*;

const SHORT: Duration = Duration::from_millis(80);
const LONG: Duration = Duration::from_secs(600);

/// A queue that dead-letters into `morgue`, so that a test can wait for the end of a message.
fn mortal(world: &World, stem: &str) -> Queue {
    world.queue(stem).dead_letter("").dead_letter_key(world.name("morgue"))
}

async fn send_for(link: &Link, queue: &str, body: &'static str, time: Duration) {
    let mut it = publication(Route::to_queue(queue.to_owned()), body);
    it.properties.expiration = Some(time);
    send_it(link, it).await;
}

pub(crate) async fn a_queues_messages_expire(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let queue = declare(&link, &mortal(&world, "queue").message_ttl(SHORT)).await;
    let mut dead = consume(&link, &morgue, 0).await;

    send_to(&link, &queue, "1").await;
    send_to(&link, &queue, "2").await;

    assert_eq!(next_texts(&mut dead, 2).await, ["1", "2"]);
    assert_eq!(drain(&link, &queue).await, [""; 0]);
}

pub(crate) async fn a_message_expires_by_its_own_time(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let queue = declare(&link, &mortal(&world, "queue")).await;
    let mut dead = consume(&link, &morgue, 0).await;

    send_for(&link, &queue, "short", SHORT).await;
    send_for(&link, &queue, "long", LONG).await;

    assert_eq!(next_text(&mut dead).await, "short");
    assert_eq!(drain(&link, &queue).await, ["long"]);
}

pub(crate) async fn the_shorter_of_two_times_holds(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let patient = declare(&link, &mortal(&world, "patient").message_ttl(LONG)).await;
    let hasty = declare(&link, &mortal(&world, "hasty").message_ttl(SHORT)).await;
    let mut dead = consume(&link, &morgue, 0).await;

    send_for(&link, &patient, "own", SHORT).await;
    assert_eq!(next_text(&mut dead).await, "own");
    send_for(&link, &hasty, "queue's", LONG).await;
    assert_eq!(next_text(&mut dead).await, "queue's");
}

pub(crate) async fn only_the_head_of_a_queue_expires(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let queue = declare(&link, &mortal(&world, "queue")).await;
    let control = declare(&link, &mortal(&world, "control")).await;
    let mut dead = consume(&link, &morgue, 0).await;
    send_to(&link, &queue, "for ever").await;
    send_for(&link, &queue, "behind it", SHORT).await;

    send_for(&link, &control, "control", SHORT * 2).await;
    assert_eq!(next_text(&mut dead).await, "control", "the one behind is older, and not dead");
    let mut subscription = consume(&link, &queue, 1).await;

    let head = next(&mut subscription).await;
    assert_eq!(text(&head), "for ever");
    assert_eq!(next_text(&mut dead).await, "behind it", "it died when it got to the head");
}

pub(crate) async fn a_message_without_time_reaches_only_who_waits_for_it(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let queue = declare(&link, &mortal(&world, "queue")).await;
    let mut dead = consume(&link, &morgue, 0).await;

    send_for(&link, &queue, "nobody there", Duration::ZERO).await;
    assert_eq!(next_text(&mut dead).await, "nobody there");

    let mut subscription = consume(&link, &queue, 0).await;
    send_for(&link, &queue, "at once", Duration::ZERO).await;
    assert_eq!(next_text(&mut subscription).await, "at once");
}

pub(crate) async fn a_requeued_message_keeps_its_deadline(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let queue = declare(&link, &mortal(&world, "queue").message_ttl(SHORT)).await;
    let control = declare(&link, &mortal(&world, "control").message_ttl(SHORT)).await;
    let mut dead = consume(&link, &morgue, 0).await;
    let mut subscription = consume(&link, &queue, 1).await;
    send_to(&link, &queue, "held").await;
    let held = next(&mut subscription).await;
    within("the end", subscription.cancel()).await.expect("it is cancelled");

    send_to(&link, &control, "control").await;
    assert_eq!(next_text(&mut dead).await, "control", "one that is out does not expire");
    settle(held, Settlement::Requeue).await;

    assert_eq!(next_text(&mut dead).await, "held");
}

pub(crate) async fn a_time_longer_than_the_wire_can_say_is_no_limit(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &mortal(&world, "queue")).await;
    let longest = Duration::from_millis(u32::MAX.into());

    send_for(&link, &queue, "longest", longest).await;
    send_for(&link, &queue, "too long", longest + Duration::from_nanos(1)).await;
    send_for(&link, &queue, "for ever", Duration::MAX).await;

    let mut subscription = consume(&link, &queue, 0).await;
    for (body, expiration) in [("longest", Some(longest)), ("too long", None), ("for ever", None)] {
        let delivery = next(&mut subscription).await;
        assert_eq!((&*text(&delivery), delivery.properties.expiration), (body, expiration));
    }
}
