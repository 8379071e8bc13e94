//! What is recorded: what passes over the one connection, and no more.

use postage_core::prelude::*;
use postage_core::testing::{DEFAULT_WAIT, Harness};
use postage_core::{MsgPackCodec, Route};
use serde_json::json;

use crate::desk::{Desk, Orders, outsider, served};

#[tokio::test]
async fn a_call_is_received_its_handler_sends_and_a_reply_goes_out() {
    let (harness, _serving) = served().await;
    harness.sink(&Exchange::DEFAULT, "news").await;
    let placed = outsider(&harness, "orders.desk").rpc::<u64>("place", json!({ "item": "anvil" }));
    let refused = placed.await;
    assert!(refused.is_err(), "a parameter is missing: {refused:?}");
    let parameters = json!({ "item": "anvil", "quantity": 2 });
    let number = outsider(&harness, "orders.desk").rpc::<u64>("place", &parameters).await.unwrap();
    harness.idle().await;

    let [incomplete, complete] = harness.received("place").all();
    incomplete.assert_rejected("`quantity` is missing");
    complete.assert_acked();
    assert_eq!(complete.queue, "desk");
    assert_eq!(complete.route, Route::new("orders", "orders.desk"));
    assert_eq!(complete.parameter::<u32>("quantity"), 2);
    assert_eq!(complete.parameters::<serde_json::Value>(), parameters);
    assert_eq!(complete.message().fingerprint().unwrap().name, "outsider");

    let news = harness.sent("placed").only();
    assert_eq!(news.route, Route::to_queue("news"));
    assert_eq!(news.parameter::<String>("item"), "anvil");
    assert!(news.error.is_none());

    let [exception, value] = harness.replies().all();
    assert_eq!(exception.exception().name, "InvalidParameters");
    assert_eq!(value.value::<u64>(), number);
    assert_eq!(harness.all_received().len(), 2);
    assert_eq!(harness.all_sent().len(), 1);
}

#[tokio::test]
async fn what_passes_outside_is_not_recorded() {
    let harness = Harness::new();
    let _serving = harness.outside().serve(Desk::of(&harness)).await.unwrap();
    outsider(&harness, "orders.any").command("settle", json!({ "how": "ack" })).await.unwrap();
    harness.idle().await;
    harness.all_received().none();
    harness.all_sent().none();
    assert_eq!(harness.to_string(), "nothing was received or sent");
}

#[tokio::test]
async fn a_message_that_no_queue_took_says_so() {
    let (harness, _serving) = served().await;
    let parameters = json!({ "item": "anvil", "quantity": 2 });
    let placed = outsider(&harness, "orders.desk").rpc::<u64>("place", parameters).await;
    assert!(matches!(placed, Err(CallFault::Error { .. })), "{placed:?}");
    harness.idle().await;
    let news = harness.sent("placed").only();
    let error = news.error.as_ref().expect("nobody takes the news");
    assert!(error.to_string().contains("queue `news`"), "{error}");
    assert!(harness.replies().only().error().contains("queue `news`"));
}

#[tokio::test]
async fn several_services_share_one_record() {
    let harness = Harness::new();
    let _desk = harness.broker().serve(Desk::of(&harness)).await.unwrap();
    // The news of the one are the other's to handle.
    let news = Queue::new("news");
    let _reader = harness.broker().serve(Reader).queue(news).await.unwrap();
    let parameters = json!({ "item": "anvil", "quantity": 2 });
    outsider(&harness, "orders.desk").command("place", &parameters).await.unwrap();
    let placed: u64 = outsider(&harness, "orders.desk").rpc("place", parameters).await.unwrap();
    assert_eq!(placed, 4021);
    harness.idle().await;
    let read = harness.received("placed").only();
    assert_eq!(read.queue, "news");
    read.assert_acked();
    let [told, called] = harness.received("place").all();
    assert_eq!(told.queue, "desk");
    called.assert_acked();
}

struct Reader;

#[message_processor]
impl Reader {
    #[message_handler]
    async fn placed(&self, item: String) {
        assert_eq!(item, "anvil");
    }
}

#[tokio::test]
async fn a_body_of_another_codec_is_read() {
    let (harness, _serving) = served().await;
    let packed = harness.outside().with_codec(MsgPackCodec);
    let producer =
        Producer::new(&packed, Fingerprint::default()).eks([(Orders::ROUTE, "orders.a")]);
    producer.command("settle", json!({ "how": "ack" })).await.unwrap();
    harness.idle().await;
    let settle = harness.received("settle").only();
    assert_eq!(settle.parameter::<String>("how"), "ack");
    // The desk itself does not read it.
    settle.assert_rejected("application/msgpack");
}

#[tokio::test]
async fn what_is_forgotten_does_not_come_back_when_it_is_settled() {
    let harness = Harness::new();
    let desk = Desk::of(&harness);
    let gate = desk.gate.clone();
    let _serving = harness.broker().serve(desk).await.unwrap();
    let outsider = outsider(&harness, "orders.any");
    outsider.command("wait", ()).await.unwrap();
    outsider.rpc::<u64>("unknown", ()).await.unwrap_err();
    let [wait] = harness.received("wait").all();
    assert_eq!(wait.settled, None);
    harness.forget();
    outsider.command("settle", json!({ "how": "drop" })).await.unwrap();
    let settled = async {
        while harness.received("settle").iter().all(|message| message.settled.is_none()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEFAULT_WAIT, settled).await.unwrap();
    gate.add_permits(1);
    harness.idle().await;
    let settle = harness.all_received().only();
    assert_eq!(settle.name(), "settle");
    assert!(settle.to_string().ends_with("dropped: it said drop"), "{settle}");
}
