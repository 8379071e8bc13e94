use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Shop;

#[producer(exchange = Shop, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

fn main() {}
