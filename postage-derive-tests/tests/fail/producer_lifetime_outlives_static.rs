use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place<'a>(&self, item: &'a str, quantity: u32) -> u64
    where
        'a: 'static;
}

fn elsewhere() {
    let _ = OrderDesk;
}

fn main() {}
