//! What a handler's arguments are read from, and what may be missing.

use postage_core::CallFault;
use postage_core::prelude::*;
use postage_core::transport::Properties;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::{Ear, Place, Voice, World, line, publish, within};

#[derive(Debug, Serialize, Deserialize)]
struct Size {
    w: u32,
    h: u32,
}

struct Frame {
    voice: Voice,
}

#[message_processor]
impl Frame {
    #[rpc_handler]
    async fn resize(&self, w: u32, #[default(7)] h: u32, note: Option<&str>) -> String {
        format!("{w}x{h} {note:?}")
    }

    #[rpc_handler]
    async fn label(&self, #[default("blank")] text: &str) -> String {
        text.to_owned()
    }

    #[rpc_handler]
    async fn tags(&self, #[default] tags: &[String]) -> usize {
        tags.len()
    }

    #[rpc_handler]
    async fn area(&self, size: &Size) -> u32 {
        size.w * size.h
    }

    #[rpc_handler]
    async fn count(&self) -> u32 {
        3
    }

    #[rpc_handler]
    async fn r#type(&self, r#fn: &str) -> String {
        r#fn.to_owned()
    }

    #[rpc_handler(full_body)]
    async fn describe(&self, message: &Message<'_>, #[context] cx: &Context) -> Value {
        json!({
            "name": message.name(),
            "parameters": message.content_as::<Value>().expect("it is JSON")["parameters"],
            "sender": message.fingerprint().map(|sender| sender.name),
            "same": cx.message().expect("there is a message").body() == message.body(),
            "key": cx.route().key(),
            "attempt": cx.attempt(),
            "in time": cx.time_left().is_some_and(|left| !left.is_zero()),
        })
    }

    #[message_handler("status", "online", full_body)]
    fn online(&self, message: &Message<'_>) {
        self.voice.say(format!("{} {}", message.kind(), message.content()));
    }

    #[message_handler("none", "none")]
    async fn plain(&self, args: &[u32], kwds: Option<Value>) {
        self.voice.say(format!("{args:?} {kwds:?}"));
    }

    #[message_handler("alarm", "fire")]
    async fn alarm(&self, floor: u8) {
        self.voice.say(format!("fire on {floor}"));
    }
}

on_every_broker! {
    what_may_be_missing_is_none_or_its_default,
    what_must_be_there_is_named_in_the_exception,
    a_single_argument_takes_a_bare_value,
    a_handler_without_arguments_takes_any_parameters,
    raw_names_travel_without_their_mark,
    a_full_body_handler_sees_the_whole_message,
    other_types_than_commands_are_read_from_their_content,
    a_request_without_version_fingerprint_or_reserved_is_served,
}

async fn served(world: &World) -> (Broker, Place, Serving, Ear) {
    let broker = world.broker().await;
    let place = world.place("frame");
    let (voice, ear) = line();
    let serving = place.serve(&broker, Frame { voice }).await;
    (broker, place, serving, ear)
}

async fn answers(place: &Place, broker: &Broker, name: &'static str, cases: &[(Value, Value)]) {
    for (parameters, expected) in cases {
        let answer = within("an answer", place.producer(broker).rpc::<Value>(name, parameters));
        let answer = answer.await.unwrap_or_else(|fault| panic!("{name} {parameters}: {fault}"));
        assert_eq!(&answer, expected, "{name} {parameters}");
    }
}

async fn what_may_be_missing_is_none_or_its_default(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let cases = [
        (json!({"w": 2}), json!("2x7 None")),
        (json!({"w": 2, "h": 3, "note": "tab\t"}), json!("2x3 Some(\"tab\\t\")")),
        (json!({"note": null, "h": null, "more": [1], "w": 2}), json!("2x7 None")),
    ];
    answers(&place, &broker, "resize", &cases).await;
    let cases = [(json!({}), json!("blank")), (json!({"text": "é\n"}), json!("é\n"))];
    answers(&place, &broker, "label", &cases).await;
    let cases = [(json!({}), json!(0)), (json!({"tags": ["a", "b"]}), json!(2))];
    answers(&place, &broker, "tags", &cases).await;
}

async fn what_must_be_there_is_named_in_the_exception(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let cases = [
        ("resize", json!({}), "the parameter `w` is missing"),
        ("resize", json!({"w": "two"}), "`w`"),
        ("resize", json!({"w": null}), "`w`"),
        ("resize", json!({"w": 1, "note": 4}), "`note`"),
        ("resize", json!(3), "`w`, `h`, `note`"),
        ("area", json!({"w": 1}), "`size`"),
        ("area", json!({"size": {"w": 1}}), "`size`"),
        ("type", json!({}), "the parameter `fn` is missing"),
    ];
    for (name, parameters, named) in cases {
        match within("an answer", place.producer(&broker).rpc::<Value>(name, &parameters)).await {
            Err(CallFault::Exception(raised)) => {
                assert_eq!(raised.name, "InvalidParameters");
                assert!(raised.message.contains(named), "{name} {parameters}: {raised}");
            }
            other => panic!("{name} {parameters}: {other:?}"),
        }
    }
}

async fn a_single_argument_takes_a_bare_value(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    answers(&place, &broker, "label", &[(json!("bare"), json!("bare"))]).await;
    let cases =
        [(json!({"size": {"w": 2, "h": 3}}), json!(6)), (json!({"w": 2, "h": 3}), json!(6))];
    answers(&place, &broker, "area", &cases).await;
    answers(&place, &broker, "tags", &[(json!(["a"]), json!(1))]).await;
}

async fn a_handler_without_arguments_takes_any_parameters(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    let any = [json!({}), json!(null), json!("x"), json!([1]), json!({"a": 1})];
    answers(&place, &broker, "count", &any.map(|parameters| (parameters, json!(3)))).await;
}

async fn raw_names_travel_without_their_mark(world: World) {
    let (broker, place, _serving, _ear) = served(&world).await;
    answers(&place, &broker, "type", &[(json!({"fn": "f"}), json!("f"))]).await;
}

async fn a_full_body_handler_sees_the_whole_message(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let expected = json!({
        "name": "describe", "parameters": {"a": [1]}, "sender": "case", "same": true,
        "key": place.key, "attempt": 1, "in time": true,
    });
    answers(&place, &broker, "describe", &[(json!({"a": [1]}), expected)]).await;
    within("a confirm", place.producer(&broker).status("online")).await.expect("it is taken");
    assert_eq!(ear.hears().await, "status {}");
}

async fn other_types_than_commands_are_read_from_their_content(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let producer = place.producer(&broker);
    let plain = producer.message((1, 2), json!({ "three": 3 }));
    within("a confirm", plain).await.expect("it is taken");
    assert_eq!(ear.hears().await, "[1, 2] Some(Object {\"three\": Number(3)})");
    let alarm = producer.send(Envelope::new("alarm", "fire", json!({ "floor": 4 })));
    within("a confirm", alarm).await.expect("it is taken");
    assert_eq!(ear.hears().await, "fire on 4");
}

async fn a_request_without_version_fingerprint_or_reserved_is_served(world: World) {
    let (broker, place, _serving, mut ear) = served(&world).await;
    let body =
        r#"{"content": {"floor": 2}, "category": "message", "name": "fire", "type": "alarm"}"#;
    publish(&broker, &place, Properties::default(), body).await;
    assert_eq!(ear.hears().await, "fire on 2");
}
