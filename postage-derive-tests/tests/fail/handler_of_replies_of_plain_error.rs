use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic")]
pub struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
pub trait OrderDesk {
    #[rpc]
    async fn place(&self, item: &str) -> Result<u64, String>;

    #[message]
    async fn restock(&self, item: &str);
}

struct Shop;

#[message_processor(queue = "shop-answers")]
impl Shop {
    #[reply_handler("place")]
    async fn placed(&self, answer: Result<u64, String>) {
        drop(answer);
    }
}

async fn example(broker: &Broker) {
    drop(broker.serve(Shop).await);
}

fn main() {}
