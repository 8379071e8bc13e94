use postage_core::prelude::*;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, #[reply] answer: Reply<'_, u32>) -> u32 {
        drop(answer);
        0
    }
}

fn elsewhere(broker: &Broker) {
    let _ = broker.serve(Desk);
}

fn main() {}
