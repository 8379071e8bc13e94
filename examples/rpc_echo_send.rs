//! Asks `rpc_echo_receive`, ours or Python's, with a text, `RPC test message` unless given, and
//! prints the value of the answer and nothing else.

use examples::echo::RpcEchoProducer;
use examples::program::{self, Failure};
use postage_core::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let broker = program::connect().await?;
    let producer = RpcEchoProducer::new(&broker, Fingerprint::new("echo_send", "application"));
    println!("{}", producer.echo(&program::text_or("RPC test message")).await?);
    Ok(broker.close().await?)
}
