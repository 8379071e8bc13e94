//! How many handlers run, in which order, and when their messages are acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use postage_core::prelude::*;
use serde_json::json;

use crate::world::{Ear, Gate, Voice, World, left_in, line, next, seen, within};

/// Works on each message until the gate lets it go.
struct Worker {
    voice: Voice,
    gate: Gate,
    running: AtomicUsize,
    most: AtomicUsize,
}

#[message_processor]
impl Worker {
    #[message_handler]
    async fn work(&self, number: u32) {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        self.voice.say(format!("begins {number}"));
        self.gate.pass().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
        self.voice.say(format!("ends {number}"));
    }
}

fn worker() -> (Arc<Worker>, Ear) {
    let (voice, ear) = line();
    let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    (Arc::new(Worker { voice, gate: Gate::shut(), running, most }), ear)
}

on_every_broker! {
    with_prefetch_one_messages_are_handled_one_at_a_time_in_order,
    the_bound_on_handlers_holds_whatever_the_prefetch,
    one_handler_at_a_time_serves_every_queue,
    a_message_is_acknowledged_only_after_its_handler,
    a_service_dropped_in_the_middle_gives_its_messages_to_the_next,
    a_service_takes_no_more_than_it_may_have_out,
    a_service_whose_prefetch_is_0_takes_1_024,
    prefetch_and_concurrency_are_set_by_attribute_too,
    competing_services_share_the_work,
}

async fn send(producer: &Producer, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let message = producer.command("work", json!({ "number": number }));
        within("a confirm", message).await.expect("it is taken");
    }
}

async fn with_prefetch_one_messages_are_handled_one_at_a_time_in_order(world: World) {
    let broker = world.broker().await;
    let place = world.place("work");
    place.declare(&broker).await;
    send(&place.producer(&broker), 0..10).await;
    let (worker, mut ear) = worker();
    worker.gate.open(10);
    let _serving = place.serve_with(&broker, worker, |serve| serve.prefetch(1)).await;
    for number in 0..10 {
        assert_eq!(ear.hears().await, format!("begins {number}"));
        assert_eq!(ear.hears().await, format!("ends {number}"));
    }
}

async fn the_bound_on_handlers_holds_whatever_the_prefetch(world: World) {
    let broker = world.broker().await;
    let place = world.place("work");
    let (worker, mut ear) = worker();
    let settings = |serve: postage_core::Serve| serve.prefetch(50).concurrency(3);
    let _serving = place.serve_with(&broker, Arc::clone(&worker), settings).await;
    send(&place.producer(&broker), 0..20).await;
    for _ in 0..3 {
        assert!(ear.hears().await.starts_with("begins"));
    }
    // Each that ends lets one begin.
    for _ in 3..20 {
        worker.gate.open(1);
        assert!(ear.hears().await.starts_with("ends"));
        assert!(ear.hears().await.starts_with("begins"));
    }
    worker.gate.open(3);
    for _ in 0..3 {
        assert!(ear.hears().await.starts_with("ends"));
    }
    assert_eq!(worker.most.load(Ordering::SeqCst), 3);
}

async fn one_handler_at_a_time_serves_every_queue(world: World) {
    let broker = world.broker().await;
    let (left, right) = (world.place("left"), world.place("right"));
    let (worker, mut ear) = worker();
    worker.gate.open(4);
    let (exchange, queue) = (right.exchange.clone(), right.queue.clone());
    let _serving = left
        .serve_with(&broker, Arc::clone(&worker), |serve| {
            serve.bind(exchange, queue, right.key.clone()).concurrency(1)
        })
        .await;
    for (number, place) in (0u32..).zip([&right, &left, &right, &left]) {
        send(&place.producer(&broker), number..number + 1).await;
        assert_eq!(ear.hears().await, format!("begins {number}"));
        assert_eq!(ear.hears().await, format!("ends {number}"));
    }
    assert_eq!(worker.most.load(Ordering::SeqCst), 1);
}

async fn a_message_is_acknowledged_only_after_its_handler(world: World) {
    let (ours, theirs) = (world.broker().await, world.broker().await);
    let place = world.place("work");
    let (worker, mut ear) = worker();
    let _serving = place.serve(&theirs, Arc::clone(&worker)).await;
    send(&place.producer(&ours), 0..2).await;
    assert!(ear.hears().await.starts_with("begins"));
    assert!(ear.hears().await.starts_with("begins"));
    worker.gate.open(1);
    let ended = ear.hears().await;
    let other = if ended == "ends 0" { 1 } else { 0 };
    // The connection goes while one handler runs: that one's message is still the queue's.
    within("the end of the connection", theirs.close()).await.expect("it is closed");
    let mut messages = place.consume(&ours).await;
    let mut again = vec![next(&mut messages).await];
    let number = |delivery: &postage_core::transport::Delivery| {
        let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
        body["content"]["parameters"]["number"].as_i64().unwrap()
    };
    if number(&again[0]) != other {
        // Its acknowledgement was on its way when the connection went.
        again.push(next(&mut messages).await);
    }
    let last = again.last().unwrap();
    assert_eq!(number(last), other);
    assert!(last.redelivered);
}

async fn a_service_dropped_in_the_middle_gives_its_messages_to_the_next(world: World) {
    let broker = world.broker().await;
    let place = world.place("work");
    let (first, mut ear) = worker();
    let serving = place.serve(&broker, first).await;
    send(&place.producer(&broker), 0..3).await;
    for _ in 0..3 {
        assert!(ear.hears().await.starts_with("begins"));
    }
    drop(serving);

    let (second, mut ear) = worker();
    second.gate.open(3);
    let serving = place.serve_with(&broker, second, |serve| serve.concurrency(1)).await;
    let mut ended = Vec::new();
    while ended.len() < 3 {
        ended.extend(ear.hears().await.strip_prefix("ends ").map(str::to_owned));
    }
    ended.sort();
    assert_eq!(ended, ["0", "1", "2"]);
    within("a drain", serving.drain(Duration::from_secs(10))).await;
    assert_eq!(left_in(&broker, &place.queue).await, [""; 0]);
}

async fn a_service_takes_no_more_than_it_may_have_out(world: World) {
    let broker = world.broker().await;
    let place = world.place("work");
    let (worker, mut ear) = worker();
    let _serving = place.serve_with(&broker, worker, |serve| serve.prefetch(2)).await;
    send(&place.producer(&broker), 0..5).await;
    assert!(ear.hears().await.starts_with("begins"));
    assert!(ear.hears().await.starts_with("begins"));
    // The other three are another consumer's.
    let mut messages = place.consume(&broker).await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(seen(&mut messages).await.parameters()["number"].clone());
    }
    assert_eq!(others, [2, 3, 4]);
    assert_eq!(ear.rest(), [""; 0]);
}

async fn a_service_whose_prefetch_is_0_takes_1_024(world: World) {
    let broker = world.broker().await;
    let place = world.place("work");
    let (worker, mut ear) = worker();
    let settings = |serve: postage_core::Serve| serve.prefetch(0).concurrency(1);
    let _serving = place.serve_with(&broker, worker, settings).await;
    send(&place.producer(&broker), 0..1025).await;
    assert_eq!(ear.hears().await, "begins 0");
    let mut messages = place.consume(&broker).await;
    assert_eq!(seen(&mut messages).await.parameters()["number"], 1024);
}

#[exchange(name = "behaviour-handling-set", durable = false)]
struct Set;

struct SetWorker(Arc<Worker>);

#[message_processor(
    exchange = Set,
    queue(name = "behaviour-handling-set", durable = false, auto_delete),
    key = "set",
    prefetch = 3,
    concurrency = 2
)]
impl SetWorker {
    #[message_handler]
    async fn work(&self, number: u32) {
        self.0.work(number).await;
    }
}

async fn prefetch_and_concurrency_are_set_by_attribute_too(world: World) {
    let broker = world.broker().await;
    let (worker, mut ear) = worker();
    let serve = broker.serve(SetWorker(Arc::clone(&worker)));
    let _serving = within("the service", serve.into_future()).await.expect("it is served");
    let producer = Producer::new(&broker, Fingerprint::default()).eks([(Set::ROUTE, "set")]);
    send(&producer, 0..5).await;
    assert!(ear.hears().await.starts_with("begins"));
    assert!(ear.hears().await.starts_with("begins"));
    // Three are out at the service, two of them in handlers; the queue has the others.
    let queue = "behaviour-handling-set";
    let mut messages = crate::world::consume(&broker, queue).await;
    let others = [seen(&mut messages).await.parameters(), seen(&mut messages).await.parameters()];
    assert_eq!(others, [json!({ "number": 3 }), json!({ "number": 4 })]);
    drop(messages);
    worker.gate.open(3);
    for _ in 0..4 {
        ear.hears().await;
    }
    assert_eq!(worker.most.load(Ordering::SeqCst), 2);
}

async fn competing_services_share_the_work(world: World) {
    let broker = world.broker().await;
    let place = world.place("work");
    let (one, mut ear_one) = worker();
    let (other, mut ear_other) = worker();
    let _one = place.serve_with(&broker, one, |serve| serve.prefetch(1)).await;
    let _other = place.serve_with(&broker, other, |serve| serve.prefetch(1)).await;
    send(&place.producer(&broker), 0..2).await;
    assert!(ear_one.hears().await.starts_with("begins"));
    assert!(ear_other.hears().await.starts_with("begins"));
}
