//! Sends a text to one of the programs `advanced_echo_receive`, ours or Python's, and one to all.

use examples::echo::EchoProducer;
use examples::program::{self, Failure};
use postage_core::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let broker = program::connect().await?;
    let producer = EchoProducer::new(&broker, Fingerprint::new("echo_send", "application"));
    producer.echo("A single test message").await?;
    producer.echo("A fanout test message").key("echo-fanout-rk").await?;
    Ok(broker.close().await?)
}
