use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
trait OrderDesk {
    type Item;

    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

fn elsewhere(client: &OrderDeskProducer) {
    let _ = client.place(1);
}

fn main() {}
