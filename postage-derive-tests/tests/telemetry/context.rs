//! The headers of a message, byte by byte.

use opentelemetry::trace::SpanKind;
use opentelemetry_sdk::trace::SpanData;
use postage_core::Producer;
use postage_core::prelude::*;
use postage_core::transport::Properties;
use serde_json::json;
use tracing::subscriber::NoSubscriber;

use crate::services::Desk;
use crate::spans::{Trace, attribute, found};
use crate::world::{World, next};

/// As any other program may publish it.
const RESTOCK: &str = r#"{"type":"command","name":"restock","category":"message","version":"2","fingerprint":{},"content":{"parameters":{"item":"anvil"}},"_reserved":{}}"#;

fn header(properties: &Properties, name: &str) -> Option<String> {
    properties.header(name).and_then(|value| value.as_str()).map(str::to_owned)
}

/// The span that handled the message of this id.
async fn handled(id: &str) -> SpanData {
    found("span of the message", |spans| {
        let of_it = |span: &&SpanData| attribute(span, "messaging.message.id") == id;
        spans.iter().find(of_it).cloned()
    })
    .await
}

#[tokio::test]
async fn a_message_carries_its_span_as_trace_context_writes_it() {
    let world = World::rabbitmq().await;
    let trace = Trace::begin();
    let mut came = world.listen("desk", "desk").await;
    trace.of(world.producer("desk").command("restock", ())).await.unwrap();
    let (properties, _) = next(&mut came).await;
    let sent = trace.spans(1).await;
    let sent = sent.one(&SpanKind::Producer, &format!("send {}", world.name("orders")));
    let written = header(&properties, "traceparent").expect("it carries one");
    let parts: Vec<_> = written.split('-').collect();
    let [version, trace_id, parent, flags] = parts[..] else { panic!("{written}") };
    assert_eq!((version, flags), ("00", "01"));
    assert_eq!(trace_id, format!("{:032x}", u128::from_be_bytes(trace.id().to_bytes())));
    let id = u64::from_be_bytes(sent.span_context.span_id().to_bytes());
    assert_eq!(parent, format!("{id:016x}"));
    assert_eq!(written.len(), 55);
    assert_eq!(header(&properties, "tracestate"), None);
}

#[tokio::test]
async fn each_attempt_of_a_call_carries_the_same_and_its_reply_nothing() {
    let world = World::memory();
    let trace = Trace::begin();
    let mut came = world.listen("desk", "desk").await;
    let call = world.producer("desk").rpc::<u64>("place", ());
    let call = call.timeout(std::time::Duration::from_millis(100)).max_retry(50);
    let call = tokio::spawn(trace.of(call));
    let (first, _) = next(&mut came).await;
    let (second, _) = next(&mut came).await;
    assert!(header(&first, "traceparent").is_some());
    assert_eq!(header(&first, "traceparent"), header(&second, "traceparent"));
    assert_eq!(first.message_id, second.message_id);
    call.abort();

    let _desk = world.serve(Desk, "served", "served").await;
    let mut replies = world.listen("replies", "replies").await;
    let asked = Producer::new(&world.broker, Fingerprint::default());
    let asked = asked.eks([(world.exchange(), "served")]);
    trace.of(asked.rpc::<u64>("place", json!({"item": "anvil"}))).await.unwrap();
    let mut properties = Properties::default();
    properties.reply_to = Some(world.name("replies").into());
    properties.message_id = Some("1".into());
    properties.set_header("traceparent", header(&first, "traceparent").unwrap());
    let body = RESTOCK.replace("restock", "place").replace("message", "rpc");
    world.publish("served", properties, &body).await;
    let (reply, _) = next(&mut replies).await;
    assert!(reply.headers.is_empty(), "{:?}", reply.headers);
}

#[tokio::test]
async fn a_context_that_another_program_wrote_is_taken_up() {
    const STATE: &str = "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7";
    let world = World::rabbitmq().await;
    drop(Trace::begin());
    let desk = world.serve(Desk, "desk", "desk").await;
    let id = world.name("by hand");
    let mut properties = Properties::default();
    properties.message_id = Some(id.clone().into());
    properties.set_header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    properties.set_header("tracestate", STATE);
    world.publish("desk", properties, RESTOCK).await;
    let span = handled(&id).await;
    assert_eq!(span.span_context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
    assert!(span.parent_span_is_remote);
    assert_eq!(span.span_context.trace_state().header(), STATE);
    assert_eq!(span.span_kind, SpanKind::Consumer);
    assert_eq!(attribute(&span, "postage.outcome"), "acked");
    drop(desk);
}

#[tokio::test]
async fn a_state_that_came_goes_on_with_what_the_handler_sends() {
    struct Relay(Producer);
    #[message_processor]
    impl Relay {
        #[message_handler("command", "restock")]
        async fn restock(&self) {
            self.0.status("restocked").await.expect("somebody hears");
        }
    }
    let world = World::memory();
    drop(Trace::begin());
    let mut heard = world.listen("heard", "heard").await;
    let _relay = world.serve(Relay(world.producer("heard")), "desk", "desk").await;
    let mut properties = Properties::default();
    properties.message_id = Some("a state".into());
    properties.set_header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01");
    properties.set_header("tracestate", "congo=t61rcWkgMzE");
    world.publish("desk", properties, RESTOCK).await;
    let (properties, _) = next(&mut heard).await;
    let parent = header(&properties, "traceparent").expect("it carries one");
    assert!(parent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4737-"), "{parent}");
    assert!(!parent.contains("00f067aa0ba902b7"), "{parent}");
    assert_eq!(header(&properties, "tracestate").as_deref(), Some("congo=t61rcWkgMzE"));
}

#[tokio::test]
async fn a_malformed_context_is_passed_over() {
    let world = World::memory();
    drop(Trace::begin());
    let _desk = world.serve(Desk, "desk", "desk").await;
    for (id, parent) in [
        ("no context", "hello"),
        ("no trace", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
        ("capitals", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
    ] {
        let mut properties = Properties::default();
        properties.message_id = Some(id.into());
        properties.set_header("traceparent", parent);
        world.publish("desk", properties, RESTOCK).await;
        let span = handled(id).await;
        assert_eq!(span.parent_span_id.to_string(), "0000000000000000", "{parent}");
        assert_eq!(attribute(&span, "postage.outcome"), "acked");
    }
}

#[tokio::test]
async fn a_context_of_the_programs_own_is_left_and_linked_to() {
    const OWN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4738-00f067aa0ba902b7-01";
    let world = World::memory();
    let trace = Trace::begin();
    let mut came = world.listen("desk", "desk").await;
    let send = world.producer("desk").command("restock", ()).header("traceparent", OWN);
    trace.of(send).await.unwrap();
    let (properties, _) = next(&mut came).await;
    assert_eq!(header(&properties, "traceparent").as_deref(), Some(OWN));
    let spans = trace.spans(1).await;
    let links = &spans.one(&SpanKind::Producer, "send orders").links.links;
    let linked: Vec<_> = links.iter().map(|link| link.span_context.span_id().to_string()).collect();
    assert_eq!(linked, ["00f067aa0ba902b7"]);
}

#[tokio::test]
async fn without_a_span_there_is_no_header() {
    // Of this thread, on which all of this test runs.
    let _nobody = tracing::subscriber::set_default(NoSubscriber::default());
    let world = World::memory();
    let mut came = world.listen("desk", "desk").await;
    world.producer("desk").command("restock", ()).await.unwrap();
    let (properties, _) = next(&mut came).await;
    assert!(properties.headers.is_empty(), "{:?}", properties.headers);
}

#[tokio::test]
async fn a_context_of_opentelemetry_alone_is_carried_where_no_span_is_wanted() {
    use opentelemetry::Context;
    use opentelemetry::trace::{
        FutureExt, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    };
    let _nobody = tracing::subscriber::set_default(NoSubscriber::default());
    let world = World::memory();
    let mut came = world.listen("desk", "desk").await;
    let (trace, span) = (TraceId::from(7), SpanId::from(9));
    let around = SpanContext::new(trace, span, TraceFlags::NOT_SAMPLED, false, TraceState::NONE);
    let around = Context::new().with_remote_span_context(around);
    world.producer("desk").command("restock", ()).with_context(around).await.unwrap();
    let (properties, _) = next(&mut came).await;
    let expected = "00-00000000000000000000000000000007-0000000000000009-00";
    assert_eq!(header(&properties, "traceparent").as_deref(), Some(expected));
}
