use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[derive(serde::Deserialize)]
struct Receipt;

#[producer(exchange = Orders, key = "orders")]
trait Desk {
    #[rpc]
    async fn place(&self, quantity: u32) -> Receipt;
}

fn main() {}
