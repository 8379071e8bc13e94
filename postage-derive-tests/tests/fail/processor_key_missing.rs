use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Desk<S>(S);

#[message_processor(exchange = Orders, queue = "desk")]
impl<S: Send + Sync + 'static> Desk<S> {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn main() {}
