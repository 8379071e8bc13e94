use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "orders.#")]
impl Desk {}

fn elsewhere(broker: &Broker, desk: &'static Desk) {
    let _ = broker.serve(desk);
}

fn main() {}
