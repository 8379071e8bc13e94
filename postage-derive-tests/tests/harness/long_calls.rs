//! Long calls: what a mock says before its answer, and what the harness keeps of statuses.

use postage_core::prelude::*;
use postage_core::testing::{Canned, Harness, Mock};
use postage_core::{CallOutcome, Event, Events};
use serde_json::json;

use crate::desk::{OrderDesk, OrderDeskProducer, outsider, served};

/// How far the call had come each time, and how it ended.
async fn heard<T, X>(mut events: Events<T, X>) -> (Vec<(u64, String)>, Result<T, X>)
where
    T: serde::de::DeserializeOwned + Send + 'static,
    X: CallOutcome,
{
    let mut steps = Vec::new();
    loop {
        match events.next().await.expect("it has an end") {
            Event::Progress(step) => steps.push((step.completed, step.details().unwrap())),
            Event::Ended(result) => return (steps, result),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_mock_tells_all_its_progress_before_its_answer() {
    let broker = Broker::memory();
    let desk = Mock::serve(&broker, OrderDesk).await.unwrap();
    let orders = OrderDeskProducer::new(&broker, Fingerprint::new("shop", "test"));
    let canned = Canned::value(7).after_progress(1, 2, "aisle 1").after_progress(2, 2, "aisle 2");
    desk.always("count", canned);
    let (steps, value) = heard(orders.count(None).events()).await;
    assert_eq!(steps, [(1, "aisle 1".to_owned()), (2, "aisle 2".to_owned())]);
    assert_eq!(value.unwrap(), 7);
    assert_eq!(orders.count(None).await.unwrap(), 7, "who does not ask hears nothing of it");
}

#[tokio::test]
async fn a_mock_declines_a_call_as_a_handler_does() {
    let harness = Harness::new();
    let desk = Mock::serve(harness.broker(), OrderDesk).await.unwrap();
    let orders = OrderDeskProducer::new(harness.outside(), Fingerprint::new("shop", "test"));
    desk.once("place", Canned::rejected("closed").after_progress(1, 2, ()));
    match orders.place("anvil", 1).await {
        Err(CallError::Fault(CallFault::Rejected { reason })) => assert_eq!(reason, "closed"),
        other => panic!("expected a rejection, got {other:?}"),
    }
    assert!(harness.replies().only().message().is_rejection());
}

#[tokio::test]
async fn statuses_of_calls_are_kept_apart_from_what_a_service_sends() {
    let (harness, _serving) = served().await;
    harness.sink(&Exchange::DEFAULT, "news").await;
    let parameters = json!({ "item": "anvil", "quantity": 2 });
    let call = outsider(&harness, "orders.desk").rpc::<u64>("place", parameters);
    let mut events = call.events();
    while events.next().await.is_some() {}
    harness.idle().await;
    let [accepted, started] = harness.statuses().all();
    assert_eq!((accepted.name(), started.name()), ("accepted", "started"));
    assert_eq!(harness.all_sent().only().name(), "placed");
    harness.sent("accepted").none();
    assert_eq!(harness.replies().only().value::<u64>(), 4021);
}
