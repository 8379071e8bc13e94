use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Desk {
    count: std::cell::Cell<u32>,
}

#[message_processor(exchange = Orders, queue = "desk", key = "#")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> u32 {
        self.count.get() + quantity
    }
}

fn main() {}
