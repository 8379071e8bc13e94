//! Sends a text, `A test message` unless given, to `basic_echo_receive`, ours or Python's.

use examples::echo::EchoProducer;
use examples::program::{self, Failure};
use postage_core::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let broker = program::connect().await?;
    let producer = EchoProducer::new(&broker, Fingerprint::default());
    producer.echo(&program::text_or("A test message")).await?;
    Ok(broker.close().await?)
}
