use postage_core::prelude::*;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler]
    fn place(&self, quantity: u32) -> impl Future<Output = u32> {
        std::future::ready(quantity)
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(1);
    let _ = broker.serve(Desk);
}

fn main() {}
