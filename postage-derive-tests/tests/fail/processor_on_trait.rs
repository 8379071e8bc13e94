use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "orders.#")]
trait Counter {}

impl Counter for Desk {}

fn main() {}
