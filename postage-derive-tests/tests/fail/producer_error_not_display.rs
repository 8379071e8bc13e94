use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[derive(serde::Serialize, serde::Deserialize)]
struct Refused;

#[producer(exchange = Orders, key = "orders")]
trait Desk {
    #[rpc]
    async fn place(&self, quantity: u32) -> Result<u32, Refused>;
}

fn main() {}
