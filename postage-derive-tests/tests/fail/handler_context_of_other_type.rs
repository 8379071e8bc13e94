use postage_core::prelude::*;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, #[context] cx: &Broker, quantity: u32) -> u32 {
        let _ = cx;
        quantity
    }
}

fn elsewhere(broker: &Broker) {
    let _ = broker.serve(Desk);
}

fn main() {}
