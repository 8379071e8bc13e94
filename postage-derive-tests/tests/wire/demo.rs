//! The same with the names of Postage's demos, which a Python component of yours may have too.

use postage_core::prelude::*;
use serde_json::json;

use crate::python::{Server, call};
use crate::world::World;

#[exchange(name = "echo-exchange", kind = "direct")]
struct EchoExchange;

struct Receiver;

#[message_processor(
    exchange = EchoExchange,
    queue(name = "echo-queue", durable = false),
    key = "echo-rk",
    prefetch = 1
)]
impl Receiver {
    #[rpc_handler]
    async fn echo(&self, text: &str) -> String {
        text.to_owned()
    }
}

// One test, since there is one queue of that name.
#[tokio::test]
async fn the_demos_names_work_in_both_directions() {
    let [exchange, queue, key] = ["echo-exchange", "echo-queue", "echo-rk"].map(str::to_owned);
    let world = World::named(exchange, queue, key).await;

    let serving = world.broker.serve(Receiver).await.expect("it is served");
    let [echoed] = call(&world, ["bare_text"]).await;
    assert_eq!(echoed.content()["value"], "café \"x\"");
    serving.drain(std::time::Duration::from_secs(5)).await;

    let mut server = Server::start(&world).await;
    let producer = Producer::new(&world.broker, Fingerprint::new("echo_send", "application"));
    let producer =
        producer.eks([(EchoExchange::ROUTE, "echo-rk")]).peer(postage_core::Peer::Python);
    let text: String = producer.rpc("echo", "RPC test message").await.expect("it is answered");
    assert_eq!(text, "RPC test message");
    let content = &server.heard().await["body"]["content"];
    assert_eq!(content, &json!({"parameters": "RPC test message"}));
    drop(server);
    world.leave().await;
}
