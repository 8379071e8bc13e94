//! What a publisher is told, and what arrives of what it sent.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use postage_core::transport::{Headers, Properties, Settlement, TransportError};
use postage_core::{FieldValue, Route};
use tokio::task::JoinSet;

use crate::world::*;

pub(crate) async fn a_mandatory_message_that_no_queue_takes_is_an_error(world: World) {
    let link = world.connect().await;
    let route = Route::to_queue(world.name("nowhere"));

    let mandatory = publication(route.clone(), "lost");
    let optional = mandatory.clone().mandatory(false);

    match within("an answer", link.publish(mandatory)).await {
        Err(TransportError::Unroutable { route: named }) => assert_eq!(named, route),
        other => panic!("not unroutable: {other:?}"),
    }
    within("a confirm", link.publish(optional)).await.expect("it vanishes in silence");
}

pub(crate) async fn a_mandatory_message_without_an_id_is_refused(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut it = publication(Route::to_queue(queue.clone()), "nameless");
    it.properties.message_id = None;

    let reason = refused(link.publish(it.clone()).await);
    assert!(reason.contains("message id"), "{reason}");
    // Without a confirm nobody is told what comes back, so nothing needs to be known by it.
    send_it(&link, it.confirm(false)).await;
    let mut subscription = consume(&link, &queue, 0).await;
    assert_eq!(next_text(&mut subscription).await, "nameless");
}

pub(crate) async fn returned_messages_are_told_from_those_that_were_taken(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut tasks = JoinSet::new();
    for number in 0..200 {
        let link = link.clone();
        let target = if number % 3 == 0 { world.name("nowhere") } else { queue.clone() };
        tasks.spawn(async move {
            let sent = link.publish(publication(Route::to_queue(target), "x")).await;
            (number, sent)
        });
    }

    while let Some(done) = within("the answers", tasks.join_next()).await {
        let (number, sent) = done.expect("the task ends well");
        let unroutable = matches!(sent, Err(TransportError::Unroutable { .. }));
        assert_eq!(unroutable, number % 3 == 0, "message {number}: {sent:?}");
    }
}

pub(crate) async fn publishing_to_a_missing_exchange_harms_no_other_publisher(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut tasks = JoinSet::new();
    for number in 0..60 {
        let link = link.clone();
        let wrong = Route::new(world.name("missing"), "key");
        let right = Route::to_queue(queue.clone());
        tasks.spawn(async move {
            if number % 20 == 7 {
                let reason = refused(link.publish(publication(wrong, "lost")).await);
                assert!(reason.contains("NOT_FOUND"), "{reason}");
            } else {
                send(&link, right, number.to_string()).await;
            }
        });
    }
    while let Some(done) = within("the answers", tasks.join_next()).await {
        done.expect("the task ends well");
    }

    let mut numbers = drain(&link, &queue).await;
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), 57, "every message to the right place arrived");
}

pub(crate) async fn a_thousand_confirmed_messages_of_several_publishers_arrive(world: World) {
    const PUBLISHERS: usize = 5;
    const EACH: usize = 200;
    let receiver = world.connect().await;
    let queue = declare(&receiver, &world.queue("queue")).await;
    let mut subscription = consume(&receiver, &queue, 50).await;
    let mut tasks = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let link = world.connect().await;
        let queue = queue.clone();
        tasks.spawn(async move {
            for number in 0..EACH {
                send_to(&link, &queue, format!("{publisher}:{number}")).await;
            }
        });
    }

    let mut seen = [0; PUBLISHERS];
    for text in next_texts(&mut subscription, PUBLISHERS * EACH).await {
        let (publisher, number) = text.split_once(':').expect("one of ours");
        let publisher: usize = publisher.parse().expect("a number");
        assert_eq!(number, seen[publisher].to_string(), "in the order of its publisher");
        seen[publisher] += 1;
    }

    while let Some(done) = within("the publishers", tasks.join_next()).await {
        done.expect("every message was confirmed");
    }
    drop(subscription);
    assert_eq!(drain(&receiver, &queue).await, [""; 0], "and none came twice");
}

pub(crate) async fn an_unconfirmed_message_arrives(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let it = publication(Route::to_queue(queue.clone()), "quick");

    send_it(&link, it.confirm(false).mandatory(false)).await;

    assert_eq!(next_text(&mut consume(&link, &queue, 0).await).await, "quick");
}

pub(crate) async fn every_property_arrives_as_it_was_sent(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut properties = Properties::default();
    properties.content_type = Some("application/json".into());
    properties.content_encoding = Some("gzip".into());
    properties.persistent = true;
    properties.priority = Some(7);
    properties.correlation_id = Some("request 4".into());
    properties.reply_to = Some("replies".into());
    properties.expiration = Some(Duration::from_secs(3600));
    properties.message_id = Some("message 9 ü".into());
    properties.timestamp = Some(1_700_000_000);
    properties.kind = Some("command".into());
    properties.app_id = Some("tests".into());
    properties.headers = every_header();
    let mut it = publication(Route::to_queue(queue.clone()), "body");
    it.properties = properties.clone();
    send_it(&link, it).await;

    let arrived = next(&mut consume(&link, &queue, 0).await).await;

    assert_eq!(arrived.properties, properties);
}

fn every_header() -> Headers {
    let table = vec![
        (Cow::Borrowed("inner"), FieldValue::Int(-1)),
        (Cow::Borrowed("list"), FieldValue::List(vec![FieldValue::Void, true.into()])),
    ];
    let headers: [(&'static str, FieldValue); 12] = [
        ("true", true.into()),
        ("false", false.into()),
        ("least", i64::MIN.into()),
        ("most", i64::MAX.into()),
        ("float", 1.5e300.into()),
        ("text", "žluťoučký kůň".into()),
        ("empty", "".into()),
        ("bytes", FieldValue::Bytes(vec![0, 159, 146, 150])),
        ("time", FieldValue::Timestamp(1_700_000_000)),
        ("list", FieldValue::List(vec![1.into(), "two".into(), FieldValue::List(vec![])])),
        ("table", FieldValue::Table(table)),
        ("void", FieldValue::Void),
    ];
    headers.into_iter().collect()
}

pub(crate) async fn a_message_without_properties_arrives_without(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let mut it = publication(Route::to_queue(queue.clone()), "bare");
    it.mandatory = false;
    it.properties = Properties::default();
    send_it(&link, it).await;

    let arrived = next(&mut consume(&link, &queue, 0).await).await;

    assert_eq!(arrived.properties, Properties::default());
    assert!(!arrived.redelivered);
}

pub(crate) async fn bodies_of_every_size_and_kind_arrive_whole(world: World) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let bodies: [Bytes; 4] = [
        Bytes::new(),
        Bytes::from_static(b"\x00\xff\xfe not a text \x80"),
        (0..=255).cycle().take(1 << 20).collect(),
        // Whole frames, and one byte more.
        vec![7; (131_072 - 8) * 2 + 1].into(),
    ];
    for body in &bodies {
        send_to(&link, &queue, body.clone()).await;
    }

    let mut subscription = consume(&link, &queue, 0).await;
    for body in bodies {
        let arrived = next(&mut subscription).await;
        assert!(arrived.body == body, "{} bytes came as {}", body.len(), arrived.body.len());
    }
}

/// A table of so many levels, itself included.
pub(crate) fn nested(levels: usize) -> FieldValue {
    (2..levels).fold(FieldValue::List(Vec::new()), |inner, _| FieldValue::List(vec![inner]))
}

pub(crate) async fn headers_nested_deeper_than_64_or_over_100_kib_are_refused_and_harm_nobody(
    world: World,
) {
    let link = world.connect().await;
    let queue = declare(&link, &world.queue("queue")).await;
    let with = |name: String, value: FieldValue| {
        let mut it = publication(Route::to_queue(queue.clone()), "with headers");
        it.properties.set_header(name, value);
        it
    };
    let short = || "short".to_owned();
    let table = |name: usize| FieldValue::Table(vec![("n".repeat(name).into(), FieldValue::Void)]);
    for (refusal, it) in [
        ("deeper than 64 levels", with(short(), nested(65))),
        ("deeper than 64 levels", with(short(), nested(1_000))),
        ("at most 102400 fit", with(short(), "x".repeat(102_400).into())),
        ("256 bytes", with("n".repeat(256), FieldValue::Void)),
        ("256 bytes", with(short(), table(256))),
    ] {
        let reason = refused(link.publish(it).await);
        assert!(reason.contains(refusal), "{reason}");
    }
    let mut subscription = consume(&link, &queue, 0).await;
    for value in [nested(64), "x".repeat(100_000).into(), table(255)] {
        send_it(&link, with("n".repeat(255), value.clone())).await;
        let delivery = next(&mut subscription).await;
        assert_eq!(delivery.properties.header(&"n".repeat(255)), Some(&value));
        settle(delivery, Settlement::Ack).await;
    }
}
