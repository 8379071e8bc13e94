use postage_core::prelude::*;

struct Receipt;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, #[reply] answer: Reply<'_, Receipt>) {
        let _ = answer.send(Receipt).await;
    }
}

fn elsewhere(broker: &Broker) {
    let _ = broker.serve(Desk);
}

fn main() {}
