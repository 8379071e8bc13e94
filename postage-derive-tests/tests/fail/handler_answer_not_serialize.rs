use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Receipt;

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "#")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> Receipt {
        drop(quantity);
        Receipt
    }
}

fn main() {}
