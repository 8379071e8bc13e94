//! What the tests ask.

use postage_core::prelude::*;

#[exchange(name = "orders", kind = "topic", durable = false, auto_delete = true)]
pub(crate) struct Orders;

#[producer(exchange = Orders, key = "desk")]
pub(crate) trait OrderDesk {
    #[rpc]
    async fn place(&self, item: &str) -> Result<u64, String>;

    #[rpc]
    async fn second_time(&self) -> u32;

    #[message]
    async fn restock(&self, item: &str);
}

pub(crate) struct Desk;

#[message_processor(exchange = Orders, queue = "order-desk", key = "desk")]
impl OrderDesk for Desk {
    async fn place(&self, item: &str) -> Result<u64, String> {
        match item {
            "moon" => Err("the moon is not for sale".to_owned()),
            "bomb" => panic!("it went off"),
            _ => Ok(4021),
        }
    }

    async fn second_time(&self, #[context] cx: &Context) -> u32 {
        match cx.attempt() {
            2 => 2,
            _ => std::future::pending().await,
        }
    }

    async fn restock(&self, #[context] cx: &Context, item: &str) {
        if item == "moon" {
            cx.reject("no room for the moon");
        }
    }
}
