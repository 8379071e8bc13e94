use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
trait OrderDesk {
    #[rpc]
    async fn place(self, quantity: u32) -> u32;

    #[rpc]
    async fn fine(&self, quantity: u32) -> u32;
}

struct Fake;

impl OrderDesk for Fake {
    async fn place(self, _: u32) -> u32 {
        0
    }

    async fn fine(&self, _: u32) -> u32 {
        0
    }
}

fn elsewhere(desk: &impl OrderDesk, client: &OrderDeskProducer) {
    let _ = desk.fine(1);
    let _ = client.fine(1);
}

fn main() {}
