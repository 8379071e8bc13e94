use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&'static self, quantity: u32) -> u32;

    #[rpc]
    async fn fine(&self, quantity: u32) -> u32;
}

struct Fake;

impl OrderDesk for Fake {
    async fn place(&'static self, quantity: u32) -> u32 {
        quantity
    }

    async fn fine(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn elsewhere(client: &OrderDeskProducer) {
    let _ = Fake.place(1);
    let _ = Fake.fine(1);
    let _ = client.fine(1);
}

fn main() {}
