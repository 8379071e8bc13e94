use postage_core::prelude::*;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[message_handler(full_body)]
    async fn place(&self, message: Message<'_>) {
        drop(message);
    }
}

fn elsewhere(broker: &Broker) {
    let _ = broker.serve(Desk);
}

fn main() {}
