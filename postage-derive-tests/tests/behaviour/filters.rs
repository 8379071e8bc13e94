//! Filters: they change a message before its handler, or refuse it.

use postage_core::prelude::*;
use postage_core::{CallFault, FilterError};
use serde_json::{Value, json};

use crate::world::{Ear, Place, Voice, World, left_in, line, within};

struct Gatekeeper {
    voice: Voice,
}

/// Refuses whoever is not on the list.
fn known_only(content: &mut Value, _: &Context) -> Result<(), FilterError> {
    match content["parameters"]["name"].as_str() {
        Some("ann" | "bob") => Ok(()),
        Some(other) => Err(FilterError::new(format!("{other} is not on the list"))),
        None => Err(FilterError::new("nobody")),
    }
}

fn in_capitals(content: &mut Value, _: &Context) -> Result<(), FilterError> {
    let name = content["parameters"]["name"].as_str().unwrap_or_default().to_uppercase();
    content["parameters"]["name"] = json!(name);
    Ok(())
}

fn with_sender(content: &mut Value, cx: &Context) -> Result<(), FilterError> {
    let sender = cx.fingerprint().ok_or_else(|| FilterError::new("no fingerprint"))?.name;
    content["parameters"]["sender"] = json!(sender);
    Ok(())
}

fn broken(_: &mut Value, _: &Context) -> Result<(), FilterError> {
    panic!("the filter broke")
}

#[message_processor]
impl Gatekeeper {
    #[rpc_handler(filter = known_only, filter = in_capitals, filter = with_sender)]
    async fn enter(&self, name: &str, sender: Option<&str>) -> String {
        format!("{name} for {}", sender.unwrap_or("nobody"))
    }

    // The other way round, nobody's name in capitals is on the list.
    #[rpc_handler(filter = in_capitals, filter = known_only)]
    async fn leave(&self, name: &str) -> String {
        name.to_owned()
    }

    #[message_handler("command", "knock", filter = known_only, filter = in_capitals)]
    async fn knock(&self, name: &str) {
        self.voice.say(format!("knock {name}"));
    }

    #[message_handler("command", "knock")]
    async fn log(&self, name: &str) {
        self.voice.say(format!("log {name}"));
    }

    #[rpc_handler(full_body, filter = in_capitals)]
    async fn whole(&self, message: &Message<'_>) -> Value {
        message.content_as().expect("the content is JSON")
    }

    #[rpc_handler(filter = broken)]
    async fn broken(&self) -> u32 {
        1
    }
}

on_every_broker! {
    filters_change_the_content_of_a_call_in_the_order_written,
    a_filter_that_refuses_a_call_is_an_exception_with_its_reason,
    a_filter_refuses_a_message_for_its_handler_only,
    a_handler_of_the_full_body_sees_it_as_it_came,
    a_filter_that_panics_is_the_handlers_panic,
}

async fn served(world: &World) -> (Broker, Place, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("gate");
    let (voice, ear) = line();
    let serving = place.serve(&broker, Gatekeeper { voice }).await;
    (broker, place, serving, ear)
}

async fn filters_change_the_content_of_a_call_in_the_order_written(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let call = place.producer(&broker).rpc::<String>("enter", json!({ "name": "ann" }));
    assert_eq!(within("an answer", call).await.unwrap(), "ANN for case");
}

async fn refused(place: &Place, broker: &Broker, name: &'static str, who: &str) -> String {
    let call = place.producer(broker).rpc::<String>(name, json!({ "name": who }));
    match within("an answer", call).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.name, "FilterError");
            raised.message
        }
        other => panic!("{other:?}"),
    }
}

async fn a_filter_that_refuses_a_call_is_an_exception_with_its_reason(world: World) {
    let (broker, place, serving, _ear) = served(&world).await;
    assert_eq!(refused(&place, &broker, "enter", "eve").await, "eve is not on the list");
    assert_eq!(refused(&place, &broker, "leave", "ann").await, "ANN is not on the list");
    within("a drain", serving.drain(crate::world::DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0], "a refusal is no failure");
}

async fn a_filter_refuses_a_message_for_its_handler_only(world: World) {
    let (broker, place, serving, mut ear) = served(&world).await;
    for name in ["ann", "eve", "bob"] {
        let message = place.producer(&broker).command("knock", json!({ "name": name }));
        within("a confirm", message).await.expect("it is taken");
        if name != "eve" {
            assert_eq!(ear.hears().await, format!("knock {}", name.to_uppercase()));
        }
        // The other handler sees the content unchanged.
        assert_eq!(ear.hears().await, format!("log {name}"));
    }
    within("a drain", serving.drain(crate::world::DEADLINE)).await;
    assert_eq!(left_in(&broker, &place.dead).await, [""; 0], "a refusal is no failure");
}

async fn a_handler_of_the_full_body_sees_it_as_it_came(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let call = place.producer(&broker).rpc::<Value>("whole", json!({ "name": "ann" }));
    let content = within("an answer", call).await.unwrap();
    assert_eq!(content, json!({ "parameters": { "name": "ann" } }));
}

async fn a_filter_that_panics_is_the_handlers_panic(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let producer = place.producer(&broker);
    match within("an answer", producer.rpc::<u32>("broken", ())).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(
                (raised.name.as_str(), raised.message.as_str()),
                ("Panic", "the filter broke")
            );
        }
        other => panic!("{other:?}"),
    }
    let call = producer.rpc::<String>("enter", json!({ "name": "bob" }));
    assert_eq!(within("an answer", call).await.unwrap(), "BOB for case");
}
