//! What a producer sends without a contract, and in whose name.

use postage_core::prelude::*;
use postage_core::{CallFault, EncodeError, IntoEnvelope, SendError};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::world::{Anywhere, World, seen, success, within};

/// A message type of the user's own.
#[derive(Serialize)]
struct Alarm {
    floor: u8,
}

impl IntoEnvelope for Alarm {
    type Content = Self;

    fn into_envelope(self) -> Envelope<Self> {
        Envelope::new("alarm", "fire", self)
    }
}

/// What does not serialize.
struct Unspeakable;

impl Serialize for Unspeakable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("words fail"))
    }
}

#[producer(exchange = Anywhere, key = "anywhere")]
trait Mute {
    #[message]
    async fn tell(&self, secret: &Unspeakable);
    #[rpc]
    async fn ask(&self, secret: &Unspeakable) -> u32;
}

impl<'de> serde::Deserialize<'de> for Unspeakable {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

on_every_broker! {
    plain_messages_commands_and_statuses_are_as_the_wire_says,
    a_call_by_name_carries_any_parameters,
    a_message_type_of_ones_own_is_sent_and_called,
    a_forwarded_body_is_unchanged,
    a_fingerprint_of_ones_own_is_laid_over_that_of_the_program,
    a_fingerprint_that_is_no_map_shows_at_the_await,
    a_parameter_that_does_not_serialize_shows_at_the_await,
}

async fn plain_messages_commands_and_statuses_are_as_the_wire_says(world: World) {
    let broker = world.broker().await;
    let place = world.place("wire");
    let messages = &mut place.consume(&broker).await;
    let producer = place.producer(&broker);

    let send = [
        producer.message((1, "two"), json!({ "three": 3 })),
        producer.message((), ()),
        producer.command("resize", json!({ "w": 10 })),
        producer.command("echo", "bare"),
        producer.status("online"),
    ];
    let expected = [
        ("none", "none", json!({ "args": [1, "two"], "kwds": { "three": 3 } })),
        ("none", "none", json!({})),
        ("command", "resize", json!({ "parameters": { "w": 10 } })),
        ("command", "echo", json!({ "parameters": "bare" })),
        ("status", "online", json!({})),
    ];
    for (message, (kind, name, content)) in send.into_iter().zip(expected) {
        within("a confirm", message).await.expect("it is taken");
        let sent = seen(messages).await.json();
        assert_eq!((&sent["type"], &sent["name"]), (&json!(kind), &json!(name)));
        assert_eq!(sent["content"], content);
        assert_eq!((&sent["category"], &sent["version"]), (&json!("message"), &json!("2")));
        assert_eq!(
            (&sent["fingerprint"]["name"], &sent["_reserved"]),
            (&json!("case"), &json!({}))
        );
    }
}

async fn a_call_by_name_carries_any_parameters(world: World) {
    let broker = world.broker().await;
    let place = world.place("wire");
    let requests = &mut place.consume(&broker).await;
    let producer = place.producer(&broker);
    for parameters in [json!({ "n": 1 }), json!("bare"), json!([1, 2]), Value::Null] {
        let call = tokio::spawn(producer.rpc::<Value>("echo", parameters.clone()));
        let request = seen(requests).await;
        assert_eq!(request.json()["category"], "rpc");
        assert_eq!(request.parameters(), parameters);
        request.answer(&broker, success(&parameters)).await;
        assert_eq!(within("an answer", call).await.unwrap().unwrap(), parameters);
    }
}

async fn a_message_type_of_ones_own_is_sent_and_called(world: World) {
    let broker = world.broker().await;
    let place = world.place("wire");
    let messages = &mut place.consume(&broker).await;
    let producer = place.producer(&broker);

    within("a confirm", producer.send(Alarm { floor: 3 })).await.expect("it is taken");
    let sent = seen(messages).await.json();
    assert_eq!((&sent["type"], &sent["name"]), (&json!("alarm"), &json!("fire")));
    assert_eq!((&sent["content"], &sent["category"]), (&json!({ "floor": 3 }), &json!("message")));

    let call = tokio::spawn(producer.call::<u32, CallFault>(Alarm { floor: 4 }));
    let request = seen(messages).await;
    let sent = request.json();
    assert_eq!((&sent["content"], &sent["category"]), (&json!({ "floor": 4 }), &json!("rpc")));
    request.answer(&broker, success(&json!(2))).await;
    assert_eq!(within("an answer", call).await.unwrap().unwrap(), 2);
}

async fn a_forwarded_body_is_unchanged(world: World) {
    let broker = world.broker().await;
    let (from, to) = (world.place("from"), world.place("to"));
    let at_from = &mut from.consume(&broker).await;
    let at_to = &mut to.consume(&broker).await;
    let sender = Producer::new(&broker, Fingerprint::new("origin", "test")).eks(from.eks());
    within("a confirm", sender.command("echo", "hi")).await.expect("it is taken");
    let original = seen(at_from).await;

    let relay = to.producer(&broker);
    within("a confirm", relay.forward(original.body.to_vec())).await.expect("it is taken");
    let forwarded = seen(at_to).await;
    assert_eq!(forwarded.body, original.body);
    assert_eq!(forwarded.json()["fingerprint"]["name"], "origin");

    // Spaces, unknown keys and numbers of any form pass as they are.
    let odd =
        br#"{ "type":"x","name":"y" , "category":"message","content":{"n":1.0e2},"more":[] }"#;
    within("a confirm", relay.forward(odd.to_vec())).await.expect("it is taken");
    assert_eq!(&seen(at_to).await.body[..], odd);
}

async fn a_fingerprint_of_ones_own_is_laid_over_that_of_the_program(world: World) {
    #[derive(Serialize)]
    struct Badge {
        name: &'static str,
        floor: u8,
    }
    let broker = world.broker().await;
    let place = world.place("badge");
    let messages = &mut place.consume(&broker).await;
    let producer = Producer::new(&broker, Badge { name: "lift", floor: 3 }).eks(place.eks());
    within("a confirm", producer.status("up")).await.expect("it is taken");
    let fingerprint = &seen(messages).await.json()["fingerprint"];
    assert_eq!((&fingerprint["name"], &fingerprint["floor"]), (&json!("lift"), &json!(3)));
    assert_eq!(fingerprint["pid"], std::process::id().to_string());
    assert_eq!(fingerprint["vhost"], broker.transport().vhost());
}

async fn a_fingerprint_that_is_no_map_shows_at_the_await(world: World) {
    let broker = world.broker().await;
    let place = world.place("badge");
    place.declare(&broker).await;
    let producer = Producer::new(&broker, "just a text").eks(place.eks());
    let sent = within("the error", producer.status("up")).await;
    assert!(
        matches!(&sent, Err(SendError::Encode(EncodeError::Fingerprint { reason }))
            if reason.contains("not to a map")),
        "{sent:?}"
    );
    let called = within("the error", producer.rpc::<u32>("up", ())).await;
    assert!(
        matches!(called, Err(CallFault::Encode(EncodeError::Fingerprint { .. }))),
        "{called:?}"
    );
}

async fn a_parameter_that_does_not_serialize_shows_at_the_await(world: World) {
    let broker = world.broker().await;
    let place = world.place("mute");
    place.declare(&broker).await;
    let mute = MuteProducer::new(&broker, Fingerprint::default())
        .with(|producer| producer.eks(place.eks()));
    let publish = mute.tell(&Unspeakable);
    let sent = within("the error", publish).await.unwrap_err();
    assert!(matches!(sent, SendError::Encode(EncodeError::Content { .. })), "{sent:?}");
    let text = sent.to_string();
    assert!(text.contains("command `tell`") && text.contains("words fail"), "{text}");
    let call = mute.ask(&Unspeakable);
    let called = within("the error", call).await.unwrap_err();
    assert!(matches!(called, CallFault::Encode(EncodeError::Content { .. })), "{called:?}");
}
