//! Prints and answers each text that `rpc_echo_send`, ours or Python's, asks with.

use examples::echo::{EchoExchange, RpcEcho};
use examples::program::{self, Failure};
use postage_core::prelude::*;

struct Receiver;

#[message_processor(
    exchange = EchoExchange,
    queue(name = "echo-queue", durable = false),
    key = "echo-rk",
    prefetch = 1
)]
impl RpcEcho for Receiver {
    async fn echo(&self, text: &str) -> String {
        println!("{text}");
        text.to_owned()
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let broker = program::connect().await?;
    let serving = broker.serve(Receiver).await?;
    program::run(&broker, serving).await
}
