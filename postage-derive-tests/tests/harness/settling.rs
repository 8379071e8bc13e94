//! How each message was settled.

use std::time::Duration;

use postage_core::prelude::*;
use postage_core::testing::{Harness, Settled};
use postage_core::transport::{Settlement, Source};
use postage_core::{Retry, Route};
use serde_json::json;

use crate::desk::{Dead, outsider, panic_in, served, served_with};

async fn settled_as(harness: &Harness, key: &'static str, how: &str) -> Settled {
    outsider(harness, key).command("settle", json!({ "how": how })).await.unwrap();
    harness.idle().await;
    harness.received("settle").only().settled.expect("it is settled when the harness is idle")
}

#[tokio::test]
async fn a_handled_message_is_acked() {
    let (harness, _serving) = served().await;
    assert_eq!(settled_as(&harness, "orders.any", "ack").await, Settled::Acked);
}

#[tokio::test]
async fn a_useless_message_is_dropped_with_its_reason() {
    let (harness, _serving) = served().await;
    let reason = "it said drop".to_owned();
    assert_eq!(settled_as(&harness, "orders.any", "drop").await, Settled::Dropped { reason });
}

#[tokio::test]
async fn a_message_without_dead_letters_is_rejected_with_its_reason() {
    let (harness, _serving) = served().await;
    let reason = "it said reject".to_owned();
    assert_eq!(settled_as(&harness, "orders.any", "reject").await, Settled::Rejected { reason });
}

#[tokio::test]
async fn a_dead_letter_says_where_it_went_and_is_not_sent() {
    let (harness, _serving) = served().await;
    harness.sink(&Dead::ROUTE, "").await;
    let settled = settled_as(&harness, "careful", "reject").await;
    let (reason, route) = ("it said reject".to_owned(), Route::new("dead", "careful"));
    assert_eq!(settled, Settled::DeadLettered { reason, route });
    harness.all_sent().none();
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_no_queue_takes_is_kept_until_one_does() {
    let (harness, _serving) = served().await;
    outsider(&harness, "careful").command("settle", json!({ "how": "reject" })).await.unwrap();
    let text = panic_in(harness.idle()).await;
    assert!(text.contains("since no queue took it: it said reject"), "{text}");
    harness.sink(&Dead::ROUTE, "").await;
    harness.idle().await;
    let settled = harness.received("settle");
    let [Some(Settled::Kept { reason, after }), .., Some(Settled::DeadLettered { .. })] =
        &*settled.iter().map(|it| it.settled.clone()).collect::<Vec<_>>()
    else {
        panic!("{harness}");
    };
    assert_eq!((&**reason, *after), ("it said reject", Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_fails_is_retried_and_each_attempt_is_received() {
    let retry = Retry::new(3).first_pause(Duration::from_secs(1));
    let (harness, _serving) = served_with(|serve| serve.retry(retry)).await;
    outsider(&harness, "orders.any").command("settle", json!({ "how": "fail" })).await.unwrap();
    harness.idle().await;
    let reason = || "it said fail".to_owned();
    let after = Duration::from_secs;
    let settled: Vec<_> =
        harness.received("settle").into_iter().filter_map(|message| message.settled).collect();
    assert_eq!(
        settled,
        [
            Settled::Retried { reason: reason(), after: after(1) },
            Settled::Retried { reason: reason(), after: after(2) },
            Settled::Rejected { reason: reason() },
        ]
    );
    harness.all_sent().none();
}

#[tokio::test]
async fn what_is_settled_by_hand_is_recorded_too() {
    let harness = Harness::new();
    harness.sink(&Exchange::DEFAULT, "letters").await;
    let outside = Producer::new(harness.outside(), Fingerprint::default())
        .eks([(Exchange::DEFAULT, "letters")]);
    outside.status("hello").await.unwrap();
    let source = Source::new("letters").prefetch(1);
    let mut letters = harness.broker().transport().consume(source).await.unwrap();
    let dropped = letters.next().await.unwrap().unwrap();
    drop(dropped);
    for settlement in [Settlement::Requeue, Settlement::Reject] {
        let letter = letters.next().await.unwrap().unwrap();
        letter.settle(settlement).await.unwrap();
    }
    harness.idle().await;
    let received = harness.received("hello");
    let redelivered: Vec<_> = received.iter().map(|letter| letter.redelivered).collect();
    assert_eq!(redelivered, [false, true, true]);
    let settled: Vec<_> = received.into_iter().filter_map(|letter| letter.settled).collect();
    let rejected = Settled::Rejected { reason: String::new() };
    assert_eq!(settled, [Settled::Requeued, Settled::Requeued, rejected]);
}
