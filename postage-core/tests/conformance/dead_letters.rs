//! Where given-up messages go, and what they say.

use std::time::Duration;

use postage_core::transport::{Delivery, Settlement, TransportError};
use postage_core::{ExchangeKind, FieldValue, Overflow, QueueKind, Route};

use crate::world::*;

/// One field of one death, the latest being the first.
fn death(delivery: &Delivery, index: usize, field: &str) -> FieldValue {
    let Some(FieldValue::List(deaths)) = delivery.properties.header("x-death") else {
        panic!("no deaths in {:?}", delivery.properties.headers);
    };
    let Some(FieldValue::Table(death)) = deaths.get(index) else {
        panic!("no death {index} in {deaths:?}");
    };
    let found = death.iter().find(|(name, _)| name == field);
    found.unwrap_or_else(|| panic!("no `{field}` in {death:?}")).1.clone()
}

fn header(delivery: &Delivery, name: &str) -> String {
    let value = delivery.properties.header(name).and_then(FieldValue::as_str);
    value.unwrap_or_else(|| panic!("no text `{name}`")).to_owned()
}

pub(crate) async fn a_rejected_message_says_where_it_comes_from_and_why(world: World) {
    let link = world.connect().await;
    let orders = world.exchange("orders", ExchangeKind::Topic);
    let dead = world.exchange("dead", ExchangeKind::Topic);
    declare_exchange(&link, &orders).await;
    declare_exchange(&link, &dead).await;
    let queue = declare(&link, &world.queue("queue").dead_letter(dead.name().to_owned())).await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    bind(&link, &orders, &queue, "order.#").await;
    bind(&link, &dead, &morgue, "order.new").await;

    let mut it = publication(Route::new(orders.name().to_owned(), "order.new"), "bad");
    it.properties.set_header("mine", "kept");
    it.properties.content_type = Some("text/plain".into());
    send_it(&link, it).await;
    let mut subscription = consume(&link, &queue, 0).await;
    settle(next(&mut subscription).await, Settlement::Reject).await;

    let letter = next(&mut consume(&link, &morgue, 0).await).await;
    assert_eq!(text(&letter), "bad");
    assert_eq!(letter.route, Route::new(dead.name().to_owned(), "order.new"));
    assert!(!letter.redelivered);
    assert_eq!(letter.properties.content_type.as_deref(), Some("text/plain"));
    assert_eq!(header(&letter, "mine"), "kept");
    assert_eq!(header(&letter, "x-first-death-reason"), "rejected");
    assert_eq!(header(&letter, "x-first-death-queue"), queue);
    assert_eq!(header(&letter, "x-first-death-exchange"), orders.name());
    assert_eq!(death(&letter, 0, "count"), FieldValue::Int(1));
    assert_eq!(death(&letter, 0, "reason"), "rejected".into());
    assert_eq!(death(&letter, 0, "queue"), queue.into());
    assert_eq!(death(&letter, 0, "exchange"), orders.name().to_owned().into());
    assert_eq!(death(&letter, 0, "routing-keys"), FieldValue::List(vec!["order.new".into()]));
    assert!(matches!(death(&letter, 0, "time"), FieldValue::Timestamp(1..)));
}

pub(crate) async fn an_expired_message_says_so_and_expires_no_more(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let description = world.queue("queue").dead_letter("").dead_letter_key(morgue.clone());
    let queue = declare(&link, &description).await;

    let mut it = publication(Route::to_queue(queue.clone()), "late");
    it.properties.expiration = Some(Duration::from_micros(1500));
    send_it(&link, it).await;

    let letter = next(&mut consume(&link, &morgue, 0).await).await;
    assert_eq!(letter.route, Route::to_queue(morgue));
    assert_eq!(letter.properties.expiration, None);
    assert_eq!(death(&letter, 0, "reason"), "expired".into());
    assert_eq!(death(&letter, 0, "original-expiration"), "2".into());
    assert_eq!(death(&letter, 0, "routing-keys"), FieldValue::List(vec![queue.into()]));
}

pub(crate) async fn a_message_that_is_pushed_out_says_so(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let description = world.queue("queue").max_length(1).dead_letter("");
    let queue = declare(&link, &description.dead_letter_key(morgue.clone())).await;

    send_to(&link, &queue, "1").await;
    send_to(&link, &queue, "2").await;

    let letter = next(&mut consume(&link, &morgue, 0).await).await;
    assert_eq!(text(&letter), "1");
    assert_eq!(death(&letter, 0, "reason"), "maxlen".into());
}

pub(crate) async fn a_message_refused_by_a_full_queue_can_be_dead_lettered(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let description = world
        .queue("queue")
        .max_length(1)
        .overflow(Overflow::RejectPublishDeadLetter)
        .dead_letter("")
        .dead_letter_key(morgue.clone());
    let queue = declare(&link, &description).await;

    send_to(&link, &queue, "1").await;
    let sent = link.publish(publication(Route::to_queue(queue.clone()), "2"));
    let sent = within("an answer", sent).await;

    assert!(matches!(sent, Err(TransportError::NotConfirmed { .. })), "{sent:?}");
    let letter = next(&mut consume(&link, &morgue, 0).await).await;
    assert_eq!(text(&letter), "2");
    assert_eq!(death(&letter, 0, "reason"), "maxlen".into());
    assert_eq!(next_text(&mut consume(&link, &queue, 0).await).await, "1");
}

pub(crate) async fn a_dead_letter_exchange_that_is_missing_drops_the_message(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue").dead_letter(world.name("missing"))).await;
    send_to(&link, &queue, "1").await;
    let mut subscription = consume(&link, &queue, 0).await;

    settle(next(&mut subscription).await, Settlement::Reject).await;
    send_to(&link, &queue, "2").await;

    assert_eq!(next_text(&mut subscription).await, "2");
}

pub(crate) async fn a_retry_by_reject_and_wait_counts_its_rounds(world: World) {
    let link = world.connect().await;
    let (work, pause) = (world.name("work"), world.name("pause"));
    let description = world.queue("work").dead_letter("").dead_letter_key(pause.clone());
    declare(&link, &description).await;
    let description = world.queue("pause").dead_letter("").dead_letter_key(work.clone());
    declare(&link, &description.message_ttl(Duration::from_millis(20))).await;
    let mut subscription = consume(&link, &work, 1).await;
    send_to(&link, &work, "try").await;

    for round in 1..=3 {
        settle(next(&mut subscription).await, Settlement::Reject).await;
        let again = next(&mut subscription).await;
        assert_eq!(death(&again, 0, "queue"), pause.clone().into());
        assert_eq!(death(&again, 0, "reason"), "expired".into());
        assert_eq!(death(&again, 0, "count"), FieldValue::Int(round));
        assert_eq!(death(&again, 1, "queue"), work.clone().into());
        assert_eq!(death(&again, 1, "reason"), "rejected".into());
        assert_eq!(death(&again, 1, "count"), FieldValue::Int(round));
        assert_eq!(header(&again, "x-first-death-reason"), "rejected");
        settle(again, Settlement::Requeue).await;
    }
}

pub(crate) async fn a_message_that_comes_round_by_itself_is_dropped(world: World) {
    let link = world.connect().await;
    let dead = world.exchange("dead", ExchangeKind::Fanout);
    declare_exchange(&link, &dead).await;
    let description = world.queue("queue").dead_letter(dead.name().to_owned());
    let queue = declare(&link, &description).await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    bind(&link, &dead, &queue, "").await;
    bind(&link, &dead, &morgue, "").await;

    let mut it = publication(Route::to_queue(queue.clone()), "round");
    it.properties.expiration = Some(Duration::from_millis(1));
    send_it(&link, it).await;

    let mut subscription = consume(&link, &morgue, 0).await;
    assert_eq!(next_text(&mut subscription).await, "round");
    assert_eq!(drain(&link, &queue).await, [""; 0], "it does not come back to where it died");
}

pub(crate) async fn a_rejected_message_may_come_round(world: World) {
    let link = world.connect().await;
    let queue = world.name("queue");
    let description = world.queue("queue").dead_letter("").dead_letter_key(queue.clone());
    declare(&link, &description).await;
    send_to(&link, &queue, "round").await;
    let mut subscription = consume(&link, &queue, 0).await;

    for count in 1..=3 {
        settle(next(&mut subscription).await, Settlement::Reject).await;
        let again = next(&mut subscription).await;
        assert_eq!(death(&again, 0, "count"), FieldValue::Int(count * 2 - 1));
        settle(again, Settlement::Reject).await;
    }
}

pub(crate) async fn a_quorum_queue_gives_up_after_its_delivery_limit(world: World) {
    let link = world.connect().await;
    let morgue = declare(&link, &world.queue("morgue")).await;
    let description = world
        .queue("queue")
        .kind(QueueKind::Quorum)
        .argument("x-delivery-limit", 2)
        .dead_letter("")
        .dead_letter_key(morgue.clone());
    let queue = declare(&link, &description).await;
    let mut subscription = consume(&link, &queue, 1).await;
    send_to(&link, &queue, "poison").await;

    for count in 0..3 {
        let delivery = next(&mut subscription).await;
        let counted = delivery.properties.header("x-delivery-count").and_then(FieldValue::as_int);
        assert_eq!(counted.unwrap_or(0), count);
        assert_eq!(delivery.redelivered, count > 0);
        settle(delivery, Settlement::Requeue).await;
    }

    let letter = next(&mut consume(&link, &morgue, 0).await).await;
    assert_eq!(text(&letter), "poison");
    assert_eq!(death(&letter, 0, "reason"), "delivery_limit".into());
}
