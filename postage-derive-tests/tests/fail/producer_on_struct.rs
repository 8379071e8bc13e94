use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
struct OrderDesk;

fn main() {
    let _ = OrderDesk;
}
