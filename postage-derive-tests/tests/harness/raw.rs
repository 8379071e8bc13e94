//! Bodies as a peer of another make sends them.

use postage_core::{Route, prelude::*, testing::Harness};
use serde_json::json;

use crate::desk::{outsider, panic_in, served};

fn desk() -> Route {
    Route::new("orders", "orders.desk")
}

fn call(name: &str, parameters: &str) -> String {
    format!(
        r#"{{"type": "command", "name": "{name}", "category": "rpc", "version": "2",
            "fingerprint": {{}}, "_reserved": {{}}, "content": {{"parameters": {parameters}}}}}"#
    )
}

#[tokio::test]
async fn a_call_gets_its_value_its_error_and_its_exception() {
    let (harness, _serving) = served().await;
    harness.sink(&Exchange::DEFAULT, "news").await;
    let reply =
        harness.call_body(desk(), call("place", r#"{"item": "anvil", "quantity": 2}"#)).await;
    assert_eq!(reply.value::<u64>(), 4021);
    let reply =
        harness.call_body(desk(), call("place", r#"{"item": "anvil", "quantity": 0}"#)).await;
    assert_eq!(reply.error(), "no anvil wanted");
    let reply = harness.call_body(desk(), call("palce", "{}")).await;
    assert_eq!(reply.exception().name, "UnknownCommand");
    // As Python's requests: the content type and the reply address, and no more.
    let [first, ..] = harness.received("place").all::<2>();
    let properties = &first.properties;
    assert_eq!(properties.content_type.as_deref(), Some("application/json"));
    assert!(properties.reply_to.is_some() && properties.message_id.is_none());
    assert_eq!(properties.correlation_id, None);
}

#[tokio::test]
async fn a_body_that_is_no_message_is_received_and_rejected() {
    let (harness, _serving) = served().await;
    harness.send_body(desk(), &b"not json"[..]).await;
    harness.idle().await;
    let received = harness.all_received().only();
    assert_eq!((received.kind(), received.name()), ("", ""));
    received.assert_rejected("MalformedMessage");
    let shown = received.to_string();
    assert!(shown.contains(r#"a body that is no message: "not json""#), "{shown}");
    let reply = harness.call_body(desk(), &b"\xff"[..]).await;
    assert_eq!(reply.exception().name, "MalformedMessage");
}

#[tokio::test]
async fn a_body_that_no_queue_takes_is_a_panic_that_says_where_it_went() {
    let harness = Harness::new();
    harness.sink(&crate::desk::Orders::ROUTE, "orders.other").await;
    let text = panic_in(harness.send_body(desk(), "{}")).await;
    assert!(text.contains("raw.rs:"), "{text}");
    assert!(text.contains("exchange `orders` with key `orders.desk`"), "{text}");
    let text = panic_in(harness.call_body(desk(), "{}")).await;
    assert!(text.contains("exchange `orders` with key `orders.desk`"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_reply_is_a_panic_that_says_what_there_was() {
    let (harness, _serving) = served().await;
    outsider(&harness, "orders.any").command("settle", json!({ "how": "ack" })).await.unwrap();
    harness.sink(&Exchange::DEFAULT, "letters").await;
    let text = panic_in(harness.call_body(Route::to_queue("letters"), call("place", "{}"))).await;
    assert!(text.contains("no reply from queue `letters` (default exchange) within 10s"), "{text}");
    assert!(text.contains("received command `settle`"), "{text}");
}
