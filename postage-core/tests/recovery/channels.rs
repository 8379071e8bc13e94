//! A channel, a queue or a delivery is lost, and the connection is well.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use postage_core::{Broker, Queue, TransportError};

use crate::desk::Desk;
use crate::world::{
    Look, Place, answered, ask_all, connect, direct, line, session, tell_all, until_session,
    watchful, within,
};

#[tokio::test]
async fn a_service_whose_queue_is_deleted_while_it_consumes_has_it_back() {
    let place = Place::new();
    let (services, others, look) = (direct().await, direct().await, Look::at_shared().await);
    let (desk, serving) = place.served(&services).await;
    let producer = place.producer(&others);
    answered(ask_all(&producer, 1..=5)).await;

    others.transport().delete_queue(place.queue.name()).await.unwrap();
    look.until(place.queue.name(), 0, 1).await;
    answered(ask_all(&producer, 6..=10)).await;
    assert_eq!(desk.seen().asked.len(), 10);
    assert_eq!(serving.queues(), [place.queue.name()]);
    assert_eq!(session(&services), Some(1), "only the queue was lost");
}

#[tokio::test]
async fn a_refused_declare_harms_no_consumer_beside_it() {
    let place = Place::new();
    let (broker, look) = (direct().await, Look::at_shared().await);
    let (desk, _serving) = place.served(&broker).await;
    let producer = place.producer(&broker);
    desk.shut();
    let calls = ask_all(&producer, 1..=10);
    tell_all(&producer, 11..=20).await.unwrap();
    desk.until_begun(20).await;

    for _ in 0..5 {
        let other = Queue::new(place.queue.name().to_owned()).durable(false);
        assert_refused(&broker.declare_queue(&other).await);
        let other = place.exchange.clone().durable(false);
        assert_refused(&broker.declare_exchange(&other).await);
    }
    // What was delivered before is still settled over its channel, and comes no second time.
    desk.open();
    answered(calls).await;
    desk.until_told(11..=20).await;
    look.until(place.queue.name(), 0, 1).await;
    answered(ask_all(&producer, 21..=30)).await;
    assert_eq!(desk.seen().begun, 30);
    assert_eq!(session(&broker), Some(1));
    stays_settled(&broker, &place, &look).await;
}

fn assert_refused<T: Debug>(outcome: &Result<T, TransportError>) {
    assert!(matches!(outcome, Err(TransportError::Refused { .. })), "{outcome:?}");
}

/// Nothing goes back to the queue when the connection goes: all was acknowledged.
async fn stays_settled(broker: &Broker, place: &Place, look: &Look) {
    broker.close().await.unwrap();
    look.until(place.queue.name(), 0, 0).await;
}

/// Has ten messages at their handlers when the channel goes, and lets the handlers end when they
/// have come again over the next one. Answers how often each was told.
async fn ten_whose_channel_goes(remembers: bool) -> Vec<u32> {
    let (place, line) = (Place::new(), line());
    let services = connect(watchful(&line)).await;
    let (senders, look) = (direct().await, Look::at_shared().await);
    let desk = Arc::new(Desk::default());
    let served = place.serve(&services, &desk);
    let served = if remembers { served } else { served.no_dedup() };
    let serving = within("a service", served.into_future()).await.unwrap();
    let producer = place.producer(&senders);
    desk.shut();
    tell_all(&producer, 1..=10).await.unwrap();
    desk.until_begun(10).await;

    line.cut();
    until_session(&services, 2).await;
    look.until(place.queue.name(), 0, 1).await;
    if !remembers {
        desk.until_begun(20).await;
    }
    desk.open();
    tell_all(&producer, [11]).await.unwrap();
    desk.until_told(1..=11).await;
    let left = within("the drain", serving.drain(Duration::from_secs(10))).await;
    assert_eq!((left.cut_off, left.given_back), (0, 0));
    // All that came again was acknowledged.
    look.until(place.queue.name(), 0, 0).await;
    let told = desk.seen().told;
    (1..=10).map(|number| told[&number]).collect()
}

#[tokio::test]
async fn a_message_whose_channel_is_gone_comes_again_and_is_known() {
    assert_eq!(ten_whose_channel_goes(true).await, [1; 10]);
}

#[tokio::test]
async fn a_message_whose_channel_is_gone_comes_again_to_a_service_without_memory() {
    assert_eq!(ten_whose_channel_goes(false).await, [2; 10]);
}
