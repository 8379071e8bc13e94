//! Two services, of which one asks the other.

use std::future::pending;

use postage_core::prelude::*;
use postage_core::{Outcome, Producer};
use serde_json::json;

/// Takes orders, and has them placed at the desk.
pub(crate) struct Shop {
    pub(crate) desk: Producer,
}

#[message_processor]
impl Shop {
    #[rpc_handler]
    async fn order(&self, item: &str) -> u64 {
        let number =
            self.desk.rpc::<u64>("place", json!({"item": item})).await.expect("it is placed");
        self.desk.command("restock", json!({"item": item})).await.expect("somebody hears");
        number
    }
}

/// Places orders.
pub(crate) struct Desk;

#[message_processor]
impl Desk {
    #[rpc_handler]
    async fn place(&self, item: &str) -> Result<u64, String> {
        match item {
            "moon" => Err("the moon is not for sale".to_owned()),
            "bomb" => panic!("it went off"),
            _ => Ok(4021),
        }
    }

    #[rpc_handler]
    async fn not_at_first(&self, #[context] cx: &Context) -> u32 {
        match cx.attempt() {
            1 => pending().await,
            attempt => attempt,
        }
    }

    #[message_handler("command", "restock")]
    async fn restock(&self, item: &str) -> Outcome {
        match item {
            "moon" => Outcome::Reject { reason: "no room for the moon".to_owned() },
            _ => Outcome::Done,
        }
    }
}
