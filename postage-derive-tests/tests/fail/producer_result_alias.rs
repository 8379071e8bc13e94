use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

type Answer = Result<u32, String>;

#[producer(exchange = Orders, key = "orders")]
trait Desk {
    #[rpc]
    async fn place(&self, quantity: u32) -> Answer;
}

fn main() {}
