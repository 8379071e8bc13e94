//! What is said when something does not hold: it names what was there instead.

use postage_core::prelude::*;
use postage_core::testing::Harness;
use serde_json::json;

use crate::desk::{outsider, panic_of, served};

/// A harness over which `place` was called, and answered with 4021.
async fn after_a_call() -> (Harness, Serving) {
    let (harness, serving) = served().await;
    harness.sink(&Exchange::DEFAULT, "news").await;
    let parameters = json!({ "item": "anvil", "quantity": 2 });
    outsider(&harness, "orders.desk").rpc::<u64>("place", parameters).await.unwrap();
    harness.idle().await;
    (harness, serving)
}

#[tokio::test]
async fn a_message_that_is_not_there_shows_all_that_were() {
    let (harness, _serving) = after_a_call().await;
    let text = panic_of(|| harness.sent("picked").only());
    let expected = r#"expected 1 sent as `picked`, found 0; what was received and sent:
  received command `place` {"item":"anvil","quantity":2} from queue `desk`: acknowledged
  sent command `placed` {"item":"anvil"} to queue `news` (default exchange)
  sent the value 4021 to queue `"#;
    assert!(text.starts_with(expected), "{text}");
}

#[tokio::test]
async fn more_or_fewer_than_expected_are_counted() {
    let (harness, _serving) = after_a_call().await;
    let text = panic_of(|| harness.received("place").all::<2>());
    assert!(text.starts_with("expected 2 received as `place`, found 1; "), "{text}");
    let text = panic_of(|| harness.received("place").none());
    assert!(text.starts_with("expected 0 received as `place`, found 1; "), "{text}");
    let text = panic_of(|| Harness::new().all_received().only());
    assert_eq!(text, "expected 1 received, found 0; nothing was received or sent");
}

#[tokio::test]
async fn a_parameter_that_is_not_there_or_of_another_type_shows_those_that_are() {
    let (harness, _serving) = after_a_call().await;
    let place = harness.received("place").only();
    let shown = r#"command `place` {"item":"anvil","quantity":2}"#;
    let text = panic_of(|| place.parameter::<u32>("quantty"));
    assert_eq!(text, format!("there is no parameter `quantty` in {shown}"));
    let text = panic_of(|| place.parameter::<String>("quantity"));
    assert!(text.starts_with("the parameter `quantity` is no `alloc::string::String`"), "{text}");
    assert!(text.ends_with(shown), "{text}");
    let text = panic_of(|| place.parameters::<Vec<u32>>());
    assert!(text.contains("no `alloc::vec::Vec<u32>`") && text.ends_with(shown), "{text}");
    let text = panic_of(|| place.value::<u32>());
    assert_eq!(text, format!("there is no value in {shown}"));
}

#[tokio::test]
async fn a_reply_of_another_kind_shows_what_it_is() {
    let (harness, _serving) = after_a_call().await;
    let reply = harness.replies().only();
    assert_eq!(panic_of(|| reply.error()), "there is no documented error in the value 4021");
    assert_eq!(panic_of(|| reply.exception()), "there is no exception in the value 4021");
    let text = panic_of(|| reply.value::<String>());
    assert!(text.starts_with("the value is no `alloc::string::String`"), "{text}");
}

#[tokio::test]
async fn another_settlement_than_expected_says_which_it_was() {
    let (harness, _serving) = after_a_call().await;
    let place = harness.received("place").only();
    let shown = place.to_string();
    let text = panic_of(|| place.assert_rejected("no room"));
    assert_eq!(text, format!("expected it to be rejected because of \"no room\": {shown}"));
    let text = panic_of(|| place.assert_retried("no room"));
    assert_eq!(text, format!("expected it to be tried again because of \"no room\": {shown}"));

    harness.forget();
    outsider(&harness, "orders.any").command("settle", json!({ "how": "reject" })).await.unwrap();
    harness.idle().await;
    let settle = harness.received("settle").only();
    let text = panic_of(|| settle.assert_acked());
    assert!(text.ends_with("rejected: it said reject"), "{text}");
    let text = panic_of(|| settle.assert_rejected("it said drop"));
    assert!(text.ends_with("rejected: it said reject"), "{text}");
}
