//! Layers run within the spans of what they are around.

use std::sync::mpsc;

use opentelemetry::trace::{TraceContextExt, TraceId};
use postage_core::{Handling, Sending};
use serde_json::json;
use tower::ServiceBuilder;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::services::Desk;
use crate::spans::Trace;
use crate::world::World;

/// The name of the current span, and its trace.
fn here() -> (&'static str, TraceId) {
    let span = Span::current();
    let name = span.metadata().expect("there is one").name();
    (name, span.context().span().span_context().trace_id())
}

#[tokio::test]
async fn layers_run_within_the_spans_also_behind_a_buffer() {
    let world = World::memory();
    let trace = Trace::begin();
    let (seen, places) = mpsc::channel();
    let at_service = seen.clone();
    let of_service = ServiceBuilder::new().buffer(4).map_request(move |handling: Handling| {
        at_service.send(here()).expect("the test listens");
        handling
    });
    let serving = world.broker.serve(Desk).layer(of_service);
    let _desk = serving.bind(world.exchange(), world.queue("desk"), "desk").await.unwrap();
    let of_client = ServiceBuilder::new().buffer(4).map_request(move |sending: Sending| {
        assert!(sending.headers().get("traceparent").is_some());
        seen.send(here()).expect("the test listens");
        sending
    });
    let client = world.producer("desk").layer(of_client);
    trace.of(client.rpc::<u64>("place", json!({"item": "anvil"}))).await.unwrap();
    trace.of(client.command("restock", json!({"item": "anvil"}))).await.unwrap();
    let spans = trace.spans(4).await;
    assert_eq!(
        spans.tree(),
        "client orders/place\n  server orders/place\nproducer send orders\n  consumer process desk\n"
    );
    let mut names = Vec::new();
    for (name, of) in places.try_iter() {
        assert_eq!(of, trace.id());
        names.push(name);
    }
    assert_eq!(names, ["call", "process", "send", "process"]);
}
