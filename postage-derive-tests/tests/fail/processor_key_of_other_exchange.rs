use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[exchange(name = "audit", kind = "topic")]
struct Audit;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

struct Desk;

#[message_processor(exchange = Audit, queue = "desk", key = "orders.desk")]
impl OrderDesk for Desk {
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(1);
    let _ = broker.serve(Desk);
}

fn main() {}
