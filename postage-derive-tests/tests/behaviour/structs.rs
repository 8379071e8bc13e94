//! Handlers that are structs, with access to the processor that they belong to.

use std::sync::atomic::{AtomicU32, Ordering};

use postage_core::prelude::*;
use postage_core::{CallFault, Envelope};
use serde::Deserialize;
use serde_json::json;

use crate::world::{Ear, Place, Voice, World, line, seen, within};

struct Ship {
    speed: AtomicU32,
    voice: Voice,
}

#[message_processor(handlers(Accelerate, Report, Hail, Alarm))]
impl Ship {
    #[rpc_handler]
    async fn speed(&self) -> u32 {
        self.speed.load(Ordering::SeqCst)
    }

    #[message_handler("command", "hail")]
    async fn log_hail(&self, from: &str) {
        self.voice.say(format!("log {from}"));
    }
}

#[rpc_handler]
#[derive(Deserialize)]
struct Accelerate {
    by: u32,
    #[serde(default)]
    gently: bool,
}

impl Handle<Ship> for Accelerate {
    type Value = u32;
    type Error = String;

    async fn handle(self, ship: &Ship, cx: &Context) -> Result<u32, String> {
        if self.by > 100 {
            return Err(format!("{} is too much, attempt {}", self.by, cx.attempt()));
        }
        let by = if self.gently { self.by / 2 } else { self.by };
        Ok(ship.speed.fetch_add(by, Ordering::SeqCst) + by)
    }
}

/// No parameters at all.
#[rpc_handler("query", "report")]
#[derive(Deserialize)]
struct Report;

impl Handle<Ship> for Report {
    type Value = String;
    type Error = String;

    async fn handle(self, ship: &Ship, _: &Context) -> Result<String, String> {
        Ok(format!("making {}", ship.speed.load(Ordering::SeqCst)))
    }
}

#[message_handler]
#[derive(Deserialize)]
struct Hail {
    from: String,
}

impl Handle<Ship> for Hail {
    type Value = ();
    type Error = String;

    async fn handle(self, ship: &Ship, _: &Context) -> Result<(), String> {
        ship.voice.say(format!("hail {}", self.from));
        if self.from == "pirates" { Err("no answer to pirates".to_owned()) } else { Ok(()) }
    }
}

#[message_handler("status", "fire")]
#[derive(Deserialize)]
struct Alarm {}

impl Handle<Ship> for Alarm {
    type Value = ();
    type Error = String;

    async fn handle(self, ship: &Ship, cx: &Context) -> Result<(), String> {
        let from = cx.fingerprint().map_or_else(String::new, |sender| sender.name);
        ship.voice.say(format!("fire, says {from}"));
        Ok(())
    }
}

on_every_broker! {
    a_struct_answers_a_call_with_its_processors_state,
    a_structs_documented_error_is_the_callers,
    a_struct_that_cannot_be_read_is_an_exception,
    a_struct_without_fields_takes_a_call_without_parameters,
    a_struct_handles_messages_beside_a_method,
    a_structs_error_dead_letters_its_message,
}

async fn served(world: &World) -> (Broker, Place, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("ship");
    let (voice, ear) = line();
    let serving = place.serve(&broker, Ship { speed: AtomicU32::new(5), voice }).await;
    (broker, place, serving, ear)
}

async fn a_struct_answers_a_call_with_its_processors_state(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let producer = place.producer(&broker);
    for (parameters, speed) in [(json!({"by": 10}), 15), (json!({"by": 4, "gently": true}), 17)] {
        let call = producer.rpc::<u32>("accelerate", parameters);
        assert_eq!(within("an answer", call).await.unwrap(), speed);
    }
    assert_eq!(within("an answer", producer.rpc::<u32>("speed", ())).await.unwrap(), 17);
}

async fn a_structs_documented_error_is_the_callers(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let call: Call<u32, CallError<String>> =
        place.producer(&broker).call(Envelope::rpc("accelerate", json!({ "by": 101 })));
    match within("an answer", call).await {
        Err(CallError::Documented(text)) => assert_eq!(text, "101 is too much, attempt 1"),
        other => panic!("{other:?}"),
    }
}

async fn a_struct_that_cannot_be_read_is_an_exception(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    for (parameters, named) in [(json!({}), "`by`"), (json!({"by": "ten"}), "ten")] {
        let call = place.producer(&broker).rpc::<u32>("accelerate", parameters);
        match within("an answer", call).await {
            Err(CallFault::Exception(raised)) => {
                assert_eq!(raised.name, "InvalidParameters");
                assert!(raised.message.contains(named), "{raised}");
            }
            other => panic!("{other:?}"),
        }
    }
}

async fn a_struct_without_fields_takes_a_call_without_parameters(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let producer = place.producer(&broker);
    let empty = json!({});
    let call = producer.call::<String, CallFault>(Envelope::new("query", "report", &empty));
    assert_eq!(within("an answer", call).await.unwrap(), "making 5");
}

async fn a_struct_handles_messages_beside_a_method(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let message = place.producer(&broker).command("hail", json!({ "from": "port" }));
    within("a confirm", message).await.expect("it is taken");
    // Methods come first, then the structs as `handlers(..)` lists them.
    assert_eq!(ear.hears().await, "log port");
    assert_eq!(ear.hears().await, "hail port");
    within("a confirm", place.producer(&broker).status("fire")).await.expect("it is taken");
    assert_eq!(ear.hears().await, "fire, says case");
}

async fn a_structs_error_dead_letters_its_message(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let mut dead = place.dead_letters(&broker).await;
    let message = place.producer(&broker).command("hail", json!({ "from": "pirates" }));
    within("a confirm", message).await.expect("it is taken");
    assert_eq!(ear.hears().await, "log pirates");
    assert_eq!(ear.hears().await, "hail pirates");
    assert_eq!(seen(&mut dead).await.name(), "hail");
}
