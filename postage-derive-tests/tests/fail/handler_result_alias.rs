use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

type Answer = Result<u32, String>;

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "#")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> Answer {
        Ok(quantity)
    }
}

fn main() {}
