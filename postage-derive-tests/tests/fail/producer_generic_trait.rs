use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
trait OrderDesk<T> {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

struct Fake;

impl OrderDesk<u8> for Fake {
    async fn place(&self, _: u32) -> u32 {
        0
    }
}

fn main() {}
