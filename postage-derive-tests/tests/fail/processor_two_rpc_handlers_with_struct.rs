use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[rpc_handler("command", "place")]
#[derive(serde::Deserialize)]
struct Sweep {
    aisle: u32,
}

impl Handle<Desk> for Sweep {
    type Value = u32;
    type Error = String;

    async fn handle(self, _: &Desk, _: &Context) -> Result<u32, String> {
        Ok(self.aisle)
    }
}

struct Desk;

#[message_processor(exchange = Orders, queue = "desk", key = "orders.#", handlers(Sweep))]
impl Desk {
    #[rpc_handler]
    async fn place(&self, quantity: u32) -> u32 {
        quantity
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(1);
    let _ = broker.serve(Desk);
}

fn main() {}
