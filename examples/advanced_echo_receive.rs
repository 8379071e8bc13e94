//! Prints each text that `advanced_echo_send`, ours or Python's, sends, and who sent it. Started
//! several times, each text of the shared key reaches one of them, each fan-out text all.

use examples::echo::EchoExchange;
use examples::program::{self, Failure};
use postage_core::prelude::*;

struct Receiver;

#[message_processor(
    exchange = EchoExchange,
    queue(name = "echo-queue", durable = false),
    key = "echo-rk",
    prefetch = 1
)]
impl Receiver {
    #[message_handler("command", "echo")]
    async fn show(&self, text: &str) {
        println!("{text}");
    }

    #[message_handler("command", "echo", full_body)]
    async fn show_fingerprint(&self, message: &Message<'_>) {
        println!("Message fingerprint: {:?}", message.fingerprint());
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let broker = program::connect().await?;
    let me = Fingerprint::new("echo_receive", "controller");
    let private = Queue::new(format!("echo-queue-{}{}", me.pid, me.host));
    let private = private.durable(false).auto_delete(true);
    let serving =
        broker.serve(Receiver).bind(EchoExchange::ROUTE, private, "echo-fanout-rk").await?;
    program::run(&broker, serving).await
}
