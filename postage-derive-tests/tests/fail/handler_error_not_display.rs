use postage_core::prelude::*;

#[derive(serde::Serialize)]
struct Refused;

struct Desk;

#[message_processor(queue = "desk")]
impl Desk {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> Result<u32, Refused> {
        Ok(quantity)
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(1);
    let _ = broker.serve(Desk);
}

fn main() {}
