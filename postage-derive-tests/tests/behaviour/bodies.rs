//! Codecs and limits: what a body may be, in both directions.

use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{CallFault, EncodeError, MsgPackCodec, SendError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::world::{Anywhere, Place, World, publish, seen, within};

#[producer(exchange = Anywhere, key = "anywhere")]
trait Copier {
    #[rpc]
    async fn copy(&self, value: &Value) -> Value;
    #[rpc]
    async fn repeat(&self, times: usize) -> String;
    #[rpc]
    async fn refuse(&self) -> Result<u32, Numbers>;
}

struct Machine;

#[derive(Debug, Serialize, Deserialize)]
struct Numbers(Vec<u32>);

#[message_processor]
impl Machine {
    #[rpc_handler]
    async fn copy(&self, value: &Value) -> Value {
        value.clone()
    }

    #[rpc_handler]
    async fn repeat(&self, times: usize) -> String {
        "x".repeat(times)
    }

    #[rpc_handler]
    async fn refuse(&self) -> Result<u32, Numbers> {
        Err(Numbers(vec![1, 2, 3]))
    }
}

impl std::fmt::Display for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} numbers", self.0.len())
    }
}

on_every_broker! {
    one_service_answers_each_client_in_its_own_codec,
    a_client_of_another_codec_sends_its_bytes_and_its_content_type,
    a_service_that_does_not_know_the_content_type_says_so,
    a_body_over_the_limit_is_an_error_to_its_sender,
    a_request_over_the_limit_is_refused_by_its_receiver,
    an_answer_over_the_limit_is_refused_by_its_caller,
    a_body_that_is_no_message_is_dead_lettered_and_the_next_is_served,
}

fn copier(broker: &Broker, place: &Place) -> CopierProducer {
    CopierProducer::new(broker, Fingerprint::default()).with(|producer| producer.eks(place.eks()))
}

async fn one_service_answers_each_client_in_its_own_codec(world: World) {
    let broker = world.broker().await;
    let packed = broker.with_codec(MsgPackCodec);
    let place = world.place("copier");
    // The service understands both, and sends neither by itself.
    let _serving = place.serve(&packed, Machine).await;
    let value = json!({"a": [1, -2, 3.5, null, true], "b": {"c": "tab\té"}, "big": u64::MAX});
    for client in [copier(&broker, &place), copier(&packed, &place)] {
        assert_eq!(within("an answer", client.copy(&value)).await.unwrap(), value);
        match within("an answer", client.refuse()).await {
            Err(CallError::Documented(numbers)) => assert_eq!(numbers.0, [1, 2, 3]),
            other => panic!("{other:?}"),
        }
    }
}

async fn a_client_of_another_codec_sends_its_bytes_and_its_content_type(world: World) {
    let broker = world.broker().await.with_codec(MsgPackCodec);
    let place = world.place("copier");
    let messages = &mut place.consume(&broker).await;
    within("a confirm", place.producer(&broker).status("online")).await.expect("it is taken");
    let message = seen(messages).await;
    assert_eq!(message.properties.content_type.as_deref(), Some("application/msgpack"));
    assert!(serde_json::from_slice::<Value>(&message.body).is_err());
    assert_eq!(message.body[0] & 0xF0, 0x80, "a small map comes first");
}

async fn a_service_that_does_not_know_the_content_type_says_so(world: World) {
    let broker = world.broker().await;
    let place = world.place("copier");
    let mut dead = place.dead_letters(&broker).await;
    let _serving = place.serve(&broker, Machine).await;
    // The reply is in JSON then, which every client understands.
    let client = copier(&broker.with_codec(MsgPackCodec), &place);
    match within("an answer", client.repeat(3)).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.name, "MalformedMessage");
            let known = raised.message.contains("application/json");
            assert!(raised.message.contains("application/msgpack") && known, "{raised}");
        }
        other => panic!("{other:?}"),
    }
    let letter = seen(&mut dead).await;
    assert_eq!(letter.properties.content_type.as_deref(), Some("application/msgpack"));
    assert_eq!(within("an answer", copier(&broker, &place).repeat(3)).await.unwrap(), "xxx");
}

async fn a_body_over_the_limit_is_an_error_to_its_sender(world: World) {
    let broker = world.broker().await.with_max_body(1000);
    let place = world.place("copier");
    let _serving = place.serve(&broker, Machine).await;
    let copier = copier(&broker, &place);
    let text = json!("x".repeat(1000));
    match within("the error", copier.copy(&text)).await {
        Err(CallFault::Encode(EncodeError::Codec { name, reason })) => {
            assert!(name.contains("copy") && reason.contains("limit of 1000 bytes"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    let sent = within("the error", copier.producer().command("copy", &text)).await;
    assert!(matches!(sent, Err(SendError::Encode(EncodeError::Codec { .. }))), "{sent:?}");
    assert_eq!(within("an answer", copier.repeat(3)).await.unwrap(), "xxx");
}

async fn a_request_over_the_limit_is_refused_by_its_receiver(world: World) {
    let broker = world.broker().await;
    let place = world.place("copier");
    let mut dead = place.dead_letters(&broker).await;
    let _serving = place.serve(&broker.with_max_body(1000), Machine).await;
    let copier = copier(&broker, &place);
    match within("an answer", copier.copy(&json!("x".repeat(1000)))).await {
        Err(CallFault::Exception(raised)) => {
            assert_eq!(raised.name, "MalformedMessage");
            assert!(raised.message.contains("limit of 1000 bytes"), "{raised}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(seen(&mut dead).await.name(), "copy");
    assert_eq!(within("an answer", copier.repeat(3)).await.unwrap(), "xxx");
}

async fn an_answer_over_the_limit_is_refused_by_its_caller(world: World) {
    let broker = world.broker().await;
    let place = world.place("copier");
    let _serving = place.serve(&broker, Machine).await;
    let copier = copier(&broker.with_max_body(1000), &place);
    match within("the end of the call", copier.repeat(1000)).await {
        Err(CallFault::Malformed { reason }) => {
            assert!(reason.contains("limit of 1000 bytes"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(within("an answer", copier.repeat(3)).await.unwrap(), "xxx");
}

async fn a_body_that_is_no_message_is_dead_lettered_and_the_next_is_served(world: World) {
    let broker = world.broker().await;
    let place = world.place("copier");
    let mut dead = place.dead_letters(&broker).await;
    let _serving = place.serve(&broker, Machine).await;
    let deep = "[".repeat(10_000);
    let bodies = ["not json", "", "[1]", "{\"type\":1}", "\u{0}", "{\"type\":\"a\"", &deep];
    for body in bodies {
        publish(&broker, &place, Properties::default(), body.to_owned()).await;
        assert_eq!(seen(&mut dead).await.body, body.as_bytes());
    }
    assert_eq!(within("an answer", copier(&broker, &place).repeat(3)).await.unwrap(), "xxx");
}
