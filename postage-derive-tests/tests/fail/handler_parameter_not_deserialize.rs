use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Line;

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "#")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, quantity: u32, line: Line) -> u32 {
        drop(line);
        quantity
    }
}

fn main() {}
