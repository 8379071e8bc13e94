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
    let _ = client.restock(1).timeout(std::time::Duration::from_secs(1)).await;
}

fn main() {}
