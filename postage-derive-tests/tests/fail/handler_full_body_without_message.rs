use postage_core::prelude::*;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler(full_body)]
    async fn place(&self) -> u32 {
        0
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place();
    let _ = broker.serve(Desk);
}

fn main() {}
