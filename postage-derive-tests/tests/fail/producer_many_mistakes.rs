use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, kye = "orders", timeout = "2")]
trait OrderDesk {
    #[rpc(timeout = 2, retries = 4)]
    async fn place(&mut self, quantity: u32) -> u32;
    #[rcp]
    async fn close(&self);
    #[message]
    fn tell(&self, (a, b): (u32, u32)) -> u32;
    #[rpc]
    async fn fine(&self, number: u32) -> u32;
}

fn still_there(desk: &impl OrderDesk, client: &OrderDeskProducer) {
    let _ = desk.fine(3);
    let _ = client.fine(3);
}

fn main() {}
