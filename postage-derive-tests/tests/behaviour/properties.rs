//! What travels beside the body, as the receiver sees it.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::{FieldValue, SendError};

use crate::world::{Anywhere, Place, World, nothing_more, seen, within};

#[producer(exchange = Anywhere, key = "anywhere")]
trait Post {
    #[message]
    async fn plain(&self);
    #[message(persistent = false, priority = 7, ttl = "90s")]
    async fn set(&self);
    #[rpc]
    async fn ask(&self) -> u32;
    #[rpc(persistent, priority = 3)]
    async fn ask_set(&self) -> u32;
}

on_every_broker! {
    a_message_is_persistent_and_has_an_id_unless_said_otherwise,
    a_message_has_the_properties_of_its_method,
    a_message_has_the_properties_of_its_call_before_those_of_its_method,
    a_call_has_its_properties_and_headers,
    a_message_to_several_places_has_an_id_in_each,
    an_unconfirmed_message_arrives_and_hears_of_no_loss,
}

fn post(broker: &Broker, place: &Place) -> PostProducer {
    PostProducer::new(broker, Fingerprint::default()).with(|producer| producer.eks(place.eks()))
}

async fn a_message_is_persistent_and_has_an_id_unless_said_otherwise(world: World) {
    let broker = world.broker().await;
    let place = world.place("post");
    let messages = &mut place.consume(&broker).await;
    within("a confirm", post(&broker, &place).plain()).await.expect("it is taken");
    let properties = seen(messages).await.properties;
    assert!(properties.persistent);
    assert!(properties.message_id.is_some());
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert_eq!((properties.priority, properties.expiration), (None, None));
    assert_eq!((properties.reply_to, properties.correlation_id), (None, None));
    // Of headers it has its method's signature, which takes nothing.
    let headers: Vec<_> = properties.headers.iter().collect();
    assert_eq!(headers, [("postage-signature", &FieldValue::from(""))]);
}

async fn a_message_has_the_properties_of_its_method(world: World) {
    let broker = world.broker().await;
    let place = world.place("post");
    let messages = &mut place.consume(&broker).await;
    within("a confirm", post(&broker, &place).set()).await.expect("it is taken");
    let properties = seen(messages).await.properties;
    assert!(!properties.persistent);
    assert_eq!(properties.priority, Some(7));
    assert_eq!(properties.expiration, Some(Duration::from_secs(90)));
}

async fn a_message_has_the_properties_of_its_call_before_those_of_its_method(world: World) {
    let broker = world.broker().await;
    let place = world.place("post");
    let messages = &mut place.consume(&broker).await;
    let message = post(&broker, &place)
        .set()
        .persistent(true)
        .priority(9)
        .ttl(Duration::from_secs(5))
        .header("floor", 3)
        .header("name", "first")
        .header("name", "second");
    within("a confirm", message).await.expect("it is taken");
    let properties = seen(messages).await.properties;
    assert!(properties.persistent);
    assert_eq!(properties.priority, Some(9));
    assert_eq!(properties.expiration, Some(Duration::from_secs(5)));
    assert_eq!(properties.header("floor").and_then(FieldValue::as_int), Some(3));
    assert_eq!(properties.header("name").and_then(FieldValue::as_str), Some("second"));
    assert!(properties.header("postage-signature").is_some());
    assert_eq!(properties.headers.len(), 3);
}

async fn a_call_has_its_properties_and_headers(world: World) {
    let broker = world.broker().await;
    let place = world.place("post");
    let messages = &mut place.consume(&broker).await;
    let post = post(&broker, &place);

    let ticket = within("a ticket", post.ask().header("floor", 3).detach()).await.unwrap();
    let properties = seen(messages).await.properties;
    assert!(!properties.persistent, "a call expires with its caller");
    assert_eq!(properties.message_id.as_deref(), Some(ticket.id()));
    assert_eq!(properties.correlation_id.as_deref(), Some(ticket.id()));
    assert_eq!(properties.reply_to.as_deref(), Some(ticket.reply_to()));
    assert_eq!(properties.header("floor").and_then(FieldValue::as_int), Some(3));
    assert!(properties.header("postage-deadline").is_some());

    let _ticket = within("a ticket", post.ask_set().detach()).await.unwrap();
    let properties = seen(messages).await.properties;
    assert_eq!((properties.persistent, properties.priority), (true, Some(3)));
    let call = post.ask_set().persistent(false).priority(4);
    let _ticket = within("a ticket", call.detach()).await.unwrap();
    let properties = seen(messages).await.properties;
    assert_eq!((properties.persistent, properties.priority), (false, Some(4)));
}

async fn a_message_to_several_places_has_an_id_in_each(world: World) {
    let broker = world.broker().await;
    let (left, right) = (world.place("left"), world.place("right"));
    let at_left = &mut left.consume(&broker).await;
    let at_right = &mut right.consume(&broker).await;
    let pairs = left.eks().into_iter().chain(right.eks());
    let message = post(&broker, &left).plain().eks(pairs);
    within("a confirm", message).await.expect("both take it");
    let (one, other) = (seen(at_left).await, seen(at_right).await);
    assert_eq!(one.body, other.body);
    assert_ne!(one.properties.message_id, other.properties.message_id);
}

async fn an_unconfirmed_message_arrives_and_hears_of_no_loss(world: World) {
    let broker = world.broker().await;
    let place = world.place("post");
    let messages = &mut place.consume(&broker).await;
    let post = post(&broker, &place);
    within("a hand-over", post.plain().unconfirmed()).await.expect("it is handed over");
    assert_eq!(seen(messages).await.name(), "plain");

    let lost = post.plain().key("nowhere").unconfirmed();
    within("a hand-over", lost).await.expect("nobody hears of the loss");
    let heard_of = within("a confirm", post.plain().key("nowhere")).await;
    assert!(matches!(heard_of, Err(SendError::Unroutable { .. })), "{heard_of:?}");
    nothing_more(&broker, &place.queue, messages).await;
}
