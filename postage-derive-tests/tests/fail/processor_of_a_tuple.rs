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
impl OrderDesk for (Desk, Desk) {
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn elsewhere() {
    let _ = (Desk, Desk).place(1);
}

fn main() {}
