use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, item: &'static str, quantity: u32) -> u64;
}

struct Desk;

impl OrderDesk for Desk {
    async fn place(&self, _: &'static str, quantity: u32) -> u64 {
        u64::from(quantity)
    }
}

fn elsewhere() {
    let _ = OrderDesk;
    let _ = Desk.place("anvil", 1);
}

fn main() {}
