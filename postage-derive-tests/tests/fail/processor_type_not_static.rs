use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Desk<'d>(&'d str);

#[message_processor(exchange = Orders, queue = "desk", key = "orders.#")]
impl<'d> Desk<'d> {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn elsewhere(broker: &Broker) {
    let _ = broker.serve(Desk("east"));
}

fn main() {}
