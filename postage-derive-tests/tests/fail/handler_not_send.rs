use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

use std::rc::Rc;

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "#")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> u32 {
        let shared = Rc::new(quantity);
        std::future::ready(()).await;
        *shared
    }
}

fn main() {}
