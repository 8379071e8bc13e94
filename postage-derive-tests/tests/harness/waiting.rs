//! What a harness waits for until it is idle, and what not.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::testing::Harness;
use postage_core::{Retry, testing::DEFAULT_WAIT};
use serde_json::json;

use crate::desk::{Desk, outsider, panic_in, served, served_with};

#[tokio::test]
async fn it_is_idle_when_the_last_handler_has_settled() {
    let harness = Harness::new();
    let desk = Desk::of(&harness);
    let gate = desk.gate.clone();
    let _serving = harness.broker().serve(desk).prefetch(1).await.unwrap();
    for _ in 0..3 {
        outsider(&harness, "orders.any").command("wait", ()).await.unwrap();
    }
    let open = async {
        for _ in 0..3 {
            tokio::task::yield_now().await;
            gate.add_permits(1);
        }
    };
    tokio::join!(biased; harness.idle(), open);
    let waited: [_; 3] = harness.received("wait").all();
    waited.iter().for_each(|message| message.assert_acked());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_settled_when_it_is_idle_on_several_threads_too() {
    let (harness, _serving) = served_with(|serve| serve.prefetch(3)).await;
    let outsider = outsider(&harness, "orders.any");
    for round in 1..=20 {
        for _ in 0..10 {
            outsider.command("settle", json!({ "how": "ack" })).await.unwrap();
        }
        harness.idle().await;
        let received = harness.received("settle");
        assert_eq!(received.len(), round * 10);
        received.iter().for_each(|message| message.assert_acked());
    }
}

#[tokio::test]
async fn a_message_that_nobody_consumes_is_not_waited_for() {
    let harness = Harness::new();
    harness.sink(&Exchange::DEFAULT, "letters").await;
    let producer = Producer::new(harness.broker(), Fingerprint::default())
        .eks([(Exchange::DEFAULT, "letters")]);
    producer.status("hello").await.unwrap();
    harness.idle().await;
    assert_eq!(harness.sent("hello").only().kind(), "status");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_end_is_named_by_its_queue_at_the_limit() {
    let (harness, _serving) = served_with(|serve| serve.prefetch(1)).await;
    for _ in 0..3 {
        outsider(&harness, "orders.any").command("wait", ()).await.unwrap();
    }
    let begun = tokio::time::Instant::now();
    let text = panic_in(harness.idle()).await;
    assert_eq!(begun.elapsed(), DEFAULT_WAIT);
    assert!(text.contains("waiting.rs:"), "{text}");
    assert!(text.contains("still under way after 10s"), "{text}");
    assert!(text.contains("`desk`: 1 not settled, `desk`: 2 waiting for a consumer"), "{text}");
    assert!(
        text.contains("received command `wait` null from queue `desk`: not settled yet"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_longer_than_the_limit_is_named() {
    let retry = Retry::new(2).first_pause(Duration::from_secs(60));
    let (harness, _serving) = served_with(|serve| serve.retry(retry)).await;
    outsider(&harness, "orders.any").command("settle", json!({ "how": "fail" })).await.unwrap();
    let text = panic_in(harness.idle()).await;
    assert!(text.contains("`desk.retry.q.60000`: 1 waiting for their time"), "{text}");
    harness.idle_within(Duration::from_secs(61)).await;
    assert_eq!(harness.received("settle").len(), 2);
}

#[tokio::test]
async fn a_harness_with_nothing_under_way_is_idle_at_once() {
    Harness::new().idle().await;
    let (harness, _serving) = served().await;
    harness.idle_within(Duration::from_secs(3600)).await;
}
