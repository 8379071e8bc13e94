use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders", version = "")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

struct Fake;

impl OrderDesk for Fake {
    async fn place(&self, _: u32) -> u32 {
        0
    }
}

fn elsewhere(fake: &Fake, client: &OrderDeskProducer) {
    let _ = fake.place(1);
    let _ = client.place(1);
    let _ = OrderDesk.methods();
}

fn main() {}
