//! Handlers that answer before they end, and those that never answer.

use std::sync::Arc;

use postage_core::prelude::*;
use postage_core::{CallFault, SendError};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::world::{Ear, Gate, Place, Voice, World, left_in, line, seen, within};

struct Clerk {
    voice: Voice,
    gate: Gate,
}

/// A value that does not serialize.
struct Unspeakable;

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("words fail"))
    }
}

#[message_processor]
impl Clerk {
    #[rpc_handler]
    async fn file(&self, #[reply] answer: Reply<'_, u32>, number: u32) {
        answer.send(number * 2).await.expect("the answer is sent");
        self.gate.pass().await;
        self.voice.say(format!("filed {number}"));
    }

    #[rpc_handler]
    async fn refuse(&self, #[reply] answer: Reply<'_, u32, String>) {
        answer.error("not open yet".to_owned()).await.expect("the answer is sent");
        self.gate.pass().await;
        self.voice.say("refused");
    }

    #[rpc_handler]
    async fn raise(&self, #[reply] answer: Reply<'_, u32>) {
        answer.exception(("KeyError", "'w'")).await.expect("the answer is sent");
    }

    #[rpc_handler]
    async fn forget(&self, #[reply] _answer: Reply<'_, u32>) {}

    #[rpc_handler]
    async fn stumble(&self, #[reply] answer: Reply<'_, u32>) {
        answer.send(4).await.expect("the answer is sent");
        panic!("after the answer");
    }

    #[rpc_handler]
    async fn mumble(&self, #[reply] answer: Reply<'_, Unspeakable>) {
        let sent = answer.send(Unspeakable).await;
        self.voice.say(format!("{}", matches!(sent, Err(SendError::Encode(_)))));
    }

    #[rpc_handler]
    async fn mutter(&self) -> Unspeakable {
        Unspeakable
    }
}

on_every_broker! {
    a_caller_has_its_answer_while_the_handler_goes_on,
    a_documented_error_can_be_answered_early_too,
    a_handler_answers_an_exception_of_its_own,
    a_handler_that_ends_without_a_reply_raises_at_the_caller,
    a_panic_after_the_answer_is_not_the_callers_business,
    an_answer_that_does_not_serialize_raises_at_the_caller,
}

async fn served(world: &World) -> (Broker, Place, Arc<Clerk>, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("clerk");
    let (voice, ear) = line();
    let clerk = Arc::new(Clerk { voice, gate: Gate::shut() });
    let serving = place.serve(&broker, Arc::clone(&clerk)).await;
    (broker, place, clerk, serving, ear)
}

async fn a_caller_has_its_answer_while_the_handler_goes_on(world: World) {
    let (broker, place, clerk, serving, mut ear) = served(&world).await;
    let call = place.producer(&broker).rpc::<u32>("file", json!({ "number": 21 }));
    assert_eq!(within("an answer", call).await.unwrap(), 42);
    assert_eq!(ear.rest(), [""; 0], "the handler is held still");
    clerk.gate.open(1);
    assert_eq!(ear.hears().await, "filed 21");
    within("a drain", serving.drain(crate::world::DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn a_documented_error_can_be_answered_early_too(world: World) {
    let (broker, place, clerk, _serving, mut ear) = served(&world).await;
    let call = place.producer(&broker).call::<u32, CallError<String>>(Envelope::rpc("refuse", ()));
    match within("an answer", call).await {
        Err(CallError::Documented(text)) => assert_eq!(text, "not open yet"),
        other => panic!("{other:?}"),
    }
    clerk.gate.open(1);
    assert_eq!(ear.hears().await, "refused");
}

async fn raised(place: &Place, broker: &Broker, name: &'static str) -> (String, String) {
    match within("an answer", place.producer(broker).rpc::<u32>(name, ())).await {
        Err(CallFault::Exception(raised)) => (raised.name, raised.message),
        other => panic!("{name}: {other:?}"),
    }
}

async fn a_handler_answers_an_exception_of_its_own(world: World) {
    let (broker, place, _clerk, _serving, _ear) = served(&world).await;
    let (name, text) = raised(&place, &broker, "raise").await;
    assert_eq!((name.as_str(), text.as_str()), ("KeyError", "'w'"));
}

async fn a_handler_that_ends_without_a_reply_raises_at_the_caller(world: World) {
    let (broker, place, _clerk, _serving, _ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    assert_eq!(raised(&place, &broker, "forget").await.0, "NoReply");
    assert_eq!(seen(&mut dead).await.name(), "forget");
}

async fn a_panic_after_the_answer_is_not_the_callers_business(world: World) {
    let (broker, place, _clerk, _serving, _ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    let producer = place.producer(&broker);
    assert_eq!(within("an answer", producer.rpc::<u32>("stumble", ())).await.unwrap(), 4);
    assert_eq!(seen(&mut dead).await.name(), "stumble");
}

async fn an_answer_that_does_not_serialize_raises_at_the_caller(world: World) {
    let (broker, place, _clerk, _serving, mut ear) = served(&world).await;
    let (name, text) = raised(&place, &broker, "mutter").await;
    assert_eq!(name, "InvalidResult");
    assert!(text.contains("words fail"), "{text}");
    assert_eq!(raised(&place, &broker, "mumble").await.0, "NoReply");
    assert_eq!(ear.hears().await, "true");
}
