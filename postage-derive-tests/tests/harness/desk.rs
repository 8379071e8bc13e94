//! The contract and the service of the cases, and the text of a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use futures_util::FutureExt;
use postage_core::prelude::*;
use postage_core::testing::Harness;
use postage_core::{Outcome, Serve};
use serde_json::json;
use tokio::sync::Semaphore;

#[exchange(name = "orders", kind = "topic")]
pub(crate) struct Orders;

#[producer(exchange = Orders, key = "orders.desk")]
pub(crate) trait OrderDesk {
    #[rpc(timeout = "2s", max_retry = 2)]
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, String>;

    #[rpc]
    async fn count(&self, aisle: Option<u32>) -> u32;

    #[rpc]
    async fn aisles(&self) -> Vec<String>;

    #[message(key = "orders.stock")]
    async fn restock(&self, item: &str, quantity: u32);
}

/// Where the dead letters of the careful queue go.
#[exchange(name = "dead", kind = "fanout")]
pub(crate) struct Dead;

/// Does with a message what its parameter says.
pub(crate) struct Desk {
    pub(crate) news: Producer,
    pub(crate) gate: Arc<Semaphore>,
}

#[message_processor(
    bind(exchange = Orders, queue = "desk", key = "orders.#"),
    bind(exchange = Orders, queue(name = "careful", dead_letter = "dead"), key = "careful")
)]
impl Desk {
    #[rpc_handler]
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, String> {
        if quantity == 0 {
            return Err(format!("no {item} wanted"));
        }
        self.news
            .command("placed", json!({ "item": item }))
            .await
            .map_err(|error| error.to_string())?;
        Ok(4021)
    }

    #[message_handler]
    async fn settle(&self, how: &str) -> Outcome {
        let reason = format!("it said {how}");
        match how {
            "fail" => Outcome::Fail { reason },
            "reject" => Outcome::Reject { reason },
            "drop" => Outcome::Drop { reason },
            _ => Outcome::Done,
        }
    }

    #[message_handler]
    async fn wait(&self) {
        self.gate.acquire().await.unwrap().forget();
    }
}

impl Desk {
    /// A desk that tells its news over the recorded connection.
    pub(crate) fn of(harness: &Harness) -> Self {
        let news = Producer::new(harness.broker(), Fingerprint::new("desk", "desk"))
            .eks([(Exchange::DEFAULT, "news")]);
        Self { news, gate: Arc::new(Semaphore::new(0)) }
    }
}

/// A harness, and a desk that is served there.
pub(crate) async fn served() -> (Harness, Serving) {
    served_with(|serve| serve).await
}

pub(crate) async fn served_with(change: impl FnOnce(Serve) -> Serve) -> (Harness, Serving) {
    let harness = Harness::new();
    let serving = change(harness.broker().serve(Desk::of(&harness))).await.unwrap();
    (harness, serving)
}

/// Somebody from outside who speaks to the desk under this key.
pub(crate) fn outsider(harness: &Harness, key: &'static str) -> Producer {
    Producer::new(harness.outside(), Fingerprint::new("outsider", "test"))
        .eks([(Orders::ROUTE, key)])
}

/// The text of the panic that this must end in.
pub(crate) fn panic_of<T>(work: impl FnOnce() -> T) -> String {
    text(catch_unwind(AssertUnwindSafe(work)))
}

/// As [`panic_of`], of a future.
pub(crate) async fn panic_in<F: Future>(work: F) -> String {
    text(AssertUnwindSafe(work).catch_unwind().await)
}

fn text<T>(ended: std::thread::Result<T>) -> String {
    let panic = ended.err().expect("it panics");
    let lent = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    lent.or_else(|| panic.downcast_ref::<String>().cloned()).expect("a panic with a text")
}
