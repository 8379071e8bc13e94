//! What spans say.

use opentelemetry::trace::SpanKind;
use postage_core::{CallError, CallFault, SendError};
use serde_json::json;

use crate::services::Desk;
use crate::spans::{Trace, attribute, error};
use crate::world::World;

/// These attributes, with the values that the span has.
fn values(span: &opentelemetry_sdk::trace::SpanData, names: &[&str]) -> Vec<String> {
    names.iter().map(|name| attribute(span, name)).collect()
}

#[tokio::test]
async fn a_call_is_described_alike_on_both_sides() {
    let world = World::rabbitmq().await;
    let trace = Trace::begin();
    let _desk = world.serve(Desk, "order-desk", "desk").await;
    let call = world.producer("desk").rpc::<u64>("place", json!({"item": "anvil"}));
    trace.of(call).await.unwrap();
    let spans = trace.spans(2).await;
    let (exchange, queue) = (world.name("orders"), world.name("order-desk"));
    let name = format!("{exchange}/place");
    let [asks, answers] = [SpanKind::Client, SpanKind::Server].map(|kind| spans.one(&kind, &name));
    let both = ["rpc.system.name", "rpc.method", "postage.name"];
    for side in [asks, answers] {
        assert_eq!(values(side, &both), ["postage", &name, "place"]);
        assert_eq!(attribute(side, "messaging.rabbitmq.destination.routing_key"), "desk");
        assert_eq!(error(side), None);
    }
    let id = attribute(asks, "messaging.message.id");
    assert_eq!(id.len(), 36);
    for id_of in ["messaging.message.id", "messaging.message.conversation_id"] {
        assert_eq!((attribute(asks, id_of), attribute(answers, id_of)), (id.clone(), id.clone()));
    }
    let operation = [
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.destination.name",
        "postage.outcome",
    ];
    assert_eq!(values(asks, &operation), ["call", "send", &format!("{exchange}:desk"), "success"]);
    let came = format!("{exchange}:desk:{queue}");
    assert_eq!(values(answers, &operation), ["process", "process", &came, "acked"]);
    assert_eq!(values(answers, &["postage.service", "postage.attempt"]), ["Desk", "1"]);
    assert_ne!(attribute(answers, "messaging.message.body.size"), "");
}

#[tokio::test]
async fn a_message_is_described_alike_on_both_sides() {
    let world = World::memory();
    let trace = Trace::begin();
    let _desk = world.serve(Desk, "order-desk", "desk").await;
    trace.of(world.producer("desk").command("restock", json!({"item": "anvil"}))).await.unwrap();
    let spans = trace.spans(2).await;
    let sends = spans.one(&SpanKind::Producer, "send orders");
    let handles = spans.one(&SpanKind::Consumer, "process order-desk");
    let names = [
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.destination.name",
        "postage.name",
        "postage.outcome",
        "rpc.method",
    ];
    assert_eq!(values(sends, &names), ["send", "send", "orders:desk", "restock", "success", ""]);
    let came = "orders:desk:order-desk";
    assert_eq!(values(handles, &names), ["process", "process", came, "restock", "acked", ""]);
    let id = attribute(sends, "messaging.message.id");
    assert_eq!((id.len(), attribute(handles, "messaging.message.id")), (36, id));
}

#[tokio::test]
async fn what_fails_says_so_on_both_sides() {
    let world = World::memory();
    let trace = Trace::begin();
    let _desk = world.serve(Desk, "desk", "desk").await;
    let call = world.producer("desk").rpc::<u64>("place", json!({"item": "bomb"}));
    assert!(matches!(trace.of(call).await, Err(CallFault::Exception(_))));
    let spans = trace.spans(2).await;
    let asks = spans.one(&SpanKind::Client, "orders/place");
    assert_eq!(values(asks, &["error.type", "postage.outcome"]), ["exception", "exception"]);
    assert_eq!(error(asks), Some("the service raised Panic: it went off"));
    let answers = spans.one(&SpanKind::Server, "orders/place");
    assert_eq!(attribute(answers, "postage.outcome"), "rejected");
    assert_eq!(error(answers), Some("Panic: it went off"));
}

#[tokio::test]
async fn a_message_that_is_rejected_says_why() {
    let world = World::memory();
    let trace = Trace::begin();
    let _desk = world.serve(Desk, "desk", "desk").await;
    trace.of(world.producer("desk").command("restock", json!({"item": "moon"}))).await.unwrap();
    let spans = trace.spans(2).await;
    assert_eq!(error(spans.one(&SpanKind::Producer, "send orders")), None);
    let handles = spans.one(&SpanKind::Consumer, "process desk");
    assert_eq!(values(handles, &["error.type", "postage.outcome"]), ["rejected", "rejected"]);
    assert_eq!(error(handles), Some("no room for the moon"));
}

#[tokio::test]
async fn a_documented_error_is_an_answer_and_no_failure() {
    let world = World::memory();
    let trace = Trace::begin();
    let _desk = world.serve(Desk, "desk", "desk").await;
    let envelope = postage_core::Envelope::rpc("place", json!({"item": "moon"}));
    let call = world.producer("desk").call::<u64, CallError<String>>(envelope);
    assert!(matches!(trace.of(call).await, Err(CallError::Documented(_))));
    let spans = trace.spans(2).await;
    let asks = spans.one(&SpanKind::Client, "orders/place");
    assert_eq!(values(asks, &["error.type", "postage.outcome"]), ["", "documented_error"]);
    assert!(spans.all().iter().all(|span| error(span).is_none()));
}

#[tokio::test]
async fn what_nobody_takes_and_what_is_given_up_says_so() {
    let world = World::memory();
    let trace = Trace::begin();
    let sent = trace.of(world.producer("desk").command("restock", ())).await;
    assert!(matches!(sent, Err(SendError::Unroutable { .. })));
    let spans = trace.spans(1).await;
    let sends = spans.one(&SpanKind::Producer, "send orders");
    assert_eq!(attribute(sends, "error.type"), "unroutable");
    assert_eq!(
        error(sends),
        Some("no queue took the message sent to exchange `orders` with key `desk`")
    );

    let trace = Trace::begin();
    let _unread = world.listen("desk", "desk").await;
    let call = world.producer("desk").rpc::<u64>("place", ());
    let given_up = tokio::time::timeout(std::time::Duration::from_millis(1), trace.of(call)).await;
    assert!(given_up.is_err());
    let spans = trace.spans(1).await;
    let asks = spans.one(&SpanKind::Client, "orders/place");
    assert_eq!(values(asks, &["error.type", "postage.outcome"]), ["", "dropped"]);
}
