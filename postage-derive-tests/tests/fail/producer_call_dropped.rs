#![deny(unused_must_use)]

use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, item: &str, quantity: u32) -> u32;

    #[message]
    async fn restock(&self, quantity: u32);
}

async fn elsewhere(client: &OrderDeskProducer) {
    client.place("anvil", 1);
}

fn main() {}
