//! Calls that their handlers accept or decline by themselves.

use postage_core::prelude::*;
use serde_json::json;
use tokio::task::yield_now;

use super::{Inbox, has_all_events, served, told, yard};
use crate::world::{Voice, World, line, seen, within};

on_every_broker! {
    a_rejected_call_says_why,
    an_exception_that_is_called_so_is_no_rejection,
    a_message_that_is_rejected_so_is_a_dead_letter,
    a_handler_that_declines_a_message_cuts_no_other_one_off,
    a_service_can_leave_the_acceptance_to_its_handlers,
}

async fn a_rejected_call_says_why(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let producer = place.producer(&broker);
    let call = producer.rpc::<u32>("admit", "nobody");
    match within("the call", call).await {
        Err(CallFault::Rejected { reason }) => assert_eq!(reason, "nobody is not admitted"),
        other => panic!("{other:?}"),
    }
    let told = told(producer.rpc::<u32>("admit", "nobody").events()).await;
    let why = "the service rejected the call: nobody is not admitted";
    assert_eq!(told, ["Accepted", "Started", why]);

    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let asked = [("postage-statuses", true.into())];
    inbox.asks((&broker, &place), "1", ("admit", json!("nobody")), &asked).await;
    for name in ["accepted", "started"] {
        assert_eq!(inbox.next().await.name(), name);
    }
    let rejected = inbox.next().await.json();
    assert_eq!(rejected["name"], "rejected");
    assert_eq!(rejected["content"], json!({ "reason": "nobody is not admitted" }));
    let exception = json!({
        "type": "exception", "value": "Rejected", "message": "nobody is not admitted"
    });
    let result = inbox.next().await.json();
    assert_eq!(result["content"], exception);
    assert_eq!(result["_reserved"], json!({ "rejected": true }));
}

async fn an_exception_that_is_called_so_is_no_rejection(world: World) {
    let broker = world.broker().await;
    let place = world.place("python");
    let mut requests = place.consume(&broker).await;
    let call = tokio::spawn(place.producer(&broker).rpc::<u32>("admit", "Ann"));
    let body = json!({
        "type": "result", "name": "none", "category": "message", "version": "2",
        "fingerprint": {}, "_reserved": {},
        "content": { "type": "exception", "value": "Rejected", "message": "by the database" },
    });
    seen(&mut requests).await.answer(&broker, body.to_string()).await;
    match within("the call", call).await.unwrap() {
        Err(CallFault::Exception(raised)) => {
            assert_eq!((&*raised.name, &*raised.message), ("Rejected", "by the database"));
        }
        other => panic!("{other:?}"),
    }
}

async fn a_message_that_is_rejected_so_is_a_dead_letter(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    within("a send", place.producer(&broker).command("deliver", 7)).await.unwrap();
    let letter = seen(&mut dead).await;
    let reason = letter.properties.header("postage-error").and_then(|why| why.as_str());
    assert_eq!(reason, Some("no room for 7"));
}

/// Two handlers of one message: the first declines it.
struct Porch {
    voice: Voice,
}

#[message_processor]
impl Porch {
    #[message_handler("command", "knock")]
    async fn is_deaf(&self, #[context] cx: &Context) {
        let _never: () = cx.reject_call("nobody hears it").await;
    }

    #[message_handler("command", "knock")]
    async fn hears(&self) {
        yield_now().await;
        self.voice.say("comes");
    }
}

async fn a_handler_that_declines_a_message_cuts_no_other_one_off(world: World) {
    let broker = world.broker().await;
    let place = world.place("porch");
    let (voice, mut ear) = line();
    let _serving = place.serve(&broker, Porch { voice }).await;
    let mut dead = place.dead_letters(&broker).await;
    within("a send", place.producer(&broker).command("knock", ())).await.unwrap();
    let letter = seen(&mut dead).await;
    let reason = letter.properties.header("postage-error").and_then(|why| why.as_str());
    assert_eq!(reason, Some("nobody hears it"));
    // It is a dead letter once both have ended.
    assert_eq!(ear.rest(), ["comes"]);
}

async fn a_service_can_leave_the_acceptance_to_its_handlers(world: World) {
    let broker = world.broker().await;
    let place = world.place("yard");
    let (yard, _ear) = yard();
    yard.gate.open(1);
    let serving = place.serve_with(&broker, yard, |serve| serve.accepted_by_handlers(true));
    let _serving = serving.await;
    let producer = place.producer(&broker);
    let admitted = told(producer.rpc::<u32>("admit", "Ann").events()).await;
    assert_eq!(admitted, ["Accepted", "Started", "1"]);
    let rejected = told(producer.rpc::<u32>("admit", "nobody").events()).await;
    assert_eq!(rejected, ["the service rejected the call: nobody is not admitted"]);
    // Who reports has accepted.
    has_all_events(told(producer.rpc::<u32>("haul", 7).events()).await);
}
