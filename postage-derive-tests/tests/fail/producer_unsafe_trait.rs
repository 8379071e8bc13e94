use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
unsafe trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

fn main() {}
