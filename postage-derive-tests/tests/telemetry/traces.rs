//! How spans hang together.

use std::time::Duration;

use opentelemetry::trace::SpanKind;
use postage_core::prelude::*;
use serde_json::json;

use crate::services::{Desk, Shop};
use crate::spans::{Spans, Trace, attribute};
use crate::world::{World, within};

/// For what has ended already.
const SOON: Duration = Duration::from_secs(5);

const OVER_TWO_SERVICES: &str = "\
client orders/order
  server orders/order
    client orders/place
      server orders/place
    producer send orders
      consumer process desk
";

async fn over_two_services(world: &World) -> Spans {
    let trace = Trace::begin();
    let shop = Shop { desk: world.producer("desk") };
    let shop = world.serve(shop, "shop", "shop").await;
    let desk = world.serve(Desk, "desk", "desk").await;
    let call = world.producer("shop").rpc::<u64>("order", json!({"item": "anvil"}));
    assert_eq!(trace.of(call).await.unwrap(), 4021);
    let spans = trace.spans(6).await;
    shop.drain(SOON).await;
    desk.drain(SOON).await;
    spans
}

#[tokio::test]
async fn one_trace_spans_caller_broker_and_two_services_over_rabbitmq() {
    let world = World::rabbitmq().await;
    let spans = over_two_services(&world).await;
    assert_eq!(world.plain(&spans.tree()), OVER_TWO_SERVICES);
    for span in spans.all() {
        assert_eq!(attribute(span, "messaging.system"), "rabbitmq");
        let remote = matches!(span.span_kind, SpanKind::Server | SpanKind::Consumer);
        assert_eq!(span.parent_span_is_remote, remote, "{}", span.name);
    }
}

#[tokio::test]
async fn one_trace_spans_caller_and_two_services_in_memory() {
    let world = World::memory();
    let spans = over_two_services(&world).await;
    assert_eq!(spans.tree(), OVER_TWO_SERVICES);
    assert!(spans.all().iter().all(|span| attribute(span, "messaging.system") == "memory"));
}

#[tokio::test]
async fn all_attempts_of_a_call_have_one_parent() {
    let world = World::rabbitmq().await;
    let trace = Trace::begin();
    let desk = world.serve(Desk, "desk", "desk").await;
    let call = world.producer("desk").rpc::<u32>("not_at_first", ());
    let call = call.timeout(Duration::from_secs(1)).max_retry(20);
    assert!(trace.of(call).await.unwrap() >= 2);
    // The first attempt is still with its handler.
    desk.drain(Duration::from_millis(10)).await;
    let name = format!("{}/not_at_first", world.name("orders"));
    let spans = trace.spans(3).await;
    let attempts = attribute(spans.one(&SpanKind::Client, &name), "postage.attempts");
    let attempts: usize = attempts.parse().unwrap();
    let tree = world.plain(&spans.tree());
    let (call, handled) = tree.split_once('\n').unwrap();
    assert_eq!(call, "client orders/not_at_first");
    // On a slow machine, there may be one more on its way when the second is answered.
    assert!((2..=attempts).contains(&handled.lines().count()), "{tree}");
    assert!(handled.lines().all(|line| line == "  server orders/not_at_first"), "{tree}");
    let attempt = |span| attribute(span, "postage.attempt").parse::<u32>().ok();
    let mut attempts: Vec<_> = spans.all().iter().filter_map(attempt).collect();
    attempts.sort_unstable();
    assert_eq!(attempts[..2], [1, 2]);
}

#[tokio::test]
async fn a_call_to_many_is_the_parent_of_all_who_answer() {
    let world = World::rabbitmq().await;
    let trace = Trace::begin();
    let _one = world.serve(Desk, "one", "desk").await;
    let _other = world.serve(Desk, "other", "desk").await;
    let call = world.producer("desk").rpc::<u64>("place", json!({"item": "anvil"}));
    let answers = trace.of(call.answers(Duration::from_secs(20)).first(2)).await;
    assert_eq!(answers.len(), 2);
    let spans = trace.spans(3).await;
    assert_eq!(
        world.plain(&spans.tree()),
        "client orders/place\n  server orders/place\n  server orders/place\n"
    );
    let call = spans.one(&SpanKind::Client, &format!("{}/place", world.name("orders")));
    assert_eq!(attribute(call, "postage.outcome"), "success");
}

#[tokio::test]
async fn a_message_that_comes_to_two_queues_is_the_parent_of_two_deliveries() {
    let world = World::rabbitmq().await;
    let trace = Trace::begin();
    let _one = world.serve(Desk, "one", "desk").await;
    let _other = world.serve(Desk, "other", "*").await;
    trace.of(world.producer("desk").command("restock", json!({"item": "anvil"}))).await.unwrap();
    let spans = trace.spans(3).await;
    let mut lines: Vec<_> = spans.tree().lines().map(|line| world.plain(line)).collect();
    lines[1..].sort_unstable();
    assert_eq!(
        lines,
        ["producer send orders", "  consumer process one", "  consumer process other"]
    );
}

#[tokio::test]
async fn the_span_of_a_ticket_ends_with_its_answer() {
    let world = World::memory();
    let trace = Trace::begin();
    let desk = world.serve(Desk, "desk", "desk").await;
    let call = world.producer("desk").rpc::<u64>("place", json!({"item": "anvil"})).detach();
    let ticket = trace.of(call).await.unwrap();
    let id = ticket.id().to_owned();
    assert_eq!(trace.spans(1).await.tree(), "server orders/place\n");
    assert_eq!(within("the answer", ticket).await.unwrap(), 4021);
    let spans = trace.spans(2).await;
    assert_eq!(spans.tree(), "client orders/place\n  server orders/place\n");
    let call = spans.one(&SpanKind::Client, "orders/place");
    assert_eq!(attribute(call, "messaging.message.id"), id);
    assert_eq!(attribute(call, "postage.outcome"), "success");
    desk.drain(SOON).await;
}

#[tokio::test]
async fn every_attempt_at_a_message_that_fails_is_a_part_of_the_trace() {
    struct Clumsy;
    #[message_processor]
    impl Clumsy {
        #[message_handler("command", "restock")]
        async fn restock(&self, #[context] cx: &Context) -> Result<(), &'static str> {
            if cx.failures() == 0 { Err("it fell") } else { Ok(()) }
        }
    }
    let world = World::memory();
    let trace = Trace::begin();
    let retry = postage_core::Retry::new(2).first_pause(Duration::from_millis(1));
    let serving = world.broker.serve(Clumsy).retry(retry);
    let _serving = serving.bind(world.exchange(), world.queue("desk"), "desk").await.unwrap();
    trace.of(world.producer("desk").command("restock", ())).await.unwrap();
    let spans = trace.spans(3).await;
    let drawn = "producer send orders\n  consumer process desk\n  consumer process desk\n";
    assert_eq!(spans.tree(), drawn);
    let mut outcomes: Vec<_> =
        spans.all().iter().map(|span| attribute(span, "postage.outcome")).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["acked", "retried", "success"]);
}
