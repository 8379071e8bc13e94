//! Prints each text that `basic_echo_send`, ours or Python's, sends.

use examples::echo::{Echo, EchoExchange};
use examples::program::{self, Failure};
use postage_core::prelude::*;

struct Receiver;

#[message_processor(
    exchange = EchoExchange,
    queue(name = "echo-queue", durable = false),
    key = "echo-rk",
    prefetch = 1
)]
impl Echo for Receiver {
    async fn echo(&self, text: &str) {
        println!("{text}");
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let broker = program::connect().await?;
    let serving = broker.serve(Receiver).await?;
    program::run(&broker, serving).await
}
