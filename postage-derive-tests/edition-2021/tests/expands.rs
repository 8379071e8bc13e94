//! The macros in a crate of the previous edition.

#![deny(warnings, missing_docs)]

use postage_core::prelude::*;

/// An exchange.
#[exchange(name = "old")]
pub struct Old;

/// A contract.
#[producer(exchange = Old, key = "old")]
pub trait Ask {
    /// Answers.
    #[rpc]
    async fn ask(&self, text: &str, lines: &[u32]) -> Result<String, String>;
    /// Tells.
    #[message]
    async fn tell(&self, #[default(2)] number: u32);
}

/// A service.
pub struct Service;

#[message_processor(exchange = Old, queue = "old", key = "old")]
impl Ask for Service {
    async fn ask(&self, text: &str, _lines: &[u32]) -> Result<String, String> {
        Ok(text.to_owned())
    }

    async fn tell(&self, #[context] _cx: &Context, _number: u32) {}

    #[rpc_handler]
    async fn more(&self, text: &str) -> String {
        text.to_owned()
    }
}

#[tokio::test]
async fn a_call_is_answered() {
    let broker = Broker::memory();
    let _serving = broker.serve(Service).await.unwrap();
    let client = AskProducer::new(&broker, Fingerprint::default());
    assert_eq!(client.ask("a", &[1]).await.unwrap(), "a");
    client.tell(1).await.unwrap();
}
