use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

struct Desk<S>(S);

#[message_processor(exchange = Orders, queue = "desk", key = "orders.*.eu")]
impl<S: Send + Sync + 'static> OrderDesk for Desk<S> {
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn main() {}
