//! Calls to peers that return no correlation id, as Python Postage does.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::transport::Properties;
use postage_core::{CallFault, Peer};
use serde_json::json;

use crate::world::{Anywhere, Place, World, seen, success, within};

#[producer(exchange = Anywhere, key = "anywhere", peer = "python")]
trait Echo {
    #[rpc(bare)]
    async fn echo(&self, text: &str) -> String;
}

struct Parrot;

#[message_processor]
impl Parrot {
    #[rpc_handler]
    fn echo(&self, text: &str) -> String {
        text.to_owned()
    }
}

on_every_broker! {
    each_call_of_a_python_peer_has_a_reply_address_of_its_own,
    a_bare_parameter_travels_as_the_value_itself,
    a_client_of_python_peers_is_served_by_ours_too,
    a_peer_that_is_python_after_all_is_hinted_at,
}

fn echo(broker: &Broker, place: &Place) -> EchoProducer {
    EchoProducer::new(broker, Fingerprint::default()).with(|producer| producer.eks(place.eks()))
}

async fn each_call_of_a_python_peer_has_a_reply_address_of_its_own(world: World) {
    let broker = world.broker().await;
    let place = world.place("echo");
    let requests = &mut place.consume(&broker).await;
    let echo = echo(&broker, &place);
    let one = tokio::spawn(echo.echo("one"));
    let request_one = seen(requests).await;
    let two = tokio::spawn(echo.echo("two"));
    let request_two = seen(requests).await;
    assert_ne!(request_one.properties.reply_to, request_two.properties.reply_to);

    // No properties at all, as Python's replies.
    request_two.answer_with(&broker, Properties::default(), success(&json!("2"))).await;
    request_one.answer_with(&broker, Properties::default(), success(&json!("1"))).await;
    assert_eq!(within("an answer", one).await.unwrap().unwrap(), "1");
    assert_eq!(within("an answer", two).await.unwrap().unwrap(), "2");
}

async fn a_bare_parameter_travels_as_the_value_itself(world: World) {
    let broker = world.broker().await;
    let place = world.place("echo");
    let requests = &mut place.consume(&broker).await;
    let call = tokio::spawn(echo(&broker, &place).echo("hello"));
    let request = seen(requests).await;
    assert_eq!(request.parameters(), "hello");
    request.answer_with(&broker, Properties::default(), success(&json!("hi"))).await;
    assert_eq!(within("an answer", call).await.unwrap().unwrap(), "hi");
}

async fn a_client_of_python_peers_is_served_by_ours_too(world: World) {
    let broker = world.broker().await;
    let place = world.place("echo");
    let _serving = place.serve(&broker, Parrot).await;
    assert_eq!(within("an answer", echo(&broker, &place).echo("hello")).await.unwrap(), "hello");
}

async fn a_peer_that_is_python_after_all_is_hinted_at(world: World) {
    let broker = world.broker().await;
    let place = world.place("echo");
    let requests = &mut place.consume(&broker).await;
    let call = echo(&broker, &place).echo("hello").peer(Peer::Postage);
    let call = tokio::spawn(call.timeout(Duration::from_secs(1)).max_retry(0));
    let request = seen(requests).await;
    request.answer_with(&broker, Properties::default(), success(&json!("lost"))).await;
    match within("the end of the call", call).await.unwrap() {
        Err(fault @ CallFault::TimedOut { uncorrelated: 1, .. }) => {
            assert!(fault.to_string().contains("peer = \"python\""), "{fault}");
        }
        other => panic!("{other:?}"),
    }
}
