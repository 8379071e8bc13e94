use postage_core::prelude::*;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, #[context] one: &Context, #[context] two: &Context) -> u32 {
        let _ = (one, two);
        0
    }
}

fn elsewhere(broker: &Broker) {
    let _ = broker.serve(Desk);
}

fn main() {}
