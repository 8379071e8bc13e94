use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
struct Orders;

#[producer(exchange = Orders, key = "orders")]
trait OrderDesk {
    #[rpc]
    async fn place(
        &self,
        p1: u8,
        p2: u8,
        p3: u8,
        p4: u8,
        p5: u8,
        p6: u8,
        p7: u8,
        p8: u8,
        p9: u8,
        p10: u8,
        p11: u8,
        p12: u8,
        p13: u8,
        p14: u8,
        p15: u8,
        p16: u8,
        p17: u8,
    ) -> u32;

    #[rpc]
    async fn fine(&self, quantity: u32) -> u32;
}

fn elsewhere(desk: &impl OrderDesk, client: &OrderDeskProducer) {
    let _ = desk.fine(1);
    let _ = client.fine(1);
}

fn main() {}
