use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

trait Shop {
    fn place(&self, quantity: u32) -> impl Future<Output = u32> + Send;
}

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "orders.#")]
impl Shop for Desk {
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(1);
    let _ = broker.serve(Desk);
}

fn main() {}
