use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topik")]
struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
trait OrderDesk {
    #[rpc]
    async fn place(&self, quantity: u32) -> u32;
}

fn main() {
    let _ = (Orders, Orders::ROUTE);
}
