use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "orders.#")]
struct Counter;

fn main() {
    let _ = Counter;
}
