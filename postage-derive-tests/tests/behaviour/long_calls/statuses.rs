//! What the callers of long calls are told, and in which order.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use postage_core::transport::Properties;
use postage_core::{Event, Events, Serve};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Inbox, served, yard};
use crate::world::{DEADLINE, World, nothing_more, seen, success};

on_every_broker! {
    a_thousand_calls_at_once_each_hear_of_themselves_alone_and_in_order,
    a_million_steps_cost_the_broker_at_most_the_set_rate,
    a_status_has_the_properties_the_names_and_the_contents_that_are_promised,
    who_asks_for_nothing_gets_the_result_alone,
    a_thousand_calls_at_once_are_told_in_order_on_the_wire,
    the_longest_time_between_reports_is_no_harm,
    a_progress_that_is_too_large_is_not_told,
}

async fn a_thousand_calls_at_once_each_hear_of_themselves_alone_and_in_order(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let producer = place.producer(&broker);
    let mut calls = JoinSet::new();
    for number in 0..1_000_u64 {
        let call = producer.rpc::<u64>("count", number).data(json!({ "mine": number }));
        let mut events = call.timeout(DEADLINE * 3).events();
        calls.spawn(async move {
            assert!(matches!(next_of(&mut events).await, Event::Accepted), "{number}");
            assert!(matches!(next_of(&mut events).await, Event::Started), "{number}");
            let mut last = 0;
            loop {
                match next_of(&mut events).await {
                    Event::Progress(progress) => {
                        assert_eq!(progress.details::<u64>().unwrap(), number);
                        assert_eq!(progress.data::<Value>().unwrap(), json!({ "mine": number }));
                        assert!(progress.completed > last, "{number}: {progress:?} after {last}");
                        last = progress.completed;
                    }
                    Event::Ended(result) => {
                        assert_eq!((last, result.unwrap()), (30, number));
                        assert!(events.next().await.is_none());
                        return;
                    }
                    other => panic!("{number}: {other:?} after the start"),
                }
            }
        });
    }
    let ended = tokio::time::timeout(DEADLINE * 3, calls.join_all()).await;
    assert_eq!(ended.expect("all calls end").len(), 1_000);
}

async fn next_of(events: &mut Events<u64>) -> Event<u64> {
    events.next().await.expect("the end comes last")
}

async fn a_million_steps_cost_the_broker_at_most_the_set_rate(world: World) {
    const STEPS: u64 = 1_000_000;
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let since = Instant::now();
    let asked = [("postage-statuses", true.into())];
    inbox.asks((&broker, &place), "1", ("many_steps", json!(STEPS)), &asked).await;
    let (mut messages, mut last) = (0, Value::Null);
    loop {
        let message = inbox.next().await;
        messages += 1;
        match message.json() {
            result if result["type"] == "result" => break,
            status if status["name"] == "progress" => last = status["content"].clone(),
            _ => {}
        }
    }
    let took = since.elapsed();
    // Accepted, started, the first progress, the last one, the result; ten a second between them.
    let most = 5 + took.as_millis() / 100;
    println!("a million steps took {took:?} and {messages} messages, {most} at most");
    assert!(messages <= most, "{messages} messages in {took:?}");
    assert_eq!(last, json!({ "total": STEPS, "completed": STEPS, "details": null }));
}

async fn a_status_has_the_properties_the_names_and_the_contents_that_are_promised(world: World) {
    let (broker, place, yard, _serving, mut ear) = served(&world).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let asked = [("postage-statuses", true.into()), ("postage-data", r#"{"group":2}"#.into())];
    inbox.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    assert_eq!(ear.hears().await, "hauls 7");
    let loaded = json!({ "total": 2, "completed": 1, "details": "loaded" });
    let unloaded = json!({ "total": 2, "completed": 2, "details": "unloaded" });
    let statuses = [
        ("accepted", json!({})),
        ("started", json!({})),
        ("progress", loaded),
        ("progress", unloaded),
    ];
    for (place, (name, content)) in statuses.into_iter().enumerate() {
        if place == 3 {
            yard.gate.open(1);
        }
        let status = inbox.next().await;
        let body = status.json();
        assert_eq!((&body["type"], &body["name"]), (&json!("status"), &json!(name)));
        assert_eq!((&body["category"], &body["version"]), (&json!("message"), &json!("2")));
        assert_eq!((&body["content"], &body["_reserved"]), (&content, &json!({})));
        assert_eq!(body["fingerprint"]["type"], "service");
        assert_eq!(status.properties.kind.as_deref(), Some("status"));
        assert_eq!(status.properties.content_type.as_deref(), Some("application/json"));
        let data = status.properties.header("postage-data").expect("it is returned");
        assert_eq!(data.as_str(), Some(r#"{"group":2}"#));
    }
    let result = inbox.next().await;
    assert_eq!((&result.properties.kind, result.properties.headers.len()), (&None, 0));
    assert_eq!(result.json(), serde_json::from_str::<Value>(&success(&json!(7))).unwrap());
    nothing_more(&broker, &inbox.queue, &mut inbox.messages).await;
}

async fn who_asks_for_nothing_gets_the_result_alone(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    // Data alone asks for nothing.
    let asked = [("postage-data", "1".into()), ("postage-statuses", false.into())];
    inbox.asks((&broker, &place), "1", ("count", json!(3)), &asked).await;
    assert_eq!(inbox.next().await.json()["content"]["value"], 3);
    nothing_more(&broker, &inbox.queue, &mut inbox.messages).await;
}

async fn a_thousand_calls_at_once_are_told_in_order_on_the_wire(world: World) {
    const CALLS: usize = 1_000;
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    for number in 0..CALLS {
        let mut properties = Properties::default();
        properties.message_id = Some(number.to_string().into());
        properties.correlation_id = Some(number.to_string().into());
        let asked = [("postage-statuses", true.into())];
        inbox.asks_with((&broker, &place), properties, ("count", json!(number)), &asked).await;
    }
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    let (mut last, mut results) = (HashMap::new(), 0);
    while results < CALLS {
        let message = seen(&mut inbox.messages).await;
        let id = message.properties.correlation_id.clone().expect("it says whose it is");
        let json = message.json();
        if json["name"] == "progress" {
            assert_eq!(json["content"]["details"].to_string(), id);
            let now = json["content"]["completed"].as_u64().expect("it is a number");
            let before = last.insert(id.to_string(), now);
            assert!(before < Some(now), "{id}: {now} after {before:?}");
        }
        if json["type"] == "result" {
            assert_eq!(json["content"]["value"].to_string(), id);
            results += 1;
        }
        told.entry(id.into_owned()).or_default().push(message.name());
    }
    for (id, mut names) in told {
        names.dedup();
        assert_eq!(names, ["accepted", "started", "progress", "none"], "{id}");
        assert_eq!(last[&id], 30, "{id}");
    }
    nothing_more(&broker, &inbox.queue, &mut inbox.messages).await;
}

async fn the_longest_time_between_reports_is_no_harm(world: World) {
    let broker = world.broker().await;
    let place = world.place("yard");
    let (yard, mut ear) = yard();
    let longest = |serve: Serve| serve.progress_every(Duration::MAX);
    let _serving = place.serve_with(&broker, Arc::clone(&yard), longest).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let asked = [("postage-statuses", true.into())];
    inbox.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    assert_eq!(ear.hears().await, "hauls 7");
    for name in ["accepted", "started", "progress"] {
        assert_eq!(inbox.next().await.name(), name);
    }
    yard.gate.open(1);
    assert_eq!(inbox.names(1).await, ["progress", "none"], "the last one does not wait");
}

async fn a_progress_that_is_too_large_is_not_told(world: World) {
    let (broker, place, _yard, _serving, _ear) = served(&world).await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let asked = [("postage-statuses", true.into())];
    inbox.asks((&broker, &place), "1", ("describe", json!(65_000)), &asked).await;
    assert_eq!(inbox.names(1).await, ["accepted", "started", "progress", "none"]);
    inbox.asks((&broker, &place), "2", ("describe", json!(65_536)), &asked).await;
    assert_eq!(inbox.names(1).await, ["accepted", "started", "none"]);
}
