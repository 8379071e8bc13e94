use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "#")]
impl OrderDesk for Desk {
    async fn place(&self, #[context] _: &Context, quantity: u32) -> u32 {
        quantity
    }

    async fn put(&self) {}
}

fn main() {}
