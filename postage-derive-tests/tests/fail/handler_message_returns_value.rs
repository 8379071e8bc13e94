use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "#")]
impl Desk {
    #[message_handler]
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn main() {}
