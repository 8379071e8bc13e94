use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

struct Desk;

#[message_processor(exchange = Orders, queue(name = "desk", knid = "quorum"), key = "#", prefetch = 0)]
impl Desk {
    #[rpc_handler(nam = "place")]
    async fn place(&mut self, quantity: u32) -> u32 {
        quantity
    }

    #[message_handler("restock")]
    async fn restock(&self, (item, quantity): (u32, u32)) {
        let _ = (item, quantity);
    }

    #[rpc_handler]
    async fn fine(&self, number: u32) -> u32 {
        number
    }
}

fn elsewhere(broker: &Broker) {
    let _ = Desk.place(1);
    let _ = Desk.fine(1);
    let _ = broker.serve(Desk);
}

fn main() {}
