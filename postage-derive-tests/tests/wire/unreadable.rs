//! Python sends what is no message: the caller is told, the body dead-lettered, the service lives.

use postage_core::transport::Subscription;
use postage_core::{Broker, Exchange, ExchangeKind, Queue};

use crate::python::{Seen, call};
use crate::studio::{Studio, queue};
use crate::world::{World, consume, next_body};

/// A dead-letter exchange and what comes to it.
async fn dead_letters(broker: &Broker, name: &str) -> Subscription {
    let exchange = Exchange::new(name.to_owned(), ExchangeKind::Fanout);
    let queue = Queue::new(name.to_owned()).durable(false).auto_delete(true);
    broker.declare_queue(&queue).await.expect("the queue is declared");
    let binding = postage_core::Binding::new(exchange, name.to_owned(), "");
    broker.bind(&binding).await.expect("it is bound");
    consume(broker, name).await
}

#[track_caller]
fn told_why(seen: &Seen, reason: &str) {
    let (name, text) = seen.exception();
    assert_eq!(name, "MalformedMessage", "{}", seen.case);
    assert!(text.contains(reason), "{}: {text}", seen.case);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_told_to_who_asks_and_harms_nobody() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [text, untold, bytes, empty, cut] =
        call(&world, ["not_json", "not_json_untold", "not_utf8", "empty", "truncated"]).await;
    for seen in [text, bytes, empty, cut] {
        told_why(&seen, "not JSON");
    }
    assert!(untold.replies.is_empty(), "{untold:?}");
}

#[tokio::test]
async fn a_missing_key_is_named_to_who_asks() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [category, kind, name, content] =
        call(&world, ["no_category", "no_type", "no_name", "no_content"]).await;
    told_why(&category, "`category`");
    told_why(&kind, "`type`");
    told_why(&name, "`name`");
    told_why(&content, "`content`");
}

#[tokio::test]
async fn other_json_an_unknown_category_and_an_unknown_content_type_are_named_to_who_asks() {
    let world = World::new().await;
    let (_serving, _) = Studio::serve(&world, queue(&world)).await;
    let [list, category, content_type] =
        call(&world, ["not_an_object", "unknown_category", "unknown_content_type"]).await;
    told_why(&list, "not an object");
    told_why(&category, "`shout`");
    told_why(&content_type, "application/pickle");
}

#[tokio::test]
async fn what_cannot_be_handled_is_dead_lettered_and_what_nobody_handles_is_not() {
    let world = World::new().await;
    let name = format!("{}-dead", world.queue);
    let mut dead = dead_letters(&world.broker, &name).await;
    let queue = queue(&world).dead_letter(name);
    let (_serving, _) = Studio::serve(&world, queue).await;
    call(
        &world,
        [
            "not_json",
            "unknown_command",
            "success",
            "documented_error",
            "unheard",
            "not_json_untold",
            "panic",
            "missing_parameter",
            "no_content",
            "not_utf8",
        ],
    )
    .await;
    assert_eq!(next_body(&mut dead).await, b"this is not json");
    assert_eq!(next_body(&mut dead).await, b"nor is this");
    assert!(has(&next_body(&mut dead).await, r#""name": "burn""#));
    assert!(has(&next_body(&mut dead).await, r#""parameters": {"w": 10}"#));
    assert!(!has(&next_body(&mut dead).await, r#""content""#));
    assert_eq!(next_body(&mut dead).await, b"\xff\xfe\x00");
}

fn has(body: &[u8], part: &str) -> bool {
    std::str::from_utf8(body).expect("it is a text").contains(part)
}
