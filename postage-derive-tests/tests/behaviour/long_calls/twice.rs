//! Requests that come again while their first copy is worked on.

use std::sync::Arc;

use serde_json::json;

use super::{Inbox, served, yard};
use crate::world::{World, nothing_more};

on_every_broker! {
    a_request_that_comes_again_is_told_at_its_newest_address,
    a_request_that_comes_again_is_not_accepted_twice,
    a_request_that_comes_again_after_an_early_answer_is_answered_at_once,
}

async fn a_request_that_comes_again_is_told_at_its_newest_address(world: World) {
    let (broker, place, yard, _serving, mut ear) = served(&world).await;
    let mut first = Inbox::of(&world, &broker, "first").await;
    let mut second = Inbox::of(&world, &broker, "second").await;
    let asked = [("postage-statuses", true.into())];
    first.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    assert_eq!(ear.hears().await, "hauls 7");
    for name in ["accepted", "started", "progress"] {
        assert_eq!(first.next().await.name(), name);
    }
    second.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    let mut names = vec![second.next().await.name()];
    while names.last().unwrap() != "progress" {
        names.push(second.next().await.name());
    }
    names.dedup();
    assert_eq!(names, ["accepted", "started", "progress"], "what was said is said again");
    yard.gate.open(1);
    let unloaded = second.next().await.json();
    assert_eq!(unloaded["content"]["details"], "unloaded");
    assert_eq!(second.next().await.json()["content"]["value"], 7);
    assert_eq!(first.next().await.json()["content"]["value"], 7);
    nothing_more(&broker, &first.queue, &mut first.messages).await;
    nothing_more(&broker, &second.queue, &mut second.messages).await;
    assert!(ear.rest().is_empty(), "it ran once");
}

async fn a_request_that_comes_again_is_not_accepted_twice(world: World) {
    let broker = world.broker().await;
    let place = world.place("yard");
    let (yard, mut ear) = yard();
    // The second copy waits for its turn.
    let serving = place.serve_with(&broker, Arc::clone(&yard), |serve| serve.concurrency(1));
    let _serving = serving.await;
    let mut inbox = Inbox::of(&world, &broker, "caller").await;
    let mut another = Inbox::of(&world, &broker, "another").await;
    let asked = [("postage-statuses", true.into())];
    inbox.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    assert_eq!(ear.hears().await, "hauls 7");
    for name in ["accepted", "started", "progress"] {
        assert_eq!(inbox.next().await.name(), name);
    }
    inbox.asks((&broker, &place), "1", ("haul", json!(7)), &asked).await;
    another.asks((&broker, &place), "2", ("haul", json!(8)), &asked).await;
    // It came after the copy.
    assert_eq!(another.next().await.name(), "accepted");
    yard.gate.open(2);
    assert_eq!(inbox.names(2).await, ["progress", "none", "none"]);
    assert_eq!(another.names(1).await.pop().as_deref(), Some("none"));
    nothing_more(&broker, &inbox.queue, &mut inbox.messages).await;
}

async fn a_request_that_comes_again_after_an_early_answer_is_answered_at_once(world: World) {
    let (broker, place, yard, _serving, mut ear) = served(&world).await;
    let mut first = Inbox::of(&world, &broker, "first").await;
    let mut second = Inbox::of(&world, &broker, "second").await;
    let asked = [("postage-statuses", true.into()), ("postage-heartbeat", 100.into())];
    first.asks((&broker, &place), "1", ("admit_early", json!(7)), &asked).await;
    assert_eq!(ear.hears().await, "has answered true");
    let names = first.names(1).await;
    assert_eq!(names, ["accepted", "started", "none"]);
    second.asks((&broker, &place), "1", ("admit_early", json!(7)), &asked).await;
    let result = loop {
        let message = second.next().await;
        if message.name() != "heartbeat" {
            break message.json();
        }
    };
    assert_eq!(result["content"]["value"], 7, "{result}");
    yard.gate.open(1);
    nothing_more(&broker, &second.queue, &mut second.messages).await;
    assert!(ear.rest().is_empty(), "it ran once");
}
