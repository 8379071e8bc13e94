use postage_core::prelude::*;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[message_handler]
    async fn place(&self, message: &Message<'_>) {
        let _ = message;
    }
}

fn elsewhere(broker: &Broker) {
    let _ = broker.serve(Desk);
}

fn main() {}
