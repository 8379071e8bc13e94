//! The contracts of Postage's echo demos, with its names on the wire: a Python component can take
//! either side.

use postage_core::prelude::*;

/// The exchange of the demos.
#[exchange(name = "echo-exchange", kind = "direct")]
pub struct EchoExchange;

/// The echo that nobody answers. The text travels bare, as Python sends it.
#[producer(exchange = EchoExchange, key = "echo-rk")]
pub trait Echo {
    /// Shows a text.
    #[message(bare)]
    async fn echo(&self, text: &str);
}

/// The echo that answers. A Python service returns no correlation id, so each call has a reply
/// address of its own.
#[producer(exchange = EchoExchange, key = "echo-rk", peer = "python")]
pub trait RpcEcho {
    /// Answers a text.
    #[rpc(bare, timeout = "3s", max_retry = 1)]
    async fn echo(&self, text: &str) -> String;
}
