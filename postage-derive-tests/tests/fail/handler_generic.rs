use postage_core::prelude::*;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler]
    async fn place<T: Send>(&self, quantity: T) -> u32 {
        drop(quantity);
        0
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(1);
    let _ = broker.serve(Desk);
}

fn main() {}
