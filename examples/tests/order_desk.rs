//! How a service, and code that calls one, are tested without a broker.

// All of this crate is a test, its helpers too.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::time::Duration;

use examples::orders::{OrderDesk, OrderDeskProducer, Orders, Refused};
use postage_core::prelude::*;
use postage_core::testing::{Canned, Harness, Mock};
use postage_core::{Retry, Route};

/// The service under test: it knows one item, and tells the warehouse what it sold.
struct Desk {
    warehouse: Producer,
}

#[message_processor(exchange = Orders, queue = "order-desk", key = "orders.#")]
impl OrderDesk for Desk {
    async fn place(&self, item: &str, quantity: u32) -> Result<u64, Refused> {
        if item != "anvil" {
            return Err(Refused::Unknown);
        }
        let pick = (item, quantity);
        self.warehouse.command("pick", pick).await.expect("the warehouse has a queue");
        Ok(4021)
    }

    async fn restock(&self, item: &str, quantity: u32) {
        assert!(quantity > 0, "no {item} came");
    }
}

/// The code under test: it buys through the generated client.
async fn buy(orders: &OrderDeskProducer, item: &str) -> String {
    match orders.place(item, 1).await {
        Ok(number) => format!("bought as {number}"),
        Err(CallError::Documented(refused)) => refused.to_string(),
        Err(CallError::Fault(fault)) => format!("try later: {fault}"),
    }
}

fn producer(broker: &Broker) -> Producer {
    Producer::new(broker, Fingerprint::new("desk", "order-desk"))
        .eks([(Exchange::DEFAULT, "warehouse")])
}

#[tokio::test]
async fn an_order_goes_to_the_warehouse() {
    let harness = Harness::new();
    harness.sink(&Exchange::DEFAULT, "warehouse").await;
    let desk = Desk { warehouse: producer(harness.broker()) };
    let _serving = harness.broker().serve(desk).await.unwrap();

    // The test's own part runs over another connection, which is not recorded.
    let orders = OrderDeskProducer::new(harness.outside(), Fingerprint::new("shop", "test"));
    assert_eq!(orders.place("anvil", 2).await.unwrap(), 4021);
    let refused = orders.place("feather", 1).await;
    assert!(matches!(refused, Err(CallError::Documented(Refused::Unknown))), "{refused:?}");
    harness.idle().await;

    let [first, second] = harness.received("place").all();
    assert_eq!(first.parameter::<u32>("quantity"), 2);
    first.assert_acked();
    second.assert_acked();
    let pick = harness.sent("pick").only();
    assert_eq!(pick.route, Route::to_queue("warehouse"));
    assert_eq!(pick.parameters::<(String, u32)>(), ("anvil".to_owned(), 2));
}

/// With the clock paused, a pause of a minute takes no time.
#[tokio::test(start_paused = true)]
async fn a_delivery_of_nothing_is_tried_again_and_rejected() {
    let harness = Harness::new();
    let desk = Desk { warehouse: producer(harness.broker()) };
    let retry = Retry::new(2).first_pause(Duration::from_secs(60));
    let _serving = harness.broker().serve(desk).retry(retry).await.unwrap();

    // As a Python component sends it.
    let body = r#"{"type": "command", "name": "restock", "category": "message", "version": "2",
        "fingerprint": {}, "_reserved": {},
        "content": {"parameters": {"item": "anvil", "quantity": 0}}}"#;
    harness.send_body(Route::new("orders", "orders.stock.moved"), body).await;
    harness.idle_within(Duration::from_secs(120)).await;

    let [first, second] = harness.received("restock").all();
    first.assert_retried("no anvil came");
    second.assert_rejected("no anvil came");
    harness.sent("pick").none();
}

#[tokio::test(start_paused = true)]
async fn a_shop_buys_and_says_why_not() {
    let harness = Harness::new();
    let desk = Mock::serve(harness.outside(), OrderDesk).await.unwrap();
    desk.on("place", |(_, quantity): (String, u32)| match quantity {
        0..=3 => Ok(4021),
        _ => Err(Refused::SoldOut { left: 3 }),
    });
    let orders = OrderDeskProducer::new(harness.broker(), Fingerprint::new("shop", "front-end"));

    assert_eq!(buy(&orders, "anvil").await, "bought as 4021");

    // Before that: one refusal, then no answer in any of the five attempts.
    desk.once("place", Canned::error(Refused::Unknown));
    for _ in 0..5 {
        desk.once("place", Canned::silence());
    }
    assert_eq!(buy(&orders, "feather").await, "no such item");
    assert!(buy(&orders, "anvil").await.starts_with("try later: no answer from"));

    let calls: Vec<(String, u32)> = desk.calls("place");
    assert_eq!(calls.len(), 7);
    assert_eq!(calls[1], ("feather".to_owned(), 1));
}
