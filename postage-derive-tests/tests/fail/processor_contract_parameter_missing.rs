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
    async fn place(&self) -> u32 {
        0
    }
}

fn main() {}
