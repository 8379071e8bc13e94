use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
    #[rpc]
    async fn close(&self) -> u32;
}

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "#")]
impl OrderDesk for Desk {
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn main() {}
