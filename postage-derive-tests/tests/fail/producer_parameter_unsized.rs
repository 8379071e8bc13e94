use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, lines: [u8]) -> u32;

    #[rpc]
    async fn fine(&self, quantity: u32) -> u32;
}

fn elsewhere(client: &OrderDeskProducer) {
    let _ = client.fine(1);
}

fn main() {}
