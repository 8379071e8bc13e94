use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "orders.#")]
impl OrderDesk for Desk {
    async fn place(&self, #[default] quantity: u32) -> u32 {
        quantity
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(1);
    let _ = broker.serve(Desk);
}

fn main() {}
