//! A handler that fails harms no other message, and its own goes to the dead letters.

use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{CallFault, FieldValue, Outcome};
use serde_json::json;

use crate::world::{Place, Seen, Voice, World, left_in, line, publish, seen, within};

struct Clumsy {
    voice: Voice,
}

#[message_processor]
impl Clumsy {
    #[message_handler("status", "fire")]
    async fn first(&self) {
        self.voice.say("first");
    }

    #[message_handler("status", "fire")]
    async fn second(&self) -> Result<(), String> {
        self.voice.say("second");
        Err("no water".to_owned())
    }

    #[message_handler("status", "fire")]
    fn third(&self) {
        self.voice.say("third");
        panic!("fell down the stairs");
    }

    #[message_handler("status", "fire")]
    async fn fourth(&self) {
        self.voice.say("fourth");
    }

    #[message_handler]
    async fn check(&self, number: u32) -> Result<(), String> {
        self.voice.say(format!("checks {number}"));
        if number.is_multiple_of(2) { Ok(()) } else { Err(format!("{number} is odd")) }
    }

    #[message_handler]
    async fn reject(&self, #[context] cx: &Context) {
        cx.reject("not today");
        self.voice.say("rejects");
    }

    #[message_handler]
    fn decide(&self, keep: bool) -> Outcome {
        if keep { Outcome::Done } else { Outcome::Reject { reason: "not kept".to_owned() } }
    }

    #[rpc_handler]
    async fn divide(&self, left: u32, right: u32) -> u32 {
        left / right
    }

    #[rpc_handler]
    fn burst(&self) -> u32 {
        panic!("burst with {}", "steam")
    }

    #[rpc_handler]
    async fn answer_and_reject(&self, #[context] cx: &Context) -> u32 {
        cx.reject("seen enough");
        4
    }
}

on_every_broker! {
    all_handlers_of_a_message_run_though_some_fail,
    an_error_of_a_message_handler_sends_its_message_to_the_dead_letters,
    a_handler_rejects_its_message_by_its_context,
    a_handler_decides_on_the_outcome,
    a_panic_is_an_exception_to_the_caller_and_the_next_call_is_served,
    a_call_can_be_answered_and_rejected,
    parameters_that_a_message_handler_cannot_take_dead_letter_the_message,
    without_a_dead_letter_queue_a_failed_message_is_dropped,
}

async fn served(world: &World) -> (Broker, Place, Serving, crate::world::Ear) {
    let broker = world.broker().await;
    let place = world.place("clumsy");
    let (voice, ear) = line();
    let serving = place.serve(&broker, Clumsy { voice }).await;
    (broker, place, serving, ear)
}

/// The reason that a dead letter gives.
fn reason(letter: &Seen) -> String {
    let error = letter.properties.header("postage-error").and_then(FieldValue::as_str);
    error.unwrap_or_else(|| panic!("{:?}", letter.properties)).to_owned()
}

async fn all_handlers_of_a_message_run_though_some_fail(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    for _ in 0..2 {
        within("a confirm", place.producer(&broker).status("fire")).await.expect("it is taken");
        for word in ["first", "second", "third", "fourth"] {
            assert_eq!(ear.hears().await, word);
        }
        let letter = seen(&mut dead).await;
        assert_eq!((letter.name().as_str(), reason(&letter).as_str()), ("fire", "no water"));
    }
}

async fn an_error_of_a_message_handler_sends_its_message_to_the_dead_letters(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    for number in 0..4 {
        let message = place.producer(&broker).command("check", json!({ "number": number }));
        within("a confirm", message).await.expect("it is taken");
        assert_eq!(ear.hears().await, format!("checks {number}"));
    }
    let mut numbers =
        [seen(&mut dead).await.parameters(), seen(&mut dead).await.parameters()].to_vec();
    numbers.sort_by_key(|parameters| parameters["number"].as_u64());
    assert_eq!(numbers, [json!({ "number": 1 }), json!({ "number": 3 })]);
}

async fn a_handler_rejects_its_message_by_its_context(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    within("a confirm", place.producer(&broker).command("reject", ())).await.expect("it is taken");
    assert_eq!(ear.hears().await, "rejects");
    assert_eq!(seen(&mut dead).await.name(), "reject");
}

async fn a_handler_decides_on_the_outcome(world: World) {
    let (broker, place, serving, _ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    for keep in [true, false] {
        let message = place.producer(&broker).command("decide", json!({ "keep": keep }));
        within("a confirm", message).await.expect("it is taken");
    }
    assert_eq!(seen(&mut dead).await.parameters(), json!({ "keep": false }));
    within("a drain", serving.drain(crate::world::DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn a_panic_is_an_exception_to_the_caller_and_the_next_call_is_served(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    let producer = place.producer(&broker);
    let division = |right: u32| producer.rpc::<u32>("divide", json!({"left": 6, "right": right}));
    for (call, text) in
        [(division(0), "divide by zero"), (producer.rpc("burst", ()), "burst with steam")]
    {
        match within("an answer", call).await {
            Err(CallFault::Exception(raised)) => {
                assert_eq!(raised.name, "Panic");
                assert!(raised.message.contains(text), "{raised}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(within("an answer", division(2)).await.unwrap(), 3);
    assert_eq!(seen(&mut dead).await.name(), "divide");
    assert_eq!(seen(&mut dead).await.name(), "burst");
}

async fn a_call_can_be_answered_and_rejected(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    let call = place.producer(&broker).rpc::<u32>("answer_and_reject", ());
    assert_eq!(within("an answer", call).await.unwrap(), 4);
    assert_eq!(seen(&mut dead).await.name(), "answer_and_reject");
}

async fn parameters_that_a_message_handler_cannot_take_dead_letter_the_message(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    let producer = place.producer(&broker);
    for wrong in [json!({}), json!({ "number": "two" }), json!({ "number": -1 }), json!([])] {
        let message = producer.command("check", wrong.clone());
        within("a confirm", message).await.expect("it is taken");
        assert_eq!(seen(&mut dead).await.parameters(), wrong);
    }
    let content = r#"{"type":"command","name":"check","category":"message","content":"text"}"#;
    publish(&broker, &place, Properties::default(), content).await;
    assert_eq!(seen(&mut dead).await.body, content.as_bytes());
    assert_eq!(ear.rest(), [""; 0]);
}

async fn without_a_dead_letter_queue_a_failed_message_is_dropped(world: World) {
    let broker = world.broker().await;
    let place = Place { queue: world.queue("no-letters"), ..world.place("clumsy") };
    let (voice, mut ear) = line();
    let serving = place.serve(&broker, Clumsy { voice }).await;
    within("a confirm", place.producer(&broker).command("reject", ())).await.expect("it is taken");
    assert_eq!(ear.hears().await, "rejects");
    within("a drain", serving.drain(crate::world::DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0]);
}
