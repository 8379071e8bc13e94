use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
impl Desk {
    async fn place(&self) {}
}

struct Desk;

fn elsewhere(desk: &Desk) {
    let _ = desk.place();
}

fn main() {}
